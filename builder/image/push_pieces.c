/* Layers that can be read in parts, made of any layer: eStargz and zstd:chunked (toc.h). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base64.h"
#include "io.h"
#include "push.h"

#define BLOCK             ((size_t)512)
#define SKIPPABLE         0x184d2a50u
#define ZSTD_CHUNKED_MARK "GNUlInUx"

struct making {
	enum toc_kind kind;
	int level;
	int fd; /* the layer as it comes out */
	uint64_t size;
	struct msb_hasher *hasher; /* of that */
	json_t *entries;           /* owned */
};

static int write_out(void *context, const void *bytes, size_t size, struct msb_error *err)
{
	struct making *making = context;
	int r = io_write(making->fd, bytes, size);

	msb_hasher_update(making->hasher, bytes, size);
	making->size += size;
	return r < 0 ? msb_error_set(err, r, "write the layer to the store") : 0;
}

static int append(void *context, const void *bytes, size_t size, struct msb_error *err)
{
	buffer_append(context, bytes, size);
	return buffer_ok(context) ? 0 : msb_error_memory(err);
}

/* --- The table --- */

static bool put_number(json_t *json, const char *key, uint64_t value)
{
	return value == 0 || json_put(json, key, json_integer((json_int_t)value));
}

static bool put_xattrs(json_t *json, const struct msb_entry *entry)
{
	size_t position = 0, size;
	const uint8_t *value;
	const char *name;
	json_t *xattrs;

	if (entry->xattrs_size == 0)
		return true;
	xattrs = json_object();
	if (!json_put(json, "xattrs", xattrs))
		return false;
	while (msb_entry_xattr(entry, &position, &name, &value, &size)) {
		autofree char *text = base64_encode(value, size);

		if (!text || !json_put_text(xattrs, name, text))
			return false;
	}
	return true;
}

static bool put_piece(json_t *json, const struct layer_file *file, size_t index)
{
	const struct layer_piece *piece = &file->pieces[index];
	bool last = index + 1 == file->piece_count;

	return put_number(json, "offset", piece->start) &&
	       put_number(json, "chunkOffset", piece->offset) &&
	       put_number(json, "chunkSize", last ? 0 : piece->size) &&
	       put_number(json, "endOffset",
			  index == 0 ? file->pieces[file->piece_count - 1].stop : 0) &&
	       json_put_digest(json, "chunkDigest", &piece->digest);
}

static bool put_entry(json_t *json, const struct layer_file *file)
{
	static const char *const types[] = {
		[MSB_FILE] = "reg",       [MSB_DIRECTORY] = "dir", [MSB_SYMLINK] = "symlink",
		[MSB_CHARACTER] = "char", [MSB_BLOCK] = "block",   [MSB_FIFO] = "fifo",
	};
	const struct msb_entry *entry = &file->entry;
	autofree char *target =
		entry->type == MSB_SYMLINK ? strndup(entry->target, entry->size) : NULL;
	bool regular = entry->type == MSB_FILE && !file->hardlink;

	return json_put_text(json, "name", file->name) &&
	       json_put_text(json, "type", file->hardlink ? "hardlink" : types[entry->type]) &&
	       json_put_text(json, "linkName", file->hardlink ? file->hardlink : target) &&
	       json_put(json, "mode", json_integer(entry->mode)) &&
	       json_put(json, "uid", json_integer(entry->uid)) &&
	       json_put(json, "gid", json_integer(entry->gid)) &&
	       json_put_time(json, "modtime", entry->mtime_sec * 1000000000 + entry->mtime_nsec) &&
	       put_number(json, "devMajor", entry->device_major) &&
	       put_number(json, "devMinor", entry->device_minor) && put_xattrs(json, entry) &&
	       (!regular || put_number(json, "size", entry->size)) &&
	       (file->piece_count == 0 || json_put_digest(json, "digest", &file->digest)) &&
	       (file->piece_count == 0 || put_piece(json, file, 0));
}

static int add_file(void *context, const struct layer_file *file, struct msb_error *err)
{
	struct making *making = context;
	json_t *json = json_object();

	if (file->entry.type == MSB_SOCKET) {
		json_decref(json);
		return 0;
	}
	if (!json || !put_entry(json, file) || json_array_append(making->entries, json) < 0) {
		json_decref(json);
		return msb_error_say(err, EOPNOTSUPP, "'%.200s' is no UTF-8 text", file->name);
	}
	json_decref(json);
	for (size_t i = 1; i < file->piece_count; i++) {
		json_t *piece = json_object();

		if (!piece || !json_put_text(piece, "name", file->name) ||
		    !json_put_text(piece, "type", "chunk") || !put_piece(piece, file, i) ||
		    json_array_append(making->entries, piece) < 0) {
			json_decref(piece);
			return msb_error_memory(err);
		}
		json_decref(piece);
	}
	return 0;
}

static int table_text(struct making *making, char **ret, struct msb_error *err)
{
	json_auto_t *json = json_object();
	bool complete = json && json_put(json, "version", json_integer(1)) &&
			json_object_set(json, "entries", making->entries) == 0;

	return json_text(json, complete, "the table of contents", ret, err);
}

/* --- What follows the files --- */

static int compress_into(struct making *making, enum layer_compression how, const void *bytes,
			 size_t size, const struct layer_sink *to, struct msb_error *err)
{
	AUTO(layer_encoder_freep) struct layer_encoder *encoder = NULL;
	struct layer_sink sink;
	int r = layer_encoder_new(how, making->level, to, &encoder, err);

	if (r < 0)
		return r;
	sink = layer_encoder_sink(encoder);
	r = sink.write(sink.context, bytes, size, err);
	return r < 0 ? r : layer_encoder_finish(encoder, err);
}

/* The table as the tar's last member, and where it is. tar: hashed with what is added to it. */
static int end_estargz(struct making *making, struct msb_hasher *tar, struct toc_place *ret,
		       struct msb_error *err)
{
	static const uint8_t head[] = {0x1f, 0x8b, 8,  4, 0,   0,   0,  0,
				       0,    255,  26, 0, 'S', 'G', 22, 0};
	static const uint8_t tail[] = {1, 0, 0, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0};
	const struct layer_sink out = {write_out, making};
	autofree char *table = NULL;
	autobuffer member = {0};
	const struct layer_sink to = {append, &member};
	uint64_t offset = making->size;
	char place[24];
	int r = table_text(making, &table, err);
	size_t size = table ? strlen(table) : 0;

	if (r >= 0)
		r = layer_begin_member(&to, TOC_ESTARGZ_NAME, size, err);
	if (r >= 0)
		r = append(&member, table, size, err);
	if (r >= 0)
		r = layer_end_member(&to, size, err);
	if (r >= 0)
		r = layer_end_archive(&to, err);
	if (r >= 0)
		r = compress_into(making, LAYER_GZIP, member.bytes, member.size, &out, err);
	if (r < 0)
		return r;
	msb_hasher_update(tar, member.bytes, member.size);
	snprintf(place, sizeof(place), "%016llxSTARGZ", (unsigned long long)offset);
	r = write_out(making, head, sizeof(head), err);
	if (r >= 0)
		r = write_out(making, place, 22, err);
	if (r >= 0)
		r = write_out(making, tail, sizeof(tail), err);
	*ret = (struct toc_place){.kind = TOC_ESTARGZ, .tar_size = member.size};
	msb_digest_of(table, size, &ret->digest);
	return r;
}

static int write_skippable(struct making *making, const void *bytes, size_t size,
			   struct msb_error *err)
{
	autobuffer head = {0};
	int r;

	buffer_u32(&head, SKIPPABLE);
	buffer_u32(&head, (uint32_t)size);
	if (!buffer_ok(&head))
		return msb_error_memory(err);
	r = write_out(making, head.bytes, head.size, err);
	return r < 0 ? r : write_out(making, bytes, size, err);
}

static int end_zstd(struct making *making, struct toc_place *ret, struct msb_error *err)
{
	autofree char *table = NULL;
	autobuffer packed = {0}, footer = {0};
	const struct layer_sink to = {append, &packed};
	int r = table_text(making, &table, err);

	if (r >= 0)
		r = compress_into(making, LAYER_ZSTD, table, strlen(table), &to, err);
	if (r < 0)
		return r;
	*ret = (struct toc_place){.kind = TOC_ZSTD,
				  .offset = making->size + 8,
				  .size = packed.size,
				  .unpacked = strlen(table)};
	msb_digest_of(packed.bytes, packed.size, &ret->digest);
	buffer_u64(&footer, ret->offset);
	buffer_u64(&footer, ret->size);
	buffer_u64(&footer, ret->unpacked);
	buffer_u64(&footer, 1);
	for (size_t i = 0; i < 3; i++) /* no tar-split */
		buffer_u64(&footer, 0);
	buffer_append(&footer, ZSTD_CHUNKED_MARK, 8);
	if (!buffer_ok(&footer))
		return msb_error_memory(err);
	r = write_skippable(making, packed.bytes, packed.size, err);
	return r < 0 ? r : write_skippable(making, footer.bytes, footer.size, err);
}

/* --- The layer --- */

static int hash_tar(int fd, uint64_t size, struct msb_hasher *hasher, struct msb_error *err)
{
	autofree uint8_t *bytes = malloc(BLOCK * 1024);
	uint64_t at = 0;

	if (!bytes)
		return msb_error_memory(err);
	while (at < size) {
		size_t want = size - at < BLOCK * 1024 ? (size_t)(size - at) : BLOCK * 1024;
		ssize_t n = io_pread(fd, bytes, want, at);

		if (n < 0 || (size_t)n < want)
			return msb_error_set(err, n < 0 ? (int)n : EIO, "read the layer");
		msb_hasher_update(hasher, bytes, want);
		at += want;
	}
	return 0;
}

static int make(struct making *making, int tar, struct push_layer *layer, struct msb_error *err)
{
	AUTO(msb_hasher_freep) struct msb_hasher *hasher = msb_hasher_new();
	const struct layer_pieces_options options = {
		.how = making->kind == TOC_ESTARGZ ? LAYER_GZIP : LAYER_ZSTD,
		.level = making->level,
		.whole = making->kind == TOC_ZSTD,
	};
	const struct layer_sink out = {write_out, making};
	struct toc_place toc = {0};
	uint64_t end = 0;
	int r = hasher ? layer_write_pieces(tar, &options, &out, add_file, making, &end, err)
		       : msb_error_memory(err);

	if (r >= 0 && making->kind == TOC_ESTARGZ)
		r = hash_tar(tar, end, hasher, err);
	if (r >= 0)
		r = making->kind == TOC_ZSTD ? end_zstd(making, &toc, err)
					     : end_estargz(making, hasher, &toc, err);
	if (r < 0)
		return r;
	layer->diff_id = layer->record.diff_id;
	if (making->kind == TOC_ESTARGZ) {
		msb_hasher_finish(hasher, &layer->diff_id);
		toc.tar_size += end;
	}
	layer->blob = (struct descriptor){.size = making->size, .toc = toc};
	msb_hasher_finish(making->hasher, &layer->blob.digest);
	snprintf(layer->blob.media_type, sizeof(layer->blob.media_type), "%s",
		 making->kind == TOC_ZSTD ? MEDIA_LAYER_ZSTD : MEDIA_LAYER_GZIP);
	return 0;
}

int push_make_pieces(struct push *push, int tar, struct push_layer *layer, struct msb_error *err)
{
	AUTO(msb_hasher_freep) struct msb_hasher *hasher = msb_hasher_new();
	struct making making = {
		.kind = push->pieces,
		.level = push->options->level,
		.hasher = hasher,
		.entries = json_array(),
		.fd = openat(store_writer_scratch(push->writer), ".",
			     O_TMPFILE | O_RDWR | O_CLOEXEC, 0600),
	};
	int r;

	if (making.fd < 0)
		r = msb_error_set(err, errno, "make a file in '%s'",
				  store_writer_scratch_path(push->writer));
	else
		r = hasher && making.entries ? make(&making, tar, layer, err)
					     : msb_error_memory(err);
	json_decref(making.entries);
	if (r < 0 && making.fd >= 0)
		close(making.fd);
	else if (r >= 0)
		layer->fd = making.fd;
	return r;
}

/* --- The config --- */

int push_make_config(struct push *push, struct buffer *ret, struct msb_error *err)
{
	json_auto_t *json = NULL;
	json_t *rootfs, *diff_ids = json_array();
	autofree char *text = NULL;
	uint8_t *bytes;
	size_t size;
	bool complete;
	int r = msb_store_load(push->store, &push->record->id, DOCUMENT_MAX, &bytes, &size, err);

	if (r >= 0) {
		r = json_parse((const char *)bytes, size, "the config", &json, err);
		free(bytes);
	}
	for (size_t i = 0; r >= 0 && i < push->manifest.layer_count; i++) {
		char digest[MSB_DIGEST_TEXT];

		msb_digest_format(&push->layers[i].diff_id, digest);
		if (json_array_append_new(diff_ids, json_string(digest)) < 0)
			r = msb_error_memory(err);
	}
	rootfs = json_object_get(json, "rootfs");
	complete = json_put(rootfs, "diff_ids", diff_ids);
	if (r >= 0)
		r = json_text(json, complete, "the config", &text, err);
	if (r < 0)
		return r;
	buffer_string(ret, text);
	return buffer_ok(ret) ? 0 : msb_error_memory(err);
}

#include "lazy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "range.h"

/* The compressed form of a table; a file that is larger is no table. */
#define TABLE_MAX ((uint64_t)64 * 1024 * 1024)
/* An eStargz layer says at its very end where its table is, which is before that. So much of its
 * end most often holds all of it: a part of the layer, but not too little. */
#define TAIL_PART  96
#define TAIL_LEAST ((uint64_t)64 * 1024)
#define TAIL_MOST  ((uint64_t)4 * 1024 * 1024)
#define TAR_BLOCK  512

bool lazy_can(const struct descriptor *layer)
{
	const struct toc_place *toc = &layer->toc;

	if (toc->kind == TOC_ZSTD)
		return toc->offset < layer->size && toc->size > 0 && toc->size <= TABLE_MAX &&
		       toc->size <= layer->size - toc->offset && toc->unpacked <= TOC_MAX;
	return toc->kind == TOC_ESTARGZ && layer->size > TOC_ESTARGZ_FOOTER;
}

static int compare(const void *bytes, size_t size, const struct msb_digest *wanted,
		   struct msb_error *err)
{
	struct msb_digest got;

	msb_digest_of(bytes, size, &got);
	if (msb_digest_equal(&got, wanted))
		return 0;
	return msb_error_say(err, EBADMSG,
			     "its table of contents is not the one that the manifest announces");
}

static int append(void *context, const void *bytes, size_t size, struct msb_error *err)
{
	struct buffer *buffer = context;

	buffer_append(buffer, bytes, size);
	return buffer_ok(buffer) ? 0 : msb_error_memory(err);
}

/* --- zstd:chunked --- */

static int get_zstd_table(const struct lazy_input *input, struct buffer *ret, struct msb_error *err)
{
	const struct toc_place *toc = &input->layer->toc;
	const struct layer_sink sink = {append, ret};
	autobuffer packed = {0};
	struct memory_source memory;
	struct layer_source source = memory_source(&memory);
	int r = range_read(input->remote, &input->layer->digest, toc->offset,
			   toc->offset + toc->size, &packed, err);

	if (r >= 0)
		r = compare(packed.bytes, packed.size, &toc->digest, err);
	if (r < 0)
		return r;
	memory = (struct memory_source){(const char *)packed.bytes, packed.size, 0};
	return layer_read_part(&source, 0, toc->unpacked, &sink, err);
}

/* --- eStargz --- */

/* The size in the tar header of the table. */
static int read_header(const uint8_t *block, uint64_t *ret_size, struct msb_error *err)
{
	uint64_t size = 0;

	if (memcmp(block, TOC_ESTARGZ_NAME, sizeof(TOC_ESTARGZ_NAME)) != 0)
		return msb_error_say(err, EBADMSG, "its table of contents is not where it says");
	for (size_t i = 124; i < 136 && block[i] >= '0' && block[i] <= '7'; i++)
		size = size << 3 | (uint64_t)(block[i] - '0');
	if (size == 0 || size > TOC_MAX)
		return msb_error_say(err, EBADMSG, "its table of contents has a wrong size");
	*ret_size = size;
	return 0;
}

/* packed: the layer's bytes from the table on. */
static int unpack_estargz(const struct buffer *packed, size_t from, struct buffer *ret,
			  struct msb_error *err)
{
	struct memory_source memory = {(const char *)packed->bytes + from, packed->size - from, 0};
	struct layer_source source = memory_source(&memory);
	const struct layer_sink sink = {append, ret};
	autobuffer header = {0};
	const struct layer_sink header_sink = {append, &header};
	uint64_t size = 0;
	int r = layer_read_part(&source, 0, TAR_BLOCK, &header_sink, err);

	if (r >= 0)
		r = read_header(header.bytes, &size, err);
	if (r < 0)
		return r;
	memory.at = 0;
	return layer_read_part(&source, TAR_BLOCK, size, &sink, err);
}

static int get_estargz_table(const struct lazy_input *input, struct buffer *ret,
			     uint64_t *ret_offset, struct msb_error *err)
{
	const struct descriptor *layer = input->layer;
	uint64_t tail = layer->size / TAIL_PART, offset;
	autobuffer packed = {0};
	int r;

	tail = tail < TAIL_LEAST ? TAIL_LEAST : tail > TAIL_MOST ? TAIL_MOST : tail;
	tail = tail > layer->size ? layer->size : tail;
	r = range_read(input->remote, &layer->digest, layer->size - tail, layer->size, &packed,
		       err);
	if (r < 0)
		return r;
	if (!toc_read_footer(packed.bytes + packed.size - TOC_ESTARGZ_FOOTER, &offset) ||
	    offset == 0 || offset >= layer->size - TOC_ESTARGZ_FOOTER ||
	    layer->size - offset > TABLE_MAX)
		return msb_error_say(err, EOPNOTSUPP,
				     "it does not say where its table of contents "
				     "is");
	*ret_offset = offset;
	if (layer->size - offset > tail) {
		autobuffer all = {0};

		r = range_read(input->remote, &layer->digest, offset, layer->size - tail, &all,
			       err);
		buffer_append(&all, packed.bytes, packed.size);
		if (r >= 0 && !buffer_ok(&all))
			r = msb_error_memory(err);
		if (r >= 0)
			r = unpack_estargz(&all, 0, ret, err);
	} else {
		r = unpack_estargz(&packed, (size_t)(tail - (layer->size - offset)), ret, err);
	}
	return r < 0 ? r : compare(ret->bytes, ret->size, &layer->toc.digest, err);
}

/* --- The tree --- */

static int get_table(const struct lazy_input *input, struct buffer *ret, uint64_t *ret_offset,
		     struct msb_error *err)
{
	const struct toc_place *toc = &input->layer->toc;
	int r = toc->kind == TOC_ZSTD ? get_zstd_table(input, ret, err)
				      : get_estargz_table(input, ret, ret_offset, err);

	if (toc->kind == TOC_ZSTD)
		*ret_offset = toc->offset;
	return r;
}

/* Where everything is. Nothing names it yet; what comes of nothing, a prune forgets. */
static int record_places(struct store_writer *writer, const struct lazy_input *input,
			 const struct toc_files *files, struct msb_error *err)
{
	const struct store_remote whole = {
		.digest = input->layer->digest,
		.layer = input->layer->digest,
		.size = input->layer->size,
	};
	int r = store_begin(writer, err);

	if (r < 0)
		return r;
	r = store_remote_set(writer, &whole, err);
	if (r >= 0)
		r = store_origin_set(writer, &input->layer->digest, input->place, err);
	for (size_t i = 0; r >= 0 && i < files->count; i++)
		r = store_remote_set(writer, &files->items[i], err);
	return store_end(writer, r, err);
}

static int make_tree(struct store_writer *writer, const struct msb_digest *parent,
		     const struct lazy_input *input, struct layer_record *ret,
		     struct msb_error *err)
{
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	struct toc_layer layer = {.digest = input->layer->digest, .limit = input->limit};
	struct msb_digest empty;
	autobuffer table = {0};
	autotoc files = {0};
	int r = get_table(input, &table, &layer.size, err);

	if (r >= 0)
		r = tree_edit_new(store_writer_store(writer), parent, &edit, err);
	if (r >= 0)
		r = toc_apply((const char *)table.bytes, table.size, &layer, edit, &files, err);
	/* Nothing of an empty file is elsewhere. */
	if (r >= 0)
		r = store_put(writer, "", 0, &empty, err);
	if (r >= 0)
		r = edit_commit(edit, writer, &ret->tree, err);
	if (r >= 0)
		r = record_places(writer, input, &files, err);
	ret->size = input->layer->toc.tar_size ? input->layer->toc.tar_size : files.bytes;
	return r;
}

int lazy_load(struct store_writer *writer, const struct msb_digest *parent,
	      const struct lazy_input *input, struct layer_record *ret, struct msb_error *err)
{
	static const struct msb_digest none;
	struct layer_record record = {
		.parent = parent ? *parent : none,
		.diff_id = input->diff_id,
		.has_blob = true,
		.blob = input->layer->digest,
		.has_toc = true,
		.toc = input->layer->toc.digest,
	};
	char text[MSB_DIGEST_TEXT];
	int r = make_tree(writer, parent, input, &record, err);

	if (r < 0)
		return msb_error_prefix(err, r, "layer %s",
					msb_digest_format(&input->layer->digest, text));
	snprintf(record.media_type, sizeof(record.media_type), "%s", input->layer->media_type);
	*ret = record;
	return 0;
}

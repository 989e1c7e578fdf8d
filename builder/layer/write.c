/*
 * Trees to tars. The headers are written by hand (header.c): so the bytes depend on the trees and
 * on this room alone, not on a library's version, and contents go from the store to the sink
 * without a copy between.
 */
#include <errno.h>
#include <string.h>

#include <msb/tree_diff.h>

#include "internal.h"

#define WHITEOUT ".wh."

/* A layer has a map of a file's holes only where they are larger than anybody wants to write out:
 * dockerd and containers/storage load such a layer but cannot save or push it again, because they
 * put its tar together from the unpacked files. */
#define LEAST_HOLES ((uint64_t)256 * 1024 * 1024)

/* Small entries are gathered up to this; larger contents are read in pieces of it. */
#define PIECE_SIZE ((size_t)1024 * 1024)

struct writer {
	struct msb_store *store;
	const struct msb_digest *tree;
	const struct layer_sink *sink;
	bool whole;           /* an export: "./" in front of names, which may look like whiteouts */
	struct buffer out;    /* what the sink has not got yet */
	struct buffer name;   /* of the entry in hand */
	struct buffer gone;   /* path whose whiteout is not written yet, with its NUL; or empty */
	struct buffer folder; /* the directory written last, with its NUL; or empty */
	struct strlist links; /* paths that are written though they did not change */
	size_t next_link;
	uint8_t *piece;       /* owned */
	struct names written; /* link number: the name it was written under */
};

static int flush(struct writer *writer, struct msb_error *err)
{
	int r = 0;

	if (!buffer_ok(&writer->out))
		return msb_error_memory(err);
	if (writer->out.size > 0)
		r = writer->sink->write(writer->sink->context, writer->out.bytes, writer->out.size,
					err);
	writer->out.size = 0;
	return r;
}

static void pad(struct buffer *out, uint64_t size)
{
	static const uint8_t zeros[TAR_BLOCK];

	buffer_append(out, zeros, (size_t)(-size % TAR_BLOCK));
}

/* A piece of the content. One read of the store for most files, several for large ones. */
static int write_extent(struct writer *writer, const struct msb_digest *digest,
			const struct msb_location *location, struct extent extent,
			struct msb_error *err)
{
	while (extent.size > 0) {
		size_t want = extent.size < PIECE_SIZE ? (size_t)extent.size : PIECE_SIZE;
		bool gather = writer->out.size + want <= PIECE_SIZE;
		uint8_t *bytes = gather ? buffer_reserve(&writer->out, want) : writer->piece;
		ssize_t n;
		int r;

		if (!bytes)
			return msb_error_memory(err);
		n = msb_store_read(writer->store, digest, location, bytes, want, extent.offset,
				   err);
		if (n < 0)
			return (int)n;
		if ((size_t)n != want)
			return msb_error_say(err, EBADMSG, "its content is cut short");
		extent.offset += want;
		extent.size -= want;
		if (gather) {
			writer->out.size += want;
			continue;
		}
		r = flush(writer, err);
		if (r >= 0)
			r = writer->sink->write(writer->sink->context, bytes, want, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int write_file(struct writer *writer, struct header *header, struct msb_error *err)
{
	const struct msb_entry *entry = header->entry;
	const uint64_t least = writer->whole ? 0 : LEAST_HOLES;
	struct extent whole = {0, entry->size};
	struct msb_location location;
	autosparsemap map = {0};
	int r = msb_store_locate(writer->store, &entry->digest, &location, err);

	if (r < 0)
		return r;
	if (location.size != entry->size)
		return msb_error_say(err, EBADMSG, "its content has another size");
	if (entry->sparse && entry->size > least)
		r = sparse_map_make(writer->store, &entry->digest, &map, err);
	/* Holes too small to be seen are not worth a map. */
	header->has_map = map.text.size > 0 && entry->size - map.data > least;
	header->size = header->has_map ? map.text.size + map.data : entry->size;
	if (r >= 0)
		r = header_append(&writer->out, header, err);
	if (r >= 0 && !header->has_map)
		r = write_extent(writer, &entry->digest, &location, whole, err);
	if (r >= 0 && header->has_map)
		buffer_append(&writer->out, map.text.bytes, map.text.size);
	for (size_t i = 0; r >= 0 && header->has_map && i < map.count; i++)
		r = write_extent(writer, &entry->digest, &location, map.extents[i], err);
	pad(&writer->out, header->size);
	return r;
}

/* The name in the archive: "etc/passwd", "etc/", "./" for the root. */
static int make_name(struct writer *writer, const char *path, bool is_directory,
		     struct msb_error *err)
{
	writer->name.size = 0;
	if (writer->whole || path[1] == '\0')
		buffer_string(&writer->name, "./");
	buffer_string(&writer->name, path + 1);
	if (is_directory && path[1] != '\0')
		buffer_char(&writer->name, '/');
	buffer_u8(&writer->name, '\0');
	return buffer_ok(&writer->name) ? 0 : msb_error_memory(err);
}

static int write_entry(struct writer *writer, const char *path, const struct msb_entry *entry,
		       struct msb_error *err)
{
	struct header header = {.entry = entry};
	const struct name *first = NULL;
	int r;

	if (entry->type == MSB_SOCKET)
		return 0; /* without its process it is of no use */
	if (!writer->whole && strncmp(entry->name, WHITEOUT, strlen(WHITEOUT)) == 0 &&
	    entry->name_length >= strlen(WHITEOUT))
		return msb_error_say(err, EINVAL,
				     "a layer cannot hold a file named '.wh.…'; rename it");
	r = make_name(writer, path, entry->type == MSB_DIRECTORY, err);
	if (r < 0)
		return r;
	header.name = (const char *)writer->name.bytes;
	if (entry->link != 0) {
		first = names_find(&writer->written, &entry->link, sizeof(entry->link));
		header.link = first ? first->text : NULL;
		if (!first &&
		    names_add(&writer->written, &entry->link, sizeof(entry->link), header.name) < 0)
			return msb_error_memory(err);
	}
	if (entry->type == MSB_FILE && !header.link)
		r = write_file(writer, &header, err);
	else
		r = header_append(&writer->out, &header, err);
	if (r >= 0 && entry->type == MSB_DIRECTORY) {
		writer->folder.size = 0;
		buffer_append(&writer->folder, path, strlen(path) + 1);
	}
	if (r >= 0 && writer->out.size >= PIECE_SIZE / 2)
		r = flush(writer, err);
	return r;
}

static int write_unchanged(struct writer *writer, const char *path, struct msb_error *err)
{
	struct msb_found found;
	int r = msb_tree_find(writer->store, writer->tree, path, MSB_NOFOLLOW, &found, err);

	if (r < 0)
		return r;
	r = write_entry(writer, path, &found.entry, err);
	msb_found_done(&found);
	return r;
}

/* Directories come before what lies below them, so the last one tells of all that are open. */
static bool is_written(const struct writer *writer, const char *path, size_t length)
{
	const char *folder = (const char *)writer->folder.bytes;

	return writer->folder.size > length && memcmp(folder, path, length) == 0 &&
	       (folder[length] == '/' || folder[length] == '\0');
}

/*
 * The directories above path, where they did not change themselves. Whoever unpacks each layer
 * into a place of its own (dockerd does) makes up owner and mode of what is missing. The root
 * may be missing: it is there before any layer.
 */
static int write_parents(struct writer *writer, const char *path, struct msb_error *err)
{
	for (const char *end = strchr(path + 1, '/'); end; end = strchr(end + 1, '/')) {
		autofree char *parent = NULL;
		int r;

		if (is_written(writer, path, (size_t)(end - path)))
			continue;
		parent = strndup(path, (size_t)(end - path));
		r = parent ? write_unchanged(writer, parent, err) : msb_error_memory(err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Those that come before path, or all that are left where path is NULL. */
static int write_links(struct writer *writer, const char *path, struct msb_error *err)
{
	for (; writer->next_link < writer->links.count; writer->next_link++) {
		const char *link = writer->links.items[writer->next_link];
		int r = path ? path_order(link, path) : -1;

		if (r > 0)
			break;
		if (r == 0)
			continue; /* changed, and about to be written */
		r = write_parents(writer, link, err);
		if (r >= 0)
			r = write_unchanged(writer, link, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Of what is gone, if nothing has its name now. */
static int write_whiteout(struct writer *writer, struct msb_error *err)
{
	static const struct msb_entry mark = {.type = MSB_FILE, .nlink = 1};
	const char *path = (const char *)writer->gone.bytes, *base;
	struct header header = {.entry = &mark};
	autobuffer name = {0};
	int r;

	if (writer->gone.size == 0)
		return 0;
	writer->gone.size = 0;
	r = write_parents(writer, path, err);
	if (r < 0)
		return r;
	base = strrchr(path, '/') + 1;
	buffer_append(&name, path + 1, (size_t)(base - path - 1));
	buffer_printf(&name, WHITEOUT "%s", base);
	buffer_u8(&name, '\0');
	if (!buffer_ok(&name))
		return msb_error_memory(err);
	header.name = (const char *)name.bytes;
	return header_append(&writer->out, &header, err);
}

static int remember_gone(struct writer *writer, const char *path, struct msb_error *err)
{
	buffer_append(&writer->gone, path, strlen(path) + 1);
	return buffer_ok(&writer->gone) ? 0 : msb_error_memory(err);
}

static int write_present(struct writer *writer, const char *path, const struct msb_entry *entry,
			 struct msb_error *err)
{
	int r = write_parents(writer, path, err);

	return r < 0 ? r : write_entry(writer, path, entry, err);
}

/*
 * A directory that became something else (or the reverse) is reported as removed, then as added.
 * Its new entry alone says so: beside a whiteout of the same name, readers that keep entries by
 * name would have two of them.
 */
static int write_difference(void *context, const struct msb_difference *difference,
			    struct msb_error *err)
{
	struct writer *writer = context;
	const struct msb_entry *after = difference->after;
	bool replaced = after && after->type != MSB_SOCKET && writer->gone.size > 0 &&
			strcmp((const char *)writer->gone.bytes, difference->path) == 0;
	int r = 0;

	if (replaced)
		writer->gone.size = 0;
	else
		r = write_whiteout(writer, err);
	if (r >= 0)
		r = write_links(writer, difference->path, err);
	/* tar has no word for a socket: what it replaced is gone all the same. */
	if (r >= 0 && (difference->change == MSB_REMOVED ||
		       (difference->change == MSB_CHANGED && after->type == MSB_SOCKET &&
			difference->before->type != MSB_SOCKET)))
		r = remember_gone(writer, difference->path, err);
	else if (r >= 0)
		r = write_present(writer, difference->path, after, err);
	return r < 0 ? msb_error_prefix(err, r, "'%s'", difference->path) : 0;
}

static void end_archive(struct buffer *out)
{
	static const uint8_t zeros[2 * TAR_BLOCK];

	buffer_append(out, zeros, sizeof(zeros));
}

static int write_tree(struct writer *writer, const struct msb_digest *parent,
		      const struct msb_digest *tree, struct msb_error *err)
{
	int r;

	writer->piece = malloc(PIECE_SIZE);
	if (!writer->piece || !buffer_reserve(&writer->out, PIECE_SIZE + PIECE_SIZE / 2))
		return msb_error_memory(err);
	writer->tree = tree;
	r = links_of_layer(writer->store, parent, tree, &writer->links, err);
	if (r >= 0)
		r = msb_tree_diff(writer->store, parent, tree, write_difference, writer, err);
	if (r >= 0)
		r = write_whiteout(writer, err);
	if (r >= 0)
		r = write_links(writer, NULL, err);
	if (r < 0)
		return r;
	end_archive(&writer->out);
	return flush(writer, err);
}

static void writer_done(struct writer *writer)
{
	buffer_done(&writer->out);
	buffer_done(&writer->name);
	buffer_done(&writer->gone);
	buffer_done(&writer->folder);
	strlist_done(&writer->links);
	names_done(&writer->written);
	free(writer->piece);
}

int layer_write(struct msb_store *store, const struct msb_digest *parent,
		const struct msb_digest *tree, const struct layer_sink *sink, struct msb_error *err)
{
	struct writer writer = {.store = store, .sink = sink};
	int r = write_tree(&writer, parent, tree, err);

	writer_done(&writer);
	return r;
}

int layer_export(struct msb_store *store, const struct msb_digest *tree,
		 const struct layer_sink *sink, struct msb_error *err)
{
	struct writer writer = {.store = store, .sink = sink, .whole = true};
	int r = write_tree(&writer, NULL, tree, err);

	writer_done(&writer);
	return r;
}

struct digesting {
	struct msb_hasher *hasher;
	uint64_t size;
};

static int digest_piece(void *context, const void *bytes, size_t size,
			struct msb_error *err __attribute__((unused)))
{
	struct digesting *digesting = context;

	msb_hasher_update(digesting->hasher, bytes, size);
	digesting->size += size;
	return 0;
}

int layer_digest(struct msb_store *store, const struct msb_digest *parent,
		 const struct msb_digest *tree, struct msb_digest *ret_diff_id, uint64_t *ret_size,
		 struct msb_error *err)
{
	AUTO(msb_hasher_freep) struct msb_hasher *hasher = msb_hasher_new();
	struct digesting digesting = {hasher, 0};
	struct layer_sink sink = {digest_piece, &digesting};
	int r = hasher ? layer_write(store, parent, tree, &sink, err) : msb_error_memory(err);

	if (r < 0)
		return r;
	msb_hasher_finish(hasher, ret_diff_id);
	*ret_size = digesting.size;
	return 0;
}

int layer_begin_member(const struct layer_sink *sink, const char *name, uint64_t size,
		       struct msb_error *err)
{
	struct msb_entry entry = {.type = MSB_FILE, .mode = 0644, .size = size, .nlink = 1};
	struct header header = {.name = name, .entry = &entry, .size = size};
	autobuffer out = {0};
	int r = header_append(&out, &header, err);

	return r < 0 ? r : sink->write(sink->context, out.bytes, out.size, err);
}

int layer_end_member(const struct layer_sink *sink, uint64_t size, struct msb_error *err)
{
	static const uint8_t zeros[TAR_BLOCK];
	size_t padding = (size_t)(-size % TAR_BLOCK);

	return padding > 0 ? sink->write(sink->context, zeros, padding, err) : 0;
}

int layer_end_archive(const struct layer_sink *sink, struct msb_error *err)
{
	autobuffer out = {0};

	end_archive(&out);
	if (!buffer_ok(&out))
		return msb_error_memory(err);
	return sink->write(sink->context, out.bytes, out.size, err);
}

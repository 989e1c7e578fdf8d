#include "toc.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "internal.h"
#include "rfc3339.h"

#define NSEC_PER_SEC 1000000000
/* Whoever leaves more in front of a piece wants us to decompress for nothing. */
#define SKIP_MAX   ((int64_t)256 * 1024 * 1024)
#define XATTRS_MAX 1024

struct table {
	const struct toc_layer *layer;
	struct layer_applier *applier;
	json_t *entries;  /* borrowed */
	uint64_t *starts; /* of all pieces, sorted; owned */
	size_t start_count;
	struct toc_files *files;
};

/* An entry's values; texts are borrowed from the JSON. */
struct line {
	const char *name, *type, *link, *time, *digest, *piece_digest;
	int64_t size, mode, uid, gid, major, minor;
	int64_t start, stop, skip, piece_offset, piece_size;
	json_t *xattrs;
};

/* --- Values --- */

static int wrong(const char *key, struct msb_error *err)
{
	return msb_error_say(err, EBADMSG, "the table of contents has a wrong '%s'", key);
}

static int take_text(json_t *entry, const char *key, const char **ret, struct msb_error *err)
{
	json_t *value = json_object_get(entry, key);

	*ret = NULL;
	if (!value || json_is_null(value))
		return 0;
	if (!json_is_string(value))
		return wrong(key, err);
	*ret = json_string_value(value);
	return 0;
}

static int take_number(json_t *entry, const char *key, int64_t most, int64_t *ret,
		       struct msb_error *err)
{
	json_t *value = json_object_get(entry, key);

	*ret = 0;
	if (!value || json_is_null(value))
		return 0;
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    json_integer_value(value) > most)
		return wrong(key, err);
	*ret = json_integer_value(value);
	return 0;
}

static int read_line(json_t *entry, struct line *ret, struct msb_error *err)
{
	const struct {
		const char *key;
		const char **to;
	} texts[] = {
		{"name", &ret->name},     {"type", &ret->type},
		{"linkName", &ret->link}, {"modtime", &ret->time},
		{"digest", &ret->digest}, {"chunkDigest", &ret->piece_digest},
	};
	const struct {
		const char *key;
		int64_t most, *to;
	} numbers[] = {
		{"size", INT64_MAX, &ret->size},
		{"mode", INT64_MAX, &ret->mode},
		{"uid", UINT32_MAX - 1, &ret->uid},
		{"gid", UINT32_MAX - 1, &ret->gid},
		{"devMajor", UINT32_MAX, &ret->major},
		{"devMinor", UINT32_MAX, &ret->minor},
		{"offset", INT64_MAX, &ret->start},
		{"endOffset", INT64_MAX, &ret->stop},
		{"innerOffset", SKIP_MAX, &ret->skip},
		{"chunkOffset", INT64_MAX, &ret->piece_offset},
		{"chunkSize", INT64_MAX, &ret->piece_size},
	};
	int r = 0;

	*ret = (struct line){0};
	if (!json_is_object(entry))
		return msb_error_say(err, EBADMSG, "the table of contents has a wrong entry");
	for (size_t i = 0; r >= 0 && i < sizeof(texts) / sizeof(*texts); i++)
		r = take_text(entry, texts[i].key, texts[i].to, err);
	for (size_t i = 0; r >= 0 && i < sizeof(numbers) / sizeof(*numbers); i++)
		r = take_number(entry, numbers[i].key, numbers[i].most, numbers[i].to, err);
	ret->xattrs = json_object_get(entry, "xattrs");
	if (r >= 0 && ret->xattrs && !json_is_object(ret->xattrs) && !json_is_null(ret->xattrs))
		r = wrong("xattrs", err);
	if (r >= 0 && (!ret->name || !ret->type))
		r = wrong(ret->name ? "type" : "name", err);
	/* JSON cannot say a name that is no text; who wrote it put this in place of its bytes. */
	if (r >= 0 &&
	    (strstr(ret->name, "\xef\xbf\xbd") || (ret->link && strstr(ret->link, "\xef\xbf\xbd"))))
		r = msb_error_say(err, EOPNOTSUPP, "a name in the table of contents is damaged");
	return r;
}

/* --- Where a file's bytes are --- */

static int compare_starts(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

static int collect_starts(struct table *table, struct msb_error *err)
{
	size_t count = json_array_size(table->entries), i;
	json_t *entry;

	table->starts = calloc(count + 1, sizeof(*table->starts));
	if (!table->starts)
		return msb_error_memory(err);
	json_array_foreach(table->entries, i, entry)
	{
		int64_t start;
		int r = take_number(entry, "offset", INT64_MAX, &start, err);

		if (r < 0)
			return r;
		if (start > 0)
			table->starts[table->start_count++] = (uint64_t)start;
	}
	qsort(table->starts, table->start_count, sizeof(*table->starts), compare_starts);
	return 0;
}

/* Where the compressed bytes that begin here end: at the next ones. */
static uint64_t stop_of(const struct table *table, uint64_t start)
{
	size_t low = 0, high = table->start_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table->starts[middle] <= start)
			low = middle + 1;
		else
			high = middle;
	}
	return low < table->start_count && table->starts[low] < table->layer->size
		       ? table->starts[low]
		       : table->layer->size;
}

static int parse_digest(const char *text, const char *key, struct msb_digest *ret,
			struct msb_error *err)
{
	if (strncmp(text, "sha256:", 7) != 0 || msb_digest_parse(text, ret) < 0)
		return wrong(key, err);
	return 0;
}

/* A piece that the line tells of, in a file that has `at` bytes before it. */
static int read_part(const struct table *table, const struct line *line, uint64_t at, uint64_t size,
		     struct store_part *ret, struct msb_error *err)
{
	struct store_part part = {
		.start = (uint64_t)line->start,
		.skip = (uint64_t)line->skip,
		.size = line->piece_size > 0 ? (uint64_t)line->piece_size : size - at,
	};

	if ((uint64_t)line->piece_offset != at || part.size == 0 || part.size > size - at)
		return wrong("chunkSize", err);
	part.stop = stop_of(table, part.start);
	if (line->stop > line->start && (uint64_t)line->stop < part.stop)
		part.stop = (uint64_t)line->stop;
	if (part.start == 0 || part.start >= table->layer->size || part.stop <= part.start)
		return wrong("offset", err);
	if (line->piece_digest && *line->piece_digest) {
		int r = parse_digest(line->piece_digest, "chunkDigest", &part.digest, err);

		if (r < 0)
			return r;
	} else if (part.size < size) {
		return msb_error_say(err, EOPNOTSUPP,
				     "the table of contents says no digest of a "
				     "piece of a file");
	} else if (line->digest) {
		int r = parse_digest(line->digest, "digest", &part.digest, err);

		if (r < 0)
			return r;
	}
	*ret = part;
	return 0;
}

static int add_part(struct store_remote *file, const struct store_part *part, struct msb_error *err)
{
	/* Doubled at powers of two. */
	if ((file->part_count & (file->part_count - 1)) == 0) {
		size_t capacity = file->part_count ? 2 * file->part_count : 1;
		struct store_part *grown = reallocarray(file->parts, capacity, sizeof(*grown));

		if (!grown)
			return msb_error_memory(err);
		file->parts = grown;
	}
	file->parts[file->part_count++] = *part;
	return 0;
}

/* The file's own line, and those of its further pieces, which follow it. *at: the last of them. */
static int read_parts(const struct table *table, const struct line *first, size_t *at,
		      struct store_remote *file, struct msb_error *err)
{
	struct line line = *first;
	uint64_t have = 0;

	for (;;) {
		struct store_part part;
		int r = read_part(table, &line, have, file->size, &part, err);

		if (r >= 0)
			r = add_part(file, &part, err);
		if (r < 0)
			return r;
		have += part.size;
		if (have == file->size)
			return 0;
		r = read_line(json_array_get(table->entries, *at + 1), &line, err);
		if (r < 0)
			return r;
		if (strcmp(line.type, "chunk") != 0 || strcmp(line.name, first->name) != 0)
			return wrong("chunkSize", err);
		(*at)++;
	}
}

static int add_file(struct table *table, const struct store_remote *file, struct msb_error *err)
{
	struct toc_files *files = table->files;

	if (file->size > table->layer->limit - files->bytes)
		return msb_error_say(err, EFBIG, "the layer unpacks to more than is allowed");
	if (files->count == files->capacity) {
		size_t capacity = files->capacity ? 2 * files->capacity : 64;
		struct store_remote *grown =
			reallocarray(files->items, capacity, sizeof(*files->items));

		if (!grown)
			return msb_error_memory(err);
		files->items = grown;
		files->capacity = capacity;
	}
	files->items[files->count++] = *file;
	files->bytes += file->size;
	return 0;
}

static int read_content(struct table *table, const struct line *line, size_t *at,
			struct msb_entry *entry, struct msb_error *err)
{
	struct store_remote file = {.layer = table->layer->digest, .size = (uint64_t)line->size};
	int r = 0;

	entry->size = entry->allocated = file.size;
	if (file.size == 0) {
		msb_digest_of("", 0, &entry->digest);
		return 0;
	}
	r = read_parts(table, line, at, &file, err);
	if (r >= 0 && line->digest && *line->digest)
		r = parse_digest(line->digest, "digest", &file.digest, err);
	else if (r >= 0 && file.part_count == 1 && line->piece_digest)
		file.digest = file.parts[0].digest;
	else if (r >= 0)
		r = msb_error_say(err, EOPNOTSUPP,
				  "the table of contents says no digest of a file");
	/* A single piece is the file. */
	if (r >= 0 && file.part_count == 1 &&
	    !msb_digest_equal(&file.parts[0].digest, &file.digest))
		r = wrong("chunkDigest", err);
	if (r >= 0)
		r = add_file(table, &file, err);
	if (r < 0) {
		free(file.parts);
		return r;
	}
	entry->digest = file.digest;
	return 0;
}

/* --- Entries --- */

static int read_type(const struct line *line, struct msb_entry *ret, struct msb_error *err)
{
	static const struct {
		const char *name;
		enum msb_type type;
	} types[] = {
		{"reg", MSB_FILE},       {"dir", MSB_DIRECTORY}, {"symlink", MSB_SYMLINK},
		{"char", MSB_CHARACTER}, {"block", MSB_BLOCK},   {"fifo", MSB_FIFO},
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (strcmp(types[i].name, line->type) == 0) {
			ret->type = types[i].type;
			return 0;
		}
	}
	return wrong("type", err);
}

static int read_xattrs(const struct line *line, struct msb_entry *ret, uint8_t **ret_xattrs,
		       struct msb_error *err)
{
	struct tree_xattr *xattrs;
	const char *name;
	json_t *value;
	size_t count = 0;
	int r = 0;

	if (json_object_size(line->xattrs) == 0)
		return 0;
	if (json_object_size(line->xattrs) > XATTRS_MAX)
		return wrong("xattrs", err);
	xattrs = calloc(json_object_size(line->xattrs), sizeof(*xattrs));
	if (!xattrs)
		return msb_error_memory(err);
	json_object_foreach(line->xattrs, name, value)
	{
		struct tree_xattr *xattr = &xattrs[count];

		xattr->name = name;
		if (json_is_string(value))
			xattr->value = base64_decode_bytes(json_string_value(value), &xattr->size);
		if (!xattr->value) {
			r = wrong("xattrs", err);
			break;
		}
		count++;
	}
	if (r >= 0)
		r = tree_encode_xattrs(xattrs, count, ret_xattrs, &ret->xattrs_size, err);
	/* Encoding sorts them. */
	for (size_t i = 0; i < json_object_size(line->xattrs); i++) {
		union {
			const void *given;
			void *owned;
		} bytes = {.given = xattrs[i].value};

		free(bytes.owned);
	}
	free(xattrs);
	ret->xattrs = *ret_xattrs;
	return r;
}

static int read_entry(const struct line *line, struct msb_entry *ret, uint8_t **ret_xattrs,
		      struct msb_error *err)
{
	int64_t time_ns = 0;
	int r;

	*ret = (struct msb_entry){
		.nlink = 1,
		.mode = (uint16_t)(line->mode & 07777),
		.uid = (uint32_t)line->uid,
		.gid = (uint32_t)line->gid,
	};
	r = read_type(line, ret, err);
	if (r < 0)
		return r;
	if (line->time && *line->time && time_parse(line->time, &time_ns) < 0)
		return wrong("modtime", err);
	ret->mtime_sec = time_ns / NSEC_PER_SEC - (time_ns % NSEC_PER_SEC < 0);
	ret->mtime_nsec = (uint32_t)(time_ns - ret->mtime_sec * NSEC_PER_SEC);
	if (ret->type == MSB_SYMLINK) {
		ret->mode = 0777;
		ret->target = line->link;
		ret->size = line->link ? strlen(line->link) : 0;
		if (ret->size == 0 || ret->size > PATH_MAX - 1)
			return wrong("linkName", err);
	} else if (ret->type == MSB_CHARACTER || ret->type == MSB_BLOCK) {
		ret->device_major = (uint32_t)line->major;
		ret->device_minor = (uint32_t)line->minor;
	}
	return read_xattrs(line, ret, ret_xattrs, err);
}

/* What is in a layer because of its form alone. */
static bool is_of_format(const char *name)
{
	while (strncmp(name, "./", 2) == 0 || *name == '/')
		name += *name == '/' ? 1 : 2;
	return strcmp(name, TOC_ESTARGZ_NAME) == 0 || strcmp(name, TOC_LANDMARK) == 0 ||
	       strcmp(name, TOC_NO_LANDMARK) == 0;
}

/* *at: the entry's place; that of its last line on return. */
static int apply_line(struct table *table, const struct line *line, size_t *at,
		      struct msb_error *err)
{
	autofree uint8_t *xattrs = NULL;
	struct msb_entry entry;
	int r;

	if (strcmp(line->type, "hardlink") == 0) {
		if (!line->link || !*line->link)
			return wrong("linkName", err);
		return layer_apply(table->applier, line->name, line->link, NULL, err);
	}
	r = read_entry(line, &entry, &xattrs, err);
	if (r >= 0 && entry.type == MSB_FILE)
		r = read_content(table, line, at, &entry, err);
	return r < 0 ? r : layer_apply(table->applier, line->name, NULL, &entry, err);
}

static int apply_all(struct table *table, struct msb_error *err)
{
	size_t count = json_array_size(table->entries);

	for (size_t i = 0; i < count; i++) {
		struct line line;
		int r = read_line(json_array_get(table->entries, i), &line, err);

		if (r >= 0 && is_of_format(line.name))
			continue;
		if (r >= 0)
			r = apply_line(table, &line, &i, err);
		if (r < 0)
			return r == -ENOMEM || !line.name
				       ? r
				       : msb_error_prefix(err, r, "'%.200s'", line.name);
	}
	return 0;
}

int toc_apply(const char *text, size_t size, const struct toc_layer *layer, struct tree_edit *edit,
	      struct toc_files *ret, struct msb_error *err)
{
	AUTO(layer_applier_freep) struct layer_applier *applier = NULL;
	json_auto_t *json = NULL;
	struct table table = {.layer = layer, .files = ret};
	int64_t version = 0;
	json_error_t where;
	int r;

	if (size > TOC_MAX)
		return msb_error_say(err, EFBIG, "the table of contents is too large");
	json = json_loadb(text, size, 0, &where);
	if (!json)
		return msb_error_say(err, EBADMSG, "the table of contents: line %d: %s", where.line,
				     where.text);
	r = json_take_integer(json, "version", &version, err);
	if (r >= 0)
		r = json_take_array(json, "entries", &table.entries, err);
	if (r >= 0 && version != 1)
		r = msb_error_say(err, EOPNOTSUPP, "the table of contents has version %lld",
				  (long long)version);
	if (r >= 0)
		r = collect_starts(&table, err);
	if (r >= 0)
		r = layer_applier_new(edit, &applier, err);
	table.applier = applier;
	if (r >= 0)
		r = apply_all(&table, err);
	free(table.starts);
	return r;
}

void toc_files_done(struct toc_files *files)
{
	store_remotes_free(files->items, files->count);
	*files = (struct toc_files){0};
}

bool toc_read_footer(const uint8_t *footer, uint64_t *ret_offset)
{
	/* gzip's header with the flag of an extra field; the field's length, its name and its own
	 * length. */
	static const uint8_t extra[] = {26, 0, 'S', 'G', 22, 0};
	uint64_t offset = 0;

	if (footer[0] != 0x1f || footer[1] != 0x8b || footer[2] != 8 || !(footer[3] & 4) ||
	    memcmp(footer + 10, extra, sizeof(extra)) != 0 || memcmp(footer + 32, "STARGZ", 6) != 0)
		return false;
	for (size_t i = 16; i < 32; i++) {
		const char *digits = "0123456789abcdef";
		const char *digit = footer[i] ? strchr(digits, footer[i] | 0x20) : NULL;

		if (!digit)
			return false;
		offset = offset << 4 | (uint64_t)(digit - digits);
	}
	*ret_offset = offset;
	return true;
}

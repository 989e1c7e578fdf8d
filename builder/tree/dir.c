/* Reading a directory object: checked once, when it is decoded, and trusted from then on. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <msb/tree.h>

#include "format.h"
#include "little_endian.h"

struct msb_dir {
	atomic_uint references;
	uint8_t *bytes; /* the encoding; entries point into it */
	size_t size;
	size_t count;
	bool flat;         /* no entry has anything below it: ranks are index + 1 */
	uint32_t *offsets; /* of each entry's encoding */
	uint64_t *ranks;   /* NULL when flat */
};

/* What is left of the bytes; any read beyond sets bad and gives zeroes. */
struct cursor {
	const uint8_t *bytes;
	size_t size, at;
	bool bad;
};

static const uint8_t *take(struct cursor *cursor, size_t size)
{
	static const uint8_t zeroes[64];
	const uint8_t *taken = cursor->bytes + cursor->at;

	if (cursor->bad || size > cursor->size - cursor->at) {
		cursor->bad = true;
		return size <= sizeof(zeroes) ? zeroes : NULL;
	}
	cursor->at += size;
	return taken;
}

static uint16_t take_u16(struct cursor *cursor)
{
	return le_get_u16(take(cursor, sizeof(uint16_t)));
}

static uint32_t take_u32(struct cursor *cursor)
{
	return le_get_u32(take(cursor, sizeof(uint32_t)));
}

static uint64_t take_u64(struct cursor *cursor)
{
	return le_get_u64(take(cursor, sizeof(uint64_t)));
}

static void take_digest(struct cursor *cursor, struct msb_digest *ret)
{
	memcpy(ret->bytes, take(cursor, MSB_DIGEST_SIZE), MSB_DIGEST_SIZE);
}

static void take_link(struct cursor *cursor, uint8_t flags, struct msb_entry *ret)
{
	if (flags & ENTRY_LINKED) {
		ret->link = take_u32(cursor);
		ret->nlink = take_u32(cursor);
	}
}

static void take_file(struct cursor *cursor, uint8_t flags, struct msb_entry *ret)
{
	ret->size = take_u64(cursor);
	ret->allocated = ret->size;
	take_digest(cursor, &ret->digest);
	take_link(cursor, flags, ret);
	ret->sparse = flags & ENTRY_SPARSE;
	if (ret->sparse)
		ret->allocated = take_u64(cursor);
}

static void take_directory(struct cursor *cursor, struct msb_entry *ret)
{
	take_digest(cursor, &ret->digest);
	take_digest(cursor, &ret->key);
	ret->entries = take_u64(cursor);
	ret->bytes = take_u64(cursor);
	ret->subdirectories = take_u32(cursor);
	ret->below = *take(cursor, 1);
}

/* False where the part that every entry has is not as it must be. */
static bool take_entry(struct cursor *cursor, struct msb_entry *ret)
{
	uint8_t flags;
	bool sound;

	*ret = (struct msb_entry){.nlink = 1};
	ret->type = *take(cursor, 1);
	flags = *take(cursor, 1);
	ret->mode = take_u16(cursor);
	ret->name_length = take_u16(cursor);
	sound = take_u16(cursor) == 0;
	ret->uid = take_u32(cursor);
	ret->gid = take_u32(cursor);
	ret->mtime_nsec = take_u32(cursor);
	ret->mtime_sec = (int64_t)take_u64(cursor);
	ret->name = (const char *)take(cursor, ret->name_length);
	if (ret->type == MSB_FILE) {
		take_file(cursor, flags, ret);
	} else if (ret->type == MSB_DIRECTORY) {
		take_directory(cursor, ret);
	} else if (ret->type == MSB_SYMLINK) {
		ret->size = take_u16(cursor);
		ret->target = (const char *)take(cursor, ret->size);
	} else if (ret->type == MSB_CHARACTER || ret->type == MSB_BLOCK) {
		ret->device_major = take_u32(cursor);
		ret->device_minor = take_u32(cursor);
	}
	if (ret->type != MSB_FILE)
		take_link(cursor, flags, ret);
	if (flags & ENTRY_XATTRS) {
		ret->xattrs_size = take_u32(cursor);
		ret->xattrs = take(cursor, ret->xattrs_size);
	}
	sound &= (flags & ~(ENTRY_XATTRS | ENTRY_LINKED | ENTRY_SPARSE)) == 0;
	sound &= ret->type == MSB_FILE || !(flags & ENTRY_SPARSE);
	sound &= ret->type != MSB_DIRECTORY || !(flags & ENTRY_LINKED);
	sound &= !(flags & ENTRY_LINKED) || ret->link != 0;
	sound &= !(flags & ENTRY_XATTRS) || ret->xattrs_size != 0;
	return sound && !cursor->bad;
}

bool msb_entry_xattr(const struct msb_entry *entry, size_t *position, const char **ret_name,
		     const uint8_t **ret_value, size_t *ret_size)
{
	struct cursor cursor = {entry->xattrs, entry->xattrs_size, *position, false};
	size_t length;

	if (*position >= entry->xattrs_size)
		return false;
	length = *take(&cursor, 1);
	*ret_name = (const char *)take(&cursor, length + 1);
	*ret_size = take_u32(&cursor);
	*ret_value = take(&cursor, *ret_size);
	*position = cursor.at;
	return !cursor.bad;
}

static bool xattrs_valid(const struct msb_entry *entry)
{
	const char *name, *previous = NULL;
	const uint8_t *value;
	size_t position = 0, size;

	if (entry->xattrs_size > MAX_XATTRS)
		return false;
	while (position < entry->xattrs_size) {
		size_t length = entry->xattrs[position];

		if (!msb_entry_xattr(entry, &position, &name, &value, &size))
			return false;
		if (length == 0 || size > MAX_XATTR || strnlen(name, length + 1) != length)
			return false;
		if (previous && strcmp(previous, name) >= 0)
			return false;
		previous = name;
	}
	return true;
}

static const char *file_fault(const struct msb_entry *entry, bool complete)
{
	if (entry->size > INT64_MAX)
		return "size out of range";
	if (complete && entry->sparse && entry->allocated >= entry->size)
		return "sparse without a hole";
	return NULL;
}

static const char *directory_fault(const struct msb_entry *entry)
{
	uint32_t own = entry->xattrs_size > 0 ? MSB_BELOW_XATTRS : 0;

	if (entry->entries >= MAX_ENTRIES || entry->bytes > INT64_MAX)
		return "more below it than a tree can hold";
	if (entry->subdirectories > entry->entries || (entry->below & own) != own ||
	    entry->below > (MSB_BELOW_XATTRS | MSB_BELOW_LINKS))
		return "totals that cannot be";
	if (entry->entries == 0 && (entry->bytes != 0 || entry->below != own))
		return "totals that cannot be";
	return NULL;
}

static const char *symlink_fault(const struct msb_entry *entry)
{
	if (entry->size == 0 || entry->size > MAX_TARGET)
		return "link target empty or longer than 4095 bytes";
	return memchr(entry->target, '\0', entry->size) ? "NUL in a link target" : NULL;
}

const char *entry_fault(const struct msb_entry *entry, bool complete)
{
	if (entry->mode > 07777)
		return "mode out of range";
	if (entry->mtime_nsec >= 1000000000)
		return "nanoseconds out of range";
	if (!xattrs_valid(entry))
		return "malformed extended attributes";
	if (complete && (entry->link > MAX_LINK || (entry->link != 0) != (entry->nlink > 1)))
		return "links that cannot be";
	switch (entry->type) {
	case MSB_FILE:
		return file_fault(entry, complete);
	case MSB_DIRECTORY:
		return complete ? directory_fault(entry) : NULL;
	case MSB_SYMLINK:
		return symlink_fault(entry);
	case MSB_CHARACTER:
	case MSB_BLOCK:
	case MSB_FIFO:
	case MSB_SOCKET:
		return NULL;
	}
	return "unknown type";
}

static bool name_valid(const struct msb_entry *entry, size_t count)
{
	const char *name = entry->name;
	size_t length = entry->name_length;

	if (length == 0) /* a root object */
		return count == 1 && entry->type == MSB_DIRECTORY;
	if (length > MAX_NAME || memchr(name, '/', length) || memchr(name, '\0', length))
		return false;
	return !(name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.')));
}

int order_of_names(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t shorter = a_length < b_length ? a_length : b_length;
	int order = memcmp(a, b, shorter);

	if (order != 0)
		return order;
	return (a_length > b_length) - (a_length < b_length);
}

/* Walks all entries once, checks each, and notes where it is. */
static bool index_entries(struct msb_dir *dir, struct cursor *cursor)
{
	struct msb_entry entry, previous = {0};
	uint64_t rank = 1;

	for (size_t i = 0; i < dir->count; i++) {
		dir->offsets[i] = (uint32_t)cursor->at;
		if (dir->ranks)
			dir->ranks[i] = rank;
		if (!take_entry(cursor, &entry) || !name_valid(&entry, dir->count) ||
		    entry_fault(&entry, true))
			return false;
		if (i > 0 && order_of_names(previous.name, previous.name_length, entry.name,
					    entry.name_length) >= 0)
			return false;
		if (entry.entries > 0)
			dir->flat = false;
		rank += 1 + entry.entries;
		if (rank > MAX_ENTRIES)
			return false;
		previous = entry;
	}
	return cursor->at == cursor->size;
}

int msb_dir_decode(uint8_t *bytes, size_t size, struct msb_dir **ret, struct msb_error *err)
{
	AUTO(msb_dir_unrefp) struct msb_dir *dir = calloc(1, sizeof(*dir));
	struct cursor cursor = {bytes, size, OBJECT_MAGIC_SIZE, false};

	if (!dir) {
		free(bytes);
		return msb_error_memory(err);
	}
	*dir = (struct msb_dir){.references = 1, .bytes = bytes, .size = size, .flat = true};
	if (size < OBJECT_HEADER_SIZE || size > OBJECT_MAX_SIZE ||
	    memcmp(bytes, OBJECT_MAGIC, OBJECT_MAGIC_SIZE) != 0)
		return msb_error_say(err, EBADMSG, "not a directory object");
	dir->count = take_u32(&cursor);
	if (dir->count > size / OBJECT_ENTRY_SIZE)
		return msb_error_say(err, EBADMSG, "directory object with a wrong count");
	dir->offsets = calloc(dir->count + 1, sizeof(*dir->offsets));
	dir->ranks = calloc(dir->count + 1, sizeof(*dir->ranks));
	if (!dir->offsets || !dir->ranks)
		return msb_error_memory(err);
	if (!index_entries(dir, &cursor))
		return msb_error_say(err, EBADMSG, "malformed directory object");
	if (dir->flat) {
		free(dir->ranks);
		dir->ranks = NULL;
	}
	*ret = steal(&dir);
	return 0;
}

struct msb_dir *msb_dir_ref(struct msb_dir *dir)
{
	atomic_fetch_add_explicit(&dir->references, 1, memory_order_relaxed);
	return dir;
}

void msb_dir_unref(struct msb_dir *dir)
{
	if (!dir || atomic_fetch_sub_explicit(&dir->references, 1, memory_order_acq_rel) > 1)
		return;
	free(dir->bytes);
	free(dir->offsets);
	free(dir->ranks);
	free(dir);
}

size_t msb_dir_count(const struct msb_dir *dir)
{
	return dir->count;
}

size_t msb_dir_footprint(const struct msb_dir *dir)
{
	size_t index = sizeof(*dir->offsets) + (dir->ranks ? sizeof(*dir->ranks) : 0);

	return sizeof(*dir) + dir->size + (dir->count + 1) * index;
}

void msb_dir_get(const struct msb_dir *dir, size_t index, struct msb_entry *ret)
{
	struct cursor cursor = {dir->bytes, dir->size, dir->offsets[index], false};

	take_entry(&cursor, ret);
}

static const char *name_at(const struct msb_dir *dir, size_t index, size_t *ret_length)
{
	const uint8_t *entry = dir->bytes + dir->offsets[index];

	*ret_length = le_get_u16(entry + 4);
	return (const char *)entry + OBJECT_ENTRY_SIZE;
}

int msb_dir_find(const struct msb_dir *dir, const char *name, size_t length, size_t *ret_index)
{
	size_t low = 0, high = dir->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2, middle_length;
		const char *middle_name = name_at(dir, middle, &middle_length);
		int order = order_of_names(name, length, middle_name, middle_length);

		if (order == 0) {
			*ret_index = middle;
			return 0;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return -ENOENT;
}

uint64_t msb_dir_rank(const struct msb_dir *dir, size_t index)
{
	return dir->ranks ? dir->ranks[index] : index + 1;
}

size_t msb_dir_at_rank(const struct msb_dir *dir, uint64_t rank)
{
	size_t low = 0, high = dir->count;
	struct msb_entry entry;

	if (rank == 0)
		return dir->count;
	if (!dir->ranks)
		return rank <= dir->count ? (size_t)rank - 1 : dir->count;
	while (high - low > 1) { /* ranks[low] <= rank < ranks[high] */
		size_t middle = low + (high - low) / 2;

		if (dir->ranks[middle] <= rank)
			low = middle;
		else
			high = middle;
	}
	msb_dir_get(dir, low, &entry);
	return rank <= dir->ranks[low] + entry.entries ? low : dir->count;
}

int msb_tree_load(struct msb_store *store, const struct msb_digest *object, struct msb_dir **ret,
		  struct msb_error *err)
{
	char text[MSB_DIGEST_TEXT];
	uint8_t *bytes;
	size_t size;
	int r;

	r = msb_store_load(store, object, OBJECT_MAX_SIZE, &bytes, &size, err);
	if (r < 0)
		return r;
	r = msb_dir_decode(bytes, size, ret, err);
	if (r < 0)
		return msb_error_prefix(err, r, "tree object %s", msb_digest_format(object, text));
	return 0;
}

mode_t msb_entry_mode(const struct msb_entry *entry)
{
	static const mode_t formats[] = {
		[MSB_FILE] = S_IFREG,      [MSB_DIRECTORY] = S_IFDIR, [MSB_SYMLINK] = S_IFLNK,
		[MSB_CHARACTER] = S_IFCHR, [MSB_BLOCK] = S_IFBLK,     [MSB_FIFO] = S_IFIFO,
		[MSB_SOCKET] = S_IFSOCK,
	};

	return formats[entry->type] | entry->mode;
}

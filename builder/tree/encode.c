#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "internal.h"

static uint8_t flags_of(const struct msb_entry *entry)
{
	uint8_t flags = 0;

	if (entry->xattrs_size > 0)
		flags |= ENTRY_XATTRS;
	if (entry->type != MSB_DIRECTORY && entry->link != 0)
		flags |= ENTRY_LINKED;
	if (entry->type == MSB_FILE && entry->sparse)
		flags |= ENTRY_SPARSE;
	return flags;
}

static void encode_link(struct buffer *buffer, const struct msb_entry *entry, uint8_t flags,
			bool for_key)
{
	if (flags & ENTRY_LINKED) {
		buffer_u32(buffer, for_key ? 0 : entry->link);
		buffer_u32(buffer, entry->nlink);
	}
}

static void encode_file(struct buffer *buffer, const struct msb_entry *entry, uint8_t flags,
			bool for_key)
{
	buffer_u64(buffer, entry->size);
	buffer_append(buffer, entry->digest.bytes, MSB_DIGEST_SIZE);
	encode_link(buffer, entry, flags, for_key);
	if (flags & ENTRY_SPARSE)
		buffer_u64(buffer, entry->allocated);
}

static void encode_subtree(struct buffer *buffer, const struct msb_entry *entry, bool for_key)
{
	const struct msb_digest *digest = for_key ? &entry->key : &entry->digest;

	buffer_append(buffer, digest->bytes, MSB_DIGEST_SIZE);
	buffer_append(buffer, entry->key.bytes, MSB_DIGEST_SIZE);
	buffer_u64(buffer, entry->entries);
	buffer_u64(buffer, entry->bytes);
	buffer_u32(buffer, entry->subdirectories);
	buffer_u8(buffer, (uint8_t)entry->below);
}

static void encode_entry(struct buffer *buffer, const struct msb_entry *entry, bool for_key)
{
	uint8_t flags = flags_of(entry);

	if (for_key)
		flags &= (uint8_t)~ENTRY_SPARSE;
	buffer_u8(buffer, (uint8_t)entry->type);
	buffer_u8(buffer, flags);
	buffer_u16(buffer, entry->mode);
	buffer_u16(buffer, (uint16_t)entry->name_length);
	buffer_u16(buffer, 0);
	buffer_u32(buffer, entry->uid);
	buffer_u32(buffer, entry->gid);
	buffer_u32(buffer, for_key ? 0 : entry->mtime_nsec);
	buffer_u64(buffer, for_key ? 0 : (uint64_t)entry->mtime_sec);
	buffer_append(buffer, entry->name, entry->name_length);
	if (entry->type == MSB_FILE) {
		encode_file(buffer, entry, flags, for_key);
	} else if (entry->type == MSB_DIRECTORY) {
		encode_subtree(buffer, entry, for_key);
	} else if (entry->type == MSB_SYMLINK) {
		buffer_u16(buffer, (uint16_t)entry->size);
		buffer_append(buffer, entry->target, entry->size);
	} else if (entry->type == MSB_CHARACTER || entry->type == MSB_BLOCK) {
		buffer_u32(buffer, entry->device_major);
		buffer_u32(buffer, entry->device_minor);
	}
	if (entry->type != MSB_FILE)
		encode_link(buffer, entry, flags, for_key);
	if (flags & ENTRY_XATTRS) {
		buffer_u32(buffer, (uint32_t)entry->xattrs_size);
		buffer_append(buffer, entry->xattrs, entry->xattrs_size);
	}
}

void encode_directory(struct buffer *buffer, struct node *const *items, size_t count, bool for_key)
{
	buffer_append(buffer, OBJECT_MAGIC, OBJECT_MAGIC_SIZE);
	buffer_u32(buffer, (uint32_t)count);
	for (size_t i = 0; i < count; i++)
		encode_entry(buffer, &items[i]->entry, for_key);
}

static int compare_xattrs(const void *a, const void *b)
{
	return strcmp(((const struct tree_xattr *)a)->name, ((const struct tree_xattr *)b)->name);
}

int tree_encode_xattrs(struct tree_xattr *xattrs, size_t count, uint8_t **ret, size_t *ret_size,
		       struct msb_error *err)
{
	autobuffer buffer = {0};

	if (count > 1)
		qsort(xattrs, count, sizeof(*xattrs), compare_xattrs);
	for (size_t i = 0; i < count; i++) {
		size_t length = strlen(xattrs[i].name);

		if (length == 0 || length > UINT8_MAX || xattrs[i].size > 65536)
			return msb_error_say(err, EINVAL, "extended attribute '%s' is too large",
					     xattrs[i].name);
		if (i > 0 && strcmp(xattrs[i - 1].name, xattrs[i].name) == 0)
			return msb_error_say(err, EINVAL, "extended attribute '%s' comes twice",
					     xattrs[i].name);
		buffer_u8(&buffer, (uint8_t)length);
		buffer_append(&buffer, xattrs[i].name, length + 1);
		buffer_u32(&buffer, (uint32_t)xattrs[i].size);
		buffer_append(&buffer, xattrs[i].value, xattrs[i].size);
	}
	if (!buffer_ok(&buffer))
		return msb_error_memory(err);
	*ret_size = buffer.size;
	*ret = steal(&buffer.bytes);
	return 0;
}

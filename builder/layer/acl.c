/* POSIX ACLs of pax archives in the kernel's form: linux/posix_acl_xattr.h. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define ACL_VERSION 2
#define NO_ID       0xffffffffu

struct ace {
	uint16_t tag, permissions;
	uint32_t id;
};

static const struct {
	int tag;
	uint16_t kernel;
} tags[] = {
	{ARCHIVE_ENTRY_ACL_USER_OBJ, 0x01},  {ARCHIVE_ENTRY_ACL_USER, 0x02},
	{ARCHIVE_ENTRY_ACL_GROUP_OBJ, 0x04}, {ARCHIVE_ENTRY_ACL_GROUP, 0x08},
	{ARCHIVE_ENTRY_ACL_MASK, 0x10},      {ARCHIVE_ENTRY_ACL_OTHER, 0x20},
};

static uint16_t kernel_tag(int tag)
{
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		if (tags[i].tag == tag)
			return tags[i].kernel;
	return 0;
}

/* The kernel wants them by tag, then by id. */
static int compare_aces(const void *left, const void *right)
{
	const struct ace *a = left, *b = right;

	if (a->tag != b->tag)
		return a->tag < b->tag ? -1 : 1;
	return (a->id > b->id) - (a->id < b->id);
}

void acl_encode(struct archive_entry *from, int kind, struct buffer *ret)
{
	int count = archive_entry_acl_count(from, kind), type, permissions, tag, id;
	struct ace *aces;
	const char *name;
	size_t n = 0;

	if (count <= 0)
		return;
	/* Access ACLs get the three entries of the mode on top of what was counted. */
	aces = calloc((size_t)count + 3, sizeof(*aces));
	if (!aces) {
		ret->failed = true;
		return;
	}
	archive_entry_acl_reset(from, kind);
	while (n < (size_t)count + 3 && archive_entry_acl_next(from, kind, &type, &permissions,
							       &tag, &id, &name) == ARCHIVE_OK) {
		bool named = tag == ARCHIVE_ENTRY_ACL_USER || tag == ARCHIVE_ENTRY_ACL_GROUP;

		if (kernel_tag(tag) == 0)
			continue;
		aces[n].tag = kernel_tag(tag);
		aces[n].permissions = (uint16_t)(permissions & 7);
		aces[n++].id = named ? (uint32_t)id : NO_ID;
	}
	qsort(aces, n, sizeof(*aces), compare_aces);
	buffer_u32(ret, ACL_VERSION);
	for (size_t i = 0; i < n; i++) {
		buffer_u16(ret, aces[i].tag);
		buffer_u16(ret, aces[i].permissions);
		buffer_u32(ret, aces[i].id);
	}
	free(aces);
}

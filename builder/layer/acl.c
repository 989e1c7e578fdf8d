/* POSIX ACLs of pax archives in the kernel's form: linux/posix_acl_xattr.h. */
#include <grp.h>
#include <pwd.h>
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

/* GNU tar writes names alone, which mean this machine's accounts, as for `tar -x`. */
static bool find_id(int tag, int id, const char *name, uint32_t *ret)
{
	struct passwd user, *found_user = NULL;
	struct group group, *found_group = NULL;
	char text[16384];

	*ret = (uint32_t)id;
	if (id >= 0 || !name)
		return id >= 0;
	if (tag == ARCHIVE_ENTRY_ACL_USER &&
	    getpwnam_r(name, &user, text, sizeof(text), &found_user) == 0 && found_user)
		*ret = user.pw_uid;
	else if (tag == ARCHIVE_ENTRY_ACL_GROUP &&
		 getgrnam_r(name, &group, text, sizeof(text), &found_group) == 0 && found_group)
		*ret = group.gr_gid;
	return found_user || found_group;
}

int acl_mask(struct archive_entry *from)
{
	int type, permissions, tag, id, mask = -1;
	const char *name;

	if (libarchive.entry_acl_reset(from, ARCHIVE_ENTRY_ACL_TYPE_ACCESS) <= 0)
		return -1;
	while (libarchive.entry_acl_next(from, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, &type, &permissions,
					 &tag, &id, &name) == ARCHIVE_OK)
		if (tag == ARCHIVE_ENTRY_ACL_MASK)
			mask = permissions & 7;
	return mask;
}

/* Nothing is written for a list that names somebody whom nobody knows. */
void acl_encode(struct archive_entry *from, int kind, struct buffer *ret)
{
	int count = libarchive.entry_acl_count(from, kind), type, permissions, tag, id;
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
	libarchive.entry_acl_reset(from, kind);
	while (n < (size_t)count + 3 && libarchive.entry_acl_next(from, kind, &type, &permissions,
								  &tag, &id, &name) == ARCHIVE_OK) {
		bool named = tag == ARCHIVE_ENTRY_ACL_USER || tag == ARCHIVE_ENTRY_ACL_GROUP;

		if (kernel_tag(tag) == 0)
			continue;
		if (named && !find_id(tag, id, name, &aces[n].id)) {
			free(aces);
			return;
		}
		aces[n].tag = kernel_tag(tag);
		aces[n].permissions = (uint16_t)(permissions & 7);
		if (!named)
			aces[n].id = NO_ID;
		n++;
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

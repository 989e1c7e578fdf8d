/* An archive's entry as an entry of a tree: its metadata. */
#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "internal.h"

#define NSEC_PER_SEC 1000000000

static int type_of(mode_t mode, enum msb_type *ret)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		*ret = MSB_FILE;
		return 0;
	case S_IFDIR:
		*ret = MSB_DIRECTORY;
		return 0;
	case S_IFLNK:
		*ret = MSB_SYMLINK;
		return 0;
	case S_IFCHR:
		*ret = MSB_CHARACTER;
		return 0;
	case S_IFBLK:
		*ret = MSB_BLOCK;
		return 0;
	case S_IFIFO:
		*ret = MSB_FIFO;
		return 0;
	case S_IFSOCK:
		*ret = MSB_SOCKET;
		return 0;
	}
	return -EBADMSG;
}

static int read_owner(int64_t number, const char *what, uint32_t *ret, struct msb_error *err)
{
	/* The highest one means "no change" to the kernel. */
	if (number < 0 || number >= UINT32_MAX)
		return msb_error_say(err, EBADMSG, "%s %lld is out of range", what,
				     (long long)number);
	*ret = (uint32_t)number;
	return 0;
}

/* pax writes times as decimal fractions, and libarchive reads "-1.25" as -1 and .25 ahead of it. */
static void read_time(struct archive_entry *from, bool eve, struct msb_entry *ret)
{
	int64_t sec = libarchive.entry_mtime(from);
	long nsec = libarchive.entry_mtime_nsec(from);

	if (nsec < 0 || nsec >= NSEC_PER_SEC)
		nsec = 0;
	if ((sec < 0 || (eve && sec == 0)) && nsec > 0 && sec > INT64_MIN) {
		sec--;
		nsec = NSEC_PER_SEC - nsec;
	}
	ret->mtime_sec = sec;
	ret->mtime_nsec = (uint32_t)nsec;
}

static int read_target(struct archive_entry *from, struct msb_entry *ret, struct msb_error *err)
{
	const char *target = libarchive.entry_symlink(from);
	size_t length = target ? strnlen(target, LONGEST_PATH + 1) : 0;

	if (length == 0)
		return msb_error_say(err, EBADMSG, "a symlink to nowhere");
	if (length > LONGEST_PATH)
		return msb_error_set(err, ENAMETOOLONG, "link target '%.100s…'", target);
	ret->target = target;
	ret->size = length;
	return 0;
}

static bool is_listed(const struct tree_xattr *xattrs, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(xattrs[i].name, name) == 0)
			return true;
	return false;
}

/* bsdtar writes each attribute twice, in two dialects. */
static int read_xattrs(struct archive_entry *from, struct msb_entry *ret, uint8_t **ret_xattrs,
		       struct msb_error *err)
{
	int listed = libarchive.entry_xattr_reset(from);
	autofree struct tree_xattr *xattrs = NULL;
	autobuffer access = {0}, fallback = {0};
	size_t count = 0;

	acl_encode(from, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, &access);
	acl_encode(from, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, &fallback);
	if (!buffer_ok(&access) || !buffer_ok(&fallback))
		return msb_error_memory(err);
	if (listed <= 0 && access.size == 0 && fallback.size == 0)
		return 0;
	xattrs = calloc((size_t)listed + 2, sizeof(*xattrs));
	if (!xattrs)
		return msb_error_memory(err);
	if (access.size > 0)
		xattrs[count++] =
			(struct tree_xattr){"system.posix_acl_access", access.bytes, access.size};
	if (fallback.size > 0)
		xattrs[count++] = (struct tree_xattr){"system.posix_acl_default", fallback.bytes,
						      fallback.size};
	for (int i = 0; i < listed; i++) {
		struct tree_xattr *xattr = &xattrs[count];

		libarchive.entry_xattr_next(from, &xattr->name, &xattr->value, &xattr->size);
		if (xattr->name && !is_listed(xattrs, count, xattr->name))
			count++;
	}
	return tree_encode_xattrs(xattrs, count, ret_xattrs, &ret->xattrs_size, err);
}

/* With a list of rights, the mode's group bits are its mask, as the kernel has it; libarchive puts
 * the owning group's rights there. */
static void read_mask(struct archive_entry *from, struct msb_entry *ret)
{
	int permissions = acl_mask(from);

	if (permissions >= 0)
		ret->mode = (uint16_t)((ret->mode & ~0070) | permissions << 3);
}

int entry_read(struct archive_entry *from, bool eve, struct msb_entry *ret, uint8_t **ret_xattrs,
	       struct msb_error *err)
{
	int r;

	*ret = (struct msb_entry){.nlink = 1};
	*ret_xattrs = NULL;
	if (type_of(libarchive.entry_filetype(from), &ret->type) < 0)
		return msb_error_say(err, EBADMSG, "an entry of unknown type");
	ret->mode = libarchive.entry_perm(from) & 07777;
	r = read_owner(libarchive.entry_uid(from), "user", &ret->uid, err);
	if (r >= 0)
		r = read_owner(libarchive.entry_gid(from), "group", &ret->gid, err);
	if (r < 0)
		return r;
	read_time(from, eve, ret);
	read_mask(from, ret);
	if (ret->type == MSB_SYMLINK) {
		ret->mode = 0777;
		r = read_target(from, ret, err);
	} else if (ret->type == MSB_CHARACTER || ret->type == MSB_BLOCK) {
		ret->device_major = (uint32_t)libarchive.entry_rdevmajor(from);
		ret->device_minor = (uint32_t)libarchive.entry_rdevminor(from);
	}
	if (r >= 0)
		r = read_xattrs(from, ret, ret_xattrs, err);
	ret->xattrs = *ret_xattrs;
	return r;
}

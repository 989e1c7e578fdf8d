#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "disk_entry.h"
#include "tree_edit.h"

#define MAX_XATTRS 64

static enum msb_type type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return MSB_DIRECTORY;
	case S_IFLNK:
		return MSB_SYMLINK;
	case S_IFCHR:
		return MSB_CHARACTER;
	case S_IFBLK:
		return MSB_BLOCK;
	case S_IFIFO:
		return MSB_FIFO;
	case S_IFSOCK:
		return MSB_SOCKET;
	default:
		return MSB_FILE;
	}
}

void disk_entry_times(const struct stat *st, struct msb_entry *ret)
{
	ret->mtime_sec = st->st_mtim.tv_sec;
	ret->mtime_nsec = (uint32_t)st->st_mtim.tv_nsec;
	ret->mode = st->st_mode & 07777;
	if (ret->type != MSB_FILE)
		return;
	ret->size = (uint64_t)st->st_size;
	ret->allocated = (uint64_t)st->st_blocks * 512;
	/* Small files are kept whole in a pack: only a large one can keep its holes. */
	ret->sparse = ret->allocated < ret->size && ret->size >= STORE_LARGE;
	if (!ret->sparse)
		ret->allocated = ret->size;
}

int disk_entry(int dir, const char *name, const struct stat *st, char target[PATH_MAX],
	       struct msb_entry *ret, struct msb_error *err)
{
	*ret = (struct msb_entry){
		.type = type_of(st->st_mode),
		.uid = st->st_uid,
		.gid = st->st_gid,
		.nlink = 1,
	};
	disk_entry_times(st, ret);
	if (ret->type == MSB_SYMLINK) {
		ssize_t length = readlinkat(dir, name, target, PATH_MAX - 1);

		if (length <= 0)
			return msb_error_set(err, length ? errno : EIO, "read the link '%s'", name);
		ret->target = target;
		ret->size = (uint64_t)length;
		ret->mode = 0777;
	} else if (ret->type == MSB_CHARACTER || ret->type == MSB_BLOCK) {
		ret->device_major = major(st->st_rdev);
		ret->device_minor = minor(st->st_rdev);
	}
	return 0;
}

static bool is_kept(const char *name, const char *drop)
{
	static const char *const foreign[] = {"trusted.overlay.", "user.overlay.",
					      "security.selinux", "security.evm",
					      "security.ima",     "user.msb."};

	for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++)
		if (strncmp(name, foreign[i], strlen(foreign[i])) == 0)
			return false;
	return !drop || strncmp(name, drop, strlen(drop)) != 0;
}

static void free_values(struct tree_xattr *xattrs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free((void *)(uintptr_t)xattrs[i].value);
}

static int read_value(int fd, const char *name, struct tree_xattr *ret)
{
	ssize_t size = fgetxattr(fd, name, NULL, 0);
	autofree char *value = NULL;

	if (size < 0)
		return -errno;
	value = malloc((size_t)size + 1);
	if (!value)
		return -ENOMEM;
	size = fgetxattr(fd, name, value, (size_t)size);
	if (size < 0)
		return -errno;
	*ret = (struct tree_xattr){name, steal(&value), (size_t)size};
	return 0;
}

int disk_xattrs(int fd, const char *drop, uint8_t **ret, size_t *ret_size, struct msb_error *err)
{
	struct tree_xattr xattrs[MAX_XATTRS];
	char names[65536];
	ssize_t length = flistxattr(fd, names, sizeof(names));
	size_t count = 0;
	int r = 0;

	*ret = NULL;
	*ret_size = 0;
	if (length <= 0) /* also where the file system has none */
		return length == 0 || errno == ENOTSUP || errno == EBADF
			       ? 0
			       : msb_error_set(err, errno, "list extended attributes");
	for (const char *name = names; r >= 0 && name < names + length; name += strlen(name) + 1) {
		if (!is_kept(name, drop))
			continue;
		if (count == MAX_XATTRS)
			r = -E2BIG;
		else
			r = read_value(fd, name, &xattrs[count]);
		count += r >= 0;
		if (r == -ENODATA)
			r = 0;
	}
	if (r < 0)
		msb_error_set(err, r, "read extended attributes");
	else if (count > 0)
		r = tree_encode_xattrs(xattrs, count, ret, ret_size, err);
	free_values(xattrs, count);
	return r;
}

struct link_numbers {
	void *known; /* tsearch: struct known_link */
	uint32_t last;
};

struct known_link {
	dev_t device;
	ino_t inode;
	uint32_t number;
};

static int compare_links(const void *a, const void *b)
{
	const struct known_link *x = a, *y = b;

	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	return (x->inode > y->inode) - (x->inode < y->inode);
}

struct link_numbers *link_numbers_new(void)
{
	return calloc(1, sizeof(struct link_numbers));
}

uint32_t link_number(struct link_numbers *numbers, const struct stat *st)
{
	struct known_link *link = malloc(sizeof(*link));
	struct known_link *const *found;

	if (!link)
		return 0;
	*link = (struct known_link){st->st_dev, st->st_ino, numbers->last + 1};
	found = tsearch(link, &numbers->known, compare_links);
	if (!found || *found != link)
		free(link);
	else
		numbers->last++;
	return found ? (*found)->number : 0;
}

void link_numbers_free(struct link_numbers *numbers)
{
	if (!numbers)
		return;
	tdestroy(numbers->known, free);
	free(numbers);
}

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <msb/cleanup.h>

#include "scan.h"
#include "tree_edit.h"

#define XATTRS_MAX 64

struct scan {
	struct store_writer *writer;
	struct tree_edit *edit;
	void *links; /* tsearch() tree of struct link */
	uint32_t link_count;
	struct msb_error *err;
};

/* A hard-linked file met before. */
struct link {
	dev_t device;
	ino_t inode;
	uint32_t number;
};

static int compare_links(const void *a, const void *b)
{
	const struct link *left = a, *right = b;

	if (left->device != right->device)
		return left->device < right->device ? -1 : 1;
	if (left->inode != right->inode)
		return left->inode < right->inode ? -1 : 1;
	return 0;
}

static int number_link(struct scan *scan, const struct stat *st, uint32_t *ret)
{
	struct link *link = calloc(1, sizeof(*link)), **found;

	if (!link)
		return msb_error_memory(scan->err);
	*link = (struct link){st->st_dev, st->st_ino, scan->link_count + 1};
	found = tsearch(link, &scan->links, compare_links);
	if (!found)
		return msb_error_memory(scan->err);
	if (*found == link)
		scan->link_count++;
	*ret = (*found)->number;
	if (*found != link)
		free(link);
	return 0;
}

static int put_content(struct scan *scan, const char *path, const struct stat *st,
		       struct msb_entry *entry)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return msb_error_set(scan->err, errno, "open '%s'", path);
	entry->allocated = entry->size;
	if (st->st_size && lseek(fd, 0, SEEK_HOLE) < st->st_size) {
		entry->sparse = true;
		entry->allocated = (uint64_t)st->st_blocks * 512;
		if (entry->allocated > entry->size)
			entry->allocated = entry->size;
		lseek(fd, 0, SEEK_SET);
	}
	lseek(fd, 0, SEEK_SET);
	return store_put_fd(scan->writer, fd, entry->size, &entry->digest, scan->err);
}

static int read_xattrs(struct scan *scan, const char *path, uint8_t **ret, size_t *ret_size)
{
	struct tree_xattr xattrs[XATTRS_MAX];
	static char names[65536], values[XATTRS_MAX][4096];
	ssize_t size = llistxattr(path, names, sizeof(names)), length;
	size_t count = 0;

	for (char *name = names; size > 0 && name < names + size && count < XATTRS_MAX;
	     name += strlen(name) + 1) {
		length = lgetxattr(path, name, values[count], sizeof(values[count]));
		if (length < 0)
			return msb_error_set(scan->err, errno, "xattr '%s' of '%s'", name, path);
		xattrs[count] = (struct tree_xattr){name, values[count], (size_t)length};
		count++;
	}
	return tree_encode_xattrs(xattrs, count, ret, ret_size, scan->err);
}

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

static int scan_one(struct scan *scan, const char *path, const char *inside)
{
	autofree uint8_t *xattrs = NULL;
	char target[PATH_MAX];
	struct stat st;
	struct msb_entry entry = {0};
	int r;

	if (lstat(path, &st) < 0)
		return msb_error_set(scan->err, errno, "stat '%s'", path);
	entry.type = type_of(st.st_mode);
	entry.mode = st.st_mode & 07777;
	entry.uid = st.st_uid;
	entry.gid = st.st_gid;
	entry.mtime_sec = st.st_mtim.tv_sec;
	entry.mtime_nsec = (uint32_t)st.st_mtim.tv_nsec;
	entry.nlink = 1;
	entry.device_major = major(st.st_rdev);
	entry.device_minor = minor(st.st_rdev);
	if (entry.type == MSB_FILE || entry.type == MSB_SYMLINK)
		entry.size = (uint64_t)st.st_size;
	r = read_xattrs(scan, path, &xattrs, &entry.xattrs_size);
	if (r < 0)
		return r;
	entry.xattrs = xattrs;
	if (entry.type == MSB_SYMLINK) {
		if (readlink(path, target, sizeof(target)) != st.st_size)
			return msb_error_set(scan->err, EIO, "readlink '%s'", path);
		entry.target = target;
	}
	if (entry.type == MSB_FILE)
		r = put_content(scan, path, &st, &entry);
	if (r == 0 && entry.type != MSB_DIRECTORY && st.st_nlink > 1)
		r = number_link(scan, &st, &entry.link);
	return r < 0 ? r : edit_put(scan->edit, inside, &entry, scan->err);
}

static int scan_below(struct scan *scan, const char *path, const char *inside)
{
	autoclosedir DIR *dir = opendir(path);
	struct dirent *one;
	char below[PATH_MAX], below_inside[PATH_MAX];
	int r = 0;

	if (!dir)
		return msb_error_set(scan->err, errno, "open '%s'", path);
	while (r == 0 && (one = readdir(dir))) {
		if (strcmp(one->d_name, ".") == 0 || strcmp(one->d_name, "..") == 0)
			continue;
		if (snprintf(below, sizeof(below), "%s/%s", path, one->d_name) >= PATH_MAX ||
		    snprintf(below_inside, sizeof(below_inside), "%s/%s", inside, one->d_name) >=
			    PATH_MAX)
			return msb_error_say(scan->err, ENAMETOOLONG, "'%s' is too deep", path);
		r = scan_one(scan, below, below_inside);
		if (r == 0 && one->d_type == DT_DIR)
			r = scan_below(scan, below, below_inside);
	}
	return r;
}

int scan_directory(struct msb_store *store, struct store_writer *writer, const char *path,
		   struct msb_digest *ret, struct msb_error *err)
{
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	struct scan scan = {.writer = writer, .err = err};
	int r = tree_edit_new(store, NULL, &edit, err);

	if (r < 0)
		return r;
	scan.edit = edit;
	r = scan_one(&scan, path, "/");
	if (r == 0)
		r = scan_below(&scan, path, "");
	tdestroy(scan.links, free);
	return r < 0 ? r : edit_commit(edit, writer, ret, err);
}

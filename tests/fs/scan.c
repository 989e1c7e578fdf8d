#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <msb/cleanup.h>

#include "disk_entry.h"
#include "scan.h"
#include "strlist.h"
#include "tree_edit.h"

#define XATTRS_MAX 64

struct scan {
	struct store_writer *writer;
	struct tree_edit *edit;
	struct link_numbers *links;
	struct msb_error *err;
};

/* The holes of small files too, as layers have them. */
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

/* By path, so that links and devices have theirs too, and all of them: labels as well, which a
 * build leaves out. */
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

static int scan_one(struct scan *scan, const char *path, const char *inside)
{
	autofree uint8_t *xattrs = NULL;
	char target[PATH_MAX];
	struct stat st;
	struct msb_entry entry;
	int r;

	if (lstat(path, &st) < 0)
		return msb_error_set(scan->err, errno, "stat '%s'", path);
	r = disk_entry(AT_FDCWD, path, &st, target, &entry, scan->err);
	if (r == 0)
		r = read_xattrs(scan, path, &xattrs, &entry.xattrs_size);
	if (r < 0)
		return r;
	entry.xattrs = xattrs;
	if (entry.type == MSB_FILE)
		r = put_content(scan, path, &st, &entry);
	if (r == 0 && entry.type != MSB_DIRECTORY && st.st_nlink > 1) {
		entry.link = link_number(scan->links, &st);
		if (!entry.link)
			r = msb_error_memory(scan->err);
	}
	return r < 0 ? r : edit_put(scan->edit, inside, &entry, scan->err);
}

/* In order, as archives and what is captured from a command come. */
static int read_names(const char *path, struct strlist *ret, struct msb_error *err)
{
	autoclosedir DIR *dir = opendir(path);
	const struct dirent *one;

	if (!dir)
		return msb_error_set(err, errno, "open '%s'", path);
	while ((one = readdir(dir)))
		if (strcmp(one->d_name, ".") != 0 && strcmp(one->d_name, "..") != 0 &&
		    strlist_add(ret, one->d_name) < 0)
			return msb_error_memory(err);
	strlist_sort(ret);
	return 0;
}

static int scan_below(struct scan *scan, const char *path, const char *inside);

static int scan_name(struct scan *scan, const char *path, const char *inside, const char *name)
{
	char below[PATH_MAX], below_inside[PATH_MAX];
	struct stat st;
	int r;

	if (snprintf(below, sizeof(below), "%s/%s", path, name) >= PATH_MAX ||
	    snprintf(below_inside, sizeof(below_inside), "%s/%s", inside, name) >= PATH_MAX)
		return msb_error_say(scan->err, ENAMETOOLONG, "'%s' is too deep", path);
	r = scan_one(scan, below, below_inside);
	if (r == 0 && lstat(below, &st) == 0 && S_ISDIR(st.st_mode))
		r = scan_below(scan, below, below_inside);
	return r;
}

static int scan_below(struct scan *scan, const char *path, const char *inside)
{
	autostrlist names = {0};
	int r = read_names(path, &names, scan->err);

	for (size_t i = 0; r == 0 && i < names.count; i++)
		r = scan_name(scan, path, inside, names.items[i]);
	return r;
}

int scan_directory(struct msb_store *store, struct store_writer *writer, const char *path,
		   struct msb_digest *ret, struct msb_error *err)
{
	AUTO(link_numbers_freep) struct link_numbers *links = link_numbers_new();
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	struct scan scan = {.writer = writer, .links = links, .err = err};
	int r = links ? tree_edit_new(store, NULL, &edit, err) : msb_error_memory(err);

	if (r < 0)
		return r;
	scan.edit = edit;
	r = scan_one(&scan, path, "/");
	if (r == 0)
		r = scan_below(&scan, path, "");
	return r < 0 ? r : edit_commit(edit, writer, ret, err);
}

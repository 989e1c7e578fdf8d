#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "capture.h"
#include "disk_entry.h"
#include "io.h"
#include "path.h"
#include "strlist.h"

struct capture {
	struct msb_store *store;
	struct store_writer *writer;
	struct tree_edit *base; /* as it was: what redirects and metadata copies refer to */
	struct tree_edit *edit;
	struct link_numbers *links;
	struct strlist first_names; /* by link number, from 1 */
	int upper;
	/* Directories still to be gone through, and what each lies over. A list, because a
	 * command can nest them deeper than a stack or a table of descriptors is. */
	struct strlist todo, todo_lower;
};

/* The overlay's own attributes are trusted.*, or user.* when it was mounted in a user namespace.
 * The value's length, or -1 where there is none. */
static ssize_t overlay_xattr(int fd, const char *name, char *value, size_t size)
{
	static const char *const prefixes[] = {"trusted.overlay.", "user.overlay."};
	char whole[64];

	for (size_t i = 0; i < 2; i++) {
		ssize_t length;

		snprintf(whole, sizeof(whole), "%s%s", prefixes[i], name);
		length = fgetxattr(fd, whole, value, size - 1);
		if (length >= 0) {
			value[length] = '\0';
			return length;
		}
	}
	return -1;
}

/* Where the lower side of something in the upper directory is: its own path, or the one that
 * "redirect" names, absolute or beside it. lower_dir is the parent's place there. */
static char *lower_path(int fd, const char *lower_dir, const char *name)
{
	char redirect[4096];

	if (fd >= 0 && overlay_xattr(fd, "redirect", redirect, sizeof(redirect)) > 0)
		return path_join(lower_dir, redirect);
	return path_join(lower_dir, name);
}

static int put_off(struct capture *capture, const char *path, const char *lower,
		   struct msb_error *err)
{
	if (strlist_add(&capture->todo, path) < 0 || strlist_add(&capture->todo_lower, lower) < 0)
		return msb_error_memory(err);
	return 0;
}

static int put_directory(struct capture *capture, int fd, const char *path, const char *own_lower,
			 const char *lower, struct msb_entry *entry, struct msb_error *err)
{
	bool moved = strcmp(own_lower, lower) != 0;
	bool opaque = false;
	struct msb_entry below;
	char value[8];
	int r;

	if (overlay_xattr(fd, "opaque", value, sizeof(value)) == 1 && value[0] == 'y')
		opaque = true;
	if (moved && edit_get(capture->base, lower, &below, NULL) >= 0 &&
	    below.type == MSB_DIRECTORY) {
		/* The whole lower directory goes along with the rename. */
		r = edit_graft(capture->edit, path, &below, 0, err);
		if (r < 0)
			return r;
	}
	r = edit_put(capture->edit, path, entry, err);
	if (r >= 0 && opaque)
		r = edit_clear(capture->edit, path, err);
	return r < 0 ? r : put_off(capture, path, lower, err);
}

static int put_file(struct capture *capture, int dir, const char *name, int fd, const char *path,
		    const char *lower, struct msb_entry *entry, struct msb_error *err)
{
	struct msb_entry below;
	uint64_t size;
	char value[64];
	int r;

	if (overlay_xattr(fd, "metacopy", value, sizeof(value)) >= 0) {
		r = edit_get(capture->base, lower, &below, err);
		if (r < 0 || below.type != MSB_FILE)
			return msb_error_say(err, EIO, "the data of '%s' are not below", path);
		entry->digest = below.digest;
		entry->size = below.size;
		entry->allocated = below.allocated;
		entry->sparse = below.sparse;
	} else {
		r = store_put_file(capture->writer, dir, name, &entry->digest, &size, err);
		if (r < 0)
			return r;
		entry->size = size;
	}
	return edit_put(capture->edit, path, entry, err);
}

/* What has several names: true when an earlier one stands for it, or on failure. */
static bool put_known_link(struct capture *capture, const struct stat *st, const char *path,
			   int *ret, struct msb_error *err)
{
	struct strlist *names = &capture->first_names;
	uint32_t number = link_number(capture->links, st);
	bool known = number > 0 && number <= names->count;

	if (known)
		*ret = edit_link(capture->edit, names->items[number - 1], path, err);
	else
		*ret = number == 0 || strlist_add(names, path) < 0 ? msb_error_memory(err) : 0;
	return known || *ret < 0;
}

static int capture_name(struct capture *capture, int dir, const char *name, const char *dir_path,
			const char *dir_lower, struct msb_error *err)
{
	autofree char *path = path_join(dir_path, name);
	autofree char *own_lower = path_join(dir_lower, name);
	autofree char *lower = NULL;
	autofree uint8_t *xattrs = NULL;
	autoclose int fd = -1;
	char target[PATH_MAX];
	struct msb_entry entry;
	struct stat st;
	int r;

	if (!path || !own_lower)
		return msb_error_memory(err);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return msb_error_set(err, errno, "'%s'", path);
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0))
		return edit_remove(capture->edit, path, err);
	if (S_ISSOCK(st.st_mode))
		return edit_remove(capture->edit, path, err);
	r = disk_entry(dir, name, &st, target, &entry, err);
	if (r < 0)
		return r;
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) {
		fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return msb_error_set(err, errno, "'%s'", path);
		r = disk_xattrs(fd, NULL, &xattrs, &entry.xattrs_size, err);
		if (r < 0)
			return msb_error_prefix(err, r, "'%s'", path);
		entry.xattrs = xattrs;
	}
	if (!S_ISDIR(st.st_mode) && st.st_nlink > 1 && put_known_link(capture, &st, path, &r, err))
		return r;
	lower = lower_path(fd, dir_lower, name);
	if (!lower)
		return msb_error_memory(err);
	if (S_ISDIR(st.st_mode))
		return put_directory(capture, fd, path, own_lower, lower, &entry, err);
	if (S_ISREG(st.st_mode))
		return put_file(capture, dir, name, fd, path, lower, &entry, err);
	return edit_put(capture->edit, path, &entry, err);
}

static int read_names(DIR *stream, struct strlist *ret, struct msb_error *err)
{
	const struct dirent *entry;

	while (errno = 0, (entry = readdir(stream))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (strlist_add(ret, entry->d_name) < 0)
			return msb_error_memory(err);
	}
	if (errno)
		return msb_error_set(err, errno, "read a directory of the upper side");
	strlist_sort(ret);
	return 0;
}

static int open_upper(const struct capture *capture, const char *path, DIR **ret,
		      struct msb_error *err)
{
	int fd = io_open_in_root(capture->upper, path[1] ? path + 1 : ".",
				 O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

	if (fd == -ENAMETOOLONG)
		return msb_error_say(err, ENAMETOOLONG,
				     "the command made a path of more than %d bytes, which no tree "
				     "can hold: '%.60s...'",
				     PATH_MAX - 1, path);
	if (fd < 0)
		return msb_error_set(err, fd, "open '%s' of the upper side", path);
	*ret = fdopendir(fd);
	if (!*ret) {
		close(fd);
		return msb_error_memory(err);
	}
	return 0;
}

/* Its subdirectories are put off. */
static int capture_directory(struct capture *capture, const char *path, const char *lower,
			     struct msb_error *err)
{
	autoclosedir DIR *stream = NULL;
	autostrlist names = {0};
	int r = open_upper(capture, path, &stream, err);

	if (r >= 0)
		r = read_names(stream, &names, err);
	for (size_t i = 0; r >= 0 && i < names.count; i++)
		r = capture_name(capture, dirfd(stream), names.items[i], path, lower, err);
	return r;
}

static int capture_all(struct capture *capture, struct msb_error *err)
{
	int r = put_off(capture, "/", "/", err);

	while (r >= 0 && capture->todo.count > 0) {
		size_t last = capture->todo.count - 1;
		autofree char *path = strdup(capture->todo.items[last]);
		autofree char *lower = strdup(capture->todo_lower.items[last]);

		if (!path || !lower)
			return msb_error_memory(err);
		strlist_remove(&capture->todo, last);
		strlist_remove(&capture->todo_lower, last);
		r = capture_directory(capture, path, lower, err);
	}
	return r;
}

/* The merged root directory has the upper one's metadata. */
static int capture_root(struct capture *capture, struct msb_error *err)
{
	struct msb_entry root, kept;
	struct stat st;
	int r;

	if (fstat(capture->upper, &st) < 0)
		return msb_error_set(err, errno, "the upper directory");
	r = disk_entry(capture->upper, ".", &st, NULL, &root, err);
	if (r >= 0)
		r = edit_get(capture->base, "/", &kept, err);
	if (r < 0)
		return r;
	root.xattrs = kept.xattrs;
	root.xattrs_size = kept.xattrs_size;
	return edit_put(capture->edit, "/", &root, err);
}

static void capture_done(struct capture *capture)
{
	tree_edit_free(capture->base);
	tree_edit_free(capture->edit);
	link_numbers_free(capture->links);
	strlist_done(&capture->first_names);
	strlist_done(&capture->todo);
	strlist_done(&capture->todo_lower);
}

int capture_upper(struct msb_store *store, struct store_writer *writer, int upper,
		  const struct msb_digest *base, struct msb_digest *ret, struct msb_error *err)
{
	AUTO(capture_done)
	struct capture capture = {.store = store, .writer = writer, .upper = upper};
	int r;

	capture.links = link_numbers_new();
	if (!capture.links)
		return msb_error_memory(err);
	r = tree_edit_new(store, base, &capture.base, err);
	if (r >= 0)
		r = tree_edit_new(store, base, &capture.edit, err);
	if (r >= 0)
		r = capture_root(&capture, err);
	if (r >= 0)
		r = capture_all(&capture, err);
	return r < 0 ? r : edit_commit(capture.edit, writer, ret, err);
}

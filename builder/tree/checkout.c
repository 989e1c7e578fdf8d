#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <msb/cleanup.h>

#include "io.h"
#include "tree_checkout.h"

struct checkout {
	struct msb_store *store;
	bool owners; /* may give files away, and make devices */
	bool merge;  /* what is in the way goes, directories excepted */
	void *links; /* tsearch: struct written */
};

/* The first name that a hard-linked file was written under. */
struct written {
	uint32_t link;
	char *path;
};

static int compare_written(const void *a, const void *b)
{
	const struct written *x = a, *y = b;

	return (x->link > y->link) - (x->link < y->link);
}

static void free_written(void *item)
{
	free(((struct written *)item)->path);
	free(item);
}

/* 1 when path was made a link of an earlier name. */
static int try_link(struct checkout *checkout, const struct msb_entry *entry, const char *path,
		    struct msb_error *err)
{
	struct written *written, *const *found;

	if (entry->link == 0)
		return 0;
	written = calloc(1, sizeof(*written));
	if (!written)
		return msb_error_memory(err);
	written->link = entry->link;
	written->path = strdup(path);
	found = written->path ? tsearch(written, &checkout->links, compare_written) : NULL;
	if (found && *found == written)
		return 0;
	free_written(written);
	if (!found)
		return msb_error_memory(err);
	if (linkat(AT_FDCWD, (*found)->path, AT_FDCWD, path, 0) < 0)
		return msb_error_set(err, errno, "link '%s'", path);
	return 1;
}

static int copy_bytes(int from, uint64_t offset, uint64_t size, int to)
{
	off_t at = (off_t)offset;
	char bytes[65536];

	while (size > 0) {
		ssize_t n = copy_file_range(from, &at, to, NULL, size, 0);
		int r;

		if (n <= 0) {
			n = io_pread(from, bytes, size < sizeof(bytes) ? size : sizeof(bytes),
				     (uint64_t)at);
			if (n <= 0)
				return n < 0 ? (int)n : -EIO;
			r = io_write(to, bytes, (size_t)n);
			if (r < 0)
				return r;
			at += n;
		}
		size -= (uint64_t)n;
	}
	return 0;
}

/* A sparse blob is a file of its own: its data are copied, its holes are not. Behind the end of one
 * that was cut short everything looks like a hole. */
static int copy_sparse(int from, uint64_t size, int to)
{
	struct stat st;
	off_t data = 0, hole;
	int r = 0;

	if (fstat(from, &st) < 0)
		return -errno;
	if ((uint64_t)st.st_size != size)
		return -EIO;
	while (r >= 0 && (data = lseek(from, data, SEEK_DATA)) >= 0) {
		hole = lseek(from, data, SEEK_HOLE);
		if (hole < 0 || lseek(to, data, SEEK_SET) < 0)
			return -errno;
		r = copy_bytes(from, (uint64_t)data, (uint64_t)(hole - data), to);
		data = hole;
	}
	if (r < 0)
		return r;
	if (errno != ENXIO) /* which says that no data follow */
		return -errno;
	return ftruncate(to, (off_t)size) < 0 ? -errno : 0;
}

static int write_file(struct checkout *checkout, const struct msb_entry *entry, const char *path,
		      struct msb_error *err)
{
	struct msb_location location;
	autoclose int from = -1;
	autoclose int to = -1;
	int r = msb_store_open_blob(checkout->store, &entry->digest, &from, &location, err);

	if (r < 0)
		return r;
	to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to < 0)
		return msb_error_set(err, errno, "create '%s'", path);
	if (location.size != entry->size)
		r = -EIO;
	else if (entry->sparse && location.pack == 0)
		r = copy_sparse(from, entry->size, to);
	else
		r = copy_bytes(from, location.offset, location.size, to);
	return r < 0 ? msb_error_set(err, r, "write '%s'", path) : 0;
}

static int make_node(struct checkout *checkout, const struct msb_entry *entry, const char *path,
		     struct msb_error *err)
{
	autofree char *target = NULL;
	mode_t format = msb_entry_mode(entry) & S_IFMT;
	int r = 0;

	switch (entry->type) {
	case MSB_FILE:
		return write_file(checkout, entry, path, err);
	case MSB_DIRECTORY:
		r = mkdir(path, 0700);
		break;
	case MSB_SYMLINK:
		target = strndup(entry->target, entry->size);
		r = target ? symlink(target, path) : -1;
		break;
	case MSB_CHARACTER:
	case MSB_BLOCK:
	case MSB_FIFO:
	case MSB_SOCKET:
		r = mknod(path, format | 0600, makedev(entry->device_major, entry->device_minor));
		break;
	}
	return r < 0 ? msb_error_set(err, errno, "create '%s'", path) : 0;
}

static int dress(struct checkout *checkout, const struct msb_entry *entry, const char *path,
		 struct msb_error *err)
{
	const struct timespec times[2] = {
		{entry->mtime_sec, entry->mtime_nsec},
		{entry->mtime_sec, entry->mtime_nsec},
	};
	const char *name;
	const uint8_t *value;
	size_t position = 0, size;

	if (checkout->owners && lchown(path, entry->uid, entry->gid) < 0)
		return msb_error_set(err, errno, "change the owner of '%s'", path);
	/* After chown, which drops capabilities. Not every file system has every attribute. */
	while (msb_entry_xattr(entry, &position, &name, &value, &size))
		if (lsetxattr(path, name, value, size, 0) < 0 && errno != ENOTSUP &&
		    checkout->owners)
			return msb_error_set(err, errno, "set '%s' of '%s'", name, path);
	if (entry->type != MSB_SYMLINK && chmod(path, entry->mode) < 0)
		return msb_error_set(err, errno, "change the mode of '%s'", path);
	if (utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) < 0)
		return msb_error_set(err, errno, "change the time of '%s'", path);
	return 0;
}

/* 1 when a directory is there that entry, a directory too, can join. */
static int make_way(const struct msb_entry *entry, const char *path, struct msb_error *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : msb_error_set(err, errno, "'%s'", path);
	if (S_ISDIR(st.st_mode) && entry->type == MSB_DIRECTORY)
		return 1;
	if (S_ISDIR(st.st_mode))
		return msb_error_say(err, EISDIR,
				     "'%s' is a directory: it will not be replaced by a file",
				     path);
	return unlink(path) < 0 ? msb_error_set(err, errno, "replace '%s'", path) : 0;
}

static int copy_entry(struct checkout *checkout, const struct msb_entry *entry, const char *path,
		      struct msb_error *err);

static int copy_children(struct checkout *checkout, const struct msb_entry *entry, const char *path,
			 struct msb_error *err)
{
	AUTO(msb_dir_unrefp) struct msb_dir *dir = NULL;
	int r = msb_tree_load(checkout->store, &entry->digest, &dir, err);

	for (size_t i = 0; r >= 0 && i < msb_dir_count(dir); i++) {
		struct msb_entry child;
		autofree char *child_path = NULL;

		msb_dir_get(dir, i, &child);
		child_path = buffer_format("%s/%.*s", path, (int)child.name_length, child.name);
		if (!child_path)
			return msb_error_memory(err);
		r = copy_entry(checkout, &child, child_path, err);
	}
	return r;
}

static int copy_entry(struct checkout *checkout, const struct msb_entry *entry, const char *path,
		      struct msb_error *err)
{
	int r = checkout->merge ? make_way(entry, path, err) : 0;
	bool joins = r > 0;

	if (r >= 0)
		r = try_link(checkout, entry, path, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (!joins)
		r = make_node(checkout, entry, path, err);
	if (r >= 0 && entry->type == MSB_DIRECTORY)
		r = copy_children(checkout, entry, path, err);
	return r < 0 ? r : dress(checkout, entry, path, err);
}

int tree_checkout(struct msb_store *store, const struct msb_entry *entry, const char *path,
		  bool owners, struct msb_error *err)
{
	struct checkout checkout = {.store = store, .owners = owners};
	int r = copy_entry(&checkout, entry, path, err);

	tdestroy(checkout.links, free_written);
	return r;
}

int tree_checkout_into(struct msb_store *store, const struct msb_entry *directory, const char *path,
		       bool owners, struct msb_error *err)
{
	struct checkout checkout = {.store = store, .owners = owners, .merge = true};
	int r = io_make_dirs(AT_FDCWD, path, 0755, err);

	if (r >= 0)
		r = copy_children(&checkout, directory, path, err);
	tdestroy(checkout.links, free_written);
	return r;
}

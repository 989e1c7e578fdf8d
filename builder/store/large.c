/* Blobs that are files of their own. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "io.h"
#include "sparse.h"
#include "writer.h"

int large_create(struct store_writer *writer, int *ret_fd, char name[TEMPORARY_NAME],
		 struct msb_error *err)
{
	unsigned number;
	int fd;

	pthread_mutex_lock(&writer->mutex);
	number = ++writer->temporary;
	pthread_mutex_unlock(&writer->mutex);
	snprintf(name, TEMPORARY_NAME, ".blob-%u", number);
	fd = openat(writer->scratch.dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return msb_error_set(err, errno, "store '%s': create a large file",
				     writer->store->path);
	*ret_fd = fd;
	return 0;
}

/*
 * A file with the final name that no record names: a writer that died left it, or another one has
 * just put it. After a loss of power it may be torn, so nothing but its digest can be believed.
 */
static bool is_intact(int root, const char *name, const struct msb_digest *digest, uint64_t size)
{
	autoclose int fd = openat(root, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct msb_digest found;
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && (uint64_t)st.st_size == size &&
	       sparse_copy(fd, size, -1, &found, NULL) == 0 && msb_digest_equal(&found, digest);
}

/* 1: taken, 0: not needed, or a negative errno value. Losing a race where the file system cannot
 * refuse replaces equal by equal. */
static int rename_in(struct store_writer *writer, int dir, const char *name,
		     const struct msb_digest *digest, uint64_t size)
{
	int root = writer->store->root, r;
	char final[STORE_LARGE_NAME];

	store_large_name(digest, final);
	r = io_rename_new(dir, name, root, final);
	if (r == -ENOENT) {
		char parent[sizeof("large/00")];

		snprintf(parent, sizeof(parent), "large/%02x", digest->bytes[0]);
		if (mkdirat(root, parent, 0700) < 0 && errno != EEXIST)
			return -errno;
		r = io_rename_new(dir, name, root, final);
	}
	if (r == -EEXIST) {
		if (is_intact(root, final, digest, size))
			return 0;
		r = renameat(dir, name, root, final) < 0 ? -errno : 0;
	}
	return r < 0 ? r : 1;
}

/* The file is the store's: its user's, and nobody writes to it. */
static int take_over(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if ((st.st_uid != geteuid() || st.st_gid != getegid()) &&
	    fchown(fd, geteuid(), getegid()) < 0)
		return -errno;
	return fchmod(fd, 0400) < 0 ? -errno : 0;
}

static int add_pending(struct store_writer *writer, const struct msb_digest *digest, uint64_t size)
{
	struct msb_location location = {.size = size};
	int r = 0;

	pthread_mutex_lock(&writer->mutex);
	if (!pending_find(&writer->pending, digest))
		r = pending_add(&writer->pending, digest, &location);
	pthread_mutex_unlock(&writer->mutex);
	return r;
}

int large_publish(struct store_writer *writer, int dir, const char *name, int fd,
		  const struct msb_digest *digest, uint64_t size, struct msb_error *err)
{
	char text[MSB_DIGEST_TEXT];
	int taken, r = writer_has(writer, digest, err);

	if (r != 0)
		return r < 0 ? r : 0;
	r = take_over(fd);
	taken = r < 0 ? r : rename_in(writer, dir, name, digest, size);
	if (taken < 0)
		return msb_error_set(err, taken, "store '%s': keep large file %s",
				     writer->store->path, msb_digest_format(digest, text));
	/* Begins to write now what a commit will wait for. */
	sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	r = add_pending(writer, digest, size);
	return r < 0 ? msb_error_memory(err) : taken;
}

int large_finish(struct store_writer *writer, const char *name, int fd,
		 const struct msb_digest *digest, uint64_t size, struct msb_error *err)
{
	int taken = large_publish(writer, writer->scratch.dir, name, fd, digest, size, err);

	if (taken != 1)
		unlinkat(writer->scratch.dir, name, 0);
	return taken < 0 ? taken : 0;
}

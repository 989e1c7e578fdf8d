/* Putting blobs: small ones into the pack, large ones into files of their own. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "io.h"
#include "sparse.h"
#include "writer.h"

static int put_small(struct store_writer *writer, const struct msb_digest *digest,
		     const void *bytes, size_t size, struct msb_error *err)
{
	int r = writer_has(writer, digest, err);

	if (r != 0)
		return r < 0 ? r : 0;
	pthread_mutex_lock(&writer->mutex);
	/* Another thread may have put it since. */
	if (!pending_find(&writer->pending, digest))
		r = pack_append(writer, digest, bytes, size, err);
	pthread_mutex_unlock(&writer->mutex);
	return r;
}

static int put_large(struct store_writer *writer, const struct msb_digest *digest,
		     const void *bytes, size_t size, struct msb_error *err)
{
	char name[TEMPORARY_NAME];
	autoclose int fd = -1;
	int r = writer_has(writer, digest, err);

	if (r != 0)
		return r < 0 ? r : 0;
	r = large_create(writer, &fd, name, err);
	if (r < 0)
		return r;
	r = sparse_write(fd, bytes, size, 0);
	if (r == 0 && ftruncate(fd, (off_t)size) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(writer->scratch.dir, name, 0);
		return msb_error_set(err, r, "store '%s': write a large file", writer->store->path);
	}
	return large_finish(writer, name, fd, digest, size, err);
}

int store_put(struct store_writer *writer, const void *bytes, size_t size, struct msb_digest *ret,
	      struct msb_error *err)
{
	struct msb_digest digest;
	int r;

	msb_digest_of(bytes, size, &digest);
	if (size < STORE_LARGE)
		r = put_small(writer, &digest, bytes, size, err);
	else
		r = put_large(writer, &digest, bytes, size, err);
	if (r == 0)
		*ret = digest;
	return r;
}

static int put_small_fd(struct store_writer *writer, int fd, size_t size, struct msb_digest *ret,
			struct msb_error *err)
{
	autofree uint8_t *bytes = malloc(size ? size : 1);
	ssize_t n;

	if (!bytes)
		return msb_error_memory(err);
	n = io_read(fd, bytes, size);
	if (n < 0)
		return msb_error_set(err, (int)n, "read what is to be stored");
	if ((size_t)n < size)
		return msb_error_say(err, EIO, "what is to be stored ends at byte %zd, too early",
				     n);
	return store_put(writer, bytes, size, ret, err);
}

/* A reflink is a snapshot: it is hashed afterwards, and what is hashed is what is kept. */
static bool reflink(int from, uint64_t size, int to)
{
	struct stat st;

	return fstat(from, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == size &&
	       lseek(from, 0, SEEK_CUR) == 0 && ioctl(to, FICLONE, from) == 0 &&
	       fstat(to, &st) == 0 && (uint64_t)st.st_size == size;
}

static int fill_large(int from, uint64_t size, int to, struct msb_digest *ret,
		      struct msb_error *err)
{
	if (!reflink(from, size, to))
		return sparse_copy(from, size, to, ret, err);
	if (lseek(from, (off_t)size, SEEK_SET) < 0)
		return msb_error_set(err, errno, "seek in what is to be stored");
	return sparse_copy(to, size, -1, ret, err);
}

int store_put_fd(struct store_writer *writer, int fd, uint64_t size, struct msb_digest *ret,
		 struct msb_error *err)
{
	char name[TEMPORARY_NAME];
	struct msb_digest digest;
	autoclose int to = -1;
	int r;

	if (size < STORE_LARGE)
		return put_small_fd(writer, fd, (size_t)size, ret, err);
	r = large_create(writer, &to, name, err);
	if (r < 0)
		return r;
	r = fill_large(fd, size, to, &digest, err);
	if (r < 0) {
		unlinkat(writer->scratch.dir, name, 0);
		return msb_error_prefix(err, r, "store '%s'", writer->store->path);
	}
	r = large_finish(writer, name, to, &digest, size, err);
	if (r == 0)
		*ret = digest;
	return r;
}

/* 1: the store has the blob now, 0: the file cannot be renamed in, or a negative code. */
static int rename_file(struct store_writer *writer, int dir, const char *name, int fd,
		       uint64_t size, struct msb_digest *ret, struct msb_error *err)
{
	struct msb_digest digest;
	int r = sparse_copy(fd, size, -1, &digest, err);

	if (r < 0)
		return r;
	r = large_publish(writer, dir, name, fd, &digest, size, err);
	if (r == -EXDEV || r == -EPERM || r == -EACCES)
		return lseek(fd, 0, SEEK_SET) < 0 ? msb_error_set(err, errno, "seek in '%s'", name)
						  : 0;
	if (r < 0)
		return r;
	*ret = digest;
	return 1;
}

int store_put_file(struct store_writer *writer, int dir, const char *name, struct msb_digest *ret,
		   uint64_t *ret_size, struct msb_error *err)
{
	autoclose int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	uint64_t size;
	int r = 0;

	if (fd < 0)
		return msb_error_set(err, errno, "open '%s'", name);
	if (fstat(fd, &st) < 0)
		return msb_error_set(err, errno, "stat '%s'", name);
	if (!S_ISREG(st.st_mode))
		return msb_error_say(err, EINVAL, "'%s' is not a regular file", name);
	size = (uint64_t)st.st_size;
	if (size >= STORE_LARGE && st.st_nlink == 1)
		r = rename_file(writer, dir, name, fd, size, ret, err);
	if (r == 0)
		r = store_put_fd(writer, fd, size, ret, err);
	if (r < 0)
		return msb_error_prefix(err, r, "'%s'", name);
	*ret_size = size;
	return 0;
}

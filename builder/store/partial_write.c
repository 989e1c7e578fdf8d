/* Adding to large files of which only pieces are here. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "io.h"
#include "partial.h"
#include "writer.h"

struct store_partial {
	struct store_writer *writer;
	const struct store_remote *remote;
	char name[PARTIAL_NAME], map_name[PARTIAL_MAP];
	int dir, fd, map;
	uint8_t *there; /* the map, with what was put; owned */
};

static int failed(const struct store_partial *partial, const char *what, struct msb_error *err)
{
	return msb_error_set(err, errno, "store '%s': %s '%s/%s'", partial->writer->store->path,
			     what, PARTIAL_DIRECTORY, partial->name);
}

/* A new file, and one whose map a process that died has left, has nothing. */
static int read_map(struct store_partial *partial, struct msb_error *err)
{
	const struct store_remote *remote = partial->remote;
	struct stat st;
	ssize_t n;

	if (fstat(partial->fd, &st) < 0)
		return failed(partial, "stat", err);
	if ((uint64_t)st.st_size != remote->size &&
	    (ftruncate(partial->map, 0) < 0 || ftruncate(partial->fd, (off_t)remote->size) < 0))
		return failed(partial, "create", err);
	n = io_pread(partial->map, partial->there, remote->part_count, 0);
	if (n >= 0)
		return 0;
	errno = (int)-n;
	return failed(partial, "read", err);
}

int store_partial_open(struct store_writer *writer, const struct store_remote *remote,
		       struct store_partial **ret, struct msb_error *err)
{
	AUTO(store_partial_closep) struct store_partial *partial = calloc(1, sizeof(*partial));
	const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
	int root = writer->store->root, r;

	if (!partial)
		return msb_error_memory(err);
	partial->writer = writer;
	partial->remote = remote;
	partial->dir = partial->fd = partial->map = -1;
	partial_name(remote, partial->name, partial->map_name);
	partial->there = calloc(remote->part_count, 1);
	if (!partial->there)
		return msb_error_memory(err);
	if (mkdirat(root, PARTIAL_DIRECTORY, 0700) < 0 && errno != EEXIST)
		return failed(partial, "create", err);
	partial->dir = openat(root, PARTIAL_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (partial->dir >= 0)
		partial->fd = openat(partial->dir, partial->name, flags, 0600);
	if (partial->fd >= 0)
		partial->map = openat(partial->dir, partial->map_name, flags, 0600);
	if (partial->map < 0)
		return failed(partial, "create", err);
	r = read_map(partial, err);
	if (r == 0)
		*ret = steal(&partial);
	return r;
}

bool store_partial_has(const struct store_partial *partial, size_t piece)
{
	return partial->there[piece] == 1;
}

int store_partial_put(struct store_partial *partial, size_t piece, const void *bytes,
		      struct msb_error *err)
{
	const struct store_part *parts = partial->remote->parts;
	uint64_t begin = 0;
	int r;

	for (size_t i = 0; i < piece; i++)
		begin += parts[i].size;
	r = io_pwrite(partial->fd, bytes, (size_t)parts[piece].size, begin);
	if (r < 0) {
		errno = -r;
		return failed(partial, "write to", err);
	}
	partial->there[piece] = 1;
	return 0;
}

static void drop(const struct store_partial *partial)
{
	unlinkat(partial->dir, partial->map_name, 0);
	unlinkat(partial->dir, partial->name, 0);
}

/* The file becomes a blob where it is. The map goes last: whoever finds it alone begins anew. */
static int finish(struct store_partial *partial, struct msb_error *err)
{
	struct msb_digest digest;
	uint64_t size;
	int r = store_put_file(partial->writer, partial->dir, partial->name, &digest, &size, err);

	/* Another process was faster. */
	if (r == -ENOENT)
		return writer_has(partial->writer, &partial->remote->digest, NULL) == 1 ? 1 : r;
	if (r == 0 && !msb_digest_equal(&digest, &partial->remote->digest))
		r = msb_error_say(err, EBADMSG, "what came is not what the layer announces");
	if (r == 0 || r == -EBADMSG)
		drop(partial);
	return r < 0 ? r : 1;
}

int store_partial_show(struct store_partial *partial, struct msb_error *err)
{
	size_t count = partial->remote->part_count;
	ssize_t n;

	if (fdatasync(partial->fd) < 0)
		return failed(partial, "sync", err);
	for (size_t i = 0; i < count; i++) {
		/* Others write to the map, too: only what is there is said. */
		n = partial->there[i] == 1 ? io_pwrite(partial->map, &partial->there[i], 1, i) : 0;
		if (n < 0) {
			errno = (int)-n;
			return failed(partial, "write to", err);
		}
	}
	n = io_pread(partial->map, partial->there, count, 0);
	return n == (ssize_t)count && !memchr(partial->there, 0, count) ? finish(partial, err) : 0;
}

void store_partial_close(struct store_partial *partial)
{
	if (!partial)
		return;
	if (partial->map >= 0)
		close(partial->map);
	if (partial->fd >= 0)
		close(partial->fd);
	if (partial->dir >= 0)
		close(partial->dir);
	free(partial->there);
	free(partial);
}

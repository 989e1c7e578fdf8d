/* Reading large files of which only pieces are here. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "internal.h"
#include "io.h"
#include "partial.h"

/* The least size of a file that comes in pieces is that of one that is no part of a pack. Larger
 * pieces than these are not held in memory. */
#define PIECES_LEAST ((uint64_t)1024 * 1024)
#define PIECE_MOST   ((uint64_t)16 * 1024 * 1024)
/* How often what was brought may be gone again before it is read. */
#define TRIES 4

bool store_remote_has_pieces(const struct store_remote *remote)
{
	if (remote->size < PIECES_LEAST || remote->part_count < 2)
		return false;
	for (size_t i = 0; i < remote->part_count; i++)
		if (remote->parts[i].size > PIECE_MOST)
			return false;
	return true;
}

size_t store_remote_piece(const struct store_remote *remote, uint64_t offset, uint64_t *ret_begin)
{
	uint64_t begin = 0;
	size_t i = 0;

	while (i + 1 < remote->part_count && offset - begin >= remote->parts[i].size)
		begin += remote->parts[i++].size;
	*ret_begin = begin;
	return i;
}

/* Of the piece that holds offset, which is here: up to size bytes. 0: it is not. */
static ssize_t read_piece(struct msb_store *store, const struct store_remote *remote, void *bytes,
			  size_t size, uint64_t offset)
{
	char name[PARTIAL_NAME], map_name[PARTIAL_MAP];
	autoclose int dir = -1, map = -1, fd = -1;
	uint64_t begin, left;
	size_t piece = store_remote_piece(remote, offset, &begin);
	uint8_t there = 0;

	left = begin + remote->parts[piece].size - offset;
	partial_name(remote, name, map_name);
	dir = openat(store->root, PARTIAL_DIRECTORY, O_PATH | O_DIRECTORY | O_CLOEXEC);
	map = dir < 0 ? -1 : openat(dir, map_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (map < 0 || io_pread(map, &there, 1, piece) != 1 || there != 1)
		return 0;
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (size > left)
		size = (size_t)left;
	return io_pread(fd, bytes, size, offset) == (ssize_t)size ? (ssize_t)size : 0;
}

/* In any of the layers that it is in. */
static ssize_t read_any(struct msb_store *store, const struct store_remote *remotes, size_t count,
			void *bytes, size_t size, uint64_t offset)
{
	ssize_t n = 0;

	for (size_t i = 0; i < count && n == 0; i++)
		if (store_remote_has_pieces(&remotes[i]))
			n = read_piece(store, &remotes[i], bytes, size, offset);
	return n;
}

static bool is_remote(struct msb_store *store, const struct msb_digest *digest)
{
	return msb_store_has(store, digest, NULL, NULL) == MSB_REMOTE;
}

static ssize_t read_all(struct msb_store *store, const struct msb_digest *digest,
			const struct store_remote *remotes, size_t count, uint8_t *bytes,
			size_t size, uint64_t offset, struct msb_error *err)
{
	size_t done = 0;

	for (unsigned tries = 0; done < size && tries < TRIES;) {
		ssize_t n =
			read_any(store, remotes, count, bytes + done, size - done, offset + done);
		int r;

		done += (size_t)n;
		if (n > 0) {
			tries = 0;
			continue;
		}
		if (!is_remote(store, digest))
			return -ENODATA;
		r = store->fetch(store->fetch_context, digest, offset + done, err);
		if (r < 0)
			return r;
		tries++;
	}
	return done == size ? (ssize_t)done : -ENODATA;
}

ssize_t msb_store_read_pieces(struct msb_store *store, const struct msb_digest *digest, void *bytes,
			      size_t size, uint64_t offset, struct msb_error *err)
{
	struct store_remote *remotes = NULL;
	size_t count = 0;
	bool pieces = false;
	ssize_t n;

	if (!store->fetch || !is_remote(store, digest))
		return -ENODATA;
	n = store_remote_find(store, digest, &remotes, &count, err);
	if (n < 0)
		return n;
	for (size_t i = 0; i < count; i++)
		pieces = pieces || store_remote_has_pieces(&remotes[i]);
	if (pieces && offset < remotes[0].size && size > remotes[0].size - offset)
		size = (size_t)(remotes[0].size - offset);
	if (!pieces || offset >= remotes[0].size)
		n = -ENODATA;
	else
		n = read_all(store, digest, remotes, count, bytes, size, offset, err);
	store_remotes_free(remotes, count);
	return n;
}

/* Reading blobs, wherever a collection has led them meanwhile, and finding damage. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "io.h"
#include "sum.h"

static int open_large(struct msb_store *store, const struct msb_digest *digest,
		      struct msb_error *err)
{
	char name[STORE_LARGE_NAME];
	int fd = openat(store->root, store_large_name(digest, name), O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return msb_error_say(err, EBADMSG, "damaged: '%s' is missing", name);
	if (fd < 0)
		return msb_error_set(err, errno, "open '%s'", name);
	return fd;
}

static int read_large(struct msb_store *store, const struct msb_digest *digest, void *bytes,
		      size_t size, uint64_t offset, struct msb_error *err)
{
	char text[MSB_DIGEST_TEXT];
	autoclose int fd = open_large(store, digest, err);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = packs_read_file(&store->packs, fd, bytes, size, offset);
	if (n < 0)
		return msb_error_set(err, (int)n, "read blob %s", msb_digest_format(digest, text));
	if ((size_t)n < size)
		return msb_error_say(err, EBADMSG, "damaged: blob %s is cut short",
				     msb_digest_format(digest, text));
	return 0;
}

/* What is read at a time of a blob that is only looked at: it stays in the processor's cache. */
#define SUM_PIECE  ((size_t)32 * 1024)
#define HASH_PIECE ((size_t)256 * 1024)

/* How often a reader asks the index anew. Each time another collection went by between its question
 * and its reading. */
#define MOVES 8

static int missing_pack(uint32_t pack, struct msb_error *err)
{
	char name[PACK_NAME];

	return msb_error_say(err, EBADMSG, "damaged: '%s' is missing", pack_name(pack, name));
}

/* A pack that is not there was collected after somebody located a blob in it, and the index leads
 * elsewhere. Where it does not, the pack is missing. 1: *location is another one. */
static int find_moved(struct msb_store *store, const struct msb_digest *digest,
		      struct msb_location *location, struct msb_error *err)
{
	struct msb_location now;
	int r = msb_store_locate(store, digest, &now, err);

	if (r < 0)
		return r;
	if (now.pack == location->pack && now.offset == location->offset)
		return missing_pack(now.pack, err);
	if (now.pack == 0 || now.size != location->size)
		return msb_error_say(err, EBADMSG, "damaged: the index has two sizes of a blob");
	*location = now;
	return 1;
}

/* As packs_read_on(), wherever the blob is by now. */
static ssize_t read_packed(struct msb_store *store, const struct msb_digest *digest,
			   struct msb_location *at, void *bytes, size_t size, size_t more,
			   uint64_t offset, struct msb_error *err)
{
	ssize_t n = -ENOENT;

	for (unsigned moves = 0; n == -ENOENT && moves < MOVES; moves++) {
		if (moves > 0) {
			int moved = find_moved(store, digest, at, err);

			if (moved < 0)
				return moved;
		}
		if (more)
			n = packs_read_on(&store->packs, store->root, at->pack, bytes, size, more,
					  at->offset + offset, err);
		else
			n = packs_read(&store->packs, store->root, at->pack, bytes, size,
				       at->offset + offset, err);
	}
	return n == -ENOENT ? missing_pack(at->pack, err) : n;
}

static int changed(const struct msb_store *store, const struct msb_digest *digest,
		   struct msb_error *err)
{
	char text[MSB_DIGEST_TEXT];

	return msb_error_say(err, EBADMSG, "store '%s': damaged: the bytes of blob %s have changed",
			     store->path, msb_digest_format(digest, text));
}

static int check_digest(const struct msb_store *store, const struct msb_digest *digest,
			const uint8_t *bytes, size_t size, struct msb_error *err)
{
	struct msb_digest found;

	msb_digest_of(bytes, size, &found);
	return msb_digest_equal(&found, digest) ? 0 : changed(store, digest, err);
}

/* A blob that was read from where it is, as a whole. Where there is no sum the digest decides. */
static int check_sum(struct msb_store *store, const struct msb_digest *digest,
		     const struct msb_location *at, const uint8_t *bytes, struct msb_error *err)
{
	uint32_t sum;

	if (packs_read_sum(&store->packs, store->root, at->pack, at->offset, &sum, NULL) == 0 &&
	    sum == sum_of(bytes, (size_t)at->size))
		return 0;
	return check_digest(store, digest, bytes, (size_t)at->size, err);
}

ssize_t msb_store_read(struct msb_store *store, const struct msb_digest *digest,
		       const struct msb_location *location, void *bytes, size_t size,
		       uint64_t offset, struct msb_error *err)
{
	struct msb_location at = *location;
	ssize_t r;

	if (offset >= location->size)
		return 0;
	if (size > location->size - offset)
		size = (size_t)(location->size - offset);
	if (location->pack)
		r = read_packed(store, digest, &at, bytes, size, 0, offset, err);
	else
		r = read_large(store, digest, bytes, size, offset, err);
	if (r < 0)
		return msb_error_prefix(err, (int)r, "store '%s'", store->path);
	if (location->pack && size == location->size) {
		r = check_sum(store, digest, &at, bytes, err);
		if (r < 0)
			return r;
	}
	return (ssize_t)size;
}

/* False also where something else is wrong than the sum: who asks then finds out what. */
static bool sum_agrees(struct msb_store *store, const struct msb_location *location)
{
	uint8_t piece[SUM_PIECE];
	uint32_t wanted;
	struct sum sum;
	size_t size;

	if (packs_read_sum(&store->packs, store->root, location->pack, location->offset, &wanted,
			   NULL) < 0)
		return false;
	sum_begin(&sum);
	for (uint64_t at = 0; at < location->size; at += size) {
		size = location->size - at < SUM_PIECE ? (size_t)(location->size - at) : SUM_PIECE;
		if (packs_read(&store->packs, store->root, location->pack, piece, size,
			       location->offset + at, NULL) < 0)
			return false;
		sum_add(&sum, piece, size);
	}
	return sum_end(&sum) == wanted;
}

int msb_store_check(struct msb_store *store, const struct msb_digest *digest,
		    const struct msb_location *location, struct msb_error *err)
{
	AUTO(msb_hasher_freep) struct msb_hasher *hasher = NULL;
	autofree uint8_t *piece = NULL;
	struct msb_digest found;
	ssize_t n;

	if (location->pack && sum_agrees(store, location))
		return 0;
	hasher = msb_hasher_new();
	piece = malloc(HASH_PIECE);
	if (!hasher || !piece)
		return msb_error_memory(err);
	for (uint64_t at = 0; at < location->size; at += (uint64_t)n) {
		n = msb_store_read(store, digest, location, piece, HASH_PIECE, at, err);
		if (n < 0)
			return (int)n;
		msb_hasher_update(hasher, piece, (size_t)n);
	}
	msb_hasher_finish(hasher, &found);
	return msb_digest_equal(&found, digest) ? 0 : changed(store, digest, err);
}

/* All of a blob that is at location, or was there. */
static int load_at(struct msb_store *store, const struct msb_digest *digest,
		   const struct msb_location *location, size_t max, uint8_t **ret,
		   struct msb_error *err)
{
	struct msb_location at = *location;
	char text[MSB_DIGEST_TEXT];
	autofree uint8_t *bytes = NULL;
	size_t size = (size_t)location->size;
	ssize_t n;
	int r;

	if (location->size > max)
		return msb_error_say(
			err, EFBIG, "blob %s has %llu bytes, more than the %zu allowed",
			msb_digest_format(digest, text), (unsigned long long)location->size, max);
	bytes = malloc(size + NEARBY_BEHIND);
	if (!bytes)
		return msb_error_memory(err);
	if (location->pack)
		n = read_packed(store, digest, &at, bytes, size, NEARBY_BEHIND, 0, err);
	else
		n = read_large(store, digest, bytes, size, 0, err);
	if (n < 0)
		return msb_error_prefix(err, (int)n, "store '%s'", store->path);
	r = check_digest(store, digest, bytes, size, err);
	if (r < 0)
		return r;
	if (location->pack)
		nearby_note(&store->nearby, &at, bytes + size, (size_t)n);
	*ret = steal(&bytes);
	return 0;
}

int msb_store_load(struct msb_store *store, const struct msb_digest *digest, size_t max,
		   uint8_t **ret, size_t *ret_size, struct msb_error *err)
{
	struct msb_location location;
	int r;

	/* A hint that leads nowhere is not worth a word. */
	if (!nearby_find(&store->nearby, digest, &location) ||
	    load_at(store, digest, &location, max, ret, NULL) < 0) {
		r = msb_store_locate(store, digest, &location, err);
		if (r == 0)
			r = load_at(store, digest, &location, max, ret, err);
		if (r < 0)
			return r;
	}
	*ret_size = (size_t)location.size;
	return 0;
}

static int open_pack(struct msb_store *store, const struct msb_digest *digest,
		     struct msb_location *location, struct msb_error *err)
{
	char name[PACK_NAME];
	int fd = -1;

	for (unsigned moves = 0; fd < 0 && moves < MOVES; moves++) {
		fd = openat(store->root, pack_name(location->pack, name), O_RDONLY | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT) {
			int r = find_moved(store, digest, location, err);

			if (r < 0)
				return r;
		} else if (fd < 0) {
			return msb_error_set(err, errno, "open '%s'", name);
		}
	}
	return fd < 0 ? missing_pack(location->pack, err) : fd;
}

int msb_store_open_blob(struct msb_store *store, const struct msb_digest *digest, int *ret_fd,
			struct msb_location *ret, struct msb_error *err)
{
	struct msb_location location;
	int fd, r = msb_store_locate(store, digest, &location, err);

	if (r < 0)
		return r;
	fd = location.pack ? open_pack(store, digest, &location, err)
			   : open_large(store, digest, err);
	if (fd < 0)
		return msb_error_prefix(err, fd, "store '%s'", store->path);
	*ret_fd = fd;
	*ret = location;
	return 0;
}

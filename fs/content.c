/* The bytes of files. */
#include <limits.h>
#include <unistd.h>

#include "node.h"

/* Smaller ones never come in pieces: the index need not be asked. */
#define PIECES_LEAST (1024 * 1024)

static int failed(const struct node *node, struct msb_error *err)
{
	char text[MSB_DIGEST_TEXT];

	return core_damaged(node->core, err, msb_digest_format(&node->entry.digest, text));
}

/* Of a part that was read: is the rest as it was? Asked once for each file, while its directory is
 * remembered. */
static int verify_part(const struct node *node, const struct msb_location *location,
		       struct msb_error *err)
{
	struct dircache *dirs = node->core->dirs;
	int r;

	if ((!location->pack && !node->core->verify) ||
	    dircache_is_verified(dirs, node->in, node->index))
		return 0;
	r = msb_store_check(node->core->store, &node->entry.digest, location, err);
	if (r == 0)
		dircache_set_verified(dirs, node->in, node->index);
	return r;
}

/* *ret_located: it is known where the bytes are, and reading them failed. */
static ssize_t read_at(const struct node *node, bool again, void *bytes, size_t size,
		       uint64_t offset, bool *ret_located, struct msb_error *err)
{
	const struct msb_entry *entry = &node->entry;
	struct msb_location location;
	ssize_t n;
	int r = dircache_locate(node->core->dirs, node->in, node->index, again, &location, err);

	*ret_located = r == 0;
	if (r < 0)
		return r;
	if (location.size != entry->size)
		return msb_error_say(err, EIO, "its blob has %llu bytes where the tree says %llu",
				     (unsigned long long)location.size,
				     (unsigned long long)entry->size);
	n = msb_store_read(node->core->store, &entry->digest, &location, bytes, size, offset, err);
	if (n >= 0 && (size_t)n < size)
		return msb_error_say(err, EIO, "its blob ends too early");
	if (n > 0 && (!location.pack || (size_t)n < location.size)) {
		r = verify_part(node, &location, err);
		if (r < 0)
			return r;
	}
	return n;
}

/* A large file that is still in its registry comes as far as it is read. -ENODATA: any other. */
static ssize_t read_pieces(const struct node *node, void *bytes, size_t size, uint64_t offset,
			   struct msb_error *err)
{
	struct core *core = node->core;
	ssize_t n;

	if (!core->fetch || node->entry.size < PIECES_LEAST ||
	    dircache_knows(core->dirs, node->in, node->index))
		return -ENODATA;
	n = msb_store_read_pieces(core->store, &node->entry.digest, bytes, size, offset, err);
	if (n >= 0 && (size_t)n < size)
		return msb_error_say(err, EIO, "its blob ends too early");
	return n;
}

ssize_t node_read(const struct node *node, void *bytes, size_t size, uint64_t offset)
{
	const struct msb_entry *entry = &node->entry;
	struct msb_error err = {0};
	bool located = false;
	ssize_t n;

	if (entry->type != MSB_FILE)
		return entry->type == MSB_DIRECTORY ? -EISDIR : -EINVAL;
	if (offset >= entry->size)
		return 0;
	if (size > entry->size - offset)
		size = (size_t)(entry->size - offset);
	n = read_pieces(node, bytes, size, offset, &err);
	if (n == -ENODATA)
		n = read_at(node, false, bytes, size, offset, &located, &err);
	if (n < 0 && located) /* a collection may have moved it */
		n = read_at(node, true, bytes, size, offset, &located, &err);
	if (n == -EREMOTE && node->core->fetch)
		return n; /* for whoever may wait */
	return n < 0 ? failed(node, &err) : n;
}

/* Where the store's own file has holes, in the blob's terms. */
static int seek_blob(const struct node *node, uint64_t offset, int whence, uint64_t *ret)
{
	struct msb_location location;
	struct msb_error err = {0};
	autoclose int fd = -1;
	off_t at;
	int r = msb_store_open_blob(node->core->store, &node->entry.digest, &fd, &location, &err);

	if (r < 0)
		return failed(node, &err);
	at = lseek(fd, (off_t)(location.offset + offset), whence);
	if (at < 0 && errno != ENXIO)
		return -errno;
	if (at < 0 || (uint64_t)at >= location.offset + node->entry.size) {
		if (whence == SEEK_DATA)
			return -ENXIO;
		*ret = node->entry.size;
		return 0;
	}
	*ret = (uint64_t)at - location.offset;
	return 0;
}

int node_seek(const struct node *node, uint64_t offset, int whence, uint64_t *ret)
{
	const struct msb_entry *entry = &node->entry;

	if (entry->type != MSB_FILE || (whence != SEEK_DATA && whence != SEEK_HOLE))
		return -EINVAL;
	if (offset >= entry->size)
		return -ENXIO;
	if (entry->sparse)
		return seek_blob(node, offset, whence, ret);
	*ret = whence == SEEK_DATA ? offset : entry->size;
	return 0;
}

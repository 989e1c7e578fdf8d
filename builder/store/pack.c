/* The pack that a writer appends to: finding one, filling it, letting it go. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "io.h"
#include "little_endian.h"
#include "packs.h"
#include "sum.h"
#include "writer.h"

/* Every record of a blob below STORE_LARGE fits, twice. */
#define BUFFER_SIZE (2 * (STORE_LARGE + PACK_BLOB_HEADER + 8))

/* Packs tried before a new one is made, and numbers tried for a new one. There are as many
 * unfinished packs as there ever were writers at once. */
#define CLAIM_TRIES 64

/* What the records say about a pack that is locked. A pack they don't know has size 0. */
static int committed_size(struct msb_store *store, uint32_t id, uint64_t *ret_size, bool *ret_full,
			  struct msb_error *err)
{
	autoreader *connection = NULL;
	int r = store_reader(store, &connection, err);

	if (r < 0)
		return r;
	autoquery query = query_on(connection, "SELECT size, full FROM pack WHERE id = ?");
	query_bind_int(&query, id);
	r = query_step(&query, err);
	if (r < 0)
		return r;
	*ret_size = r == 1 ? (uint64_t)query_int(&query) : 0;
	*ret_full = r == 1 && query_int(&query) != 0;
	return 0;
}

/* Unfinished packs, oldest first, and the number behind the newest pack of all. */
static int list_candidates(struct msb_store *store, uint32_t ids[CLAIM_TRIES], size_t *ret_count,
			   uint32_t *ret_next, struct msb_error *err)
{
	autoreader *connection = NULL;
	size_t count = 0;
	int r = store_reader(store, &connection, err);

	if (r < 0)
		return r;
	autoquery open = query_on(connection, "SELECT id FROM pack WHERE full = 0"
					      " ORDER BY id LIMIT 64");
	while ((r = query_step(&open, err)) == 1 && count < CLAIM_TRIES)
		ids[count++] = (uint32_t)query_int(&open);
	if (r < 0)
		return r;
	autoquery last = query_on(connection, "SELECT max(id) FROM pack");
	r = query_step(&last, err);
	if (r < 0)
		return r;
	*ret_next = (uint32_t)query_int(&last) + 1;
	*ret_count = count;
	return 0;
}

/*
 * Locks pack id and makes it the first of the writer's, cut to its committed size: what lies
 * beyond was written by an owner that died. 1: done, 0: somebody else's, full, or damaged.
 */
static int claim(struct store_writer *writer, uint32_t id, int flags, struct msb_error *err)
{
	char name[PACK_NAME];
	autoclose int fd =
		openat(writer->store->root, pack_name(id, name), O_RDWR | O_CLOEXEC | flags, 0600);
	struct pack *pack;
	uint64_t committed;
	struct stat st;
	bool full;
	int r;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return msb_error_set(err, errno, "open '%s'", name);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? 0 : msb_error_set(err, errno, "lock '%s'", name);
	/* Only now: the owner before may have committed until it let go. */
	r = committed_size(writer->store, id, &committed, &full, err);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return msb_error_set(err, errno, "stat '%s'", name);
	if (full || (uint64_t)st.st_size < committed)
		return 0;
	if (ftruncate(fd, (off_t)committed) < 0)
		return msb_error_set(err, errno, "truncate '%s'", name);
	pack = calloc(1, sizeof(*pack));
	if (!pack)
		return msb_error_memory(err);
	pack->id = id;
	pack->fd = steal_fd(&fd);
	pack->committed = pack->target = pack->synced = pack->end = committed;
	pack->next = writer->packs;
	writer->packs = pack;
	return 1;
}

static int claim_any(struct store_writer *writer, struct msb_error *err)
{
	uint32_t ids[CLAIM_TRIES], next;
	size_t count;
	int r = list_candidates(writer->store, ids, &count, &next, err);

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < count; i++)
		r = claim(writer, ids[i], 0, err);
	for (uint32_t i = 0; r == 0 && i < CLAIM_TRIES; i++)
		r = claim(writer, next + i, O_CREAT, err);
	if (r < 0)
		return msb_error_prefix(err, r, "store '%s'", writer->store->path);
	if (r == 0)
		return msb_error_say(
			err, EBUSY,
			"store '%s': %d processes begin a pack at this moment; try again",
			writer->store->path, CLAIM_TRIES);
	return 0;
}

static void begin_pack(struct store_writer *writer)
{
	uint8_t *header = writer->buffer.bytes;

	memcpy(header, PACK_MAGIC, 8);
	le_put_u32(header + 8, PACK_VERSION);
	le_put_u32(header + 12, writer->packs->id);
	writer->buffer.used = PACK_HEADER;
	writer->packs->end = PACK_HEADER;
}

/* The first pack has room for another blob. */
static int ensure_pack(struct store_writer *writer, struct msb_error *err)
{
	int r;

	if (writer->packs && writer->packs->end < writer->pack_limit)
		return 0;
	if (!writer->buffer.bytes)
		writer->buffer.bytes = malloc(BUFFER_SIZE);
	if (!writer->buffer.bytes)
		return msb_error_memory(err);
	r = pack_flush(writer, err);
	if (r == 0)
		r = claim_any(writer, err);
	if (r == 0 && writer->packs->end == 0)
		begin_pack(writer);
	return r;
}

/* What failed to be written stays in the buffer, for a time when the disk has room again. */
int pack_flush(struct store_writer *writer, struct msb_error *err)
{
	struct pack *pack = writer->packs;
	size_t used = writer->buffer.used;
	char name[PACK_NAME];
	int r;

	if (used == 0)
		return 0;
	r = io_pwrite(pack->fd, writer->buffer.bytes, used, pack->end - used);
	if (r < 0)
		return msb_error_set(err, r, "store '%s': write '%s'", writer->store->path,
				     pack_name(pack->id, name));
	writer->buffer.used = 0;
	return 0;
}

int pack_append(struct store_writer *writer, const struct msb_digest *digest, const void *bytes,
		size_t size, struct msb_error *err)
{
	size_t padded = (size + 7) & ~(size_t)7;
	struct msb_location location = {.size = size};
	uint8_t *record;
	int r = ensure_pack(writer, err);

	if (r == 0 && writer->buffer.used + PACK_BLOB_HEADER + padded > BUFFER_SIZE)
		r = pack_flush(writer, err);
	if (r < 0)
		return r;
	location.pack = writer->packs->id;
	location.offset = writer->packs->end + PACK_BLOB_HEADER;
	r = pending_add(&writer->pending, digest, &location);
	if (r < 0)
		return msb_error_memory(err);
	record = writer->buffer.bytes + writer->buffer.used;
	memcpy(record, PACK_BLOB_MAGIC, 4);
	le_put_u32(record + 4, sum_of(bytes, size));
	le_put_u64(record + 8, size);
	memcpy(record + 16, digest->bytes, MSB_DIGEST_SIZE);
	if (size)
		memcpy(record + PACK_BLOB_HEADER, bytes, size);
	memset(record + PACK_BLOB_HEADER + size, 0, padded - size);
	writer->buffer.used += PACK_BLOB_HEADER + padded;
	writer->packs->end += PACK_BLOB_HEADER + padded;
	return 0;
}

static void release(struct pack *pack)
{
	/* Room given back at once; if this fails, the next owner does it. */
	if (pack->end > pack->committed && ftruncate(pack->fd, (off_t)pack->committed) < 0)
		pack->end = pack->committed;
	close(pack->fd);
	free(pack);
}

void pack_release_full(struct store_writer *writer)
{
	struct pack *full = writer->packs ? writer->packs->next : NULL;

	while (full) {
		struct pack *next = full->next;

		/* What came behind the last transaction still belongs to this writer. */
		if (full->end > full->committed)
			return;
		release(full);
		writer->packs->next = next;
		full = next;
	}
}

void pack_release_all(struct store_writer *writer)
{
	while (writer->packs) {
		struct pack *next = writer->packs->next;

		release(writer->packs);
		writer->packs = next;
	}
	free(writer->buffer.bytes);
	writer->buffer = (struct pack_buffer){0};
}

/*
 * Giving back the room of what the index names no more. Readers know places in packs, and keep
 * packs open. So no pack is changed: what lives in it is copied, the index leads to the copy, and
 * then the pack's name goes. Who comes too late asks the index again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "care.h"
#include "io.h"
#include "packs.h"
#include "partial.h"

/* Blobs and bytes that move in one transaction. */
#define BATCH_BLOBS 16384
#define BATCH_BYTES (UINT64_C(64) << 20)

struct compaction {
	struct store_care *care;
	int root;
	uint64_t freed; /* bytes on the disk */
	uint64_t written;
};

struct moving {
	struct pending_blob *blobs; /* owned; room for BATCH_BLOBS */
	size_t count;
	uint8_t *bytes; /* owned; STORE_LARGE of them */
};

static void moving_done(struct moving *moving)
{
	free(moving->blobs);
	free(moving->bytes);
}

/* --- Files that hold nothing ---------------------------------------------------------------- */

static void remove_file(struct compaction *compaction, int dir, const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	    unlinkat(dir, name, 0) == 0)
		compaction->freed += (uint64_t)st.st_blocks * 512;
}

/* 1 or 0: does the index know this file? */
static int has_pack(struct compaction *compaction, uint32_t id, struct msb_error *err)
{
	autoquery query = query_on(compaction->care->connection,
				   "SELECT 1 FROM pack WHERE id = ? AND size > 0");

	query_bind_int(&query, id);
	return query_step(&query, err);
}

static int has_large(struct compaction *compaction, const struct msb_digest *digest,
		     struct msb_error *err)
{
	autoquery query = query_on(compaction->care->connection,
				   "SELECT 1 FROM blob WHERE digest = ? AND pack = 0");

	query_bind_digest(&query, digest);
	return query_step(&query, err);
}

/* A writer that died may have left a pack that was never committed: nobody writes now. */
static int drop_packs(struct compaction *compaction, struct msb_error *err)
{
	autoclosedir DIR *dir = io_open_directory(compaction->root, "packs");
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char *end, name[PACK_NAME];
		unsigned long id = strtoul(entry->d_name, &end, 16);
		int r;

		if (id == 0 || id > UINT32_MAX)
			continue;
		if (strcmp(pack_name((uint32_t)id, name) + strlen("packs/"), entry->d_name) != 0)
			continue;
		r = has_pack(compaction, (uint32_t)id, err);
		if (r < 0)
			return r;
		if (r == 0)
			remove_file(compaction, dirfd(dir), entry->d_name);
	}
	return 0;
}

static int drop_large_below(struct compaction *compaction, unsigned first, struct msb_error *err)
{
	char name[16];
	autoclosedir DIR *dir = NULL;
	const struct dirent *entry;

	snprintf(name, sizeof(name), "large/%02x", first);
	dir = io_open_directory(compaction->root, name);
	while (dir && (entry = readdir(dir))) {
		char text[MSB_DIGEST_HEX + 1];
		struct msb_digest digest;
		int r;

		if (strlen(entry->d_name) != MSB_DIGEST_HEX - 2)
			continue;
		snprintf(text, sizeof(text), "%02x%.62s", first, entry->d_name);
		if (msb_digest_parse(text, &digest) < 0)
			continue;
		r = has_large(compaction, &digest, err);
		if (r < 0)
			return r;
		if (r == 0)
			remove_file(compaction, dirfd(dir), entry->d_name);
	}
	return 0;
}

/* Pieces of a file that is here as a whole, or that nobody knows any more; as their map. */
static int is_wanted_partial(struct compaction *compaction, const char *name, struct msb_error *err)
{
	char text[MSB_DIGEST_HEX + 1];
	struct msb_digest digest;

	snprintf(text, sizeof(text), "%.64s", name);
	if (msb_digest_parse(text, &digest) < 0)
		return 1; /* not ours */
	autoquery query = query_on(compaction->care->connection,
				   "SELECT 1 FROM remote WHERE digest = ?1 AND NOT EXISTS"
				   " (SELECT 1 FROM blob WHERE digest = ?1)");
	query_bind_digest(&query, &digest);
	return query_step(&query, err);
}

static int drop_partials(struct compaction *compaction, struct msb_error *err)
{
	autoclosedir DIR *dir = io_open_directory(compaction->root, PARTIAL_DIRECTORY);
	const struct dirent *entry;
	int r;

	while (dir && (entry = readdir(dir))) {
		r = is_wanted_partial(compaction, entry->d_name, err);
		if (r < 0)
			return r;
		if (r == 0)
			remove_file(compaction, dirfd(dir), entry->d_name);
	}
	return 0;
}

static int drop_files(struct compaction *compaction, struct msb_error *err)
{
	int r = drop_packs(compaction, err);

	for (unsigned i = 0; r == 0 && i < 256; i++)
		r = drop_large_below(compaction, i, err);
	return r == 0 ? drop_partials(compaction, err) : r;
}

/* --- Packs with much garbage ---------------------------------------------------------------- */

/* The next blobs of the pack, from `from` on, which moves on. */
static int next_batch(struct compaction *compaction, uint32_t id, uint64_t *from,
		      struct moving *moving, struct msb_error *err)
{
	autoquery query = query_on(compaction->care->connection,
				   "SELECT digest, offset, size FROM move WHERE pack = ?"
				   " AND offset >= ? ORDER BY offset");
	uint64_t bytes = 0;
	int r = 0;

	moving->count = 0;
	query_bind_int(&query, id);
	query_bind_int(&query, (int64_t)*from);
	while (moving->count < BATCH_BLOBS && bytes < BATCH_BYTES &&
	       (r = query_step(&query, err)) == 1) {
		struct pending_blob *blob = &moving->blobs[moving->count++];

		query_digest(&query, &blob->digest);
		blob->location.pack = id;
		blob->location.offset = (uint64_t)query_int(&query);
		blob->location.size = (uint64_t)query_int(&query);
		bytes += blob->location.size;
		*from = blob->location.offset + 1;
		r = query_check(&query, err);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : 0;
}

/* Copies one blob. 1: done, 0: it is damaged and stays where it is, or a negative code. */
static int copy_blob(struct compaction *compaction, const struct pending_blob *blob, uint8_t *bytes,
		     struct msb_error *err)
{
	struct store_writer *writer = compaction->care->writer;
	struct msb_digest found;
	int r;

	if (blob->location.size > STORE_LARGE ||
	    packs_read(&writer->store->packs, compaction->root, blob->location.pack, bytes,
		       (size_t)blob->location.size, blob->location.offset, NULL) < 0)
		return 0;
	msb_digest_of(bytes, (size_t)blob->location.size, &found);
	if (!msb_digest_equal(&found, &blob->digest))
		return 0;
	pthread_mutex_lock(&writer->mutex);
	r = pack_append(writer, &blob->digest, bytes, (size_t)blob->location.size, err);
	pthread_mutex_unlock(&writer->mutex);
	return r < 0 ? r : 1;
}

static int copy_batch(struct compaction *compaction, struct moving *moving, bool *whole,
		      struct msb_error *err)
{
	size_t copied = 0;

	for (size_t i = 0; i < moving->count; i++) {
		int r = copy_blob(compaction, &moving->blobs[i], moving->bytes, err);

		if (r < 0)
			return r;
		if (r == 0)
			*whole = false;
		else
			moving->blobs[copied++] = moving->blobs[i];
	}
	moving->count = copied;
	return 0;
}

/* Publishing gives them their new rows. */
static int drop_rows(struct compaction *compaction, const struct moving *moving,
		     struct msb_error *err)
{
	struct connection *connection = compaction->care->connection;
	autoquery drop = query_on(connection, "DELETE FROM blob WHERE digest = ?");
	autoquery sums = query_on(connection, "UPDATE meta SET blobs = blobs - ?,"
					      " bytes = bytes - ?");
	int64_t bytes = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < moving->count; i++) {
		query_again(&drop);
		query_bind_digest(&drop, &moving->blobs[i].digest);
		r = query_step(&drop, err);
		bytes += (int64_t)moving->blobs[i].location.size;
	}
	if (r < 0)
		return r;
	query_bind_int(&sums, (int64_t)moving->count);
	query_bind_int(&sums, bytes);
	return query_step(&sums, err);
}

/* The old pack's row goes with its last blob; unless it is the newest, whose number counts. */
static int drop_pack_row(struct compaction *compaction, uint32_t id, struct msb_error *err)
{
	autoquery drop =
		query_on(compaction->care->connection, "DELETE FROM pack WHERE id = ?1"
						       " AND id < (SELECT max(id) FROM pack)");
	autoquery empty = query_on(compaction->care->connection,
				   "UPDATE pack SET size = 0, full = 1 WHERE id = ?");
	int r;

	query_bind_int(&drop, id);
	r = query_step(&drop, err);
	query_bind_int(&empty, id);
	return r < 0 ? r : query_step(&empty, err);
}

/* One transaction: readers find a blob at its old place or at its new one. */
static int publish_batch(struct compaction *compaction, uint32_t id, const struct moving *moving,
			 bool last, struct msb_error *err)
{
	struct store_writer *writer = compaction->care->writer;
	int r = store_begin(writer, err);

	if (r < 0)
		return r;
	r = drop_rows(compaction, moving, err);
	if (r == 0 && last)
		r = drop_pack_row(compaction, id, err);
	return store_end(writer, r, err);
}

static int empty_pack(struct compaction *compaction, uint32_t id, struct moving *moving,
		      struct msb_error *err)
{
	char name[PACK_NAME];
	bool whole = true, last = false;
	uint64_t from = 0;
	int r = 0;

	while (r == 0 && !last) {
		r = next_batch(compaction, id, &from, moving, err);
		last = moving->count == 0;
		if (r == 0)
			r = copy_batch(compaction, moving, &whole, err);
		for (size_t i = 0; r == 0 && i < moving->count; i++)
			compaction->written += moving->blobs[i].location.size;
		if (r == 0 && (moving->count || (last && whole)))
			r = publish_batch(compaction, id, moving, last && whole, err);
	}
	if (r == 0 && whole)
		remove_file(compaction, compaction->root, pack_name(id, name));
	return r;
}

static int next_victim(struct compaction *compaction, uint32_t *id, struct msb_error *err)
{
	autoquery query =
		query_on(compaction->care->connection, "SELECT min(pack) FROM move WHERE pack > ?");
	int r;

	query_bind_int(&query, *id);
	r = query_step(&query, err);
	if (r < 0)
		return r;
	*id = (uint32_t)query_int(&query);
	return *id != 0;
}

static int empty_packs(struct compaction *compaction, struct msb_error *err)
{
	__attribute__((cleanup(moving_done))) struct moving moving = {
		.blobs = calloc(BATCH_BLOBS, sizeof(*moving.blobs)),
		.bytes = malloc(STORE_LARGE),
	};
	uint32_t id = 0;
	int r;

	if (!moving.blobs || !moving.bytes)
		return msb_error_memory(err);
	while ((r = next_victim(compaction, &id, err)) == 1) {
		r = empty_pack(compaction, id, &moving, err);
		if (r < 0)
			return r;
	}
	return r;
}

static int list_moves(struct compaction *compaction, struct msb_error *err)
{
	static const char *const statements[] = {
		"CREATE TEMP TABLE move(pack INTEGER, offset INTEGER, size INTEGER, digest BLOB,"
		" PRIMARY KEY(pack, offset)) WITHOUT ROWID",
		"INSERT INTO move SELECT pack, offset, size, digest FROM blob WHERE pack IN"
		" (SELECT pack.id FROM pack JOIN live USING(id) WHERE " CARE_WORTH_EMPTYING ")",
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(statements) / sizeof(*statements); i++)
		r = connection_run(compaction->care->connection, statements[i], err);
	return r;
}

/* The journal of a large collection is large. Whoever reads just now keeps it as it is. */
static void shorten_journal(struct compaction *compaction)
{
	struct connection *connection = compaction->care->connection;

	connection_run(connection, "PRAGMA busy_timeout = 200", NULL);
	connection_run(connection, "PRAGMA wal_checkpoint(TRUNCATE)", NULL);
}

int store_compact(struct store_care *care, uint64_t *ret_freed, bool *ret_crowded,
		  struct msb_error *err)
{
	struct compaction compaction = {.care = care, .root = care->writer->store->root};
	int r = drop_files(&compaction, err);

	if (r == 0)
		r = list_moves(&compaction, err);
	if (r == 0)
		r = empty_packs(&compaction, err);
	/* What was freed so far counts. */
	*ret_crowded = r == -ENOSPC || r == -EDQUOT;
	if (*ret_crowded)
		r = 0;
	if (r < 0)
		return r;
	shorten_journal(&compaction);
	*ret_freed =
		compaction.freed > compaction.written ? compaction.freed - compaction.written : 0;
	return 0;
}

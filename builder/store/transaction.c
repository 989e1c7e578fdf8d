/* Transactions: contents on the disk first, then one commit that names them. */
#include <errno.h>
#include <stdlib.h>

#include "io.h"
#include "writer.h"

/* Rows of the stat cache; the oldest go. */
#define SEEN_ROWS "2000000"

static void end_turn(struct store_writer *writer)
{
	pthread_mutex_lock(&writer->turn);
	writer->taken = false;
	pthread_cond_signal(&writer->turn_over);
	pthread_mutex_unlock(&writer->turn);
}

static int take_turn(struct store_writer *writer, struct msb_error *err)
{
	int r = 0;

	pthread_mutex_lock(&writer->turn);
	if (writer->taken && pthread_equal(writer->owner, pthread_self())) {
		r = msb_error_say(err, EDEADLK, "a transaction within a transaction");
	} else {
		while (writer->taken)
			pthread_cond_wait(&writer->turn_over, &writer->turn);
		writer->taken = true;
		writer->owner = pthread_self();
	}
	pthread_mutex_unlock(&writer->turn);
	return r;
}

/* Is this thread within a transaction? */
static bool in_transaction(struct store_writer *writer)
{
	bool mine;

	pthread_mutex_lock(&writer->turn);
	mine = writer->taken && pthread_equal(writer->owner, pthread_self());
	pthread_mutex_unlock(&writer->turn);
	return mine;
}

int writer_connection(struct store_writer *writer, struct connection **ret, struct msb_error *err)
{
	if (!in_transaction(writer))
		return msb_error_say(err, EINVAL, "a record outside of a transaction");
	/* SQLite ends a transaction by itself when the disk is full. */
	if (!connection_in_transaction(&writer->connection))
		return msb_error_say(err, EIO,
				     "store '%s': the transaction failed before and is undone",
				     writer->store->path);
	*ret = &writer->connection;
	return 0;
}

int writer_reader(struct store_writer *writer, struct connection **ret, struct msb_error *err)
{
	if (!in_transaction(writer))
		return store_reader(writer->store, ret, err);
	pthread_mutex_lock(&writer->connection.lock);
	*ret = &writer->connection;
	return 0;
}

/* Contents are synced before the database is locked, so that other processes need not wait. */
int store_begin(struct store_writer *writer, struct msb_error *err)
{
	int r = take_turn(writer, err);

	if (r < 0)
		return r;
	writer->changed = writer->seen = false;
	r = writer_sync(writer, err);
	if (r == 0)
		r = connection_run(&writer->connection, "BEGIN IMMEDIATE", err);
	if (r < 0)
		end_turn(writer);
	return r;
}

static int by_digest(const void *a, const void *b)
{
	return memcmp(a, b, MSB_DIGEST_SIZE);
}

/* The synced blobs, sorted: inserting along the tree touches each of its pages once. */
static int copy_synced(struct store_writer *writer, struct pending_blob **ret, size_t *ret_count)
{
	struct pending_blob *blobs = NULL;

	pthread_mutex_lock(&writer->mutex);
	*ret_count = writer->synced;
	if (writer->synced) {
		blobs = reallocarray(NULL, writer->synced, sizeof(*blobs));
		if (blobs)
			memcpy(blobs, writer->pending.blobs, writer->synced * sizeof(*blobs));
	}
	pthread_mutex_unlock(&writer->mutex);
	if (*ret_count && !blobs)
		return -ENOMEM;
	if (blobs)
		qsort(blobs, *ret_count, sizeof(*blobs), by_digest);
	*ret = blobs;
	return 0;
}

static int publish_blobs(struct connection *connection, const struct pending_blob *blobs,
			 size_t count, struct msb_error *err)
{
	autoquery insert = query_on(connection, "INSERT OR IGNORE INTO blob VALUES(?, ?, ?, ?)");
	autoquery sums = query_on(connection, "UPDATE meta SET blobs = blobs + ?,"
					      " bytes = bytes + ?");
	int64_t new_blobs = 0, new_bytes = 0;
	int r;

	for (size_t i = 0; i < count; i++) {
		query_again(&insert);
		query_bind_digest(&insert, &blobs[i].digest);
		query_bind_int(&insert, blobs[i].location.pack);
		query_bind_int(&insert, (int64_t)blobs[i].location.offset);
		query_bind_int(&insert, (int64_t)blobs[i].location.size);
		r = query_step(&insert, err);
		if (r < 0)
			return r;
		/* Another process may have committed it meanwhile; then its bytes count. */
		if (connection_changes(connection) == 1) {
			new_blobs++;
			new_bytes += (int64_t)blobs[i].location.size;
		}
	}
	query_bind_int(&sums, new_blobs);
	query_bind_int(&sums, new_bytes);
	return query_step(&sums, err);
}

/* The packs' list may grow at its head meanwhile: what is new there has not been synced. */
static int publish_packs(struct store_writer *writer, struct connection *connection,
			 struct msb_error *err)
{
	autoquery query = query_on(connection, "INSERT OR REPLACE INTO pack VALUES(?, ?, ?)");
	struct pack *packs;
	int r = 0;

	pthread_mutex_lock(&writer->mutex);
	packs = writer->packs;
	pthread_mutex_unlock(&writer->mutex);
	for (struct pack *pack = packs; r == 0 && pack; pack = pack->next) {
		if (pack->synced == pack->committed)
			continue;
		query_again(&query);
		query_bind_int(&query, pack->id);
		query_bind_int(&query, (int64_t)pack->synced);
		query_bind_int(&query, pack->synced >= writer->pack_limit);
		r = query_step(&query, err);
	}
	return r;
}

/* The number only grows, whatever the clock does. */
static int note_change(struct connection *connection, struct msb_error *err)
{
	autoquery query = query_on(connection, "UPDATE meta SET"
					       " changed_ns = max(changed_ns + 1, ?)");

	query_bind_int(&query, io_now());
	return query_step(&query, err);
}

static int publish(struct store_writer *writer, const struct pending_blob *blobs, size_t count,
		   struct msb_error *err)
{
	struct connection *connection;
	int r = writer_connection(writer, &connection, err);

	if (r == 0 && count)
		r = publish_blobs(connection, blobs, count, err);
	if (r == 0)
		r = publish_packs(writer, connection, err);
	if (r == 0 && writer->seen)
		r = connection_run(connection,
				   "DELETE FROM seen WHERE rowid <="
				   " (SELECT max(rowid) FROM seen) - " SEEN_ROWS,
				   err);
	if (r == 0 && writer->changed)
		r = note_change(connection, err);
	if (r == 0)
		r = connection_run(connection, "COMMIT", err);
	return r;
}

static void forget_published(struct store_writer *writer, size_t count)
{
	pthread_mutex_lock(&writer->mutex);
	pending_drop(&writer->pending, count);
	writer->synced -= count;
	for (struct pack *pack = writer->packs; pack; pack = pack->next)
		pack->committed = pack->synced;
	pack_release_full(writer);
	pthread_mutex_unlock(&writer->mutex);
}

int store_commit(struct store_writer *writer, struct msb_error *err)
{
	autofree struct pending_blob *blobs = NULL;
	struct connection *connection;
	size_t count = 0;
	int r = writer_connection(writer, &connection, err);

	if (r == 0)
		r = writer_sync(writer, err);
	if (r == 0 && copy_synced(writer, &blobs, &count) < 0)
		r = msb_error_memory(err);
	if (r == 0)
		r = publish(writer, blobs, count, err);
	if (r < 0) {
		store_rollback(writer);
		return r;
	}
	forget_published(writer, count);
	end_turn(writer);
	return 0;
}

int store_end(struct store_writer *writer, int r, struct msb_error *err)
{
	if (r >= 0)
		return store_commit(writer, err);
	store_rollback(writer);
	return r;
}

void store_rollback(struct store_writer *writer)
{
	if (!in_transaction(writer))
		return;
	if (connection_in_transaction(&writer->connection))
		connection_run(&writer->connection, "ROLLBACK", NULL);
	end_turn(writer);
}

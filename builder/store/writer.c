/* Opening and closing the write side. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>

#include "writer.h"

static int find_pending(struct store_writer *writer, const struct msb_digest *digest,
			struct msb_location *ret, struct msb_error *err)
{
	const struct pending_blob *blob;
	int r = 0;

	pthread_mutex_lock(&writer->mutex);
	blob = pending_find(&writer->pending, digest);
	if (blob) {
		const struct pack *pack = writer->packs;

		/* A reader reads the file: what is asked for leaves the buffer. */
		if (pack && blob->location.pack == pack->id &&
		    blob->location.offset + blob->location.size > pack->end - writer->buffer.used)
			r = pack_flush(writer, err);
		if (r == 0) {
			*ret = blob->location;
			r = 1;
		}
	}
	pthread_mutex_unlock(&writer->mutex);
	return r;
}

int writer_has(struct store_writer *writer, const struct msb_digest *digest, struct msb_error *err)
{
	struct msb_location location;
	bool pending;

	pthread_mutex_lock(&writer->mutex);
	pending = pending_find(&writer->pending, digest) != NULL;
	pthread_mutex_unlock(&writer->mutex);
	return pending ? 1 : store_find_committed(writer->store, digest, &location, err);
}

/* False when the store has a writer already. */
static bool show_pending(struct msb_store *store, struct store_writer *writer)
{
	bool free;

	pthread_rwlock_wrlock(&store->pending_lock);
	free = !store->writer;
	if (free) {
		store->writer = writer;
		store->pending_find = find_pending;
	}
	pthread_rwlock_unlock(&store->pending_lock);
	return free;
}

static void hide_pending(struct msb_store *store, struct store_writer *writer)
{
	pthread_rwlock_wrlock(&store->pending_lock);
	if (store->writer == writer) {
		store->writer = NULL;
		store->pending_find = NULL;
	}
	pthread_rwlock_unlock(&store->pending_lock);
}

/* The kernel knows no time limit for a lock. */
#define LOCK_PAUSE_MS 50

static int lock_shared(int fd, struct msb_error *err)
{
	while (flock(fd, LOCK_SH) < 0)
		if (errno != EINTR)
			return msb_error_set(err, errno, "lock 'lock'");
	return 0;
}

static int lock_alone(int fd, unsigned seconds, struct msb_error *err)
{
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};
	unsigned tries = seconds * (1000 / LOCK_PAUSE_MS);

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return msb_error_set(err, errno, "lock 'lock'");
		if (tries-- == 0)
			return msb_error_say(err, EBUSY,
					     "a build is running, or something else that writes; "
					     "try again when it is done");
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int open_lock(struct store_writer *writer, const unsigned *alone, struct msb_error *err)
{
	writer->lock = openat(writer->store->root, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (writer->lock < 0)
		return msb_error_set(err, errno, "open 'lock'");
	return alone ? lock_alone(writer->lock, *alone, err) : lock_shared(writer->lock, err);
}

static struct store_writer *writer_new(struct msb_store *store)
{
	struct store_writer *writer = calloc(1, sizeof(*writer));

	if (!writer)
		return NULL;
	writer->store = store;
	writer->scratch = (struct scratch)SCRATCH_NONE;
	writer->lock = -1;
	writer->pack_limit = PACK_LIMIT;
	pthread_mutex_init(&writer->mutex, NULL);
	pthread_mutex_init(&writer->turn, NULL);
	pthread_cond_init(&writer->turn_over, NULL);
	pthread_mutex_init(&writer->connection.lock, NULL);
	return writer;
}

/* alone: the seconds to wait for that; NULL: one writer among others. */
static int open_writer(struct msb_store *store, const unsigned *alone, struct store_writer **ret,
		       struct msb_error *err)
{
	AUTO(store_writer_closep) struct store_writer *writer = writer_new(store);
	int r;

	if (!writer)
		return msb_error_memory(err);
	r = open_lock(writer, alone, err);
	if (r == 0)
		r = scratch_open(store->root, store->absolute, &writer->scratch, err);
	if (r < 0)
		return msb_error_prefix(err, r, "store '%s'", store->path);
	scratch_sweep(&writer->scratch);
	r = connection_open(&writer->connection, store->absolute, CONNECTION_WRITE, err);
	if (r < 0)
		return r;
	if (!show_pending(store, writer))
		return msb_error_say(err, EBUSY, "store '%s' has a writer in this process already",
				     store->path);
	*ret = steal(&writer);
	return 0;
}

int store_writer_open(struct msb_store *store, struct store_writer **ret, struct msb_error *err)
{
	return open_writer(store, NULL, ret, err);
}

int writer_open_alone(struct msb_store *store, unsigned seconds, struct store_writer **ret,
		      struct msb_error *err)
{
	return open_writer(store, &seconds, ret, err);
}

struct msb_store *store_writer_store(struct store_writer *writer)
{
	return writer->store;
}

void store_writer_close(struct store_writer *writer)
{
	if (!writer)
		return;
	hide_pending(writer->store, writer);
	connection_close(&writer->connection); /* undoes an open transaction */
	pack_release_all(writer);
	pending_done(&writer->pending);
	scratch_close(&writer->scratch);
	if (writer->lock >= 0)
		close(writer->lock);
	pthread_mutex_destroy(&writer->connection.lock);
	pthread_cond_destroy(&writer->turn_over);
	pthread_mutex_destroy(&writer->turn);
	pthread_mutex_destroy(&writer->mutex);
	free(writer);
}

int store_writer_scratch(struct store_writer *writer)
{
	return writer->scratch.dir;
}

const char *store_writer_scratch_path(struct store_writer *writer)
{
	return writer->scratch.path;
}

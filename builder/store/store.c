/* Opening a store, and finding blobs in it. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "internal.h"
#include "io.h"

char *msb_store_default_root(void)
{
	const char *given = getenv("MSB_ROOT");
	const char *data = getenv("XDG_DATA_HOME");
	const char *home = getenv("HOME");
	char *root = NULL;

	if (given && *given)
		return strdup(given);
	if (geteuid() == 0)
		return strdup("/var/lib/msb");
	/* XDG Base Directory: a relative path is to be ignored. */
	if (data && *data == '/')
		return asprintf(&root, "%s/msb", data) < 0 ? NULL : root;
	if (home && *home)
		return asprintf(&root, "%s/.local/share/msb", home) < 0 ? NULL : root;
	return NULL;
}

#define NOT_OURS "store '%s' belongs to another user; --root DIR or MSB_ROOT names one of your own"

static int check_version(int root, const char *path, struct msb_error *err)
{
	autobuffer text = {0};
	int r = io_read_file(root, "version", 4096, &text, err);

	if (r == -ENOENT)
		return msb_error_say(err, ENOENT, "there is no store in '%s'", path);
	if (r == -EACCES)
		return msb_error_say(err, EACCES, NOT_OURS, path);
	if (r < 0)
		return msb_error_prefix(err, r, "store '%s'", path);
	if (text.size != strlen(STORE_VERSION_LINE) ||
	    memcmp(text.bytes, STORE_VERSION_LINE, text.size) != 0)
		return msb_error_say(err, EPROTO,
				     "store '%s' has another format than 'msb store 1', the one "
				     "that this msb reads; use the msb that made it",
				     path);
	return 0;
}

static int init_locks(struct msb_store *store)
{
	int r = packs_init(&store->packs);

	if (r < 0)
		return r;
	r = nearby_init(&store->nearby);
	if (r < 0)
		return r;
	pthread_rwlock_init(&store->pending_lock, NULL);
	for (size_t i = 0; i < STORE_READERS; i++)
		pthread_mutex_init(&store->readers[i].lock, NULL);
	return 0;
}

int msb_store_open(const char *root, struct msb_store **ret, struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	autoclose int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0 && errno == ENOENT)
		return msb_error_say(err, ENOENT, "there is no store in '%s'", root);
	if (fd < 0 && errno == EACCES)
		return msb_error_say(err, EACCES, NOT_OURS, root);
	if (fd < 0)
		return msb_error_set(err, errno, "open store '%s'", root);
	r = check_version(fd, root, err);
	if (r < 0)
		return r;
	store = calloc(1, sizeof(*store));
	if (!store)
		return msb_error_memory(err);
	r = init_locks(store);
	if (r < 0) {
		free(steal(&store));
		return msb_error_memory(err);
	}
	store->root = steal_fd(&fd);
	store->path = strdup(root);
	store->absolute = realpath(root, NULL);
	if (!store->path || !store->absolute)
		return msb_error_set(err, errno, "open store '%s'", root);
	r = connection_open(&store->readers[0], store->absolute, CONNECTION_READ, err);
	if (r < 0)
		return r;
	*ret = steal(&store);
	return 0;
}

void msb_store_close(struct msb_store *store)
{
	if (!store)
		return;
	if (store->fetch_close)
		store->fetch_close(store->fetch_context);
	for (size_t i = 0; i < STORE_READERS; i++) {
		connection_close(&store->readers[i]);
		pthread_mutex_destroy(&store->readers[i].lock);
	}
	packs_done(&store->packs);
	nearby_done(&store->nearby);
	pthread_rwlock_destroy(&store->pending_lock);
	close(store->root);
	free(store->path);
	free(store->absolute);
	free(store);
}

int msb_store_directory(const struct msb_store *store)
{
	return store->root;
}

const char *msb_store_path(const struct msb_store *store)
{
	return store->path;
}

/* Each thread begins its search at a place of its own, so that it finds its connection with warm
 * pages, and a program with one thread opens no second one. */
static struct connection *take_connection(struct msb_store *store)
{
	static atomic_uint threads;
	static _Thread_local unsigned seat;

	if (seat == 0)
		seat = atomic_fetch_add(&threads, 1) % STORE_READERS + 1;
	for (unsigned i = 0; i < STORE_READERS; i++) {
		struct connection *connection = &store->readers[(seat - 1 + i) % STORE_READERS];

		if (pthread_mutex_trylock(&connection->lock) == 0)
			return connection;
	}
	pthread_mutex_lock(&store->readers[seat - 1].lock);
	return &store->readers[seat - 1];
}

int store_reader(struct msb_store *store, struct connection **ret, struct msb_error *err)
{
	autoreader *connection = take_connection(store);

	if (!connection->db) {
		int r = connection_open(connection, store->absolute, CONNECTION_READ, err);

		if (r < 0)
			return r;
	}
	*ret = steal(&connection);
	return 0;
}

void store_reader_release(struct connection *connection)
{
	if (connection)
		pthread_mutex_unlock(&connection->lock);
}

static int find_on(struct connection *connection, const struct msb_digest *digest,
		   struct msb_location *ret, struct msb_error *err)
{
	autoquery query = query_on(connection, "SELECT pack, offset, size FROM blob"
					       " WHERE digest = ?");
	int r;

	query_bind_digest(&query, digest);
	r = query_step(&query, err);
	if (r == 1) {
		ret->pack = (uint32_t)query_int(&query);
		ret->offset = (uint64_t)query_int(&query);
		ret->size = (uint64_t)query_int(&query);
	}
	return r;
}

int store_find_committed(struct msb_store *store, const struct msb_digest *digest,
			 struct msb_location *ret, struct msb_error *err)
{
	autoreader *connection = NULL;
	int r = store_reader(store, &connection, err);

	return r < 0 ? r : find_on(connection, digest, ret, err);
}

static int find_pending(struct msb_store *store, const struct msb_digest *digest,
			struct msb_location *ret, struct msb_error *err)
{
	int r = 0;

	pthread_rwlock_rdlock(&store->pending_lock);
	if (store->pending_find)
		r = store->pending_find(store->writer, digest, ret, err);
	pthread_rwlock_unlock(&store->pending_lock);
	return r;
}

/* 1: here, 0: not, or a negative code. */
static int find_here(struct msb_store *store, const struct msb_digest *digest,
		     struct msb_location *ret, struct msb_error *err)
{
	int r = find_pending(store, digest, ret, err);

	return r == 0 ? store_find_committed(store, digest, ret, err) : r;
}

static int find_remote(struct msb_store *store, const struct msb_digest *digest, uint64_t *ret_size,
		       struct msb_error *err)
{
	autoreader *connection = NULL;
	int r = store_reader(store, &connection, err);

	if (r < 0)
		return r;
	autoquery query = query_on(connection, "SELECT size FROM remote WHERE digest = ? LIMIT 1");
	query_bind_digest(&query, digest);
	r = query_step(&query, err);
	if (r == 1 && ret_size)
		*ret_size = (uint64_t)query_int(&query);
	return r;
}

int msb_store_has(struct msb_store *store, const struct msb_digest *digest, uint64_t *ret_size,
		  struct msb_error *err)
{
	struct msb_location location;
	int r = find_here(store, digest, &location, err);

	if (r == 0)
		return find_remote(store, digest, ret_size, err); /* 1 is MSB_REMOTE */
	if (r < 0)
		return r;
	if (ret_size)
		*ret_size = location.size;
	return MSB_HERE;
}

void msb_store_set_fetcher(struct msb_store *store, msb_store_fetch_fn fetch,
			   void (*fetch_close)(void *context), void *context)
{
	store->fetch = fetch;
	store->fetch_close = fetch_close;
	store->fetch_context = context;
}

void msb_store_set_before_wait(struct msb_store *store, void (*before_wait)(void *context),
			       void *context)
{
	store->packs.before_wait = before_wait;
	store->packs.before_wait_context = context;
}

/* 1: it is here now. */
static int fetch(struct msb_store *store, const struct msb_digest *digest, struct msb_location *ret,
		 struct msb_error *err)
{
	char text[MSB_DIGEST_TEXT];
	int r = find_remote(store, digest, NULL, err);

	if (r < 0)
		return r;
	if (r == 0)
		return msb_error_say(err, ENOENT, "store '%s' has no blob %s", store->path,
				     msb_digest_format(digest, text));
	if (!store->fetch)
		return msb_error_say(err, EREMOTE,
				     "blob %s is still in its registry, and nobody here fetches it",
				     msb_digest_format(digest, text));
	r = store->fetch(store->fetch_context, digest, MSB_WHOLE, err);
	if (r == 0)
		r = find_here(store, digest, ret, err);
	if (r == 0)
		return msb_error_say(err, EIO, "blob %s was fetched and is not there",
				     msb_digest_format(digest, text));
	return r;
}

int msb_store_locate(struct msb_store *store, const struct msb_digest *digest,
		     struct msb_location *ret, struct msb_error *err)
{
	struct msb_location location;
	int r = find_here(store, digest, &location, err);

	if (r == 0)
		r = fetch(store, digest, &location, err);
	if (r < 0)
		return r;
	*ret = location;
	return 0;
}

int msb_store_locate_all(struct msb_store *store, struct msb_located *blobs, size_t count,
			 struct msb_error *err)
{
	autoreader *connection = NULL;
	int ended, r = 0;

	for (size_t i = 0; i < count && r >= 0; i++) {
		r = find_pending(store, &blobs[i].digest, &blobs[i].location, err);
		blobs[i].found = r == 1;
	}
	if (r >= 0)
		r = store_reader(store, &connection, err);
	if (r >= 0)
		r = connection_run(connection, "BEGIN", err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count && r >= 0; i++) {
		if (blobs[i].found)
			continue;
		r = find_on(connection, &blobs[i].digest, &blobs[i].location, err);
		blobs[i].found = r == 1;
	}
	ended = connection_run(connection, "COMMIT", r < 0 ? NULL : err);
	return r < 0 ? r : ended;
}

int msb_store_totals(struct msb_store *store, struct msb_store_totals *ret, struct msb_error *err)
{
	autoreader *connection = NULL;
	int r = store_reader(store, &connection, err);

	if (r < 0)
		return r;
	autoquery query = query_on(connection, "SELECT blobs, bytes FROM meta");
	r = query_step(&query, err);
	if (r < 0)
		return r;
	ret->blobs = (uint64_t)query_int(&query);
	ret->bytes = (uint64_t)query_int(&query);
	return 0;
}

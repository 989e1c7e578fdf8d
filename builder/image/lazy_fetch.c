/*
 * Files and layers out of registries into the store, when somebody wants them. What is wanted next
 * most often lies behind it: small files come together.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "lazy.h"
#include "lazy_request.h"
#include "lazy_sources.h"

/* Compressed bytes that a request brings besides what was asked for; more while they are asked for
 * in their order. */
#define WINDOW_FIRST ((uint64_t)256 * 1024)
#define WINDOW_MOST  ((uint64_t)8 * 1024 * 1024)
/* So much that nobody wants may lie between two files of a request. */
#define GAP_MOST ((uint64_t)32 * 1024)
/* Files of a request, and bytes that they may unpack to. */
#define BATCH         512
#define UNPACKED_MOST ((uint64_t)64 * 1024 * 1024)

/* What a thread is fetching. */
struct flight {
	struct flight *next;
	const struct msb_digest *wanted;
	const struct store_remote *files; /* that come along; borrowed */
	size_t count;
	size_t first, last; /* pieces of the file; both 0: all of it */
};

struct lazy_fetcher {
	struct msb_store *store;
	struct store_writer *lent;    /* NULL: own is opened when needed */
	struct lazy_sources *sources; /* owned */
	pthread_mutex_t lock;         /* guards all below */
	pthread_cond_t landed;
	struct flight *flights;
	struct store_writer *own; /* while there are users */
	unsigned users;
	/* Where the last request ended. */
	struct msb_digest last_layer;
	uint64_t last_stop, window;
};

int lazy_fetcher_new(struct msb_store *store, struct store_writer *writer,
		     struct lazy_fetcher **ret, struct msb_error *err)
{
	struct lazy_fetcher *fetcher = calloc(1, sizeof(*fetcher));

	if (!fetcher)
		return msb_error_memory(err);
	fetcher->sources = lazy_sources_new();
	if (!fetcher->sources) {
		free(fetcher);
		return msb_error_memory(err);
	}
	fetcher->store = store;
	fetcher->lent = writer;
	pthread_mutex_init(&fetcher->lock, NULL);
	pthread_cond_init(&fetcher->landed, NULL);
	*ret = fetcher;
	return 0;
}

void lazy_fetcher_free(void *context)
{
	struct lazy_fetcher *fetcher = context;

	if (!fetcher)
		return;
	lazy_sources_free(fetcher->sources);
	pthread_cond_destroy(&fetcher->landed);
	pthread_mutex_destroy(&fetcher->lock);
	free(fetcher);
}

/* --- The writer. While it is open no collection can begin, so that one of our own is not kept. ---
 */

static int take_writer(struct lazy_fetcher *fetcher, struct store_writer **ret,
		       struct msb_error *err)
{
	int r = 0;

	pthread_mutex_lock(&fetcher->lock);
	if (!fetcher->lent && fetcher->users == 0)
		r = store_writer_open(fetcher->store, &fetcher->own, err);
	if (r >= 0) {
		fetcher->users++;
		*ret = fetcher->lent ? fetcher->lent : fetcher->own;
	}
	pthread_mutex_unlock(&fetcher->lock);
	return r;
}

static void give_writer(struct lazy_fetcher *fetcher)
{
	pthread_mutex_lock(&fetcher->lock);
	if (--fetcher->users == 0) {
		store_writer_close(fetcher->own);
		fetcher->own = NULL;
	}
	pthread_mutex_unlock(&fetcher->lock);
}

/* Others wait for it too, in other processes. Within a transaction of the caller's it becomes
 * visible with that. */
static int commit(struct store_writer *writer, struct msb_error *err)
{
	int r = store_begin(writer, err);

	if (r == -EDEADLK)
		return 0;
	return r < 0 ? r : store_commit(writer, err);
}

static int get(void *context, struct remote *remote, struct msb_error *err)
{
	struct lazy_request *request = context;
	int r = lazy_request_get(request, remote, err);

	return r == 1 ? commit(request->writer, err) : r;
}

/* --- What it brings --- */

/* With the lock held. */
static bool is_flying(const struct lazy_fetcher *fetcher, const struct msb_digest *digest)
{
	for (const struct flight *flight = fetcher->flights; flight; flight = flight->next) {
		if (!flight->last && msb_digest_equal(flight->wanted, digest))
			return true;
		for (size_t i = 0; i < flight->count; i++)
			if (msb_digest_equal(&flight->files[i].digest, digest))
				return true;
	}
	return false;
}

static bool piece_is_flying(const struct lazy_fetcher *fetcher, const struct msb_digest *digest,
			    size_t piece)
{
	for (const struct flight *flight = fetcher->flights; flight; flight = flight->next)
		if (piece >= flight->first && piece < flight->last &&
		    msb_digest_equal(flight->wanted, digest))
			return true;
	return false;
}

/* With the lock held: how much this request may bring. */
static uint64_t window_for(struct lazy_fetcher *fetcher, const struct msb_digest *layer,
			   uint64_t start)
{
	bool in_order = msb_digest_equal(layer, &fetcher->last_layer) &&
			start >= fetcher->last_stop && start - fetcher->last_stop <= GAP_MOST;

	if (in_order && fetcher->window < WINDOW_MOST)
		fetcher->window *= 2;
	else if (!in_order)
		fetcher->window = WINDOW_FIRST;
	return fetcher->window;
}

/* With the lock held: takes those of the neighbours that are worth it. */
static int choose(struct lazy_fetcher *fetcher, struct lazy_request *request,
		  struct store_remote *neighbours, size_t count)
{
	const struct msb_digest layer = request->files[0].layer;
	uint64_t window = window_for(fetcher, &layer, request->start), unpacked = 0;
	struct store_remote *files = reallocarray(request->files, count + 1, sizeof(*files));

	if (!files)
		return -ENOMEM;
	request->files = files;
	for (size_t i = 0; i < count; i++) {
		uint64_t start, stop;

		store_remote_range(&neighbours[i], &start, &stop);
		if (start > request->stop + GAP_MOST || start - request->start >= window)
			break;
		if (stop - request->start > LAZY_REQUEST_MEMORY ||
		    store_remote_has_pieces(&neighbours[i]) ||
		    neighbours[i].size > UNPACKED_MOST - unpacked ||
		    msb_digest_equal(&neighbours[i].digest, &files[0].digest) ||
		    is_flying(fetcher, &neighbours[i].digest))
			continue;
		if (stop > request->stop)
			request->stop = stop;
		unpacked += neighbours[i].size;
		files[request->count++] = neighbours[i];
		neighbours[i].parts = NULL; /* taken */
	}
	fetcher->last_layer = layer;
	fetcher->last_stop = request->stop;
	return 0;
}

static int plan(struct lazy_fetcher *fetcher, struct lazy_request *request, struct flight *flight,
		struct msb_error *err)
{
	const struct store_remote *wanted = &request->files[0];
	struct store_remote *neighbours = NULL;
	size_t count = 0;
	int r = 0;

	store_remote_range(wanted, &request->start, &request->stop);
	if (!msb_digest_equal(&wanted->digest, &wanted->layer))
		r = store_remote_behind(fetcher->store, &wanted->layer, request->start, BATCH,
					&neighbours, &count, err);
	pthread_mutex_lock(&fetcher->lock);
	if (r >= 0 && count > 0 && choose(fetcher, request, neighbours, count) < 0)
		r = msb_error_memory(err);
	flight->files = request->files;
	flight->count = request->count;
	pthread_mutex_unlock(&fetcher->lock);
	store_remotes_free(neighbours, count);
	return r;
}

/* From wherever the layer was seen. */
static int get_somewhere(struct lazy_fetcher *fetcher, struct lazy_request *request,
			 struct msb_error *err)
{
	autostrlist places = {0};
	char text[MSB_DIGEST_TEXT];
	int r = store_origin_list(fetcher->store, &request->files[0].layer, &places, err);

	if (r < 0)
		return r;
	r = msb_error_say(err, EIO, "nobody knows where layer %s is",
			  msb_digest_format(&request->files[0].layer, text));
	for (size_t i = 0; r < 0 && r != -ENOMEM && i < places.count; i++)
		r = lazy_sources_get(fetcher->sources, places.items[i], get, request, err);
	return r;
}

/* Takes file's parts. */
static int take_file(struct lazy_request *request, struct store_remote *file, struct msb_error *err)
{
	request->files = malloc(sizeof(*request->files));
	if (!request->files)
		return msb_error_memory(err);
	request->files[0] = *file;
	request->count = 1;
	file->parts = NULL;
	return 0;
}

static int fetch_one(struct lazy_fetcher *fetcher, struct store_remote *file, struct flight *flight,
		     struct msb_error *err)
{
	AUTO(lazy_request_done) struct lazy_request request = {.fd = -1};
	int r;

	r = take_file(&request, file, err);
	if (r < 0)
		return r;
	r = take_writer(fetcher, &request.writer, err);
	if (r < 0)
		return r;
	r = plan(fetcher, &request, flight, err);
	if (r >= 0)
		r = get_somewhere(fetcher, &request, err);
	pthread_mutex_lock(&fetcher->lock);
	flight->files = NULL;
	flight->count = 0;
	pthread_mutex_unlock(&fetcher->lock);
	give_writer(fetcher);
	return r;
}

/* What is put is here for us, and for others once it is committed: whoever puts it lands then. Not
 * with a flight of one's own for a piece of it. */
static void wait_for_last_piece(struct lazy_fetcher *fetcher, const struct msb_digest *digest)
{
	const struct flight *flight;

	pthread_mutex_lock(&fetcher->lock);
	do {
		flight = fetcher->flights;
		while (flight && !(flight->last && msb_digest_equal(flight->wanted, digest)))
			flight = flight->next;
		if (flight)
			pthread_cond_wait(&fetcher->landed, &fetcher->lock);
	} while (flight);
	pthread_mutex_unlock(&fetcher->lock);
}

/* 0: it is here; 1: in all of *ret, which is the caller's. */
static int find(struct lazy_fetcher *fetcher, const struct msb_digest *digest,
		struct store_remote **ret, size_t *ret_count, struct msb_error *err)
{
	int r = msb_store_has(fetcher->store, digest, NULL, err);

	if (r == MSB_HERE)
		wait_for_last_piece(fetcher, digest);
	if (r < 0 || r == MSB_HERE)
		return r < 0 ? r : 0;
	r = store_remote_find(fetcher->store, digest, ret, ret_count, err);
	return r < 0 ? r : 1;
}

static int fetch(struct lazy_fetcher *fetcher, const struct msb_digest *digest,
		 struct flight *flight, struct msb_error *err)
{
	struct store_remote *files;
	char text[MSB_DIGEST_TEXT];
	size_t count;
	int r = find(fetcher, digest, &files, &count, err);

	if (r <= 0)
		return r;
	r = msb_error_say(err, EIO, "nobody knows where blob %s is",
			  msb_digest_format(digest, text));
	for (size_t i = 0; r < 0 && r != -ENOMEM && i < count; i++)
		r = fetch_one(fetcher, &files[i], flight, err);
	store_remotes_free(files, count);
	/* It is known; that a registry has lost it is another matter. */
	return r == -ENOENT ? -EIO : r;
}

/* With the lock held, as the next one. */
static void take_off(struct lazy_fetcher *fetcher, struct flight *flight)
{
	flight->next = fetcher->flights;
	fetcher->flights = flight;
}

static void land(struct lazy_fetcher *fetcher, const struct flight *flight)
{
	struct flight **at = &fetcher->flights;

	while (*at != flight)
		at = &(*at)->next;
	*at = flight->next;
	pthread_cond_broadcast(&fetcher->landed);
}

/* One of several threads that want a blob fetches it, and the others wait for that. */
static int fetch_whole(struct lazy_fetcher *fetcher, const struct msb_digest *digest,
		       struct msb_error *err)
{
	struct flight flight = {.wanted = digest};
	int r;

	pthread_mutex_lock(&fetcher->lock);
	while (is_flying(fetcher, digest))
		pthread_cond_wait(&fetcher->landed, &fetcher->lock);
	take_off(fetcher, &flight);
	pthread_mutex_unlock(&fetcher->lock);
	r = fetch(fetcher, digest, &flight, err);
	pthread_mutex_lock(&fetcher->lock);
	land(fetcher, &flight);
	pthread_mutex_unlock(&fetcher->lock);
	return r;
}

/* --- Pieces --- */

/* With the lock held: those behind the first that lack and are worth it. */
static void plan_pieces(struct lazy_fetcher *fetcher, struct lazy_request *request,
			struct flight *flight)
{
	const struct store_remote *file = &request->files[0];
	const struct store_part *part = &file->parts[request->first];
	uint64_t window;

	request->start = part->start;
	request->stop = part->stop;
	window = window_for(fetcher, &file->layer, request->start);
	while (request->last < file->part_count) {
		part = &file->parts[request->last];
		if (part->start < request->start || part->start > request->stop + GAP_MOST ||
		    part->start - request->start >= window ||
		    store_partial_has(request->partial, request->last) ||
		    piece_is_flying(fetcher, &file->digest, request->last))
			break;
		if (part->stop > request->stop)
			request->stop = part->stop;
		flight->last = ++request->last;
	}
	fetcher->last_layer = file->layer;
	fetcher->last_stop = request->stop;
}

/* 1: all of the file is here, perhaps not committed yet. */
static int get_pieces(struct lazy_fetcher *fetcher, struct lazy_request *request,
		      struct flight *flight, struct msb_error *err)
{
	int r = msb_store_has(fetcher->store, &request->files[0].digest, NULL, err);

	if (r < 0 || r == MSB_HERE)
		return r < 0 ? r : 1;
	r = store_partial_open(request->writer, &request->files[0], &request->partial, err);
	if (r < 0)
		return r;
	if (!store_partial_has(request->partial, request->first)) {
		pthread_mutex_lock(&fetcher->lock);
		plan_pieces(fetcher, request, flight);
		pthread_mutex_unlock(&fetcher->lock);
		r = get_somewhere(fetcher, request, err);
	}
	store_partial_close(request->partial);
	return r;
}

static int fetch_piece(struct lazy_fetcher *fetcher, struct store_remote *file, uint64_t offset,
		       struct msb_error *err)
{
	AUTO(lazy_request_done) struct lazy_request request = {.fd = -1};
	const struct msb_digest digest = file->digest;
	struct flight flight = {.wanted = &digest};
	uint64_t begin;
	int r;

	r = take_file(&request, file, err);
	if (r < 0)
		return r;
	request.first = store_remote_piece(&request.files[0], offset, &begin);
	request.last = request.first + 1;
	flight.first = request.first;
	flight.last = request.last;
	r = take_writer(fetcher, &request.writer, err);
	if (r < 0)
		return r;
	pthread_mutex_lock(&fetcher->lock);
	while (piece_is_flying(fetcher, &digest, request.first))
		pthread_cond_wait(&fetcher->landed, &fetcher->lock);
	take_off(fetcher, &flight);
	pthread_mutex_unlock(&fetcher->lock);
	r = get_pieces(fetcher, &request, &flight, err);
	pthread_mutex_lock(&fetcher->lock);
	land(fetcher, &flight);
	pthread_mutex_unlock(&fetcher->lock);
	give_writer(fetcher);
	if (r == 1)
		wait_for_last_piece(fetcher, &digest);
	return r == 1 ? 0 : r;
}

/* 1: it does not come in pieces. */
static int fetch_at(struct lazy_fetcher *fetcher, const struct msb_digest *digest, uint64_t offset,
		    struct msb_error *err)
{
	struct store_remote *files;
	size_t count;
	int r = find(fetcher, digest, &files, &count, err);

	if (r <= 0)
		return r;
	for (size_t i = 0; r != 0 && r != -ENOMEM && i < count; i++)
		if (store_remote_has_pieces(&files[i]) && offset < files[i].size)
			r = fetch_piece(fetcher, &files[i], offset, err);
	store_remotes_free(files, count);
	return r == -ENOENT ? -EIO : r;
}

int lazy_fetch(void *context, const struct msb_digest *digest, uint64_t offset,
	       struct msb_error *err)
{
	struct lazy_fetcher *fetcher = context;
	int r = offset == MSB_WHOLE ? 1 : fetch_at(fetcher, digest, offset, err);

	return r == 1 ? fetch_whole(fetcher, digest, err) : r;
}

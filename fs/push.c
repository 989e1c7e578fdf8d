#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "fuse_ops.h"
#include "push.h"
#include "transport.h"

/* Directories that are being read at the same time. */
#define STREAMS 8
/* Files of at most this size are pushed; for larger ones the kernel's own read-ahead is enough. */
#define FILE_MAX (64 * 1024)
/* How many entries ahead: doubled each time the reader comes to the window's end. */
#define WINDOW_FIRST 8
#define WINDOW_MAX   512
/* How many bytes ahead of what was read last. */
#define BYTES_MAX (4 * 1024 * 1024)
/* So many entries at a time; the reader waits for the first ones. */
#define BATCH 8
/* Who may not push itself waits at most so long for the thread that does. */
#define PATIENCE_NS 2000000
/* What lies between two files in order: entries that are no files or need no reading. */
#define GAP 4
/* So many reads in order start it. */
#define HITS 3
/* Once reads go in order, so many directories are pushed on being listed alone. Whoever only lists
 * (find after tar) stops it that soon, and whoever reads keeps it going. */
#define CREDIT 8

struct stream {
	uint64_t directory; /* its node; 0: unused */
	uint64_t last;      /* the entry that was read last */
	uint64_t next, end; /* entries to be pushed */
	size_t bytes;       /* pushed since */
	unsigned hits, window;
	uint64_t used; /* for finding the one unused for longest */
};

struct push {
	struct core *core;
	struct fuse_session *session;
	/* Held while pushing: the kernel may keep that thread waiting for a page whose READ another
	 * thread has yet to answer, so that it must never be more than one of several. */
	pthread_mutex_t pushing;
	char *bytes;          /* FILE_MAX; guarded by pushing */
	pthread_mutex_t lock; /* guards all below; never held while the kernel is told something */
	struct stream streams[STREAMS];
	uint64_t clock;
	bool hot; /* the last reads went in order */
	unsigned credit;
	bool stopping;
	/* A thread answers a core's requests alone where the transport is a ring. There it must
	 * never wait for a page, and a thread of its own pushes. */
	bool has_pusher;
	pthread_t pusher;
	pthread_cond_t changed; /* asked, done or stopping */
	uint64_t asked, done;   /* done: the batches that came first, too */
};

static struct stream *stream_of(struct push *push, uint64_t directory)
{
	struct stream *oldest = &push->streams[0];

	for (size_t i = 0; i < STREAMS; i++) {
		if (push->streams[i].directory == directory)
			return &push->streams[i];
		if (push->streams[i].used < oldest->used)
			oldest = &push->streams[i];
	}
	*oldest = (struct stream){.directory = directory, .last = UINT64_MAX};
	return oldest;
}

/* True when the read goes on where the last one, or what was pushed since, ended. */
static bool is_next(const struct stream *stream, const struct core_place *place)
{
	uint64_t expected = stream->end > stream->last ? stream->end : stream->last;

	if (stream->last == UINT64_MAX)
		return stream->end && place->index <= stream->end + GAP;
	return place->index > stream->last && place->index <= expected + GAP;
}

static void see_read(struct push *push, const struct core_place *place)
{
	struct stream *stream = stream_of(push, place->directory);

	stream->used = ++push->clock;
	stream->bytes = 0;
	if (is_next(stream, place)) {
		stream->hits++;
	} else {
		stream->hits = place->index <= GAP && push->hot ? HITS : 1;
		stream->window = WINDOW_FIRST;
		stream->next = stream->end = 0;
	}
	stream->last = place->index;
	push->hot = stream->hits >= HITS;
	push->credit = push->hot ? CREDIT : 0;
	if (!push->hot)
		return;
	if (stream->next <= place->index)
		stream->next = place->index + 1;
	if (place->index + stream->window / 2 >= stream->end) {
		stream->end = place->index + 1 + stream->window;
		if (stream->window < WINDOW_MAX)
			stream->window *= 2;
	}
}

static void see_list(struct push *push, uint64_t directory)
{
	struct stream *stream;

	if (!push->credit)
		return;
	push->credit--;
	stream = stream_of(push, directory);
	*stream = (struct stream){.directory = directory,
				  .last = UINT64_MAX,
				  .used = ++push->clock,
				  .hits = HITS,
				  .end = WINDOW_FIRST,
				  .window = 2 * WINDOW_FIRST};
}

static bool wants_work(const struct stream *stream)
{
	return stream->next < stream->end && stream->bytes < BYTES_MAX;
}

/* The stream used last of those that have something to do; NULL: none. */
static struct stream *find_work(struct push *push)
{
	struct stream *best = NULL;

	for (size_t i = 0; i < STREAMS; i++)
		if (wants_work(&push->streams[i]) && (!best || push->streams[i].used > best->used))
			best = &push->streams[i];
	return best;
}

/* Entries of one directory to be pushed, and what became of it. */
struct batch {
	struct push *push;
	uint64_t directory, first, end;
	size_t bytes;
	int r;
};

static bool take_work(struct push *push, struct batch *ret)
{
	struct stream *stream = push->stopping ? NULL : find_work(push);

	if (!stream)
		return false;
	*ret = (struct batch){push, stream->directory, stream->next, stream->end, 0, 0};
	if (ret->end > ret->first + BATCH)
		ret->end = ret->first + BATCH;
	stream->next = ret->end;
	return true;
}

/* Nothing more in this directory where the kernel does not know its entries (nobody listed it), or
 * there are no more. */
static void account(struct push *push, const struct batch *batch)
{
	for (size_t i = 0; i < STREAMS; i++) {
		struct stream *stream = &push->streams[i];

		if (stream->directory != batch->directory)
			continue;
		stream->bytes += batch->bytes;
		if (batch->r < 0)
			stream->next = stream->end;
	}
}

static bool push_one(void *context, uint64_t id, const void *bytes, size_t size)
{
	struct batch *batch = context;
	struct fuse_bufvec vector = FUSE_BUFVEC_INIT(size);

	vector.buf[0].mem = (void *)(uintptr_t)bytes;
	batch->r = fuse_lowlevel_notify_store(batch->push->session, id, 0, &vector, 0);
	batch->bytes += size;
	return batch->r == 0;
}

/* Pushes what the reader is expected to want, so many batches at most, unless another thread is at
 * it. */
static void push_some(struct push *push, unsigned batches)
{
	struct batch batch;
	bool more = true;
	int r;

	if (pthread_mutex_trylock(&push->pushing) != 0)
		return;
	while (more && batches-- > 0) {
		pthread_mutex_lock(&push->lock);
		more = take_work(push, &batch);
		pthread_mutex_unlock(&push->lock);
		if (!more)
			break;
		r = core_ahead(push->core, batch.directory, batch.first, batch.end, push->bytes,
			       FILE_MAX, push_one, &batch);
		if (batch.r == 0)
			batch.r = r;
		pthread_mutex_lock(&push->lock);
		account(push, &batch);
		push->done = push->asked;
		pthread_cond_broadcast(&push->changed);
		pthread_mutex_unlock(&push->lock);
	}
	pthread_mutex_unlock(&push->pushing);
}

static void *run_pusher(void *context)
{
	struct push *push = context;

	pthread_mutex_lock(&push->lock);
	while (!push->stopping) {
		if (!find_work(push)) {
			push->done = push->asked;
			pthread_cond_wait(&push->changed, &push->lock);
			continue;
		}
		pthread_mutex_unlock(&push->lock);
		push_some(push, 1);
		pthread_mutex_lock(&push->lock);
	}
	pthread_mutex_unlock(&push->lock);
	return NULL;
}

/* With the lock held. */
static void ask_pusher(struct push *push)
{
	struct timespec until;
	uint64_t asked;

	if (push->stopping || !find_work(push))
		return;
	if (!push->has_pusher)
		push->has_pusher = pthread_create(&push->pusher, NULL, run_pusher, push) == 0;
	if (!push->has_pusher)
		return;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += PATIENCE_NS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	asked = ++push->asked;
	pthread_cond_broadcast(&push->changed);
	while (push->done < asked && !push->stopping)
		if (pthread_cond_timedwait(&push->changed, &push->lock, &until) != 0)
			return;
}

/* With the lock held, and without it on return. */
static void begin(struct push *push)
{
	bool ring = transport_is_ring();
	bool work = find_work(push);

	if (ring)
		ask_pusher(push);
	pthread_mutex_unlock(&push->lock);
	if (!ring && work)
		push_some(push, 1);
}

void push_saw_read(struct push *push, const struct core_place *place)
{
	pthread_mutex_lock(&push->lock);
	see_read(push, place);
	begin(push);
}

void push_saw_list(struct push *push, uint64_t directory)
{
	pthread_mutex_lock(&push->lock);
	see_list(push, directory);
	begin(push);
}

void push_go_on(struct push *push)
{
	if (!transport_is_ring())
		push_some(push, UINT32_MAX);
}

struct push *push_new(struct core *core, struct fuse_session *session)
{
	struct push *push = calloc(1, sizeof(*push));
	pthread_condattr_t attributes;
	char *bytes = malloc(FILE_MAX);

	if (!push || !bytes) {
		free(push);
		free(bytes);
		return NULL;
	}
	push->core = core;
	push->session = session;
	push->bytes = bytes;
	pthread_mutex_init(&push->lock, NULL);
	pthread_mutex_init(&push->pushing, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&push->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	return push;
}

void push_stop(struct push *push)
{
	pthread_mutex_lock(&push->lock);
	push->stopping = true;
	pthread_cond_broadcast(&push->changed);
	pthread_mutex_unlock(&push->lock);
	pthread_mutex_lock(&push->pushing);
	pthread_mutex_unlock(&push->pushing);
}

void push_free(struct push *push)
{
	if (!push)
		return;
	push_stop(push);
	if (push->has_pusher)
		pthread_join(push->pusher, NULL);
	pthread_cond_destroy(&push->changed);
	pthread_mutex_destroy(&push->lock);
	pthread_mutex_destroy(&push->pushing);
	free(push->bytes);
	free(push);
}

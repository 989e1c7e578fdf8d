#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "fuse_ops.h"
#include "push.h"
#include "transport.h"

/* Directories that are being read at the same time. */
#define STREAMS 8
/* Files of at most this size are pushed; for larger ones the kernel's own read-ahead is enough. */
#define FILE_MAX (128 * 1024)
/* How many entries ahead: doubled each time the reader comes to the window's end. */
#define WINDOW_FIRST 16
#define WINDOW_MAX   64
/* So many bytes are pushed while the reader waits; the rest of a window while it reads these. */
#define BYTES_FIRST (128 * 1024)
/* Who may not push itself waits at most so long for the thread that does. */
#define PATIENCE_NS 2000000
/* What lies between two files in order: so many files that are not read. Directories, links and the
 * like don't count. */
#define GAP 4
/* So many reads in order start it. */
#define HITS 3
/* Once reads go in order, so many directories are pushed on being listed alone. Whoever only lists
 * (find after tar) stops it that soon, and whoever reads keeps it going. */
#define CREDIT 24

struct stream {
	uint64_t directory; /* its node; 0: unused */
	uint64_t last;      /* the entry that was read last */
	uint64_t next, end; /* entries to be pushed */
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
	struct core_place current; /* being pushed; directory 0: nothing */
	uint64_t clock;
	bool hot; /* the last reads went in order */
	unsigned credit;
	bool stopping;
	/* A thread of its own pushes what the reader does not wait for; and everything where the
	 * transport is a ring: a thread answers a core's requests alone there and must never wait
	 * for a page. */
	bool has_pusher;
	pthread_t pusher;
	pthread_cond_t changed; /* asked, done or stopping */
	uint64_t asked, done;
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

static bool is_near(const struct push *push, const struct core_place *place, uint64_t from)
{
	return place->index <= from + GAP ||
	       core_count_files(push->core, place->directory, from, place->index, GAP + 1) <= GAP;
}

/* True when the read goes on where the last one, or what was pushed since, ended. */
static bool is_next(const struct push *push, const struct stream *stream,
		    const struct core_place *place)
{
	uint64_t expected = stream->end > stream->last ? stream->end : stream->last;

	if (stream->last == UINT64_MAX)
		return stream->end && is_near(push, place, stream->end);
	return place->index > stream->last && is_near(push, place, expected);
}

static void see_read(struct push *push, const struct core_place *place)
{
	struct stream *stream = stream_of(push, place->directory);

	stream->used = ++push->clock;
	if (is_next(push, stream, place)) {
		stream->hits++;
	} else {
		stream->hits = push->hot && is_near(push, place, 0) ? HITS : 1;
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
	if (place->index >= stream->end) {
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

static bool has_work(const struct push *push)
{
	for (size_t i = 0; i < STREAMS; i++)
		if (push->streams[i].next < push->streams[i].end)
			return true;
	return false;
}

/* The entry to push next, of the stream used last; false when there is nothing to do. */
static bool take_work(struct push *push, struct core_place *ret)
{
	struct stream *best = NULL;

	for (size_t i = 0; i < STREAMS; i++)
		if (push->streams[i].next < push->streams[i].end &&
		    (!best || push->streams[i].used > best->used))
			best = &push->streams[i];
	if (!best)
		return false;
	*ret = (struct core_place){best->directory, best->next++};
	return true;
}

/* Nothing more in this directory. */
static void give_up(struct push *push, uint64_t directory)
{
	pthread_mutex_lock(&push->lock);
	for (size_t i = 0; i < STREAMS; i++)
		if (push->streams[i].directory == directory)
			push->streams[i].next = push->streams[i].end;
	pthread_mutex_unlock(&push->lock);
}

/* The bytes that were pushed. */
static size_t push_one(struct push *push, const struct core_place *place)
{
	struct fuse_bufvec vector = FUSE_BUFVEC_INIT(0);
	uint64_t id;
	ssize_t n = core_read_at(push->core, place, push->bytes, FILE_MAX, &id);
	int r = n < 0 ? (int)n : 0;

	if (n > 0) {
		vector.buf[0].mem = push->bytes;
		vector.buf[0].size = (size_t)n;
		r = fuse_lowlevel_notify_store(push->session, id, 0, &vector, 0);
	}
	/* The kernel does not know it (nobody listed the directory), or there are no more. */
	if (r < 0 && r != -ENODATA)
		give_up(push, place->directory);
	return r < 0 ? 0 : (size_t)n;
}

/* Pushes some of what the reader is expected to want. With pushing held. */
static void push_some(struct push *push)
{
	struct core_place place;
	size_t bytes = 0;
	bool more = true;

	while (more) {
		pthread_mutex_lock(&push->lock);
		more = !push->stopping && bytes < BYTES_FIRST && take_work(push, &place);
		push->current = more ? place : (struct core_place){0};
		pthread_mutex_unlock(&push->lock);
		if (more)
			bytes += push_one(push, &place);
	}
}

static void *run_pusher(void *context)
{
	struct push *push = context;
	uint64_t asked;

	pthread_mutex_lock(&push->lock);
	while (!push->stopping) {
		if (push->asked == push->done && !has_work(push)) {
			pthread_cond_wait(&push->changed, &push->lock);
			continue;
		}
		asked = push->asked;
		pthread_mutex_unlock(&push->lock);
		pthread_mutex_lock(&push->pushing);
		push_some(push);
		pthread_mutex_unlock(&push->pushing);
		pthread_mutex_lock(&push->lock);
		push->done = asked;
		pthread_cond_broadcast(&push->changed);
	}
	pthread_mutex_unlock(&push->lock);
	return NULL;
}

/* With the lock held. False: there is nothing to do, or nobody to do it. */
static bool ask_pusher(struct push *push)
{
	if (push->stopping || !has_work(push))
		return false;
	if (!push->has_pusher)
		push->has_pusher = pthread_create(&push->pusher, NULL, run_pusher, push) == 0;
	if (!push->has_pusher)
		return false;
	push->asked++;
	pthread_cond_broadcast(&push->changed);
	return true;
}

/* With the lock held. */
static void wait_for_pusher(struct push *push)
{
	uint64_t asked = push->asked;
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += PATIENCE_NS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	while (push->done < asked && !push->stopping)
		if (pthread_cond_timedwait(&push->changed, &push->lock, &until) != 0)
			return;
}

/* With the lock held, and without it on return. place: what is being read, or nothing. */
static void work(struct push *push, const struct core_place *place)
{
	bool wait = transport_is_ring();

	if (!wait && pthread_mutex_trylock(&push->pushing) == 0) {
		pthread_mutex_unlock(&push->lock);
		push_some(push);
		pthread_mutex_unlock(&push->pushing);
		pthread_mutex_lock(&push->lock);
	} else {
		/* The reader is as fast as the pusher, which may be waiting for this very page. */
		wait = push->current.directory != place->directory ||
		       push->current.index != place->index;
	}
	if (ask_pusher(push) && wait)
		wait_for_pusher(push);
	pthread_mutex_unlock(&push->lock);
}

void push_saw_read(struct push *push, const struct core_place *place)
{
	pthread_mutex_lock(&push->lock);
	see_read(push, place);
	work(push, place);
}

void push_saw_list(struct push *push, uint64_t directory)
{
	const struct core_place none = {0};

	pthread_mutex_lock(&push->lock);
	see_list(push, directory);
	work(push, &none);
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

#include <pthread.h>
#include <stdlib.h>

#include "fuse_ops.h"
#include "push.h"

/* Directories that are being read at the same time. */
#define STREAMS 8
/* Files of at most this size are pushed; for larger ones the kernel's own read-ahead is enough. */
#define FILE_MAX (64 * 1024)
/* How many entries ahead: doubled each time the reader comes to the window's end. */
#define WINDOW_FIRST 8
#define WINDOW_MAX   256
/* What lies between two files in order: entries that are no files or need no reading. */
#define GAP 4
/* So many reads in order start it. */
#define HITS 3

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
	pthread_t thread;
	char *bytes;          /* the thread's own, FILE_MAX */
	pthread_mutex_t lock; /* guards all below; never held while the kernel is told something */
	pthread_cond_t wanted;
	struct stream streams[STREAMS];
	uint64_t clock;
	bool hot; /* the last directory was read in order: the next one will be */
	bool stopping, stopped;
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

	return stream->last != UINT64_MAX && place->index > stream->last &&
	       place->index <= expected + GAP;
}

void push_saw_read(struct push *push, const struct core_place *place)
{
	struct stream *stream;

	pthread_mutex_lock(&push->lock);
	stream = stream_of(push, place->directory);
	stream->used = ++push->clock;
	if (is_next(stream, place)) {
		stream->hits++;
	} else {
		stream->hits = place->index <= GAP && push->hot ? HITS : 1;
		stream->window = WINDOW_FIRST;
		stream->next = stream->end = 0;
	}
	push->hot = stream->hits >= HITS;
	stream->last = place->index;
	if (push->hot) {
		if (stream->next <= place->index)
			stream->next = place->index + 1;
		if (place->index >= stream->end) {
			stream->end = place->index + 1 + stream->window;
			if (stream->window < WINDOW_MAX)
				stream->window *= 2;
			pthread_cond_signal(&push->wanted);
		}
	}
	pthread_mutex_unlock(&push->lock);
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

static void push_one(struct push *push, const struct core_place *place)
{
	struct fuse_bufvec vector = FUSE_BUFVEC_INIT(0);
	uint64_t id;
	ssize_t n = core_read_at(push->core, place, push->bytes, FILE_MAX, &id);

	if (n > 0) {
		vector.buf[0].mem = push->bytes;
		vector.buf[0].size = (size_t)n;
		n = fuse_lowlevel_notify_store(push->session, id, 0, &vector, 0);
	}
	/* The kernel does not know it (nobody listed the directory), or there are no more. */
	if (n < 0 && n != -ENODATA)
		give_up(push, place->directory);
}

static void *run(void *context)
{
	struct push *push = context;
	struct core_place place;

	pthread_mutex_lock(&push->lock);
	while (!push->stopping) {
		if (!take_work(push, &place)) {
			pthread_cond_wait(&push->wanted, &push->lock);
			continue;
		}
		pthread_mutex_unlock(&push->lock);
		push_one(push, &place);
		pthread_mutex_lock(&push->lock);
	}
	pthread_mutex_unlock(&push->lock);
	return NULL;
}

struct push *push_new(struct core *core, struct fuse_session *session)
{
	struct push *push = calloc(1, sizeof(*push));

	if (!push)
		return NULL;
	push->core = core;
	push->session = session;
	push->bytes = malloc(FILE_MAX);
	pthread_mutex_init(&push->lock, NULL);
	pthread_cond_init(&push->wanted, NULL);
	if (!push->bytes || pthread_create(&push->thread, NULL, run, push) != 0) {
		push->stopped = true;
		push_free(push);
		return NULL;
	}
	return push;
}

void push_stop(struct push *push)
{
	bool join;

	pthread_mutex_lock(&push->lock);
	push->stopping = true;
	join = !push->stopped;
	push->stopped = true;
	pthread_cond_signal(&push->wanted);
	pthread_mutex_unlock(&push->lock);
	if (join)
		pthread_join(push->thread, NULL);
}

void push_free(struct push *push)
{
	if (!push)
		return;
	push_stop(push);
	pthread_cond_destroy(&push->wanted);
	pthread_mutex_destroy(&push->lock);
	free(push->bytes);
	free(push);
}

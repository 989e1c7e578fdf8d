/* A thread that reads, decompresses and hashes ahead of whoever unpacks. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "internal.h"

/* Few and large: a hand-over costs a wake-up. Pieces small enough to stay in the cache between
 * the two threads. */
#define PIECES     4
#define PIECE_SIZE ((size_t)1024 * 1024)

struct stream {
	struct layer_source source;
	uint64_t limit;
	struct msb_hasher *hasher; /* owned; NULL: no hash wanted */
	pthread_t thread;
	bool started;

	uint8_t *pieces[PIECES]; /* owned */
	size_t sizes[PIECES];
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t written, read; /* pieces; all below are guarded by lock */
	bool holds;           /* the reader still has piece read % PIECES */
	bool ended, stopped;
	int result;
	struct msb_error error;
	uint64_t size;
};

/* Waits for a piece to write to; NULL when the reader has gone. */
static uint8_t *free_piece(struct stream *stream)
{
	uint8_t *piece = NULL;

	pthread_mutex_lock(&stream->lock);
	while (stream->written - stream->read == PIECES && !stream->stopped)
		pthread_cond_wait(&stream->changed, &stream->lock);
	if (!stream->stopped)
		piece = stream->pieces[stream->written % PIECES];
	pthread_mutex_unlock(&stream->lock);
	return piece;
}

static void hand_over(struct stream *stream, size_t size)
{
	pthread_mutex_lock(&stream->lock);
	stream->sizes[stream->written++ % PIECES] = size;
	stream->size += size;
	pthread_cond_signal(&stream->changed);
	pthread_mutex_unlock(&stream->lock);
}

static int pump(struct stream *stream, struct msb_error *err)
{
	AUTO(decoder_freep) struct decoder *decoder = NULL;
	uint64_t total = 0;
	uint8_t *piece;
	int r = decoder_new(&stream->source, &decoder, err);

	if (r < 0)
		return r;
	while ((piece = free_piece(stream))) {
		ssize_t n = decoder_read(decoder, piece, PIECE_SIZE, err);

		if (n <= 0)
			return (int)n;
		total += (uint64_t)n;
		if (stream->limit > 0 && total > stream->limit)
			return msb_error_say(err, EFBIG,
					     "the archive unpacks to more than %llu bytes",
					     (unsigned long long)stream->limit);
		if (stream->hasher)
			msb_hasher_update(stream->hasher, piece, (size_t)n);
		hand_over(stream, (size_t)n);
	}
	return 0;
}

static void *run(void *context)
{
	struct stream *stream = context;
	struct msb_error err = {0};
	int r = pump(stream, &err);

	pthread_mutex_lock(&stream->lock);
	stream->result = r;
	stream->error = err;
	stream->ended = true;
	pthread_cond_signal(&stream->changed);
	pthread_mutex_unlock(&stream->lock);
	return NULL;
}

int stream_open(const struct layer_source *source, uint64_t limit, bool hash, struct stream **ret,
		struct msb_error *err)
{
	AUTO(stream_freep) struct stream *stream = calloc(1, sizeof(*stream));
	int r;

	if (!stream)
		return msb_error_memory(err);
	stream->source = *source;
	stream->limit = limit;
	pthread_mutex_init(&stream->lock, NULL);
	pthread_cond_init(&stream->changed, NULL);
	if (hash && !(stream->hasher = msb_hasher_new()))
		return msb_error_memory(err);
	for (size_t i = 0; i < PIECES; i++)
		if (!(stream->pieces[i] = malloc(PIECE_SIZE)))
			return msb_error_memory(err);
	r = pthread_create(&stream->thread, NULL, run, stream);
	if (r != 0)
		return msb_error_set(err, r, "start a thread");
	stream->started = true;
	*ret = steal(&stream);
	return 0;
}

ssize_t stream_next(struct stream *stream, const void **ret)
{
	ssize_t n = 0;

	pthread_mutex_lock(&stream->lock);
	if (stream->holds) {
		stream->read++;
		stream->holds = false;
		pthread_cond_signal(&stream->changed);
	}
	while (stream->written == stream->read && !stream->ended)
		pthread_cond_wait(&stream->changed, &stream->lock);
	if (stream->written > stream->read) {
		*ret = stream->pieces[stream->read % PIECES];
		n = (ssize_t)stream->sizes[stream->read % PIECES];
		stream->holds = true;
	} else if (stream->result < 0) {
		n = stream->result;
	}
	pthread_mutex_unlock(&stream->lock);
	return n;
}

static void join(struct stream *stream)
{
	if (!stream->started)
		return;
	pthread_mutex_lock(&stream->lock);
	stream->stopped = true;
	pthread_cond_signal(&stream->changed);
	pthread_mutex_unlock(&stream->lock);
	pthread_join(stream->thread, NULL);
	stream->started = false;
}

int stream_blame(struct stream *stream, int code, struct msb_error *err)
{
	pthread_mutex_lock(&stream->lock);
	if (stream->ended && stream->result < 0) {
		code = stream->result;
		if (err)
			*err = stream->error;
	}
	pthread_mutex_unlock(&stream->lock);
	return code;
}

int stream_finish(struct stream *stream, struct msb_digest *ret_digest, uint64_t *ret_size,
		  struct msb_error *err)
{
	const void *piece;

	while (stream_next(stream, &piece) > 0)
		;
	join(stream);
	if (stream->result < 0) {
		if (err)
			*err = stream->error;
		return stream->result;
	}
	*ret_digest = (struct msb_digest){0};
	if (stream->hasher)
		msb_hasher_finish(stream->hasher, ret_digest);
	*ret_size = stream->size;
	return 0;
}

void stream_free(struct stream *stream)
{
	if (!stream)
		return;
	join(stream);
	for (size_t i = 0; i < PIECES; i++)
		free(stream->pieces[i]);
	msb_hasher_free(stream->hasher);
	pthread_cond_destroy(&stream->changed);
	pthread_mutex_destroy(&stream->lock);
	free(stream);
}

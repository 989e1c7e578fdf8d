/* A thread that reads and decompresses ahead of whoever unpacks. Each piece is also hashed, in
 * their order, by whichever of the two would otherwise wait for the other. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "internal.h"

/* Few and large: a hand-over costs a wake-up. Pieces small enough to stay in the cache between
 * the two threads. */
#define PIECES     4
#define PIECE_SIZE ((size_t)1024 * 1024)
/* The first is smaller, and the next twice as large: the unpacker begins early. */
#define FIRST_SIZE ((size_t)128 * 1024)

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
	size_t hashed;        /* pieces; at most written, at least read */
	bool hashing;         /* one of the two is at it */
	bool holds;           /* the reader still has piece read % PIECES */
	bool ended, stopped;
	int result;
	struct msb_error error;
	uint64_t size;
};

/* With the lock held: hashes the next piece, unless the other one does just now. False: neither has
 * anything to hash. */
static bool hash_one(struct stream *stream)
{
	size_t at = stream->hashed % PIECES;

	if (stream->hashed == stream->written)
		return false;
	if (stream->hashing) {
		pthread_cond_wait(&stream->changed, &stream->lock);
		return true;
	}
	stream->hashing = true;
	pthread_mutex_unlock(&stream->lock);
	if (stream->hasher)
		msb_hasher_update(stream->hasher, stream->pieces[at], stream->sizes[at]);
	pthread_mutex_lock(&stream->lock);
	stream->hashing = false;
	stream->hashed++;
	pthread_cond_broadcast(&stream->changed);
	return true;
}

/* Waits for a piece to write to; NULL when the reader has gone. */
static uint8_t *free_piece(struct stream *stream)
{
	uint8_t *piece = NULL;

	pthread_mutex_lock(&stream->lock);
	while (stream->written - stream->read == PIECES && !stream->stopped)
		if (!hash_one(stream))
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
	pthread_cond_broadcast(&stream->changed);
	pthread_mutex_unlock(&stream->lock);
}

/* With the lock held: the reader is done with what it holds, which the other may write to now. */
static void give_back(struct stream *stream)
{
	if (!stream->holds)
		return;
	while (stream->hashed == stream->read)
		hash_one(stream);
	stream->read++;
	stream->holds = false;
	pthread_cond_broadcast(&stream->changed);
}

static int pump(struct stream *stream, struct msb_error *err)
{
	AUTO(decoder_freep) struct decoder *decoder = NULL;
	uint64_t total = 0;
	size_t size = FIRST_SIZE;
	uint8_t *piece;
	int r = decoder_new(&stream->source, &decoder, err);

	if (r < 0)
		return r;
	while ((piece = free_piece(stream))) {
		ssize_t n = decoder_read(decoder, piece, size, err);

		if (n <= 0)
			return (int)n;
		total += (uint64_t)n;
		if (stream->limit > 0 && total > stream->limit)
			return msb_error_say(err, EFBIG,
					     "the archive unpacks to more than %llu bytes",
					     (unsigned long long)stream->limit);
		hand_over(stream, (size_t)n);
		size = size < PIECE_SIZE ? 2 * size : size;
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
	pthread_cond_broadcast(&stream->changed);
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
	give_back(stream);
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
	pthread_cond_broadcast(&stream->changed);
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

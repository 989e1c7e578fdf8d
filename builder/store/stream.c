/* Blobs whose bytes come piecemeal: in memory while small, else in a file of the scratch
 * directory. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sparse.h"
#include "writer.h"

/* Large blobs are written in pieces of this size, so that runs of zeros are seen as a whole. */
#define PIECE (256 * 1024)

struct store_stream {
	struct store_writer *writer;
	uint64_t size;     /* announced */
	uint64_t received; /* so far */
	uint8_t *bytes;    /* owned; a small blob, or the piece under way of a large one */
	size_t used;

	/* A large one only. */
	int fd; /* -1: small */
	char name[TEMPORARY_NAME];
	bool filled; /* the file has the bytes already */
	struct msb_hasher *hasher;
};

static void stream_free(struct store_stream *stream)
{
	if (!stream)
		return;
	if (stream->fd >= 0)
		close(stream->fd);
	msb_hasher_free(stream->hasher);
	free(stream->bytes);
	free(stream);
}
DEFINE_AUTO(struct store_stream, stream_free)

int store_stream_begin(struct store_writer *writer, uint64_t size, struct store_stream **ret,
		       struct msb_error *err)
{
	AUTO(stream_freep) struct store_stream *stream = calloc(1, sizeof(*stream));
	bool large = size >= STORE_LARGE;

	if (!stream)
		return msb_error_memory(err);
	stream->writer = writer;
	stream->size = size;
	stream->fd = -1;
	stream->bytes = malloc(large ? PIECE : size ? (size_t)size : 1);
	if (!stream->bytes)
		return msb_error_memory(err);
	if (size > INT64_MAX)
		return msb_error_say(err, EFBIG, "a blob of %llu bytes is too large",
				     (unsigned long long)size);
	if (large) {
		int r;

		stream->hasher = msb_hasher_new();
		if (!stream->hasher)
			return msb_error_memory(err);
		r = large_create(writer, &stream->fd, stream->name, err);
		if (r < 0)
			return r;
	}
	*ret = steal(&stream);
	return 0;
}

int store_stream_begin_file(struct store_writer *writer, uint64_t size, const char *name,
			    struct store_stream **ret, struct msb_error *err)
{
	AUTO(stream_freep) struct store_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return msb_error_memory(err);
	stream->writer = writer;
	stream->size = size;
	stream->filled = true;
	snprintf(stream->name, sizeof(stream->name), "%s", name);
	stream->fd = openat(writer->scratch.dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (stream->fd < 0)
		return msb_error_set(err, errno, "open '%s'", name);
	stream->hasher = msb_hasher_new();
	if (!stream->hasher)
		return msb_error_memory(err);
	*ret = steal(&stream);
	return 0;
}

/* Writes the piece; received counts it already. */
static int write_piece(struct store_stream *stream, struct msb_error *err)
{
	int r = sparse_write(stream->fd, stream->bytes, stream->used,
			     stream->received - stream->used);

	if (r < 0)
		return msb_error_set(err, r, "store '%s': write a large file",
				     stream->writer->store->path);
	stream->used = 0;
	return 0;
}

static int write_large(struct store_stream *stream, const uint8_t *bytes, size_t size,
		       struct msb_error *err)
{
	while (size > 0) {
		size_t part = PIECE - stream->used < size ? PIECE - stream->used : size;

		memcpy(stream->bytes + stream->used, bytes, part);
		msb_hasher_update(stream->hasher, bytes, part);
		stream->used += part;
		stream->received += part;
		bytes += part;
		size -= part;
		if (stream->used == PIECE) {
			int r = write_piece(stream, err);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

int store_stream_write(struct store_stream *stream, const void *bytes, size_t size,
		       struct msb_error *err)
{
	if (size > stream->size - stream->received)
		return msb_error_say(err, EIO, "more bytes come than the %llu announced",
				     (unsigned long long)stream->size);
	if (stream->filled) {
		msb_hasher_update(stream->hasher, bytes, size);
		stream->received += size;
		return 0;
	}
	if (stream->fd >= 0)
		return write_large(stream, bytes, size, err);
	if (size)
		memcpy(stream->bytes + stream->used, bytes, size);
	stream->used += size;
	stream->received += size;
	return 0;
}

static int finish_large(struct store_stream *stream, struct msb_digest *ret, struct msb_error *err)
{
	struct store_writer *writer = stream->writer;
	struct msb_digest digest;
	int r = stream->filled ? 0 : write_piece(stream, err);

	if (r == 0 && !stream->filled && ftruncate(stream->fd, (off_t)stream->size) < 0)
		r = msb_error_set(err, errno, "store '%s': write a large file",
				  writer->store->path);
	if (r < 0) {
		unlinkat(writer->scratch.dir, stream->name, 0);
		return r;
	}
	msb_hasher_finish(stream->hasher, &digest);
	r = large_finish(writer, stream->name, stream->fd, &digest, stream->size, err);
	if (r == 0)
		*ret = digest;
	return r;
}

int store_stream_finish(struct store_stream *stream, struct msb_digest *ret, struct msb_error *err)
{
	AUTO(stream_freep) struct store_stream *owned = stream;

	if (stream->received < stream->size) {
		int r = msb_error_say(err, EIO, "only %llu of %llu bytes came",
				      (unsigned long long)stream->received,
				      (unsigned long long)stream->size);

		store_stream_abandon(steal(&owned));
		return r;
	}
	if (stream->fd >= 0)
		return finish_large(stream, ret, err);
	return store_put(stream->writer, stream->bytes, stream->used, ret, err);
}

void store_stream_abandon(struct store_stream *stream)
{
	if (stream && stream->fd >= 0)
		unlinkat(stream->writer->scratch.dir, stream->name, 0);
	stream_free(stream);
}

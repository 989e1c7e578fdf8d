#include "lazy_request.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "io.h"
#include "range.h"

void lazy_request_done(struct lazy_request *request)
{
	if (request->fd >= 0) {
		if (request->bytes)
			munmap(request->bytes, (size_t)(request->stop - request->start));
		close(request->fd);
	} else {
		free(request->bytes);
	}
	store_remotes_free(request->files, request->count);
}

static int take_bytes(void *context, const void *bytes, size_t size, struct msb_error *err)
{
	struct lazy_request *request = context;
	int r = 0;

	if (request->fd >= 0)
		r = io_pwrite(request->fd, bytes, size, request->at);
	else
		memcpy(request->bytes + request->at, bytes, size);
	if (r < 0)
		return msb_error_set(err, r, "write to '%s'",
				     store_writer_scratch_path(request->writer));
	request->at += size;
	return 0;
}

/* Memory for most, a file for what is large. */
static int make_room(struct lazy_request *request, struct msb_error *err)
{
	uint64_t size = request->stop - request->start;

	request->at = 0;
	if (request->bytes || request->fd >= 0)
		return 0; /* a second try */
	if (size <= LAZY_REQUEST_MEMORY) {
		request->bytes = malloc((size_t)size);
		return request->bytes ? 0 : msb_error_memory(err);
	}
	request->fd = openat(store_writer_scratch(request->writer), ".",
			     O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return request->fd < 0 ? msb_error_set(err, errno, "make a temporary file in '%s'",
					       store_writer_scratch_path(request->writer))
			       : 0;
}

static int map_file(struct lazy_request *request, struct msb_error *err)
{
	void *at;

	if (request->fd < 0 || request->bytes)
		return 0;
	at = mmap(NULL, (size_t)(request->stop - request->start), PROT_READ, MAP_SHARED,
		  request->fd, 0);
	if (at == MAP_FAILED)
		return msb_error_set(err, errno, "read what was fetched");
	request->bytes = at;
	return 0;
}

struct unpacking {
	const struct layer_sink *to;
	struct msb_hasher *hasher;
};

static int take_unpacked(void *context, const void *bytes, size_t size, struct msb_error *err)
{
	struct unpacking *unpacking = context;

	msb_hasher_update(unpacking->hasher, bytes, size);
	return unpacking->to->write(unpacking->to->context, bytes, size, err);
}

static int unpack_part(const struct lazy_request *request, const struct store_part *part,
		       struct unpacking *unpacking, struct msb_error *err)
{
	struct memory_source memory = {
		.bytes = (const char *)request->bytes + (part->start - request->start),
		.size = (size_t)(part->stop - part->start),
	};
	const struct layer_source source = memory_source(&memory);
	const struct layer_sink sink = {take_unpacked, unpacking};
	struct msb_digest digest;
	int r = layer_read_part(&source, part->skip, part->size, &sink, err);

	msb_hasher_finish(unpacking->hasher, &digest);
	if (r >= 0 && !msb_digest_equal(&digest, &part->digest))
		r = msb_error_say(err, EBADMSG, "what came is not what the layer announces");
	return r;
}

/* --- A file's pieces --- */

static int take_piece(void *context, const void *bytes, size_t size, struct msb_error *err)
{
	struct buffer *buffer = context;

	buffer_append(buffer, bytes, size);
	return buffer_ok(buffer) ? 0 : msb_error_memory(err);
}

static int unpack_piece(const struct lazy_request *request, size_t piece, struct msb_error *err)
{
	AUTO(msb_hasher_freep) struct msb_hasher *hasher = msb_hasher_new();
	autobuffer bytes = {0};
	const struct layer_sink sink = {take_piece, &bytes};
	struct unpacking unpacking = {&sink, hasher};
	int r = hasher ? unpack_part(request, &request->files[0].parts[piece], &unpacking, err)
		       : msb_error_memory(err);

	return r < 0 ? r : store_partial_put(request->partial, piece, bytes.bytes, err);
}

/* What came along and is wrong is said when somebody wants it. */
static int unpack_pieces(const struct lazy_request *request, struct msb_error *err)
{
	int r = unpack_piece(request, request->first, err);

	for (size_t i = request->first + 1; r >= 0 && i < request->last; i++)
		unpack_piece(request, i, NULL);
	return r < 0 ? r : store_partial_show(request->partial, err);
}

/* --- Whole files --- */

static int take_whole(void *context, const void *bytes, size_t size, struct msb_error *err)
{
	return store_stream_write(context, bytes, size, err);
}

/* The pieces make up the file, whose own digest has the last word. */
static int unpack_file(const struct lazy_request *request, const struct store_remote *file,
		       struct msb_error *err)
{
	AUTO(msb_hasher_freep) struct msb_hasher *hasher = msb_hasher_new();
	struct layer_sink sink = {take_whole, NULL};
	struct unpacking unpacking = {&sink, hasher};
	struct store_stream *stream;
	struct msb_digest digest;
	int r = hasher ? store_stream_begin(request->writer, file->size, &stream, err)
		       : msb_error_memory(err);

	if (r < 0)
		return r;
	sink.context = stream;
	for (size_t i = 0; r >= 0 && i < file->part_count; i++)
		r = unpack_part(request, &file->parts[i], &unpacking, err);
	if (r < 0) {
		store_stream_abandon(stream);
		return r;
	}
	r = store_stream_finish(stream, &digest, err);
	if (r >= 0 && !msb_digest_equal(&digest, &file->digest))
		r = msb_error_say(err, EBADMSG, "what came is not what the layer announces");
	return r;
}

static int unpack_files(const struct lazy_request *request, struct msb_error *err)
{
	int r = unpack_file(request, &request->files[0], err);

	for (size_t i = 1; r >= 0 && i < request->count; i++)
		unpack_file(request, &request->files[i], NULL);
	return r < 0 ? r : 1;
}

/* A whole layer goes to the store as it comes. */
static int get_layer(struct lazy_request *request, struct remote *remote, struct msb_error *err)
{
	const struct store_remote *layer = &request->files[0];
	struct store_stream *stream;
	struct msb_digest digest;
	int r = store_stream_begin(request->writer, layer->size, &stream, err);
	const struct layer_sink sink = {take_whole, stream};

	if (r < 0)
		return r;
	r = range_get(remote, &layer->layer, 0, layer->size, &sink, err);
	if (r < 0) {
		store_stream_abandon(stream);
		return r;
	}
	r = store_stream_finish(stream, &digest, err);
	if (r >= 0 && !msb_digest_equal(&digest, &layer->digest))
		r = msb_error_say(err, EBADMSG, "what came is not what was announced");
	return r < 0 ? r : 1;
}

static int get_files(struct lazy_request *request, struct remote *remote, struct msb_error *err)
{
	const struct layer_sink sink = {take_bytes, request};
	int r = make_room(request, err);

	if (r >= 0)
		r = range_get(remote, &request->files[0].layer, request->start, request->stop,
			      &sink, err);
	if (r >= 0)
		r = map_file(request, err);
	return r < 0              ? r
	       : request->partial ? unpack_pieces(request, err)
				  : unpack_files(request, err);
}

int lazy_request_get(struct lazy_request *request, struct remote *remote, struct msb_error *err)
{
	const struct store_remote *wanted = &request->files[0];

	return msb_digest_equal(&wanted->digest, &wanted->layer) ? get_layer(request, remote, err)
								 : get_files(request, remote, err);
}

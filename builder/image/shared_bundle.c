#include "shared_bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"
#include "io.h"

#define HEADER (MSB_DIGEST_SIZE + 8)
#define PIECE  ((size_t)64 * 1024)
/* A frame is closed when it has so much; a larger blob is alone in its own. Smaller ones compress
 * worse, and of larger ones more is unpacked for nothing when one blob is wanted. */
#define FRAME_BYTES ((uint64_t)64 * 1024)

static void encode_header(const struct shared_blob *blob, uint8_t header[HEADER])
{
	memcpy(header, blob->digest.bytes, MSB_DIGEST_SIZE);
	for (size_t i = 0; i < 8; i++)
		header[MSB_DIGEST_SIZE + i] = (uint8_t)(blob->size >> (8 * i));
}

int shared_scratch_file(struct store_writer *writer, int *ret_fd, struct msb_error *err)
{
	int fd = openat(store_writer_scratch(writer), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		return msb_error_set(err, errno, "make a temporary file in '%s'",
				     store_writer_scratch_path(writer));
	*ret_fd = fd;
	return 0;
}

/* --- Writing --- */

struct hashed_file {
	int fd;
	uint64_t size;
	struct msb_hasher *hasher;
};

static int write_hashed(void *context, const void *bytes, size_t size, struct msb_error *err)
{
	struct hashed_file *file = context;
	int r = io_write(file->fd, bytes, size);

	if (r < 0)
		return msb_error_set(err, r, "write a bundle of the cache");
	msb_hasher_update(file->hasher, bytes, size);
	file->size += size;
	return 0;
}

static int write_blob(struct msb_store *store, const struct shared_blob *wanted,
		      const struct layer_sink *sink, uint8_t *piece, struct msb_error *err)
{
	uint8_t header[HEADER];
	struct blob_source blob;
	struct layer_source source;
	ssize_t n;
	int r = blob_source_init(&blob, store, &wanted->digest, err);

	if (r < 0)
		return r;
	if (blob.location.size != wanted->size)
		return msb_error_say(err, EIO, "a blob has another size than its record");
	encode_header(wanted, header);
	source = blob_source(&blob);
	r = sink->write(sink->context, header, sizeof(header), err);
	while (r >= 0 && (n = source.read(source.context, piece, PIECE, err)) != 0)
		r = n < 0 ? (int)n : sink->write(sink->context, piece, (size_t)n, err);
	return r;
}

/* As many of the blobs from the first one on as go together, and at least that. */
static size_t frame_end(const struct shared_bundle *bundle, size_t first)
{
	uint64_t bytes = 0;
	size_t end = first;

	do
		bytes += HEADER + bundle->blobs[end++].size;
	while (end < bundle->count && bytes + HEADER <= FRAME_BYTES &&
	       bundle->blobs[end].size <= FRAME_BYTES - bytes - HEADER);
	return end;
}

/* The blobs [first, end), compressed by themselves. */
static int write_frame(struct msb_store *store, struct shared_bundle *bundle, size_t first,
		       size_t end, struct hashed_file *file, uint8_t *piece, struct msb_error *err)
{
	AUTO(layer_encoder_freep) struct layer_encoder *encoder = NULL;
	const struct layer_sink to_file = {write_hashed, file};
	const uint64_t start = file->size;
	struct layer_sink sink;
	uint64_t skip = 0;
	int r = layer_encoder_new(LAYER_ZSTD, 0, &to_file, &encoder, err);

	if (r < 0)
		return r;
	sink = layer_encoder_sink(encoder);
	for (size_t i = first; r >= 0 && i < end; i++)
		r = write_blob(store, &bundle->blobs[i], &sink, piece, err);
	if (r >= 0)
		r = layer_encoder_finish(encoder, err);
	for (size_t i = first; r >= 0 && i < end; i++) {
		bundle->blobs[i].start = start;
		bundle->blobs[i].stop = file->size;
		bundle->blobs[i].skip = skip + HEADER;
		skip += HEADER + bundle->blobs[i].size;
	}
	return r;
}

int shared_bundle_write(struct msb_store *store, struct shared_bundle *bundle, int fd,
			struct msb_error *err)
{
	AUTO(msb_hasher_freep) struct msb_hasher *hasher = msb_hasher_new();
	autofree uint8_t *piece = malloc(PIECE);
	struct hashed_file file = {fd, 0, hasher};
	int r = 0;

	if (!hasher || !piece)
		return msb_error_memory(err);
	for (size_t i = 0; r >= 0 && i < bundle->count;) {
		size_t end = frame_end(bundle, i);

		r = write_frame(store, bundle, i, end, &file, piece, err);
		i = end;
	}
	if (r < 0)
		return r;
	msb_hasher_finish(hasher, &bundle->digest);
	bundle->size = file.size;
	bundle->has_frames = true;
	return 0;
}

/* --- Frames, as the document has them: compressed bytes and blobs by turns --- */

size_t shared_frame_end(const struct shared_bundle *bundle, size_t first)
{
	size_t end = first + 1;

	while (end < bundle->count && bundle->blobs[end].start == bundle->blobs[first].start)
		end++;
	return end;
}

bool shared_add_frame(struct shared_bundle *bundle, size_t first, uint64_t bytes, uint64_t count)
{
	uint64_t start = first > 0 ? bundle->blobs[first - 1].stop : 0, skip = 0;

	if (bytes == 0 || bytes > bundle->size - start || count == 0 ||
	    count > bundle->count - first)
		return false;
	for (size_t i = first; i < first + count; i++) {
		struct shared_blob *blob = &bundle->blobs[i];

		/* So much is unpacked for each of them. */
		if (count > 1 && blob->size + HEADER > FRAME_BYTES - skip)
			return false;
		blob->start = start;
		blob->stop = start + bytes;
		blob->skip = skip + HEADER;
		skip += HEADER + blob->size;
	}
	return true;
}

/* --- Reading --- */

struct hashed_source {
	const struct layer_source *from;
	uint64_t size;
	struct msb_hasher *hasher;
};

static ssize_t read_hashed(void *context, void *bytes, size_t size, struct msb_error *err)
{
	struct hashed_source *source = context;
	ssize_t n = source->from->read(source->from->context, bytes, size, err);

	if (n > 0) {
		msb_hasher_update(source->hasher, bytes, (size_t)n);
		source->size += (uint64_t)n;
	}
	return n;
}

/* What the stream's own end left unread counts for its digest. */
static int drain(const struct layer_source *source, struct msb_error *err)
{
	autofree uint8_t *piece = malloc(PIECE);
	ssize_t n;

	if (!piece)
		return msb_error_memory(err);
	do
		n = source->read(source->context, piece, PIECE, err);
	while (n > 0);
	return (int)n;
}

static int damaged(const struct shared_bundle *bundle, struct msb_error *err)
{
	char text[MSB_DIGEST_TEXT];

	return msb_error_say(err, EBADMSG, "bundle %s is damaged",
			     msb_digest_format(&bundle->digest, text));
}

/* The bundle's whole content to fd, verified as one. */
static int unpack(const struct shared_bundle *bundle, const struct layer_source *from, int fd,
		  uint64_t content, struct msb_error *err)
{
	AUTO(msb_hasher_freep) struct msb_hasher *hasher = msb_hasher_new();
	struct hashed_source hashed = {from, 0, hasher};
	const struct layer_source source = {read_hashed, &hashed};
	struct msb_digest got;
	int r;

	if (!hasher)
		return msb_error_memory(err);
	r = layer_decompress(&source, fd, content, err);
	if (r == -EBADMSG || r == -EFBIG)
		return damaged(bundle, err);
	if (r >= 0)
		r = drain(&source, err);
	if (r < 0)
		return r;
	msb_hasher_finish(hasher, &got);
	return msb_digest_equal(&got, &bundle->digest) && hashed.size == bundle->size
		       ? 0
		       : damaged(bundle, err);
}

static int take_blob(struct store_writer *writer, const struct shared_bundle *bundle,
		     const struct shared_blob *blob, int fd, struct msb_error *err)
{
	uint8_t header[HEADER], wanted[HEADER];
	struct msb_digest got;
	ssize_t n = io_read(fd, header, sizeof(header));
	int r;

	if (n < 0)
		return msb_error_set(err, (int)n, "read a bundle of the cache");
	encode_header(blob, wanted);
	if (n != HEADER || memcmp(header, wanted, HEADER) != 0)
		return damaged(bundle, err);
	r = store_put_fd(writer, fd, blob->size, &got, err);
	if (r < 0)
		return r;
	return msb_digest_equal(&got, &blob->digest) ? 0 : damaged(bundle, err);
}

int shared_bundle_read(struct store_writer *writer, const struct shared_bundle *bundle,
		       const struct layer_source *source, struct msb_error *err)
{
	uint64_t content = 0;
	autoclose int fd = -1;
	off_t end;
	int r = shared_scratch_file(writer, &fd, err);

	for (size_t i = 0; i < bundle->count; i++)
		content += HEADER + bundle->blobs[i].size;
	if (r >= 0)
		r = unpack(bundle, source, fd, content, err);
	if (r < 0)
		return r;
	end = lseek(fd, 0, SEEK_CUR);
	if (end < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return msb_error_set(err, errno, "read a bundle of the cache");
	if ((uint64_t)end != content)
		return damaged(bundle, err);
	for (size_t i = 0; r >= 0 && i < bundle->count; i++)
		r = take_blob(writer, bundle, &bundle->blobs[i], fd, err);
	return r;
}

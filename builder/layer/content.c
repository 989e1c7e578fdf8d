/* The bytes of one entry of an archive, into the store. */
#include <errno.h>
#include <string.h>

#include "internal.h"

/* Where the pieces go, at the end of which stands `at`. */
struct content {
	uint64_t size, at;
	uint64_t written; /* bytes that are no holes */
	struct store_stream *stream;
	uint8_t *gather; /* used when there is no stream */
};

static int append(struct content *content, const void *bytes, size_t size, struct msb_error *err)
{
	if (content->stream) {
		int r = store_stream_write(content->stream, bytes, size, err);

		if (r < 0)
			return r;
	} else {
		memcpy(content->gather + content->at, bytes, size);
	}
	content->at += size;
	return 0;
}

static int append_hole(struct content *content, uint64_t size, struct msb_error *err)
{
	static const uint8_t zeros[64 * 1024];
	int r = 0;

	while (r >= 0 && size > 0) {
		size_t n = size < sizeof(zeros) ? (size_t)size : sizeof(zeros);

		r = append(content, zeros, n, err);
		size -= n;
	}
	return r;
}

static int append_piece(struct content *content, const void *bytes, size_t size, int64_t offset,
			struct msb_error *err)
{
	int r;

	if (offset < 0 || (uint64_t)offset < content->at || (uint64_t)offset > content->size ||
	    size > content->size - (uint64_t)offset)
		return msb_error_say(err, EBADMSG, "pieces of a sparse file overlap");
	r = append_hole(content, (uint64_t)offset - content->at, err);
	if (r < 0)
		return r;
	content->written += size;
	return append(content, bytes, size, err);
}

static int archive_failed(struct archive *archive, struct msb_error *err)
{
	const char *text = libarchive.error_string(archive);

	return msb_error_say(err, EBADMSG, "%s", text ? text : "damaged archive");
}

static int copy_all(struct archive *archive, struct content *content, struct msb_error *err)
{
	const void *bytes;
	size_t size;
	la_int64_t offset;
	int r;

	while ((r = libarchive.read_data_block(archive, &bytes, &size, &offset)) == ARCHIVE_OK) {
		r = append_piece(content, bytes, size, offset, err);
		if (r < 0)
			return r;
	}
	if (r != ARCHIVE_EOF)
		return archive_failed(archive, err);
	return append_hole(content, content->size - content->at, err);
}

/* Most files lie whole in the piece that was read: then nothing is copied. */
static int read_small(struct archive *archive, struct store_writer *writer, struct content *content,
		      struct msb_entry *entry, struct msb_error *err)
{
	const void *bytes = "";
	size_t size = 0;
	la_int64_t offset = 0;
	int r = libarchive.read_data_block(archive, &bytes, &size, &offset);

	if (r != ARCHIVE_OK && r != ARCHIVE_EOF)
		return archive_failed(archive, err);
	if (r == ARCHIVE_EOF)
		bytes = "", size = 0, offset = 0;
	if (offset == 0 && size == content->size) {
		content->written = size;
		return store_put(writer, bytes, size, &entry->digest, err);
	}
	r = append_piece(content, bytes, size, offset, err);
	if (r >= 0)
		r = copy_all(archive, content, err);
	if (r < 0)
		return r;
	return store_put(writer, content->gather, content->size, &entry->digest, err);
}

static int read_large(struct archive *archive, struct store_writer *writer, struct content *content,
		      struct msb_entry *entry, struct msb_error *err)
{
	int r = store_stream_begin(writer, content->size, &content->stream, err);

	if (r < 0)
		return r;
	r = copy_all(archive, content, err);
	if (r < 0) {
		store_stream_abandon(content->stream);
		return r;
	}
	return store_stream_finish(content->stream, &entry->digest, err);
}

int content_read(struct archive *archive, struct store_writer *writer, uint64_t limit,
		 uint8_t *gather, struct msb_entry *entry, struct msb_error *err)
{
	struct content content = {.size = entry->size, .gather = gather};
	int r;

	if (content.size > limit)
		return msb_error_say(err, EFBIG, "the archive unpacks to more than is allowed");
	if (content.size < STORE_LARGE)
		r = read_small(archive, writer, &content, entry, err);
	else
		r = read_large(archive, writer, &content, entry, err);
	entry->allocated = content.written;
	entry->sparse = content.written < content.size;
	return r;
}

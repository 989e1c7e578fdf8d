/*
 * A tar into a compressed stream whose files can be had one by one: what each holds is compressed
 * by itself, in pieces where it is large, and what lies between is compressed with what comes
 * before. Put together it is the same tar.
 */
#include <errno.h>
#include <locale.h>
#include <string.h>

#include "internal.h"
#include "io.h"

/* What a reader has to fetch and verify at least, of a larger file. */
#define PIECE_SIZE ((uint64_t)4 * 1024 * 1024)
#define READ_SIZE  ((size_t)256 * 1024)

struct pieces {
	int fd; /* the tar */
	const struct layer_pieces_options *options;
	struct layer_sink sink; /* where the compressed bytes go */
	struct archive *archive;
	uint64_t written; /* compressed */
	uint64_t done;    /* of the tar */
	uint64_t end;     /* where its last entry ends */
	uint8_t *bytes;   /* READ_SIZE; owned */
	layer_file_fn each;
	void *context;
};

static int count_written(void *context, const void *bytes, size_t size, struct msb_error *err)
{
	struct pieces *pieces = context;

	pieces->written += size;
	return pieces->sink.write(pieces->sink.context, bytes, size, err);
}

/* The tar's bytes from done to `to` as one compressed unit; whole and own may be NULL. */
static int pack(struct pieces *pieces, uint64_t to, struct msb_hasher *whole,
		struct msb_hasher *own, struct msb_error *err)
{
	AUTO(layer_encoder_freep) struct layer_encoder *encoder = NULL;
	const struct layer_sink counting = {count_written, pieces};
	struct layer_sink sink;
	int r = layer_encoder_new(pieces->options->how, pieces->options->level, &counting, &encoder,
				  err);

	if (r < 0)
		return r;
	sink = layer_encoder_sink(encoder);
	while (r >= 0 && pieces->done < to) {
		uint64_t left = to - pieces->done;
		size_t want = left < READ_SIZE ? (size_t)left : READ_SIZE;
		ssize_t n = io_pread(pieces->fd, pieces->bytes, want, pieces->done);

		if (n < 0 || (size_t)n < want)
			return msb_error_set(err, n < 0 ? (int)n : EIO, "read the layer");
		if (whole)
			msb_hasher_update(whole, pieces->bytes, want);
		if (own)
			msb_hasher_update(own, pieces->bytes, want);
		r = sink.write(sink.context, pieces->bytes, want, err);
		pieces->done += want;
	}
	return r < 0 ? r : layer_encoder_finish(encoder, err);
}

static int pack_file(struct pieces *pieces, uint64_t size, struct layer_file *file,
		     struct msb_error *err)
{
	AUTO(msb_hasher_freep) struct msb_hasher *whole = msb_hasher_new();
	AUTO(msb_hasher_freep) struct msb_hasher *own = msb_hasher_new();
	uint64_t begin = pieces->done;
	int r = 0;

	file->pieces = calloc((size_t)(size / PIECE_SIZE) + 1, sizeof(*file->pieces));
	if (!whole || !own || !file->pieces)
		return msb_error_memory(err);
	while (r >= 0 && pieces->done < begin + size) {
		struct layer_piece *piece = &file->pieces[file->piece_count++];
		uint64_t left = begin + size - pieces->done;

		piece->offset = pieces->done - begin;
		piece->size = left < PIECE_SIZE ? left : PIECE_SIZE;
		piece->start = pieces->written;
		r = pack(pieces, pieces->done + piece->size, whole, own, err);
		piece->stop = pieces->written;
		msb_hasher_finish(own, &piece->digest);
	}
	msb_hasher_finish(whole, &file->digest);
	return r;
}

static int take_entry(struct pieces *pieces, struct archive_entry *from, struct msb_error *err)
{
	struct layer_file file = {
		.name = libarchive.entry_pathname(from),
		.hardlink = libarchive.entry_hardlink(from),
	};
	autofree uint8_t *xattrs = NULL;
	uint64_t begin = (uint64_t)libarchive.filter_bytes(pieces->archive, 0), size = 0;
	int r;

	if (!file.name)
		return msb_error_say(err, EBADMSG, "an entry without a name");
	if (libarchive.entry_sparse_count(from) > 0)
		return msb_error_say(err, EOPNOTSUPP, "'%.200s' is a sparse file", file.name);
	file.entry = (struct msb_entry){.type = MSB_FILE, .nlink = 1};
	r = file.hardlink ? 0 : entry_read(from, false, &file.entry, &xattrs, err);
	if (r < 0)
		return r;
	if (file.entry.type == MSB_FILE && !file.hardlink && libarchive.entry_size(from) > 0)
		size = (uint64_t)libarchive.entry_size(from);
	file.entry.size = file.entry.type == MSB_SYMLINK ? file.entry.size : size;
	msb_digest_of("", 0, &file.digest);
	pieces->end = begin + (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
	if (size > 0)
		r = pack(pieces, begin, NULL, NULL, err);
	if (r >= 0 && size > 0)
		r = pack_file(pieces, size, &file, err);
	if (r >= 0)
		r = pieces->each(pieces->context, &file, err);
	free(file.pieces);
	return r;
}

static int take_all(struct pieces *pieces, struct msb_error *err)
{
	struct archive_entry *entry;
	int result, r = 0;

	libarchive.read_support_format_tar(pieces->archive);
	if (libarchive.read_open_fd(pieces->archive, pieces->fd, 64 * 1024) != ARCHIVE_OK)
		return msb_error_say(err, EBADMSG, "this is no tar archive");
	while (r >= 0 &&
	       (result = libarchive.read_next_header(pieces->archive, &entry)) != ARCHIVE_EOF) {
		if (result != ARCHIVE_OK)
			return msb_error_say(err, EOPNOTSUPP, "%s",
					     libarchive.error_string(pieces->archive));
		r = take_entry(pieces, entry, err);
	}
	return r;
}

int layer_write_pieces(int fd, const struct layer_pieces_options *options,
		       const struct layer_sink *sink, layer_file_fn each, void *context,
		       uint64_t *ret_end, struct msb_error *err)
{
	struct pieces pieces = {
		.fd = fd, .options = options, .sink = *sink, .each = each, .context = context};
	autofree uint8_t *bytes = malloc(READ_SIZE);
	/* Names are bytes: no locale of the caller's may convert them. */
	locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	locale_t before = plain ? uselocale(plain) : (locale_t)0;
	off_t size = lseek(fd, 0, SEEK_END);
	int r = size < 0 || lseek(fd, 0, SEEK_SET) < 0 ? msb_error_set(err, errno, "read the layer")
		: bytes                                ? libarchive_open(&pieces.archive, err)
						       : msb_error_memory(err);

	pieces.bytes = bytes;
	if (r >= 0) {
		r = take_all(&pieces, err);
		libarchive_close(pieces.archive);
	}
	if (r >= 0)
		r = pack(&pieces, options->whole ? (uint64_t)size : pieces.end, NULL, NULL, err);
	if (before)
		uselocale(before);
	if (plain)
		freelocale(plain);
	*ret_end = pieces.end;
	return r;
}

/* Uncompressed bytes out of a source, whatever it is compressed with. */
#include <errno.h>
#include <string.h>

#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include "internal.h"
#include "io.h"

#define INPUT_SIZE (256 * 1024)

/* One way of compression. A row of the table below. */
struct codec {
	const char *name;
	const char *magic;
	size_t magic_size;
	int (*open)(struct decoder *decoder, struct msb_error *err);
	/* Up to size bytes, at least one unless at the end. */
	ssize_t (*read)(struct decoder *decoder, uint8_t *bytes, size_t size,
			struct msb_error *err);
};

struct decoder {
	struct layer_source source;
	const struct codec *codec;
	uint8_t *input; /* owned; what is read and not yet consumed is [at, size) */
	size_t at, size;
	bool input_ended;

	struct inflate_state *inflate; /* owned, as are the next two; the codec's own or NULL */
	ZSTD_DStream *zstd;
	struct archive *filter;
	bool between;           /* gzip, zstd: a member has ended, another may follow */
	struct msb_error error; /* filter: the source's own */
};

/* Reads more input when all is consumed. */
static int refill(struct decoder *decoder, struct msb_error *err)
{
	ssize_t n;

	if (decoder->at < decoder->size || decoder->input_ended)
		return 0;
	n = decoder->source.read(decoder->source.context, decoder->input, INPUT_SIZE, err);
	if (n < 0)
		return (int)n;
	decoder->at = 0;
	decoder->size = (size_t)n;
	decoder->input_ended = n == 0;
	return 0;
}

static int damaged(const struct decoder *decoder, const char *how, struct msb_error *err)
{
	return msb_error_say(err, EBADMSG, "the %s stream is %s", decoder->codec->name, how);
}

static ssize_t plain_read(struct decoder *decoder, uint8_t *bytes, size_t size,
			  struct msb_error *err)
{
	size_t n = decoder->size - decoder->at;

	if (n == 0)
		return decoder->source.read(decoder->source.context, bytes, size, err);
	if (n > size)
		n = size;
	memcpy(bytes, decoder->input + decoder->at, n);
	decoder->at += n;
	return (ssize_t)n;
}

static int gzip_open(struct decoder *decoder, struct msb_error *err)
{
	decoder->inflate = malloc(sizeof(*decoder->inflate));
	if (!decoder->inflate)
		return msb_error_memory(err);
	isal_inflate_init(decoder->inflate);
	decoder->inflate->crc_flag = ISAL_GZIP;
	return 0;
}

/* Behind a member: 1 when another begins, 0 at the end. Zeros may fill up the file, as tapes and
 * some uploads do. */
static int gzip_next_member(struct decoder *decoder, struct msb_error *err)
{
	for (;;) {
		int r = refill(decoder, err);

		if (r < 0)
			return r;
		if (decoder->at == decoder->size)
			return 0;
		if (decoder->input[decoder->at] != 0)
			break;
		decoder->at++;
	}
	if (decoder->input[decoder->at] != 0x1f)
		return damaged(decoder, "followed by something else", err);
	isal_inflate_reset(decoder->inflate);
	decoder->inflate->crc_flag = ISAL_GZIP;
	decoder->between = false;
	return 1;
}

static ssize_t gzip_read(struct decoder *decoder, uint8_t *bytes, size_t size,
			 struct msb_error *err)
{
	struct inflate_state *state = decoder->inflate;
	size_t room = size < INT32_MAX ? size : INT32_MAX;
	int r;

	state->next_out = bytes;
	state->avail_out = (uint32_t)room;
	while (state->avail_out > 0) {
		if (decoder->between) {
			r = gzip_next_member(decoder, err);
			if (r < 0)
				return r;
			if (r == 0)
				break;
		}
		state->next_in = decoder->input + decoder->at;
		state->avail_in = (uint32_t)(decoder->size - decoder->at);
		r = isal_inflate(state);
		decoder->at = decoder->size - state->avail_in;
		if (r < 0)
			return damaged(decoder, "damaged", err);
		if (state->block_state == ISAL_BLOCK_FINISH) {
			decoder->between = true;
		} else if (state->avail_out > 0) {
			if (state->avail_in > 0)
				return damaged(decoder, "damaged", err);
			r = refill(decoder, err);
			if (r < 0)
				return r;
			if (decoder->input_ended)
				return damaged(decoder, "cut short", err);
		}
	}
	return (ssize_t)(room - state->avail_out);
}

static int zstd_open(struct decoder *decoder, struct msb_error *err)
{
	decoder->zstd = ZSTD_createDStream();
	return decoder->zstd ? 0 : msb_error_memory(err);
}

static ssize_t zstd_read(struct decoder *decoder, uint8_t *bytes, size_t size,
			 struct msb_error *err)
{
	ZSTD_outBuffer out = {bytes, size, 0};

	while (out.pos < size) {
		ZSTD_inBuffer in = {decoder->input, decoder->size, decoder->at};
		size_t hint = ZSTD_decompressStream(decoder->zstd, &out, &in);
		int r;

		/* Without input and output to come, the call above only says what it waits for. */
		if (ZSTD_isError(hint))
			return damaged(decoder, "damaged", err);
		if (in.pos > decoder->at)
			decoder->between = hint == 0;
		else if (hint == 0)
			decoder->between = true;
		decoder->at = in.pos;
		if (out.pos == size || decoder->at < decoder->size)
			continue;
		r = refill(decoder, err);
		if (r < 0)
			return r;
		if (!decoder->input_ended)
			continue;
		if (!decoder->between)
			return damaged(decoder, "cut short", err);
		break;
	}
	return (ssize_t)out.pos;
}

static ssize_t filter_input(struct archive *archive, void *context, const void **ret)
{
	struct decoder *decoder = context;
	int r = refill(decoder, &decoder->error);
	size_t n;

	if (r < 0) {
		libarchive.set_error(archive, -r, "%s", decoder->error.text);
		return -1;
	}
	*ret = decoder->input + decoder->at;
	n = decoder->size - decoder->at;
	decoder->at = decoder->size;
	return (ssize_t)n;
}

static int filter_failed(struct decoder *decoder, struct msb_error *err)
{
	if (decoder->error.code < 0) {
		if (err)
			*err = decoder->error;
		return decoder->error.code;
	}
	return msb_error_say(err, EBADMSG, "the %s stream is damaged: %s", decoder->codec->name,
			     libarchive.error_string(decoder->filter));
}

/* The rarer ways, by libarchive's filters around an archive that is one file of raw bytes. */
static int filter_open(struct decoder *decoder, struct msb_error *err)
{
	struct archive_entry *entry;
	int r = libarchive_open(&decoder->filter, err);

	if (r < 0)
		return r;
	libarchive.read_support_filter_bzip2(decoder->filter);
	libarchive.read_support_filter_xz(decoder->filter);
	libarchive.read_support_format_raw(decoder->filter);
	libarchive.read_support_format_empty(decoder->filter);
	if (libarchive.read_open(decoder->filter, decoder, NULL, filter_input, NULL) != ARCHIVE_OK)
		return filter_failed(decoder, err);
	switch (libarchive.read_next_header(decoder->filter, &entry)) {
	case ARCHIVE_OK:
		return 0;
	case ARCHIVE_EOF:
		decoder->between = true;
		return 0;
	default:
		return filter_failed(decoder, err);
	}
}

static ssize_t filter_read(struct decoder *decoder, uint8_t *bytes, size_t size,
			   struct msb_error *err)
{
	ssize_t n = decoder->between ? 0 : libarchive.read_data(decoder->filter, bytes, size);

	return n < 0 ? filter_failed(decoder, err) : n;
}

static const struct codec codecs[] = {
	{"gzip", "\x1f\x8b\x08", 3, gzip_open, gzip_read},
	{"zstd", "\x28\xb5\x2f\xfd", 4, zstd_open, zstd_read},
	{"bzip2", "BZh", 3, filter_open, filter_read},
	{"xz",
	 "\xfd"
	 "7zXZ\0",
	 6, filter_open, filter_read},
};
static const struct codec plain = {"plain", "", 0, NULL, plain_read};

static const struct codec *codec_of(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++)
		if (size >= codecs[i].magic_size &&
		    memcmp(bytes, codecs[i].magic, codecs[i].magic_size) == 0)
			return &codecs[i];
	return &plain;
}

/* Pipes give few bytes at a time: enough of them to tell the codec. */
static int read_magic(struct decoder *decoder, struct msb_error *err)
{
	while (decoder->size < 8) {
		ssize_t n = decoder->source.read(decoder->source.context,
						 decoder->input + decoder->size,
						 INPUT_SIZE - decoder->size, err);

		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		decoder->size += (size_t)n;
	}
	return 0;
}

int decoder_new(const struct layer_source *source, struct decoder **ret, struct msb_error *err)
{
	AUTO(decoder_freep) struct decoder *decoder = calloc(1, sizeof(*decoder));
	int r;

	if (!decoder)
		return msb_error_memory(err);
	decoder->source = *source;
	decoder->input = malloc(INPUT_SIZE);
	if (!decoder->input)
		return msb_error_memory(err);
	r = read_magic(decoder, err);
	if (r < 0)
		return r;
	decoder->codec = codec_of(decoder->input, decoder->size);
	if (decoder->codec->open) {
		r = decoder->codec->open(decoder, err);
		if (r < 0)
			return r;
	}
	*ret = steal(&decoder);
	return 0;
}

ssize_t decoder_read(struct decoder *decoder, void *bytes, size_t size, struct msb_error *err)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n =
			decoder->codec->read(decoder, (uint8_t *)bytes + done, size - done, err);

		if (n < 0)
			return n;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

void decoder_free(struct decoder *decoder)
{
	if (!decoder)
		return;
	libarchive_close(decoder->filter);
	ZSTD_freeDStream(decoder->zstd);
	free(decoder->inflate);
	free(decoder->input);
	free(decoder);
}

int layer_decompress(const struct layer_source *source, int fd, uint64_t limit,
		     struct msb_error *err)
{
	AUTO(decoder_freep) struct decoder *decoder = NULL;
	autofree uint8_t *bytes = malloc(INPUT_SIZE);
	uint64_t written = 0;
	ssize_t n;
	int r = bytes ? decoder_new(source, &decoder, err) : msb_error_memory(err);

	if (r < 0)
		return r;
	while ((n = decoder_read(decoder, bytes, INPUT_SIZE, err)) > 0) {
		written += (uint64_t)n;
		if (written > limit)
			return msb_error_say(err, EFBIG,
					     "the stream unpacks to more than %llu bytes",
					     (unsigned long long)limit);
		r = io_write(fd, bytes, (size_t)n);
		if (r < 0)
			return msb_error_set(err, r, "write the uncompressed archive");
	}
	return (int)n;
}

int layer_read_part(const struct layer_source *source, uint64_t skip, uint64_t size,
		    const struct layer_sink *sink, struct msb_error *err)
{
	AUTO(decoder_freep) struct decoder *decoder = NULL;
	uint64_t room = skip > size ? skip : size;
	size_t piece = room < INPUT_SIZE ? (size_t)room : INPUT_SIZE;
	autofree uint8_t *bytes = malloc(piece ? piece : 1);
	int r = bytes ? decoder_new(source, &decoder, err) : msb_error_memory(err);

	while (r >= 0 && (skip > 0 || size > 0)) {
		uint64_t *left = skip > 0 ? &skip : &size;
		size_t want = *left < piece ? (size_t)*left : piece;
		ssize_t n = decoder_read(decoder, bytes, want, err);

		if (n >= 0 && (size_t)n < want)
			n = msb_error_say(err, EBADMSG, "a part of the layer is cut short");
		if (n < 0)
			return (int)n;
		if (left == &size)
			r = sink->write(sink->context, bytes, want, err);
		*left -= want;
	}
	return r;
}

bool layer_is_compressed(const void *bytes, size_t size)
{
	return codec_of(bytes, size) != &plain;
}

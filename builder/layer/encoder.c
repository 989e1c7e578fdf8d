/* Compressing a layer on its way to a sink. The same bytes always come out the same. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <isa-l/igzip_lib.h>
#include <zlib.h>
#include <zstd.h>

#include "internal.h"

#define OUTPUT_SIZE ((size_t)256 * 1024)

/* gzip: up to this level by ISA-L, which is several times as fast; above by zlib. */
#define ISAL_MOST    3
#define GZIP_MOST    9
#define GZIP_DEFAULT 2
#define ZSTD_MOST    19
#define ZSTD_DEFAULT 3

struct encoder_kind {
	int (*open)(struct layer_encoder *encoder, int level, struct msb_error *err);
	/* last: nothing follows. */
	int (*write)(struct layer_encoder *encoder, const uint8_t *bytes, size_t size, bool last,
		     struct msb_error *err);
	int most, standard; /* levels */
};

struct layer_encoder {
	struct layer_sink sink;
	const struct encoder_kind *kind;
	uint8_t *output; /* owned, as all below; what is not this encoder's is NULL */
	struct isal_zstream *isal;
	uint8_t *level_buffer;
	z_stream *zlib;
	ZSTD_CCtx *zstd;
};

static int pass_on(struct layer_encoder *encoder, size_t size, struct msb_error *err)
{
	if (size == 0)
		return 0;
	return encoder->sink.write(encoder->sink.context, encoder->output, size, err);
}

static int isal_open(struct layer_encoder *encoder, int level, struct msb_error *err)
{
	static const uint32_t sizes[] = {ISAL_DEF_LVL0_DEFAULT, ISAL_DEF_LVL1_DEFAULT,
					 ISAL_DEF_LVL2_DEFAULT, ISAL_DEF_LVL3_DEFAULT};

	encoder->isal = calloc(1, sizeof(*encoder->isal));
	encoder->level_buffer = malloc(sizes[level]);
	if (!encoder->isal || !encoder->level_buffer)
		return msb_error_memory(err);
	isal_deflate_init(encoder->isal);
	encoder->isal->level = (uint32_t)level;
	encoder->isal->level_buf = encoder->level_buffer;
	encoder->isal->level_buf_size = sizes[level];
	encoder->isal->gzip_flag = IGZIP_GZIP;
	return 0;
}

static int isal_write(struct layer_encoder *encoder, const uint8_t *bytes, size_t size, bool last,
		      struct msb_error *err)
{
	struct isal_zstream *stream = encoder->isal;
	union {
		const uint8_t *given;
		uint8_t *taken;
	} input = {.given = bytes};

	stream->next_in = input.taken;
	stream->avail_in = (uint32_t)size;
	stream->end_of_stream = last;
	do {
		int r;

		stream->next_out = encoder->output;
		stream->avail_out = OUTPUT_SIZE;
		if (isal_deflate(stream) != COMP_OK)
			return msb_error_say(err, EIO, "the gzip compression failed");
		r = pass_on(encoder, OUTPUT_SIZE - stream->avail_out, err);
		if (r < 0)
			return r;
	} while (stream->avail_out == 0 || stream->avail_in > 0);
	return 0;
}

static int zlib_open(struct layer_encoder *encoder, int level, struct msb_error *err)
{
	z_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return msb_error_memory(err);
	/* 16: a gzip header, with neither name nor time in it */
	if (deflateInit2(stream, level, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) !=
	    Z_OK) {
		free(stream);
		return msb_error_memory(err);
	}
	encoder->zlib = stream;
	return 0;
}

static int zlib_write(struct layer_encoder *encoder, const uint8_t *bytes, size_t size, bool last,
		      struct msb_error *err)
{
	z_stream *stream = encoder->zlib;
	union {
		const uint8_t *given;
		uint8_t *taken;
	} input = {.given = bytes};

	stream->next_in = input.taken;
	stream->avail_in = (uInt)size;
	do {
		int r;

		stream->next_out = encoder->output;
		stream->avail_out = OUTPUT_SIZE;
		if (deflate(stream, last ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_ERROR)
			return msb_error_say(err, EIO, "the gzip compression failed");
		r = pass_on(encoder, OUTPUT_SIZE - stream->avail_out, err);
		if (r < 0)
			return r;
	} while (stream->avail_out == 0);
	return 0;
}

static int gzip_open(struct layer_encoder *encoder, int level, struct msb_error *err)
{
	return level <= ISAL_MOST ? isal_open(encoder, level, err) : zlib_open(encoder, level, err);
}

static int gzip_write(struct layer_encoder *encoder, const uint8_t *bytes, size_t size, bool last,
		      struct msb_error *err)
{
	return encoder->isal ? isal_write(encoder, bytes, size, last, err)
			     : zlib_write(encoder, bytes, size, last, err);
}

static int zstd_open(struct layer_encoder *encoder, int level, struct msb_error *err)
{
	encoder->zstd = ZSTD_createCCtx();
	if (!encoder->zstd)
		return msb_error_memory(err);
	ZSTD_CCtx_setParameter(encoder->zstd, ZSTD_c_compressionLevel, level);
	ZSTD_CCtx_setParameter(encoder->zstd, ZSTD_c_checksumFlag, 1);
	return 0;
}

static int zstd_write(struct layer_encoder *encoder, const uint8_t *bytes, size_t size, bool last,
		      struct msb_error *err)
{
	ZSTD_inBuffer in = {bytes, size, 0};
	size_t left;

	do {
		ZSTD_outBuffer out = {encoder->output, OUTPUT_SIZE, 0};
		int r;

		left = ZSTD_compressStream2(encoder->zstd, &out, &in,
					    last ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return msb_error_say(err, EIO, "the zstd compression failed: %s",
					     ZSTD_getErrorName(left));
		r = pass_on(encoder, out.pos, err);
		if (r < 0)
			return r;
	} while (last ? left > 0 : in.pos < in.size);
	return 0;
}

static const struct encoder_kind kinds[] = {
	[LAYER_GZIP] = {gzip_open, gzip_write, GZIP_MOST, GZIP_DEFAULT},
	[LAYER_ZSTD] = {zstd_open, zstd_write, ZSTD_MOST, ZSTD_DEFAULT},
};

int layer_encoder_new(enum layer_compression how, int level, const struct layer_sink *sink,
		      struct layer_encoder **ret, struct msb_error *err)
{
	AUTO(layer_encoder_freep) struct layer_encoder *encoder = calloc(1, sizeof(*encoder));
	const struct encoder_kind *kind = &kinds[how];
	int r;

	if (!encoder)
		return msb_error_memory(err);
	if (level < 0 || level > kind->most)
		return msb_error_say(err, EINVAL, "the level of compression is between 1 and %d",
				     kind->most);
	encoder->sink = *sink;
	encoder->kind = kind;
	encoder->output = malloc(OUTPUT_SIZE);
	if (!encoder->output)
		return msb_error_memory(err);
	r = kind->open(encoder, level ? level : kind->standard, err);
	if (r < 0)
		return r;
	*ret = steal(&encoder);
	return 0;
}

static int write_some(void *context, const void *bytes, size_t size, struct msb_error *err)
{
	struct layer_encoder *encoder = context;

	return size > 0 ? encoder->kind->write(encoder, bytes, size, false, err) : 0;
}

struct layer_sink layer_encoder_sink(struct layer_encoder *encoder)
{
	return (struct layer_sink){write_some, encoder};
}

int layer_encoder_finish(struct layer_encoder *encoder, struct msb_error *err)
{
	return encoder->kind->write(encoder, (const uint8_t *)"", 0, true, err);
}

void layer_encoder_free(struct layer_encoder *encoder)
{
	if (!encoder)
		return;
	if (encoder->zlib)
		deflateEnd(encoder->zlib);
	free(encoder->zlib);
	ZSTD_freeCCtx(encoder->zstd);
	free(encoder->isal);
	free(encoder->level_buffer);
	free(encoder->output);
	free(encoder);
}

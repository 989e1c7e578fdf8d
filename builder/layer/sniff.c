/* Whether bytes look like the beginning of a tar. */
#include <string.h>

#include "internal.h"

#define CHECKSUM_AT     148
#define CHECKSUM_LENGTH 8

static bool parse_octal(const uint8_t *field, size_t size, uint64_t *ret)
{
	uint64_t value = 0;
	size_t i = 0;

	while (i < size && field[i] == ' ')
		i++;
	if (i == size || field[i] < '0' || field[i] > '7')
		return false;
	for (; i < size && field[i] >= '0' && field[i] <= '7'; i++)
		value = value << 3 | (uint64_t)(field[i] - '0');
	*ret = value;
	return i == size || field[i] == ' ' || field[i] == '\0';
}

bool is_tar_header(const uint8_t *block)
{
	uint64_t want, sum = 0;
	int64_t signed_sum = 0; /* as some historic tars computed it */

	if (!parse_octal(block + CHECKSUM_AT, CHECKSUM_LENGTH, &want))
		return false;
	for (size_t i = 0; i < TAR_BLOCK; i++) {
		bool inside = i >= CHECKSUM_AT && i < CHECKSUM_AT + CHECKSUM_LENGTH;
		uint8_t byte = inside ? ' ' : block[i];

		sum += byte;
		signed_sum += (int8_t)byte;
	}
	return sum == want || signed_sum == (int64_t)want;
}

struct prefix {
	const uint8_t *bytes;
	size_t size;
	bool exhausted;
};

static ssize_t read_prefix(void *context, void *bytes, size_t size,
			   struct msb_error *err __attribute__((unused)))
{
	struct prefix *prefix = context;
	size_t n = prefix->size < size ? prefix->size : size;

	memcpy(bytes, prefix->bytes, n);
	prefix->bytes += n;
	prefix->size -= n;
	prefix->exhausted = n == 0;
	return (ssize_t)n;
}

/* A compressed file of which too little is at hand to see a header counts as an archive: the
 * codecs with large blocks give nothing out of one KiB. */
bool layer_is_archive(const void *bytes, size_t size)
{
	struct prefix prefix = {bytes, size, false};
	struct layer_source source = {read_prefix, &prefix};
	AUTO(decoder_freep) struct decoder *decoder = NULL;
	struct msb_error err = {0};
	uint8_t block[TAR_BLOCK];
	ssize_t n = -1;

	if (size >= TAR_BLOCK && is_tar_header(bytes))
		return true;
	if (!layer_is_compressed(bytes, size))
		return false;
	if (decoder_new(&source, &decoder, &err) >= 0)
		n = decoder_read(decoder, block, sizeof(block), &err);
	if (n == TAR_BLOCK)
		return is_tar_header(block);
	return n < 0 && prefix.exhausted;
}

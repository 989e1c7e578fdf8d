#include "base64.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <msb/cleanup.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *bytes, size_t size)
{
	const uint8_t *in = bytes;
	char *text = malloc((size + 2) / 3 * 4 + 1), *out = text;

	if (!text)
		return NULL;
	for (size_t at = 0; at < size; at += 3) {
		size_t left = size - at;
		uint32_t group = (uint32_t)in[at] << 16 |
				 (left > 1 ? (uint32_t)in[at + 1] << 8 : 0) |
				 (left > 2 ? in[at + 2] : 0);

		*out++ = digits[group >> 18];
		*out++ = digits[group >> 12 & 63];
		*out++ = left > 1 ? digits[group >> 6 & 63] : '=';
		*out++ = left > 2 ? digits[group & 63] : '=';
	}
	*out = '\0';
	return text;
}

uint8_t *base64_decode_bytes(const char *text, size_t *ret_size)
{
	size_t length = strlen(text);
	autofree uint8_t *bytes = malloc(length / 4 * 3 + 4);
	uint32_t group = 0;
	size_t size = 0, count = 0;

	if (!bytes)
		return NULL;
	while (length > 0 && text[length - 1] == '=')
		length--;
	for (; count < length; count++) {
		const char *digit = strchr(digits, text[count]);

		if (!digit)
			return NULL;
		group = (group << 6 | (uint32_t)(digit - digits)) & 0xffffff;
		/* Every second to fourth digit of a group completes a byte. */
		if (count % 4 != 0)
			bytes[size++] = (uint8_t)(group >> (6 - 2 * (count % 4)) & 0xff);
	}
	if (length % 4 == 1)
		return NULL;
	bytes[size] = '\0';
	*ret_size = size;
	return steal(&bytes);
}

char *base64_decode(const char *text)
{
	size_t size;
	autofree uint8_t *bytes = base64_decode_bytes(text, &size);

	return bytes && !memchr(bytes, '\0', size) ? (char *)steal(&bytes) : NULL;
}

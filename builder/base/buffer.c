#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"

uint8_t *buffer_reserve(struct buffer *buffer, size_t more)
{
	size_t needed, capacity = buffer->capacity ? buffer->capacity : 256;
	uint8_t *grown;

	if (buffer->failed)
		return NULL;
	if (__builtin_add_overflow(buffer->size, more, &needed) || needed > SIZE_MAX / 2) {
		buffer->failed = true;
		return NULL;
	}
	if (buffer->bytes && needed <= buffer->capacity)
		return buffer->bytes + buffer->size;
	while (capacity < needed)
		capacity *= 2;
	grown = realloc(buffer->bytes, capacity);
	if (!grown) {
		buffer->failed = true;
		return NULL;
	}
	buffer->bytes = grown;
	buffer->capacity = capacity;
	return grown + buffer->size;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t size)
{
	uint8_t *room = buffer_reserve(buffer, size);

	if (!room || size == 0)
		return;
	memcpy(room, bytes, size);
	buffer->size += size;
}

void buffer_string(struct buffer *buffer, const char *text)
{
	buffer_append(buffer, text, strlen(text));
}

void buffer_char(struct buffer *buffer, char c)
{
	buffer_append(buffer, &c, 1);
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
	va_list args;
	int length;
	uint8_t *room;

	va_start(args, format);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	room = length < 0 ? NULL : buffer_reserve(buffer, (size_t)length + 1);
	if (!room) {
		buffer->failed = true;
		return;
	}
	va_start(args, format);
	vsnprintf((char *)room, (size_t)length + 1, format, args);
	va_end(args);
	buffer->size += (size_t)length;
}

static void append_number(struct buffer *buffer, uint64_t value, size_t width)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < width; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
	buffer_append(buffer, bytes, width);
}

void buffer_u8(struct buffer *buffer, uint8_t value)
{
	append_number(buffer, value, 1);
}

void buffer_u16(struct buffer *buffer, uint16_t value)
{
	append_number(buffer, value, 2);
}

void buffer_u32(struct buffer *buffer, uint32_t value)
{
	append_number(buffer, value, 4);
}

void buffer_u64(struct buffer *buffer, uint64_t value)
{
	append_number(buffer, value, 8);
}

char *buffer_text(struct buffer *buffer)
{
	char *text;

	buffer_char(buffer, '\0');
	if (buffer->failed) {
		buffer_done(buffer);
		return NULL;
	}
	text = (char *)buffer->bytes;
	*buffer = (struct buffer){0};
	return text;
}

void buffer_done(struct buffer *buffer)
{
	free(buffer->bytes);
	*buffer = (struct buffer){0};
}

void buffer_forget(struct buffer *buffer)
{
	if (buffer->bytes)
		explicit_bzero(buffer->bytes, buffer->capacity);
	buffer_done(buffer);
}

char *buffer_vformat(const char *format, va_list args)
{
	char *text;

	return vasprintf(&text, format, args) < 0 ? NULL : text;
}

char *buffer_format(const char *format, ...)
{
	char *text;
	va_list args;

	va_start(args, format);
	text = buffer_vformat(format, args);
	va_end(args);
	return text;
}

/*
 * Growing bytes. A buffer that ran out of memory stays failed and ignores what follows, so that a
 * writer of many fields asks once, at the end, with buffer_ok().
 */
#ifndef BUFFER_H
#define BUFFER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
	uint8_t *bytes; /* owned; not NUL-terminated unless buffer_text() made it so */
	size_t size;
	size_t capacity;
	bool failed;
};

/* Room for `more` bytes behind size; NULL when there is none. The caller writes there and then
 * adds to size. */
uint8_t *buffer_reserve(struct buffer *buffer, size_t more);
void buffer_append(struct buffer *buffer, const void *bytes, size_t size);
void buffer_string(struct buffer *buffer, const char *text);
void buffer_char(struct buffer *buffer, char c);
void buffer_printf(struct buffer *buffer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Little-endian numbers, as all of msb's own formats store them. */
void buffer_u8(struct buffer *buffer, uint8_t value);
void buffer_u16(struct buffer *buffer, uint16_t value);
void buffer_u32(struct buffer *buffer, uint32_t value);
void buffer_u64(struct buffer *buffer, uint64_t value);

static inline bool buffer_ok(const struct buffer *buffer)
{
	return !buffer->failed;
}

/* The content as NUL-terminated text, which the caller owns from now on; the buffer is empty
 * again. NULL when memory ran out at any time since the last release. */
char *buffer_text(struct buffer *buffer);
void buffer_done(struct buffer *buffer);
/* The same for a secret, which stays nowhere in memory that is free. */
void buffer_forget(struct buffer *buffer);

/* As asprintf, but NULL when memory runs out, so that it may meet an automatic free. Owned. */
char *buffer_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *buffer_vformat(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

#define autobuffer __attribute__((cleanup(buffer_done))) struct buffer
#define autosecret __attribute__((cleanup(buffer_forget))) struct buffer

#endif

/* Base64 (RFC 4648, section 4), in which configuration files keep "user:password". */
#ifndef BASE64_H
#define BASE64_H

#include <stddef.h>
#include <stdint.h>

/* Owned by the caller, NUL-terminated; NULL: no memory. */
char *base64_encode(const void *bytes, size_t size);

/* Padding may be missing; owned. NULL for what is malformed, and when memory runs out. */
uint8_t *base64_decode_bytes(const char *text, size_t *ret_size);

/* The same of a text; NUL-terminated. NULL for what is malformed or holds a NUL, and
 * when memory runs out. */
char *base64_decode(const char *text);

#endif

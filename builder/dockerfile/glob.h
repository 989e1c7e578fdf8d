/* What glob.c and ignore.c share: characters and classes of patterns. */
#ifndef GLOB_H
#define GLOB_H

#include <stdbool.h>
#include <stddef.h>

/* Length of the UTF-8 character at text, 1 for a stray byte. */
size_t glob_character(const char *text);
/* That character as one number. */
unsigned glob_code(const char *text, size_t length);
/* The class behind "[": does it hold c? Returns what is behind its "]", or NULL for a malformed
 * one. */
const char *glob_class(const char *pattern, unsigned c, bool *ret);

#endif

/*
 * Text from outside on its way to a terminal. Images, Dockerfiles and commands may hold any bytes;
 * what is printed of them moves no cursor, changes no colour and breaks no line.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stddef.h>

#include <jansson.h>

/*
 * What is printable of size bytes: escape sequences, control characters and broken UTF-8 go; tabs
 * and newlines become a space each. Owned by the caller, NUL-terminated; NULL: no memory.
 */
char *text_harmless(const char *bytes, size_t size);

/* The same with tabs kept: a line of output for a log. */
char *text_printable(const char *bytes, size_t size);

/* A path in one line: control characters, and what is not UTF-8, as \ooo. Owned by the caller;
 * NULL: no memory. */
char *text_path(const char *path);

/* Columns it takes on a terminal. */
size_t text_width(const char *text);

/* Bytes of as many of its first characters as fit into that many columns. */
size_t text_cut(const char *text, size_t columns);

/* A JSON string, whatever the bytes are: U+FFFD stands for those that are not UTF-8. NULL gives
 * null. */
json_t *text_json(const char *text);

/* True when stdout is a terminal, onto which nobody wants an archive. */
int text_stdout_is_terminal(void);

#endif

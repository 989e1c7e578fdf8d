/*
 * Lists for people and for programs: the rows are JSON objects; a table shows some of their keys
 * in aligned columns, --format json all of them, an object a line.
 */
#ifndef LIST_H
#define LIST_H

#include <jansson.h>

#include <msb/error.h>

struct list_column {
	const char *header;
	const char *key;
};

/* format: NULL or "table", "json", or a template (template.h). columns end with a NULL header.
 * rows is an array of objects. -EINVAL with a sentence for a format that cannot be. */
int list_print(const struct list_column *columns, json_t *rows, const char *format,
	       struct msb_error *err);

#endif

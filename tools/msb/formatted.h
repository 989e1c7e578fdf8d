/* The commands that print a list: --format and at most an operand or two. */
#ifndef FORMATTED_H
#define FORMATTED_H

#include <msb/store.h>

#include "command.h"
#include "list.h"

struct formatted {
	const char *format;
	struct words operands;
	size_t operands_max;
};

void formatted_done(struct formatted *formatted);
#define autoformatted __attribute__((cleanup(formatted_done))) struct formatted

/* Parses them. what: the operands for the usage line, or NULL; about: what the command does.
 * 0 or STATUS_FAILED. */
int formatted_parse(struct session *session, const char *what, const char *about, int argc,
		    char **argv, struct formatted *formatted);

/* Opens the store for reading. *ret is NULL where none was made yet: there is nothing in it. */
int store_open_maybe(const struct session *session, struct msb_store **ret, struct msb_error *err);

/* Prints the list, unless r says that it could not be made, and releases rows. */
int formatted_print(const struct list_column *columns, json_t *rows, const char *format, int r,
		    struct msb_error *err);

#endif

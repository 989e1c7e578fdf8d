/* What several kinds of records need when they are written. */
#ifndef WRITE_RECORDS_H
#define WRITE_RECORDS_H

#include <msb/digest.h>
#include <msb/error.h>

struct connection;
struct store_writer;

/* Gives the tree a number unless it has one. Within a transaction. */
int number_tree(struct store_writer *writer, struct connection *connection,
		const struct msb_digest *tree, struct msb_error *err);

#endif

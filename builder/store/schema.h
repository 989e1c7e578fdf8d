/* The database's tables, and their version. */
#ifndef SCHEMA_H
#define SCHEMA_H

#include <msb/error.h>

struct connection;

/* A table that came later; see schema.c. */
#define SCHEMA_ORIGIN                                                                              \
	"CREATE TABLE IF NOT EXISTS origin(repository TEXT NOT NULL, digest BLOB NOT NULL,"        \
	" image BLOB NOT NULL, UNIQUE(repository, digest, image))"

/* Makes the tables that are not there, in one transaction. */
int schema_create(struct connection *connection, struct msb_error *err);
/* Brings the tables of an older version up to date. -EPROTO when the tables are of another version
 * than this program's. */
int schema_check(struct connection *connection, struct msb_error *err);

#endif

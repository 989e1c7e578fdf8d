/* The database's tables, and their version. */
#ifndef SCHEMA_H
#define SCHEMA_H

#include <msb/error.h>

struct connection;

/* Makes the tables in one transaction unless they are there. */
int schema_create(struct connection *connection, struct msb_error *err);
/* -EPROTO when the tables are of another version than this program's. */
int schema_check(struct connection *connection, struct msb_error *err);

#endif

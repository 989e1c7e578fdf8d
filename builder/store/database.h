/*
 * SQLite as the store uses it: a connection with its prepared statements, and queries on it.
 *
 * A query collects its first failure and reports it at the next query_step() or query_check(), so
 * that binding parameters and reading columns need no checks of their own:
 *
 *     autoquery query = query_on(connection, "SELECT size FROM blob WHERE digest = ?");
 *
 *     query_bind_digest(&query, digest);
 *     r = query_step(&query, err);
 */
#ifndef DATABASE_H
#define DATABASE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include <msb/digest.h>
#include <msb/error.h>

struct statement {
	const char *sql; /* a string constant: its address is its name */
	sqlite3_stmt *stmt;
};

struct connection {
	pthread_mutex_t lock; /* held by whoever has a query on it */
	sqlite3 *db;          /* NULL: not opened */
	const char *root;     /* for messages; borrowed */
	struct statement *statements;
	size_t count, capacity;
};

enum connection_mode {
	CONNECTION_READ,
	CONNECTION_WRITE,
	CONNECTION_CREATE, /* makes the database and its schema where they are missing */
};

/* Opens root/records.db; root stays borrowed. connection->lock is the caller's to initialize.
 * -EPROTO for another schema version, -EBADMSG for what is no database. */
int connection_open(struct connection *connection, const char *root, enum connection_mode mode,
		    struct msb_error *err);
void connection_close(struct connection *connection);

/* Runs one statement without parameters or rows. sql must be a string constant. */
int connection_run(struct connection *connection, const char *sql, struct msb_error *err);
/* True between a successful BEGIN and the end of that transaction, by whatever it ended. */
bool connection_in_transaction(const struct connection *connection);
/* Rows that the last INSERT, UPDATE or DELETE touched; the number the last INSERT gave. */
int64_t connection_changes(const struct connection *connection);
int64_t connection_inserted(const struct connection *connection);
/* A negative errno value and a sentence for a result code of SQLite. */
int connection_error(const struct connection *connection, int code, struct msb_error *err);

struct query {
	struct connection *connection;
	sqlite3_stmt *stmt; /* borrowed from the connection; NULL when it could not be prepared */
	int code;           /* the first failure, SQLITE_OK while there is none */
	int parameter;      /* bound last */
	int column;         /* to be read next */
};

struct query query_on(struct connection *connection, const char *sql);
/* Makes the statement ready for its next use; ends the read transaction it held. */
void query_done(struct query *query);
#define autoquery __attribute__((cleanup(query_done))) struct query

/* Parameters in their order. Pointers are borrowed until the query is done; NULL binds NULL. */
void query_bind_int(struct query *query, int64_t value);
void query_bind_text(struct query *query, const char *text);
void query_bind_digest(struct query *query, const struct msb_digest *digest);
void query_bind_bytes(struct query *query, const void *bytes, size_t size); /* NULL for none */

/* 1: a row, 0: no further row, or a negative code. */
int query_step(struct query *query, struct msb_error *err);
/* Forgets the parameters: the same statement with others. */
void query_again(struct query *query);

/* The row's columns in their order. */
int64_t query_int(struct query *query);
char *query_text(struct query *query); /* owned by the caller; NULL for NULL */
bool query_digest(struct query *query, struct msb_digest *ret); /* false for NULL */
/* Borrowed until the next step; NULL for NULL. */
const uint8_t *query_bytes(struct query *query, size_t *ret_size);
/* 0, or what went wrong while columns were read. */
int query_check(const struct query *query, struct msb_error *err);

#endif

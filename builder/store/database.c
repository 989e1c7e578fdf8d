/* Connections, statements and queries; SQLite's result codes as sentences. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msb/cleanup.h>

#include "database.h"
#include "schema.h"

/* A writer holds the database for milliseconds; whoever waits this long waits for a stopped one. */
#define BUSY_MILLISECONDS 60000

/* Four megabytes of WAL before its content moves into the database, which costs two fsync; the
 * first to open a store reads all of it. */
#define CHECKPOINT_PAGES "1000"

static int code_as_errno(int code, int system)
{
	switch (code & 0xff) {
	case SQLITE_FULL:
		return ENOSPC;
	case SQLITE_NOMEM:
		return ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return EBUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return EBADMSG;
	case SQLITE_READONLY:
		return EROFS;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return EACCES;
	case SQLITE_CANTOPEN:
	case SQLITE_IOERR:
		return system == ENOSPC || system == EDQUOT || system == EACCES ? system : EIO;
	default:
		return EIO;
	}
}

int connection_error(const struct connection *connection, int code, struct msb_error *err)
{
	int number = code_as_errno(code, connection->db ? sqlite3_system_errno(connection->db) : 0);
	const char *root = connection->root;

	switch (number) {
	case ENOMEM:
		return msb_error_memory(err);
	case ENOSPC:
	case EDQUOT:
		return msb_error_say(err, number,
				     "store '%s': no space left for its records; "
				     "msb prune makes some",
				     root);
	case EBUSY:
		return msb_error_say(err, number,
				     "store '%s': another process has been writing its records for "
				     "%d seconds",
				     root, BUSY_MILLISECONDS / 1000);
	case EBADMSG:
		return msb_error_say(err, number,
				     "store '%s': the records in 'records.db' are damaged (%s)",
				     root, sqlite3_errstr(code));
	case EROFS:
	case EACCES:
		return msb_error_say(err, number,
				     "store '%s': 'records.db' must be writable, even for reading "
				     "(%s)",
				     root, sqlite3_errstr(code));
	default:
		return msb_error_say(err, number, "store '%s': 'records.db': %s", root,
				     connection->db ? sqlite3_errmsg(connection->db)
						    : sqlite3_errstr(code));
	}
}

static int configure(struct connection *connection, enum connection_mode mode)
{
	const char *settings =
		mode == CONNECTION_READ
			? "PRAGMA cache_size = -16384"
			: "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;"
			  "PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 67108864;"
			  "PRAGMA wal_autocheckpoint = " CHECKPOINT_PAGES;
	int code;

	sqlite3_extended_result_codes(connection->db, 1);
	sqlite3_busy_timeout(connection->db, BUSY_MILLISECONDS);
	if (mode == CONNECTION_CREATE) {
		code = sqlite3_exec(connection->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
		if (code != SQLITE_OK)
			return code;
	}
	return sqlite3_exec(connection->db, settings, NULL, NULL, NULL);
}

int connection_open(struct connection *connection, const char *root, enum connection_mode mode,
		    struct msb_error *err)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	autofree char *path = NULL;
	int code, r;

	connection->root = root;
	if (asprintf(&path, "%s/records.db", root) < 0) {
		path = NULL;
		return msb_error_memory(err);
	}
	if (mode == CONNECTION_CREATE)
		flags |= SQLITE_OPEN_CREATE;
	code = sqlite3_open_v2(path, &connection->db, flags, NULL);
	/* The last one to leave does not wait for the disk: the journal is as durable as before,
	 * and is worked off when it has grown. */
	if (code == SQLITE_OK)
		code = sqlite3_db_config(connection->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	if (code == SQLITE_OK)
		code = configure(connection, mode);
	r = code == SQLITE_OK ? 0 : connection_error(connection, code, err);
	if (r == 0 && mode == CONNECTION_CREATE)
		r = schema_create(connection, err);
	if (r == 0)
		r = schema_check(connection, err);
	if (r == 0 && mode == CONNECTION_READ)
		r = connection_run(connection, "PRAGMA query_only = 1", err);
	if (r < 0)
		connection_close(connection);
	return r;
}

void connection_close(struct connection *connection)
{
	for (size_t i = 0; i < connection->count; i++)
		sqlite3_finalize(connection->statements[i].stmt);
	free(connection->statements);
	connection->statements = NULL;
	connection->count = connection->capacity = 0;
	sqlite3_close(connection->db);
	connection->db = NULL;
}

int connection_run(struct connection *connection, const char *sql, struct msb_error *err)
{
	autoquery query = query_on(connection, sql);
	int r = query_step(&query, err);

	return r < 0 ? r : 0;
}

bool connection_in_transaction(const struct connection *connection)
{
	return connection->db && !sqlite3_get_autocommit(connection->db);
}

int64_t connection_changes(const struct connection *connection)
{
	return sqlite3_changes64(connection->db);
}

int64_t connection_inserted(const struct connection *connection)
{
	return sqlite3_last_insert_rowid(connection->db);
}

static int add_statement(struct connection *connection, const char *sql, sqlite3_stmt **ret)
{
	struct statement *added;
	int code;

	if (connection->count == connection->capacity) {
		size_t capacity = connection->capacity ? connection->capacity * 2 : 16;
		struct statement *grown =
			reallocarray(connection->statements, capacity, sizeof(*grown));

		if (!grown)
			return SQLITE_NOMEM;
		connection->statements = grown;
		connection->capacity = capacity;
	}
	added = &connection->statements[connection->count];
	added->sql = sql;
	code = sqlite3_prepare_v3(connection->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &added->stmt,
				  NULL);
	if (code != SQLITE_OK)
		return code;
	connection->count++;
	*ret = added->stmt;
	return SQLITE_OK;
}

struct query query_on(struct connection *connection, const char *sql)
{
	struct query query = {.connection = connection};

	for (size_t i = 0; i < connection->count; i++) {
		if (connection->statements[i].sql == sql) {
			query.stmt = connection->statements[i].stmt;
			return query;
		}
	}
	query.code = add_statement(connection, sql, &query.stmt);
	return query;
}

void query_again(struct query *query)
{
	if (query->stmt) {
		sqlite3_reset(query->stmt);
		sqlite3_clear_bindings(query->stmt);
	}
	query->parameter = 0;
}

void query_done(struct query *query)
{
	query_again(query);
	query->stmt = NULL;
}

static void note(struct query *query, int code)
{
	if (query->code == SQLITE_OK)
		query->code = code;
}

void query_bind_int(struct query *query, int64_t value)
{
	if (query->stmt)
		note(query, sqlite3_bind_int64(query->stmt, ++query->parameter, value));
}

void query_bind_text(struct query *query, const char *text)
{
	if (query->stmt)
		note(query,
		     sqlite3_bind_text(query->stmt, ++query->parameter, text, -1, SQLITE_STATIC));
}

void query_bind_bytes(struct query *query, const void *bytes, size_t size)
{
	if (query->stmt)
		note(query, sqlite3_bind_blob64(query->stmt, ++query->parameter, bytes, size,
						SQLITE_STATIC));
}

void query_bind_digest(struct query *query, const struct msb_digest *digest)
{
	query_bind_bytes(query, digest ? digest->bytes : NULL, digest ? MSB_DIGEST_SIZE : 0);
}

int query_step(struct query *query, struct msb_error *err)
{
	int code = query->code;

	if (code == SQLITE_OK)
		code = sqlite3_step(query->stmt);
	query->column = 0;
	if (code == SQLITE_ROW)
		return 1;
	if (code == SQLITE_DONE)
		return 0;
	note(query, code);
	return connection_error(query->connection, code, err);
}

int64_t query_int(struct query *query)
{
	return sqlite3_column_int64(query->stmt, query->column++);
}

char *query_text(struct query *query)
{
	int column = query->column++;
	const unsigned char *text;
	char *copy;

	if (sqlite3_column_type(query->stmt, column) == SQLITE_NULL)
		return NULL;
	text = sqlite3_column_text(query->stmt, column);
	copy = text ? strdup((const char *)text) : NULL;
	if (!copy)
		note(query, SQLITE_NOMEM);
	return copy;
}

const uint8_t *query_bytes(struct query *query, size_t *ret_size)
{
	int column = query->column++;
	const uint8_t *bytes = sqlite3_column_blob(query->stmt, column);

	*ret_size = (size_t)sqlite3_column_bytes(query->stmt, column);
	return bytes;
}

bool query_digest(struct query *query, struct msb_digest *ret)
{
	size_t size;
	const uint8_t *bytes = query_bytes(query, &size);

	if (!bytes)
		return false;
	if (size != MSB_DIGEST_SIZE) {
		note(query, SQLITE_CORRUPT);
		return false;
	}
	memcpy(ret->bytes, bytes, MSB_DIGEST_SIZE);
	return true;
}

int query_check(const struct query *query, struct msb_error *err)
{
	return query->code == SQLITE_OK ? 0 : connection_error(query->connection, query->code, err);
}

#include <errno.h>

#include "database.h"
#include "schema.h"

#define SCHEMA_VERSION      3
#define SCHEMA_VERSION_TEXT "3"

/*
 * Digests are 32 bytes; times are nanoseconds since 1970.
 *
 * blob    where every committed blob is; pack 0: a file of its own
 * pack    how much of each pack is committed; what lies beyond belongs to its owner. A number is
 *         never given to a second pack, since readers keep packs open: whoever removes packs keeps
 *         the row of the newest
 * tree    numbers are never given twice, hence AUTOINCREMENT
 * layer   the newest of several records of one pair of trees has the highest rowid; toc: the tree
 *         was made from this table of contents, and nobody has seen the bytes that diff_id is of
 * origin  not in stores that were made before it was thought of: whoever writes it makes it
 * remote  blobs that a layer in a registry has: where in it; parts is NULL for what is there in one
 *         piece, and the layer's own row, which has its own digest, stands for all of it
 * layer_place  the registries and repositories ("domain/repository") that a layer was seen in, the
 *         newest with the highest rowid
 * seen    the stat cache; its oldest rows have the lowest rowids
 * meta    one row: the last change of what records.h shows, sums over blob, and the secret
 */
#define TABLES_OF_2                                                                                \
	"CREATE TABLE remote(digest BLOB NOT NULL, layer BLOB NOT NULL, size INTEGER NOT NULL,"    \
	" start INTEGER NOT NULL, stop INTEGER NOT NULL, parts BLOB,"                              \
	" PRIMARY KEY(digest, layer)) WITHOUT ROWID;"                                              \
	"CREATE INDEX remote_place ON remote(layer, start);"                                       \
	"CREATE TABLE layer_place(layer BLOB NOT NULL, place TEXT NOT NULL, UNIQUE(layer, "        \
	"place));"                                                                                 \
	"ALTER TABLE layer ADD COLUMN toc BLOB;"

#define CHANGES_OF_3                                                                               \
	"ALTER TABLE meta ADD COLUMN secret INTEGER NOT NULL DEFAULT 0;"                           \
	"UPDATE meta SET secret = random();"

#define SET_VERSION "PRAGMA user_version = " SCHEMA_VERSION_TEXT

/* What brings the tables of a version to the newest one. */
static const char *const scripts[SCHEMA_VERSION] = {
	/* none at all */
	"CREATE TABLE blob(digest BLOB PRIMARY KEY, pack INTEGER NOT NULL,"
	" offset INTEGER NOT NULL, size INTEGER NOT NULL) WITHOUT ROWID;"

	"CREATE TABLE pack(id INTEGER PRIMARY KEY, size INTEGER NOT NULL, full INTEGER NOT NULL);"
	"CREATE INDEX pack_open ON pack(id) WHERE full = 0;"

	"CREATE TABLE tree(number INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE);"

	"CREATE TABLE build(id INTEGER PRIMARY KEY AUTOINCREMENT, state INTEGER NOT NULL,"
	" started_ns INTEGER NOT NULL, finished_ns INTEGER NOT NULL, dockerfile_name TEXT,"
	" dockerfile BLOB NOT NULL, target TEXT, tags TEXT, error TEXT,"
	" stage_count INTEGER NOT NULL);"

	"CREATE TABLE stage(build INTEGER NOT NULL, position INTEGER NOT NULL, name TEXT,"
	" state INTEGER NOT NULL, step_count INTEGER NOT NULL, tree BLOB,"
	" PRIMARY KEY(build, position)) WITHOUT ROWID;"

	"CREATE TABLE step(build INTEGER NOT NULL, stage INTEGER NOT NULL, number INTEGER NOT NULL,"
	" state INTEGER NOT NULL, line INTEGER NOT NULL, end_line INTEGER NOT NULL, text TEXT,"
	" expanded TEXT, tree BLOB, log BLOB, config BLOB NOT NULL, key BLOB NOT NULL,"
	" definition TEXT, started_ns INTEGER NOT NULL, duration_ns INTEGER NOT NULL,"
	" exit_status INTEGER NOT NULL, PRIMARY KEY(build, stage, number));"

	"CREATE TABLE image(id BLOB NOT NULL UNIQUE, manifest BLOB NOT NULL, tree BLOB NOT NULL,"
	" created_ns INTEGER NOT NULL, size INTEGER NOT NULL);"
	"CREATE TABLE tag(name TEXT PRIMARY KEY, image BLOB NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX tag_image ON tag(image);"

	SCHEMA_ORIGIN ";"

	"CREATE TABLE cache(key BLOB PRIMARY KEY, tree BLOB NOT NULL, log BLOB,"
	" created_ns INTEGER NOT NULL, duration_ns INTEGER NOT NULL) WITHOUT ROWID;"

	"CREATE TABLE layer(parent BLOB NOT NULL, tree BLOB NOT NULL, diff_id BLOB NOT NULL,"
	" size INTEGER NOT NULL, blob BLOB, media_type TEXT NOT NULL,"
	" UNIQUE(parent, tree, diff_id));"
	"CREATE INDEX layer_diff ON layer(parent, diff_id);"

	TABLES_OF_2

	"CREATE TABLE seen(device INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL,"
	" mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL, content BLOB NOT NULL,"
	" UNIQUE(device, inode));"

	"CREATE TABLE meta(changed_ns INTEGER NOT NULL, blobs INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL);"
	"INSERT INTO meta VALUES(0, 0, 0);"

	CHANGES_OF_3 SET_VERSION,

	TABLES_OF_2 CHANGES_OF_3 SET_VERSION,
	CHANGES_OF_3 SET_VERSION,
};

static int schema_version(struct connection *connection, int64_t *ret, struct msb_error *err)
{
	autoquery query = query_on(connection, "PRAGMA user_version");
	int r = query_step(&query, err);

	if (r < 0)
		return r;
	*ret = query_int(&query);
	return 0;
}

static int change_tables(struct connection *connection, struct msb_error *err)
{
	int64_t version;
	int r = schema_version(connection, &version, err);

	if (r == 0 && version >= 0 && version < SCHEMA_VERSION)
		r = sqlite3_exec(connection->db, scripts[version], NULL, NULL, NULL);
	return r > 0 ? connection_error(connection, r, err) : r;
}

int schema_create(struct connection *connection, struct msb_error *err)
{
	int r = connection_run(connection, "BEGIN IMMEDIATE", err);

	if (r < 0)
		return r;
	r = change_tables(connection, err);
	if (r == 0)
		r = connection_run(connection, "COMMIT", err);
	if (r < 0)
		connection_run(connection, "ROLLBACK", NULL);
	return r;
}

int schema_check(struct connection *connection, struct msb_error *err)
{
	int64_t version;
	int r = schema_version(connection, &version, err);

	/* What an older msb made lacks some tables and columns: whoever comes first adds them. */
	if (r == 0 && version > 0 && version < SCHEMA_VERSION) {
		r = schema_create(connection, err);
		version = SCHEMA_VERSION;
	}
	if (r < 0)
		return r;
	if (version != SCHEMA_VERSION)
		return msb_error_say(err, EPROTO,
				     "store '%s': its records have version %lld, this msb reads "
				     "version %d; use the msb that wrote them",
				     connection->root, (long long)version, SCHEMA_VERSION);
	return 0;
}

/* What the records name and what was reached from there. */
#include <errno.h>
#include <stdlib.h>

#include "care.h"
#include "reserve.h"

/*
 * mark   what was reached: grade by what first, tree: as a tree object
 * todo   tree objects that were not followed yet
 * used   marks put aside: the number they were first put aside under, and whether there was another
 * bad    damaged or missing blobs
 * edge   parent, a directory object, names child: directories, and files that are bad
 * root   who names a tree or blob
 */
static const char *const tables[] = {
	"CREATE TEMP TABLE mark(digest BLOB PRIMARY KEY, tree INTEGER NOT NULL,"
	" grade INTEGER NOT NULL) WITHOUT ROWID",
	"CREATE TEMP TABLE todo(id INTEGER PRIMARY KEY, digest BLOB NOT NULL)",
	"CREATE TEMP TABLE used(digest BLOB PRIMARY KEY, number INTEGER NOT NULL,"
	" shared INTEGER NOT NULL) WITHOUT ROWID",
	"CREATE TEMP TABLE total(number INTEGER PRIMARY KEY, bytes INTEGER NOT NULL)",
	"CREATE TEMP TABLE bad(digest BLOB PRIMARY KEY, why TEXT NOT NULL) WITHOUT ROWID",
	"CREATE TEMP TABLE edge(child BLOB NOT NULL, parent BLOB NOT NULL, name TEXT NOT NULL,"
	" PRIMARY KEY(child, parent)) WITHOUT ROWID",
	"CREATE TEMP TABLE root(digest BLOB PRIMARY KEY, who TEXT NOT NULL) WITHOUT ROWID",
};

/* FULL: what a collection removes must not come back by a loss of power when its files are gone.
 * The tables above go to a file, which SQLite unlinks at once. */
static const char *const settings[] = {
	"PRAGMA synchronous = FULL",
	"PRAGMA temp_store = FILE",
};

static int prepare(struct store_care *care, struct msb_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(settings) / sizeof(*settings); i++)
		r = connection_run(care->connection, settings[i], err);
	if (r == 0)
		r = care->alone ? store_begin(care->writer, err)
				: connection_run(care->connection, "BEGIN", err);
	for (size_t i = 0; r == 0 && i < sizeof(tables) / sizeof(*tables); i++)
		r = connection_run(care->connection, tables[i], err);
	return r;
}

int store_care_open(struct msb_store *store, bool alone, unsigned seconds, struct store_care **ret,
		    struct msb_error *err)
{
	AUTO(store_care_closep) struct store_care *care = calloc(1, sizeof(*care));
	int r;

	if (!care)
		return msb_error_memory(err);
	care->alone = alone;
	if (alone)
		reserve_spend(store->root);
	r = alone ? writer_open_alone(store, seconds, &care->writer, err)
		  : store_writer_open(store, &care->writer, err);
	if (r < 0)
		return r;
	care->connection = &care->writer->connection;
	r = prepare(care, err);
	if (r < 0)
		return r;
	*ret = steal(&care);
	return 0;
}

struct store_writer *store_care_writer(struct store_care *care)
{
	return care->writer;
}

void care_changed(struct store_care *care)
{
	care->writer->changed = true;
}

int store_care_commit(struct store_care *care, struct msb_error *err)
{
	return store_commit(care->writer, err);
}

void store_care_close(struct store_care *care)
{
	if (!care)
		return;
	if (care->writer && care->alone) {
		store_rollback(care->writer);
		reserve_make(care->writer->store->root);
	}
	store_writer_close(care->writer); /* undoes an open transaction */
	free(care);
}

int care_sum_blobs(struct store_care *care, struct msb_error *err)
{
	return connection_run(care->connection,
			      "UPDATE meta SET (blobs, bytes) ="
			      " (SELECT count(*), coalesce(sum(size), 0) FROM blob)",
			      err);
}

#define STAGE_LABEL                                                                                \
	"coalesce((SELECT nullif(name, '') FROM stage WHERE stage.build = step.build AND"          \
	" position = step.stage), step.stage)"
#define STEP_LABEL "'build ' || build || ', stage ' || " STAGE_LABEL " || ', step ' || number"
#define IMAGE_LABEL                                                                                \
	"'image ' || coalesce((SELECT min(name) FROM tag WHERE image = id),"                       \
	" 'sha256:' || lower(hex(id)))"
#define IMAGE_ROOTS(condition)                                                                     \
	"SELECT id, 2, " IMAGE_LABEL " FROM image WHERE ?1 IS NOT NULL AND " condition             \
	" UNION ALL SELECT manifest, 0, " IMAGE_LABEL                                              \
	" || ', manifest' FROM image WHERE " condition " UNION ALL SELECT tree, 1, " IMAGE_LABEL   \
	" FROM image WHERE " condition
#define TAGGED "EXISTS (SELECT 1 FROM tag WHERE image = id)"

/* Each takes one parameter, since. */
static const char *const roots[] = {
	[STORE_ROOTS_LOGS] = "SELECT log, 0, " STEP_LABEL " || ', log' FROM step"
			     " WHERE log IS NOT NULL AND build >= ?1",
	[STORE_ROOTS_TAGGED] = IMAGE_ROOTS(TAGGED),
	[STORE_ROOTS_UNTAGGED] = IMAGE_ROOTS("NOT " TAGGED),
	[STORE_ROOTS_BUILDS] =
		"SELECT dockerfile, 0, 'build ' || id || ', Dockerfile' FROM build WHERE id >= ?1"
		" UNION ALL SELECT tree, 1, 'build ' || build || ', stage ' ||"
		" coalesce(nullif(name, ''), position) FROM stage"
		" WHERE tree IS NOT NULL AND build >= ?1"
		" UNION ALL SELECT tree, 1, " STEP_LABEL " FROM step"
		" WHERE tree IS NOT NULL AND build >= ?1"
		" UNION ALL SELECT config, 0, " STEP_LABEL " || ', configuration' FROM step"
		" WHERE build >= ?1"
		" UNION ALL SELECT log, 0, " STEP_LABEL " || ', log' FROM step"
		" WHERE log IS NOT NULL AND build >= ?1",
	[STORE_ROOTS_CACHE] = "SELECT tree, 1, 'the step cache' FROM cache WHERE created_ns >= ?1"
			      " UNION ALL SELECT log, 0, 'the step cache, log' FROM cache"
			      " WHERE log IS NOT NULL AND created_ns >= ?1",
	[STORE_ROOTS_LAYERS] = "SELECT blob, 0, 'a layer that came from outside' FROM layer"
			       " WHERE blob IS NOT NULL AND (?1 = 0 OR"
			       " tree IN (SELECT digest FROM mark WHERE tree))",
};

int store_care_image_tree(struct store_care *care, const struct msb_digest *id,
			  struct msb_digest *ret, struct msb_error *err)
{
	autoquery query = query_on(care->connection, "SELECT tree FROM image WHERE id = ?");
	int r;

	query_bind_digest(&query, id);
	r = query_step(&query, err);
	*ret = (struct msb_digest){0};
	if (r == 1)
		query_digest(&query, ret);
	return r < 0 ? r : 0;
}

/* Records have zeros where they name nothing. */
static bool is_set(const struct msb_digest *digest)
{
	static const struct msb_digest none;

	return !msb_digest_equal(digest, &none);
}

int store_care_roots(struct store_care *care, enum store_roots which, int64_t since,
		     store_root_fn each, void *context, struct msb_error *err)
{
	autoquery query = query_on(care->connection, roots[which]);
	int r;

	query_bind_int(&query, since);
	while ((r = query_step(&query, err)) == 1) {
		autofree char *who = NULL;
		struct msb_digest digest = {0};
		enum store_root_kind kind;

		query_digest(&query, &digest);
		kind = (enum store_root_kind)query_int(&query);
		who = query_text(&query);
		r = query_check(&query, err);
		if (r == 0 && is_set(&digest))
			r = each(context, &digest, kind, who ? who : "", err);
		if (r < 0)
			return r;
	}
	return r;
}

static int add_todo(struct store_care *care, const struct msb_digest *digest, struct msb_error *err)
{
	autoquery query = query_on(care->connection, "INSERT INTO todo(digest) VALUES(?)");

	query_bind_digest(&query, digest);
	return query_step(&query, err);
}

int store_mark(struct store_care *care, const struct msb_digest *digest, bool tree, int grade,
	       struct msb_error *err)
{
	/* A blob that was met as a file's content may be met as a directory again. */
	autoquery query =
		query_on(care->connection, "INSERT INTO mark(digest, tree, grade) VALUES(?, ?, ?)"
					   " ON CONFLICT(digest) DO UPDATE SET tree = 1"
					   " WHERE tree < excluded.tree");
	int r;

	query_bind_digest(&query, digest);
	query_bind_int(&query, tree);
	query_bind_int(&query, grade);
	r = query_step(&query, err);
	if (r < 0 || connection_changes(care->connection) == 0)
		return r;
	r = tree ? add_todo(care, digest, err) : 0;
	return r < 0 ? r : 1;
}

int store_is_marked(struct store_care *care, const struct msb_digest *tree, struct msb_error *err)
{
	autoquery query =
		query_on(care->connection, "SELECT 1 FROM mark WHERE digest = ? AND tree");

	query_bind_digest(&query, tree);
	return query_step(&query, err);
}

int store_mark_next(struct store_care *care, struct msb_digest *ret, struct msb_error *err)
{
	autoquery last = query_on(care->connection, "SELECT digest, id FROM todo"
						    " ORDER BY id DESC LIMIT 1");
	autoquery drop = query_on(care->connection, "DELETE FROM todo WHERE id = ?");
	int r = query_step(&last, err);

	if (r != 1)
		return r;
	query_digest(&last, ret);
	query_bind_int(&drop, query_int(&last));
	query_again(&last);
	r = query_step(&drop, err);
	return r < 0 ? r : 1;
}

int store_mark_sum(struct store_care *care, int grade, uint64_t *ret_count, uint64_t *ret_bytes,
		   struct msb_error *err)
{
	autoquery marked = query_on(care->connection,
				    "SELECT count(*), coalesce(sum(size), 0) FROM mark JOIN blob"
				    " USING(digest) WHERE grade = ?");
	autoquery other =
		query_on(care->connection, "SELECT count(*), coalesce(sum(size), 0) FROM blob"
					   " WHERE digest NOT IN (SELECT digest FROM mark)");
	struct query *query = grade < 0 ? &other : &marked;
	int r;

	if (grade >= 0)
		query_bind_int(query, grade);
	r = query_step(query, err);
	if (r < 0)
		return r;
	*ret_count = (uint64_t)query_int(query);
	*ret_bytes = (uint64_t)query_int(query);
	return 0;
}

int store_mark_keep(struct store_care *care, int64_t number, struct msb_error *err)
{
	autoquery total = query_on(care->connection,
				   "INSERT INTO total SELECT ?, coalesce(sum(size), 0) FROM mark"
				   " JOIN blob USING(digest)");
	autoquery keep = query_on(care->connection,
				  "INSERT INTO used SELECT digest, ?, 0 FROM mark WHERE true"
				  " ON CONFLICT(digest) DO UPDATE SET shared = 1");
	int r;

	query_bind_int(&total, number);
	r = query_step(&total, err);
	query_bind_int(&keep, number);
	if (r == 0)
		r = query_step(&keep, err);
	return r < 0 ? r : connection_run(care->connection, "DELETE FROM mark", err);
}

int store_mark_own(struct store_care *care, int64_t number, uint64_t *ret_bytes, uint64_t *ret_own,
		   struct msb_error *err)
{
	autoquery query =
		query_on(care->connection,
			 "SELECT (SELECT bytes FROM total WHERE number = ?1),"
			 " (SELECT coalesce(sum(size), 0) FROM used JOIN blob USING(digest)"
			 " WHERE number = ?1 AND shared = 0)");
	int r;

	query_bind_int(&query, number);
	r = query_step(&query, err);
	if (r < 0)
		return r;
	*ret_bytes = (uint64_t)query_int(&query);
	*ret_own = (uint64_t)query_int(&query);
	return 0;
}

/* Records that are wanted no more, and the index of blobs without them. */
#include <errno.h>
#include <stdlib.h>

#include "care.h"
#include "schema.h"

/* Runs a statement with two parameters, and counts the rows that it touched. */
static int run_counted(struct store_care *care, const char *sql, int64_t first, int64_t second,
		       uint64_t *ret_count, struct msb_error *err)
{
	autoquery query = query_on(care->connection, sql);
	int r;

	query_bind_int(&query, first);
	query_bind_int(&query, second);
	r = query_step(&query, err);
	if (r == 0)
		*ret_count = (uint64_t)connection_changes(care->connection);
	return r;
}

int store_forget_builds(struct store_care *care, size_t keep, int64_t until, uint64_t *ret_count,
			struct msb_error *err)
{
	int64_t limit = keep > INT64_MAX ? INT64_MAX : (int64_t)keep;
	uint64_t count = 0;
	int r = run_counted(care,
			    "DELETE FROM build WHERE id NOT IN"
			    " (SELECT id FROM build ORDER BY id DESC LIMIT ?) AND started_ns < ?",
			    limit, until, &count, err);

	if (r == 0)
		r = connection_run(care->connection,
				   "DELETE FROM stage WHERE build NOT IN (SELECT id FROM build)",
				   err);
	if (r == 0)
		r = connection_run(care->connection,
				   "DELETE FROM step WHERE build NOT IN (SELECT id FROM build)",
				   err);
	if (r < 0)
		return r;
	care_changed(care);
	*ret_count = count;
	return 0;
}

int store_forget_images(struct store_care *care, bool all, int64_t until, uint64_t *ret_count,
			struct msb_error *err)
{
	uint64_t count = 0;
	int r = run_counted(care,
			    "DELETE FROM image WHERE created_ns < ?2 AND"
			    " (NOT EXISTS (SELECT 1 FROM tag WHERE image = id)"
			    " OR (?1 AND tree NOT IN (SELECT tree FROM step WHERE tree IS NOT NULL"
			    " UNION SELECT tree FROM stage WHERE tree IS NOT NULL)))",
			    all, until, &count, err);

	if (r == 0)
		r = connection_run(care->connection,
				   "DELETE FROM tag WHERE image NOT IN (SELECT id FROM image)",
				   err);
	if (r == 0)
		r = connection_run(care->connection, SCHEMA_ORIGIN, err);
	if (r == 0)
		r = connection_run(care->connection,
				   "DELETE FROM origin WHERE image NOT IN (SELECT id FROM image)",
				   err);
	if (r < 0)
		return r;
	care_changed(care);
	*ret_count = count;
	return 0;
}

/* The blobs that cached steps and layers name beside their trees. */
static int mark_rest(struct store_care *care, struct msb_error *err)
{
	static const char *const statements[] = {
		"INSERT OR IGNORE INTO mark SELECT log, 0, 0 FROM cache WHERE log IS NOT NULL",
		"INSERT OR IGNORE INTO mark SELECT blob, 0, 0 FROM layer WHERE blob IS NOT NULL",
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(statements) / sizeof(*statements); i++)
		r = connection_run(care->connection, statements[i], err);
	return r;
}

static int forget_cached(struct store_care *care, int64_t until, uint64_t *ret_count,
			 struct msb_error *err)
{
	autoquery query =
		query_on(care->connection, "DELETE FROM cache WHERE created_ns < ? AND tree NOT IN"
					   " (SELECT digest FROM mark WHERE tree)");
	int r;

	query_bind_int(&query, until);
	r = query_step(&query, err);
	if (r == 0)
		*ret_count = (uint64_t)connection_changes(care->connection);
	return r;
}

static int forget_layers(struct store_care *care, uint64_t *ret_count, struct msb_error *err)
{
	int r = connection_run(care->connection,
			       "DELETE FROM layer WHERE tree NOT IN"
			       " (SELECT digest FROM mark WHERE tree) OR (parent <> zeroblob(32)"
			       " AND parent NOT IN (SELECT digest FROM mark WHERE tree))",
			       err);

	if (r == 0)
		*ret_count = (uint64_t)connection_changes(care->connection);
	return r;
}

int store_forget_unreached(struct store_care *care, int64_t until, uint64_t *ret_cached,
			   uint64_t *ret_layers, struct msb_error *err)
{
	uint64_t cached = 0, layers = 0;
	int r = forget_cached(care, until, &cached, err);

	if (r == 0)
		r = forget_layers(care, &layers, err);
	/* Numbers are never given again: AUTOINCREMENT. */
	if (r == 0)
		r = connection_run(care->connection,
				   "DELETE FROM tree WHERE digest NOT IN"
				   " (SELECT digest FROM mark WHERE tree)",
				   err);
	if (r == 0)
		r = mark_rest(care, err);
	if (r < 0)
		return r;
	*ret_cached = cached;
	*ret_layers = layers;
	return 0;
}

/*
 * Packs in which nothing lives lose their row, but the newest: its number says which comes next.
 * Those with much garbage take no further blobs; store_compact() empties them.
 */
static int judge_packs(struct store_care *care, struct msb_error *err)
{
	static const char *const statements[] = {
		"CREATE TEMP TABLE live(id INTEGER PRIMARY KEY, bytes INTEGER NOT NULL)",
		"INSERT INTO live SELECT pack, sum((size + 7) / 8 * 8 + 48) FROM blob"
		" WHERE pack > 0 GROUP BY pack",
		"DELETE FROM pack WHERE id NOT IN (SELECT id FROM live)"
		" AND id < (SELECT max(id) FROM pack)",
		"UPDATE pack SET size = 0, full = 1 WHERE id NOT IN (SELECT id FROM live)",
		"UPDATE pack SET full = 1 WHERE size > 0 AND"
		" (SELECT " CARE_WORTH_EMPTYING " FROM live WHERE live.id = pack.id)",
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(statements) / sizeof(*statements); i++)
		r = connection_run(care->connection, statements[i], err);
	return r;
}

/* Where blobs can be had that nothing names, and where layers were seen of which nothing is named.
 */
static int forget_remote(struct store_care *care, struct msb_error *err)
{
	int r = connection_run(care->connection,
			       "DELETE FROM remote WHERE digest <> layer AND digest NOT IN"
			       " (SELECT digest FROM mark)",
			       err);

	if (r == 0)
		r = connection_run(care->connection,
				   "DELETE FROM remote WHERE digest = layer AND digest NOT IN"
				   " (SELECT digest FROM mark) AND NOT EXISTS (SELECT 1 FROM"
				   " remote AS file WHERE file.layer = remote.layer AND"
				   " file.digest <> file.layer)",
				   err);
	return r < 0 ? r
		     : connection_run(care->connection,
				      "DELETE FROM layer_place WHERE layer NOT IN"
				      " (SELECT layer FROM remote) AND layer NOT IN"
				      " (SELECT blob FROM layer WHERE blob IS NOT NULL)",
				      err);
}

int store_sweep(struct store_care *care, uint64_t *ret_blobs, uint64_t *ret_bytes,
		struct msb_error *err)
{
	uint64_t blobs, bytes;
	int r = store_mark_sum(care, -1, &blobs, &bytes, err);

	if (r == 0)
		r = connection_run(care->connection,
				   "DELETE FROM blob WHERE digest NOT IN (SELECT digest FROM mark)",
				   err);
	if (r == 0)
		r = forget_remote(care, err);
	if (r == 0)
		r = judge_packs(care, err);
	if (r == 0)
		r = care_sum_blobs(care, err);
	if (r < 0)
		return r;
	*ret_blobs = blobs;
	*ret_bytes = bytes;
	return 0;
}

/* What spares work: the step cache, layers between trees, and the stat cache. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "write_records.h"
#include "writer.h"

int store_cache_set(struct store_writer *writer, const struct msb_digest *key,
		    const struct cached_step *step, struct msb_error *err)
{
	struct connection *connection;
	int r = writer_connection(writer, &connection, err);

	if (r == 0)
		r = number_tree(writer, connection, &step->tree, err);
	if (r < 0)
		return r;
	autoquery query = query_on(connection, "INSERT OR REPLACE INTO cache(key, tree, log,"
					       " created_ns, duration_ns) VALUES(?, ?, ?, ?, ?)");
	query_bind_digest(&query, key);
	query_bind_digest(&query, &step->tree);
	query_bind_digest(&query, step->has_log ? &step->log : NULL);
	query_bind_int(&query, step->created_ns);
	query_bind_int(&query, step->duration_ns);
	return query_step(&query, err);
}

/* The end of every search: 1 was a row, whose columns have been read. */
static int found(const struct query *query, int r, struct msb_error *err)
{
	if (r == 0)
		return -ENOENT;
	return r < 0 ? r : query_check(query, err);
}

int store_cache_find(struct store_writer *writer, const struct msb_digest *key,
		     struct cached_step *ret, struct msb_error *err)
{
	autoreader *connection = NULL;
	struct cached_step step = {0};
	int r = writer_reader(writer, &connection, err);

	if (r < 0)
		return r;
	autoquery query = query_on(connection, "SELECT tree, log, created_ns, duration_ns"
					       " FROM cache WHERE key = ?");
	query_bind_digest(&query, key);
	r = query_step(&query, err);
	if (r == 1) {
		query_digest(&query, &step.tree);
		step.has_log = query_digest(&query, &step.log);
		step.created_ns = query_int(&query);
		step.duration_ns = query_int(&query);
	}
	r = found(&query, r, err);
	if (r == 0)
		*ret = step;
	return r;
}

int store_layer_set(struct store_writer *writer, const struct layer_record *layer,
		    struct msb_error *err)
{
	struct connection *connection;
	int r = writer_connection(writer, &connection, err);

	if (r == 0)
		r = number_tree(writer, connection, &layer->tree, err);
	if (r < 0)
		return r;
	autoquery query = query_on(connection,
				   "INSERT OR REPLACE INTO layer(parent, tree, diff_id, size, blob,"
				   " media_type, toc) VALUES(?, ?, ?, ?, ?, ?, ?)");
	query_bind_digest(&query, &layer->parent);
	query_bind_digest(&query, &layer->tree);
	query_bind_digest(&query, &layer->diff_id);
	query_bind_int(&query, (int64_t)layer->size);
	query_bind_digest(&query, layer->has_blob ? &layer->blob : NULL);
	query_bind_text(&query, layer->media_type);
	query_bind_digest(&query, layer->has_toc ? &layer->toc : NULL);
	return query_step(&query, err);
}

static int read_layer(struct query *query, struct layer_record *ret, struct msb_error *err)
{
	struct layer_record layer = {0};
	autofree char *media_type = NULL;

	query_digest(query, &layer.parent);
	query_digest(query, &layer.tree);
	query_digest(query, &layer.diff_id);
	layer.size = (uint64_t)query_int(query);
	layer.has_blob = query_digest(query, &layer.blob);
	media_type = query_text(query);
	snprintf(layer.media_type, sizeof(layer.media_type), "%s", media_type ? media_type : "");
	layer.has_toc = query_digest(query, &layer.toc);
	*ret = layer;
	return query_check(query, err);
}

/* Up to `most` of them; the count. */
static int find_layers(struct store_writer *writer, const char *sql,
		       const struct msb_digest *parent, const struct msb_digest *other,
		       const struct msb_digest *toc, struct layer_record *ret, size_t most,
		       struct msb_error *err)
{
	autoreader *connection = NULL;
	size_t count = 0;
	int r = writer_reader(writer, &connection, err);

	if (r < 0)
		return r;
	autoquery query = query_on(connection, sql);
	query_bind_digest(&query, parent);
	query_bind_digest(&query, other);
	if (toc)
		query_bind_digest(&query, toc);
	while (count < most && (r = query_step(&query, err)) == 1) {
		r = read_layer(&query, &ret[count++], err);
		if (r < 0)
			break;
	}
	return r < 0 ? r : (int)count;
}

static int find_layer(struct store_writer *writer, const char *sql, const struct msb_digest *parent,
		      const struct msb_digest *other, const struct msb_digest *toc,
		      struct layer_record *ret, struct msb_error *err)
{
	struct layer_record layer;
	int r = find_layers(writer, sql, parent, other, toc, &layer, 1, err);

	if (r == 1)
		*ret = layer;
	return r < 0 ? r : r == 1 ? 0 : -ENOENT;
}

#define SELECT_LAYER "SELECT parent, tree, diff_id, size, blob, media_type, toc FROM layer"
#define NEWEST       " ORDER BY rowid DESC"

int store_layer_find(struct store_writer *writer, const struct msb_digest *parent,
		     const struct msb_digest *tree, struct layer_record *ret, struct msb_error *err)
{
	return find_layer(writer,
			  SELECT_LAYER " WHERE parent = ? AND tree = ? AND toc IS NULL" NEWEST,
			  parent, tree, NULL, ret, err);
}

int store_layer_find_diff(struct store_writer *writer, const struct msb_digest *parent,
			  const struct msb_digest *diff_id, const struct msb_digest *toc,
			  struct layer_record *ret, struct msb_error *err)
{
	const char *sql = toc ? SELECT_LAYER " WHERE parent = ? AND diff_id = ? AND"
					     " (toc IS NULL OR toc = ?)" NEWEST
			      : SELECT_LAYER
				  " WHERE parent = ? AND diff_id = ? AND toc IS NULL" NEWEST;

	return find_layer(writer, sql, parent, diff_id, toc, ret, err);
}

int store_layer_list_diff(struct store_writer *writer, const struct msb_digest *parent,
			  const struct msb_digest *diff_id, struct layer_record *ret, size_t most,
			  struct msb_error *err)
{
	return find_layers(writer, SELECT_LAYER " WHERE parent = ? AND diff_id = ?" NEWEST, parent,
			   diff_id, NULL, ret, most, err);
}

/* Numbers of 64 bits keep their bits in SQLite's signed ones. */
static void bind_stat_key(struct query *query, const struct stat_key *key)
{
	query_bind_int(query, (int64_t)key->device);
	query_bind_int(query, (int64_t)key->inode);
	query_bind_int(query, (int64_t)key->size);
	query_bind_int(query, key->mtime_ns);
	query_bind_int(query, key->ctime_ns);
}

int store_stat_set(struct store_writer *writer, const struct stat_key *key,
		   const struct msb_digest *content, struct msb_error *err)
{
	struct connection *connection;
	int r = writer_connection(writer, &connection, err);

	if (r < 0)
		return r;
	autoquery query =
		query_on(connection, "INSERT OR REPLACE INTO seen(device, inode, size, mtime_ns,"
				     " ctime_ns, content) VALUES(?, ?, ?, ?, ?, ?)");
	bind_stat_key(&query, key);
	query_bind_digest(&query, content);
	writer->seen = true;
	return query_step(&query, err);
}

int store_stat_find(struct store_writer *writer, const struct stat_key *key, struct msb_digest *ret,
		    struct msb_error *err)
{
	autoreader *connection = NULL;
	struct msb_digest content;
	int r = writer_reader(writer, &connection, err);

	if (r < 0)
		return r;
	autoquery query =
		query_on(connection, "SELECT content FROM seen WHERE device = ? AND inode = ?"
				     " AND size = ? AND mtime_ns = ? AND ctime_ns = ?");
	bind_stat_key(&query, key);
	r = query_step(&query, err);
	if (r == 1)
		query_digest(&query, &content);
	r = found(&query, r, err);
	if (r == 0)
		*ret = content;
	return r;
}

/* Writing builds, stages, steps and images. */
#include <errno.h>

#include "schema.h"
#include "write_records.h"
#include "writer.h"

int number_tree(struct store_writer *writer, struct connection *connection,
		const struct msb_digest *tree, struct msb_error *err)
{
	/* Not INSERT OR IGNORE: that would use up a number each time. */
	autoquery query = query_on(connection, "INSERT INTO tree(digest) SELECT ?1 WHERE NOT EXISTS"
					       " (SELECT 1 FROM tree WHERE digest = ?1)");
	int r;

	query_bind_digest(&query, tree);
	r = query_step(&query, err);
	if (r == 0 && connection_changes(connection) == 1)
		writer->changed = true;
	return r;
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static void bind_build(struct query *query, const struct msb_build *build)
{
	query_bind_int(query, build->state);
	query_bind_int(query, build->started_ns);
	query_bind_int(query, build->finished_ns);
	query_bind_text(query, or_empty(build->dockerfile_name));
	query_bind_digest(query, &build->dockerfile);
	query_bind_text(query, or_empty(build->target));
	query_bind_text(query, or_empty(build->tags));
	query_bind_text(query, build->error);
	query_bind_int(query, (int64_t)build->stage_count);
}

int store_add_build(struct store_writer *writer, const struct msb_build *build, int64_t *ret_id,
		    struct msb_error *err)
{
	struct connection *connection;
	int r = writer_connection(writer, &connection, err);

	if (r < 0)
		return r;
	autoquery query = query_on(connection,
				   "INSERT INTO build(state, started_ns, finished_ns,"
				   " dockerfile_name, dockerfile, target, tags, error, stage_count)"
				   " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)");
	bind_build(&query, build);
	r = query_step(&query, err);
	if (r < 0)
		return r;
	writer->changed = true;
	*ret_id = connection_inserted(connection);
	return 0;
}

int store_set_build(struct store_writer *writer, const struct msb_build *build,
		    struct msb_error *err)
{
	struct connection *connection;
	int r = writer_connection(writer, &connection, err);

	if (r < 0)
		return r;
	autoquery query =
		query_on(connection, "UPDATE build SET state = ?, started_ns = ?, finished_ns = ?,"
				     " dockerfile_name = ?, dockerfile = ?, target = ?, tags = ?,"
				     " error = ?, stage_count = ? WHERE id = ?");
	bind_build(&query, build);
	query_bind_int(&query, build->id);
	r = query_step(&query, err);
	if (r < 0)
		return r;
	if (connection_changes(connection) == 0)
		return msb_error_say(err, ENOENT, "there is no build %lld", (long long)build->id);
	writer->changed = true;
	return 0;
}

int store_set_stage(struct store_writer *writer, const struct msb_stage *stage,
		    struct msb_error *err)
{
	struct connection *connection;
	int r = writer_connection(writer, &connection, err);

	if (r == 0 && stage->has_tree)
		r = number_tree(writer, connection, &stage->tree, err);
	if (r < 0)
		return r;
	autoquery query =
		query_on(connection, "INSERT OR REPLACE INTO stage(build, position, name, state,"
				     " step_count, tree) VALUES(?, ?, ?, ?, ?, ?)");
	query_bind_int(&query, stage->build);
	query_bind_int(&query, (int64_t)stage->index);
	query_bind_text(&query, stage->name);
	query_bind_int(&query, stage->state);
	query_bind_int(&query, (int64_t)stage->step_count);
	query_bind_digest(&query, stage->has_tree ? &stage->tree : NULL);
	writer->changed = true;
	return query_step(&query, err);
}

int store_set_step(struct store_writer *writer, const struct msb_step *step, struct msb_error *err)
{
	struct connection *connection;
	int r = writer_connection(writer, &connection, err);

	if (r == 0 && step->has_tree)
		r = number_tree(writer, connection, &step->tree, err);
	if (r < 0)
		return r;
	autoquery query = query_on(connection,
				   "INSERT OR REPLACE INTO step(build, stage, number, state, line,"
				   " end_line, text, expanded, tree, log, config, key, definition,"
				   " started_ns, duration_ns, exit_status)"
				   " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
	query_bind_int(&query, step->build);
	query_bind_int(&query, (int64_t)step->stage);
	query_bind_int(&query, (int64_t)step->number);
	query_bind_int(&query, step->state);
	query_bind_int(&query, step->line);
	query_bind_int(&query, step->end_line);
	query_bind_text(&query, or_empty(step->text));
	query_bind_text(&query, or_empty(step->expanded));
	query_bind_digest(&query, step->has_tree ? &step->tree : NULL);
	query_bind_digest(&query, step->has_log ? &step->log : NULL);
	query_bind_digest(&query, &step->config);
	query_bind_digest(&query, &step->key);
	query_bind_text(&query, or_empty(step->definition));
	query_bind_int(&query, step->started_ns);
	query_bind_int(&query, step->duration_ns);
	query_bind_int(&query, step->exit_status);
	writer->changed = true;
	return query_step(&query, err);
}

static int set_tag(struct connection *connection, const char *name, const struct msb_digest *image,
		   struct msb_error *err)
{
	autoquery query = query_on(connection, "INSERT OR REPLACE INTO tag(name, image)"
					       " VALUES(?, ?)");

	query_bind_text(&query, name);
	query_bind_digest(&query, image);
	return query_step(&query, err);
}

int store_set_image(struct store_writer *writer, const struct msb_image *image,
		    struct msb_error *err)
{
	struct connection *connection;
	int r = writer_connection(writer, &connection, err);

	if (r == 0)
		r = number_tree(writer, connection, &image->tree, err);
	if (r < 0)
		return r;
	autoquery query =
		query_on(connection, "INSERT INTO image(id, manifest, tree, created_ns, size)"
				     " VALUES(?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET"
				     " manifest = excluded.manifest, tree = excluded.tree,"
				     " created_ns = excluded.created_ns, size = excluded.size");
	query_bind_digest(&query, &image->id);
	query_bind_digest(&query, &image->manifest);
	query_bind_digest(&query, &image->tree);
	query_bind_int(&query, image->created_ns);
	query_bind_int(&query, (int64_t)image->size);
	writer->changed = true;
	r = query_step(&query, err);
	if (r == 0 && image->name)
		r = set_tag(connection, image->name, &image->id, err);
	return r;
}

int store_set_origin(struct store_writer *writer, const struct msb_origin *origin,
		     struct msb_error *err)
{
	struct connection *connection;
	int r = writer_connection(writer, &connection, err);

	if (r == 0)
		r = connection_run(connection, SCHEMA_ORIGIN, err);
	if (r < 0)
		return r;
	autoquery query =
		query_on(connection, "INSERT OR IGNORE INTO"
				     " origin(repository, digest, image) VALUES(?, ?, ?)");
	query_bind_text(&query, origin->repository);
	query_bind_digest(&query, &origin->digest);
	query_bind_digest(&query, &origin->image);
	return query_step(&query, err);
}

static int find_tag(struct connection *connection, const char *name, struct msb_digest *ret,
		    struct msb_error *err)
{
	autoquery query = query_on(connection, "SELECT image FROM tag WHERE name = ?");
	int r;

	query_bind_text(&query, name);
	r = query_step(&query, err);
	if (r < 0)
		return r;
	if (r == 0)
		return msb_error_say(err, ENOENT, "there is no image '%s'", name);
	query_digest(&query, ret);
	return query_check(&query, err);
}

static int drop_tag(struct connection *connection, const char *name, struct msb_error *err)
{
	autoquery query = query_on(connection, "DELETE FROM tag WHERE name = ?");

	query_bind_text(&query, name);
	return query_step(&query, err);
}

static int drop_untagged(struct connection *connection, const struct msb_digest *id,
			 struct msb_error *err)
{
	autoquery query = query_on(connection, "DELETE FROM image WHERE id = ?1 AND NOT EXISTS"
					       " (SELECT 1 FROM tag WHERE image = ?1)");

	query_bind_digest(&query, id);
	return query_step(&query, err);
}

int store_remove_image(struct store_writer *writer, const char *name, struct msb_error *err)
{
	struct connection *connection;
	struct msb_digest id;
	int r = writer_connection(writer, &connection, err);

	if (r == 0)
		r = find_tag(connection, name, &id, err);
	if (r == 0)
		r = drop_tag(connection, name, err);
	if (r == 0)
		r = drop_untagged(connection, &id, err);
	if (r == 0)
		writer->changed = true;
	return r;
}

int store_remove_untagged_image(struct store_writer *writer, const struct msb_digest *id,
				struct msb_error *err)
{
	struct connection *connection;
	char text[MSB_DIGEST_TEXT];
	int r = writer_connection(writer, &connection, err);

	if (r == 0)
		r = drop_untagged(connection, id, err);
	if (r < 0)
		return r;
	if (connection_changes(connection) == 0)
		return msb_error_say(err, ENOENT, "there is no untagged image %s",
				     msb_digest_format(id, text));
	writer->changed = true;
	return 0;
}

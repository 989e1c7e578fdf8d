/* Reading builds, stages, steps, images and tree numbers. */
#include <errno.h>
#include <stdlib.h>

#include <msb/records.h>

#include "internal.h"

/* A kind of record: how a row becomes a struct, and how that is emptied. */
struct kind {
	size_t size;
	void (*read)(struct query *query, void *record);
	void (*done)(void *record);
};

static void free_all(const struct kind *kind, void *records, size_t count)
{
	for (size_t i = 0; records && i < count; i++)
		kind->done((char *)records + i * kind->size);
	free(records);
}

struct list {
	const struct kind *kind;
	void *records; /* owned */
	size_t count, capacity;
};

static void list_done(struct list *list)
{
	free_all(list->kind, list->records, list->count);
}

static int list_add_row(struct list *list, struct query *query, struct msb_error *err)
{
	void *record;

	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 8;
		void *grown = reallocarray(list->records, capacity, list->kind->size);

		if (!grown)
			return msb_error_memory(err);
		list->records = grown;
		list->capacity = capacity;
	}
	record = (char *)list->records + list->count++ * list->kind->size;
	memset(record, 0, list->kind->size);
	list->kind->read(query, record);
	return query_check(query, err);
}

static int collect(struct query *query, const struct kind *kind, void **ret, size_t *ret_count,
		   struct msb_error *err)
{
	__attribute__((cleanup(list_done))) struct list list = {.kind = kind};
	int r;

	while ((r = query_step(query, err)) == 1) {
		r = list_add_row(&list, query, err);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	*ret = steal(&list.records);
	*ret_count = list.count;
	return 0;
}

/* All rows of a search with so many numbers. */
static int search(struct msb_store *store, const struct kind *kind, const char *sql,
		  const int64_t *numbers, size_t number_count, void **ret, size_t *ret_count,
		  struct msb_error *err)
{
	autoreader *connection = NULL;
	int r = store_reader(store, &connection, err);

	if (r < 0)
		return r;
	autoquery query = query_on(connection, sql);
	for (size_t i = 0; i < number_count; i++)
		query_bind_int(&query, numbers[i]);
	return collect(&query, kind, ret, ret_count, err);
}

static enum msb_state as_state(int64_t value)
{
	return (enum msb_state)(value & 3);
}

#define BUILD_COLUMNS                                                                              \
	"id, state, started_ns, finished_ns, dockerfile_name, dockerfile, target, tags, error,"    \
	" stage_count"

static void read_build(struct query *query, void *record)
{
	struct msb_build *build = record;

	build->id = query_int(query);
	build->state = as_state(query_int(query));
	build->started_ns = query_int(query);
	build->finished_ns = query_int(query);
	build->dockerfile_name = query_text(query);
	query_digest(query, &build->dockerfile);
	build->target = query_text(query);
	build->tags = query_text(query);
	build->error = query_text(query);
	build->stage_count = (size_t)query_int(query);
}

static void done_build(void *record)
{
	struct msb_build *build = record;

	free(build->dockerfile_name);
	free(build->target);
	free(build->tags);
	free(build->error);
}

static const struct kind builds = {sizeof(struct msb_build), read_build, done_build};

void msb_builds_free(struct msb_build *records, size_t count)
{
	free_all(&builds, records, count);
}

int msb_records_builds(struct msb_store *store, size_t limit, struct msb_build **ret,
		       size_t *ret_count, struct msb_error *err)
{
	const int64_t most = limit == 0 || limit > INT64_MAX ? -1 : (int64_t)limit;
	void *records;
	int r = search(store, &builds,
		       "SELECT " BUILD_COLUMNS " FROM build ORDER BY id DESC LIMIT ?", &most, 1,
		       &records, ret_count, err);

	if (r == 0)
		*ret = records;
	return r;
}

int msb_records_build(struct msb_store *store, int64_t id, struct msb_build **ret,
		      struct msb_error *err)
{
	void *records;
	size_t count;
	int r = search(store, &builds,
		       "SELECT " BUILD_COLUMNS " FROM build WHERE id ="
		       " CASE ?1 WHEN 0 THEN (SELECT max(id) FROM build) ELSE ?1 END",
		       &id, 1, &records, &count, err);

	if (r < 0)
		return r;
	if (count == 0)
		return id ? msb_error_say(err, ENOENT, "there is no build %lld", (long long)id)
			  : msb_error_say(err, ENOENT, "there is no build yet");
	*ret = records;
	return 0;
}

static void read_stage(struct query *query, void *record)
{
	struct msb_stage *stage = record;

	stage->build = query_int(query);
	stage->index = (size_t)query_int(query);
	stage->name = query_text(query);
	stage->state = as_state(query_int(query));
	stage->step_count = (size_t)query_int(query);
	stage->has_tree = query_digest(query, &stage->tree);
}

static void done_stage(void *record)
{
	struct msb_stage *stage = record;

	free(stage->name);
}

static const struct kind stages = {sizeof(struct msb_stage), read_stage, done_stage};

void msb_stages_free(struct msb_stage *records, size_t count)
{
	free_all(&stages, records, count);
}

int msb_records_stages(struct msb_store *store, int64_t build, struct msb_stage **ret,
		       size_t *ret_count, struct msb_error *err)
{
	void *records;
	int r = search(store, &stages,
		       "SELECT build, position, name, state, step_count, tree FROM stage"
		       " WHERE build = ? ORDER BY position",
		       &build, 1, &records, ret_count, err);

	if (r == 0)
		*ret = records;
	return r;
}

static void read_step(struct query *query, void *record)
{
	struct msb_step *step = record;

	step->build = query_int(query);
	step->stage = (size_t)query_int(query);
	step->number = (size_t)query_int(query);
	step->state = as_state(query_int(query));
	step->line = (int)query_int(query);
	step->end_line = (int)query_int(query);
	step->text = query_text(query);
	step->expanded = query_text(query);
	step->has_tree = query_digest(query, &step->tree);
	step->has_log = query_digest(query, &step->log);
	query_digest(query, &step->config);
	query_digest(query, &step->key);
	step->definition = query_text(query);
	step->started_ns = query_int(query);
	step->duration_ns = query_int(query);
	step->exit_status = (int)query_int(query);
}

static void done_step(void *record)
{
	struct msb_step *step = record;

	free(step->text);
	free(step->expanded);
	free(step->definition);
}

static const struct kind steps = {sizeof(struct msb_step), read_step, done_step};

void msb_steps_free(struct msb_step *records, size_t count)
{
	free_all(&steps, records, count);
}

int msb_records_steps(struct msb_store *store, int64_t build, size_t stage, struct msb_step **ret,
		      size_t *ret_count, struct msb_error *err)
{
	const int64_t numbers[] = {build, (int64_t)stage};
	void *records;
	int r = search(store, &steps,
		       "SELECT build, stage, number, state, line, end_line, text, expanded, tree,"
		       " log, config, key, definition, started_ns, duration_ns, exit_status"
		       " FROM step WHERE build = ? AND stage = ? ORDER BY number",
		       numbers, 2, &records, ret_count, err);

	if (r == 0)
		*ret = records;
	return r;
}

#define IMAGE_COLUMNS "tag.name, image.id, manifest, tree, created_ns, size"

static void read_image(struct query *query, void *record)
{
	struct msb_image *image = record;

	image->name = query_text(query);
	query_digest(query, &image->id);
	query_digest(query, &image->manifest);
	query_digest(query, &image->tree);
	image->created_ns = query_int(query);
	image->size = (uint64_t)query_int(query);
}

static void done_image(void *record)
{
	struct msb_image *image = record;

	free(image->name);
}

static const struct kind images = {sizeof(struct msb_image), read_image, done_image};

void msb_images_free(struct msb_image *records, size_t count)
{
	free_all(&images, records, count);
}

int msb_records_images(struct msb_store *store, struct msb_image **ret, size_t *ret_count,
		       struct msb_error *err)
{
	void *records;
	int r = search(store, &images,
		       "SELECT " IMAGE_COLUMNS " FROM image LEFT JOIN tag ON tag.image = image.id"
		       " ORDER BY created_ns DESC, image.rowid DESC, name",
		       NULL, 0, &records, ret_count, err);

	if (r == 0)
		*ret = records;
	return r;
}

int msb_records_image(struct msb_store *store, const char *name, struct msb_image **ret,
		      struct msb_error *err)
{
	autoreader *connection = NULL;
	void *records;
	size_t count;
	int r = store_reader(store, &connection, err);

	if (r < 0)
		return r;
	autoquery query = query_on(connection, "SELECT " IMAGE_COLUMNS " FROM tag"
					       " JOIN image ON image.id = tag.image"
					       " WHERE tag.name = ?");
	query_bind_text(&query, name);
	r = collect(&query, &images, &records, &count, err);
	if (r < 0)
		return r;
	if (count == 0)
		return msb_error_say(err, ENOENT, "there is no image '%s'", name);
	*ret = records;
	return 0;
}

static void read_origin(struct query *query, void *record)
{
	struct msb_origin *origin = record;

	origin->repository = query_text(query);
	query_digest(query, &origin->digest);
	query_digest(query, &origin->image);
}

static void done_origin(void *record)
{
	struct msb_origin *origin = record;

	free(origin->repository);
}

static const struct kind origins = {sizeof(struct msb_origin), read_origin, done_origin};

void msb_origins_free(struct msb_origin *records, size_t count)
{
	free_all(&origins, records, count);
}

static int has_origins(struct connection *connection, struct msb_error *err)
{
	autoquery query = query_on(connection, "SELECT 1 FROM sqlite_master WHERE name = 'origin'");

	return query_step(&query, err);
}

int msb_records_origins(struct msb_store *store, struct msb_origin **ret, size_t *ret_count,
			struct msb_error *err)
{
	autoreader *connection = NULL;
	void *records = NULL;
	size_t count = 0;
	int r = store_reader(store, &connection, err);

	if (r >= 0)
		r = has_origins(connection, err);
	if (r > 0) {
		autoquery query = query_on(connection, "SELECT repository, digest, image FROM"
						       " origin ORDER BY repository, rowid");

		r = collect(&query, &origins, &records, &count, err);
	}
	if (r < 0)
		return r;
	*ret = records;
	*ret_count = count;
	return 0;
}

int msb_records_changed(struct msb_store *store, int64_t *ret_ns, struct msb_error *err)
{
	autoreader *connection = NULL;
	int r = store_reader(store, &connection, err);

	if (r < 0)
		return r;
	autoquery query = query_on(connection, "SELECT changed_ns FROM meta");
	r = query_step(&query, err);
	if (r < 0)
		return r;
	*ret_ns = query_int(&query);
	return 0;
}

int msb_records_tree_number(struct msb_store *store, const struct msb_digest *tree, uint32_t *ret,
			    struct msb_error *err)
{
	autoreader *connection = NULL;
	char text[MSB_DIGEST_TEXT];
	int r = store_reader(store, &connection, err);

	if (r < 0)
		return r;
	autoquery query = query_on(connection, "SELECT number FROM tree WHERE digest = ?");
	query_bind_digest(&query, tree);
	r = query_step(&query, err);
	if (r < 0)
		return r;
	if (r == 0)
		return msb_error_say(err, ENOENT, "no build or image has the tree %s",
				     msb_digest_format(tree, text));
	*ret = (uint32_t)query_int(&query);
	return 0;
}

int msb_records_secret(struct msb_store *store, uint64_t *ret, struct msb_error *err)
{
	autoreader *connection = NULL;
	int r = store_reader(store, &connection, err);

	if (r < 0)
		return r;
	autoquery query = query_on(connection, "SELECT secret FROM meta");
	r = query_step(&query, err);
	if (r < 0)
		return r;
	*ret = (uint64_t)query_int(&query);
	return 0;
}

#include <pthread.h>
#include <string.h>

#include "history.h"

#define SLOTS 16

struct history {
	struct msb_store *store;
	pthread_mutex_t lock;            /* guards all below */
	struct told_build *slots[SLOTS]; /* each counts as a user */
	size_t next;                     /* the slot to reuse */
	int64_t changed;                 /* the records' state of what follows */
	int64_t shown;                   /* 0: not looked for yet; -1: none */
	int64_t *ids;                    /* NULL: not read yet; ascending, owned */
	size_t id_count;
};

struct history *history_new(struct msb_store *store)
{
	struct history *history = calloc(1, sizeof(*history));

	if (!history)
		return NULL;
	history->store = store;
	pthread_mutex_init(&history->lock, NULL);
	return history;
}

static void told_free(struct told_build *told)
{
	if (!told)
		return;
	for (size_t i = 0; told->steps && i < told->stage_count; i++)
		msb_steps_free(told->steps[i], told->step_counts[i]);
	free(told->steps);
	free(told->step_counts);
	msb_stages_free(told->stages, told->stage_count);
	msb_builds_free(told->build, told->build ? 1 : 0);
	free(told);
}
DEFINE_AUTO(struct told_build, told_free)

static void drop(struct told_build *told)
{
	if (told && --told->users == 0)
		told_free(told);
}

void history_free(struct history *history)
{
	if (!history)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		drop(history->slots[i]);
	free(history->ids);
	pthread_mutex_destroy(&history->lock);
	free(history);
}

static int read_steps(struct history *history, struct told_build *told, struct msb_error *err)
{
	size_t count = told->stage_count ? told->stage_count : 1;
	int r = 0;

	told->steps = calloc(count, sizeof(*told->steps));
	told->step_counts = calloc(count, sizeof(*told->step_counts));
	if (!told->steps || !told->step_counts)
		return msb_error_memory(err);
	for (size_t i = 0; i < told->stage_count && r == 0; i++)
		r = msb_records_steps(history->store, told->build->id, told->stages[i].index,
				      &told->steps[i], &told->step_counts[i], err);
	return r;
}

static int read_build(struct history *history, int64_t id, int64_t changed, struct told_build **ret,
		      struct msb_error *err)
{
	AUTO(told_freep) struct told_build *told = calloc(1, sizeof(*told));
	int r;

	if (!told)
		return msb_error_memory(err);
	r = msb_records_build(history->store, id, &told->build, err);
	if (r < 0)
		return r;
	r = msb_records_stages(history->store, told->build->id, &told->stages, &told->stage_count,
			       err);
	if (r < 0)
		return r;
	r = read_steps(history, told, err);
	if (r < 0)
		return r;
	told->changed = changed;
	told->time_ns = told->build->finished_ns ? told->build->finished_ns : changed;
	*ret = steal(&told);
	return 0;
}

/* Asks for the records' state before anything is read, so that what is read is at least as new;
 * forgets what an older state said. */
static int refresh(struct history *history, struct msb_error *err)
{
	int64_t changed;
	int r = msb_records_changed(history->store, &changed, err);

	if (r < 0)
		return r;
	if (changed != history->changed) {
		history->changed = changed;
		history->shown = 0;
		free(steal(&history->ids));
		history->id_count = 0;
	}
	return 0;
}

static int read_ids(struct history *history, struct msb_error *err)
{
	struct msb_build *builds;
	size_t count;
	int r;

	if (history->ids)
		return 0;
	r = msb_records_builds(history->store, 0, &builds, &count, err);
	if (r < 0)
		return r;
	history->ids = calloc(count + 1, sizeof(*history->ids));
	if (history->ids) {
		for (size_t i = 0; i < count; i++)
			history->ids[count - 1 - i] = builds[i].id;
		history->id_count = count;
	}
	msb_builds_free(builds, count);
	return history->ids ? 0 : msb_error_memory(err);
}

static int get(struct history *history, int64_t id, struct told_build **ret, struct msb_error *err)
{
	struct told_build *told;
	int r;

	for (size_t i = 0; i < SLOTS; i++) {
		told = history->slots[i];
		if (told && told->build->id == id && told->changed == history->changed) {
			told->users++;
			*ret = told;
			return 0;
		}
	}
	r = read_build(history, id, history->changed, &told, err);
	if (r < 0)
		return r;
	drop(history->slots[history->next]);
	history->slots[history->next] = told;
	history->next = (history->next + 1) % SLOTS;
	told->users = 2;
	*ret = told;
	return 0;
}

static bool has_tree(const struct told_build *told)
{
	for (size_t i = 0; i < told->stage_count; i++)
		if (told->stages[i].has_tree)
			return true;
	return false;
}

static int find_shown(struct history *history, struct told_build **ret, struct msb_error *err)
{
	struct told_build *told;
	int r = read_ids(history, err);

	for (size_t i = history->id_count; r == 0 && i > 0; i--) {
		r = get(history, history->ids[i - 1], &told, err);
		if (r == 0 && has_tree(told)) {
			history->shown = told->build->id;
			*ret = told;
			return 0;
		}
		if (r == 0)
			drop(told);
		if (r == -ENOENT) /* collected meanwhile */
			r = 0;
	}
	if (r < 0)
		return r;
	history->shown = -1;
	return -ENOENT;
}

int history_get(struct history *history, int64_t id, struct told_build **ret, struct msb_error *err)
{
	int r;

	pthread_mutex_lock(&history->lock);
	r = refresh(history, err);
	if (r == 0 && id == 0) {
		r = read_ids(history, err);
		if (r == 0 && history->id_count == 0)
			r = -ENOENT;
		if (r == 0)
			id = history->ids[history->id_count - 1];
	}
	if (r == 0)
		r = get(history, id, ret, err);
	pthread_mutex_unlock(&history->lock);
	return r;
}

int history_shown(struct history *history, struct told_build **ret, struct msb_error *err)
{
	int r;

	pthread_mutex_lock(&history->lock);
	r = refresh(history, err);
	if (r == 0 && history->shown > 0)
		r = get(history, history->shown, ret, err);
	else if (r == 0)
		r = history->shown < 0 ? -ENOENT : find_shown(history, ret, err);
	pthread_mutex_unlock(&history->lock);
	return r;
}

void history_put(struct history *history, struct told_build *told)
{
	pthread_mutex_lock(&history->lock);
	drop(told);
	pthread_mutex_unlock(&history->lock);
}

int history_ids(struct history *history, int64_t **ret, size_t *ret_count, struct msb_error *err)
{
	int64_t *ids;
	int r;

	pthread_mutex_lock(&history->lock);
	r = refresh(history, err);
	if (r == 0)
		r = read_ids(history, err);
	if (r == 0) {
		ids = malloc((history->id_count + 1) * sizeof(*ids));
		if (ids) {
			memcpy(ids, history->ids, history->id_count * sizeof(*ids));
			*ret = ids;
			*ret_count = history->id_count;
		} else {
			r = msb_error_memory(err);
		}
	}
	pthread_mutex_unlock(&history->lock);
	return r;
}

const struct msb_stage *told_stage(const struct told_build *told, size_t index)
{
	for (size_t i = 0; i < told->stage_count; i++)
		if (told->stages[i].index == index)
			return &told->stages[i];
	return NULL;
}

const struct msb_stage *told_stage_named(const struct told_build *told, const char *name)
{
	for (size_t i = told->stage_count; i > 0; i--)
		if (told->stages[i - 1].name && strcmp(told->stages[i - 1].name, name) == 0)
			return &told->stages[i - 1];
	return NULL;
}

const struct msb_step *told_step(const struct told_build *told, size_t stage, size_t number)
{
	for (size_t i = 0; i < told->stage_count; i++) {
		if (told->stages[i].index != stage)
			continue;
		for (size_t k = 0; k < told->step_counts[i]; k++)
			if (told->steps[i][k].number == number)
				return &told->steps[i][k];
	}
	return NULL;
}

const struct msb_step *told_failure(const struct told_build *told)
{
	for (size_t i = 0; i < told->stage_count; i++)
		for (size_t k = 0; k < told->step_counts[i]; k++)
			if (told->steps[i][k].state == MSB_FAILED)
				return &told->steps[i][k];
	return NULL;
}

/* Builds as the records tell of them, kept until the records change. */
#ifndef HISTORY_H
#define HISTORY_H

#include <msb/records.h>

struct history;

/* One build, whole: immutable, in use from a history_ call to history_put(). */
struct told_build {
	struct msb_build *build;
	struct msb_stage *stages;
	size_t stage_count;
	struct msb_step **steps; /* [stage_count] arrays, beside stages */
	size_t *step_counts;
	int64_t changed; /* the records' state it was read from */
	/* Its directories' time: changes whenever what is in them may, and is the build's end once
	 * nothing can. */
	int64_t time_ns;
	unsigned users; /* guarded by the history's lock */
};

struct history *history_new(struct msb_store *store);
void history_free(struct history *history);
DEFINE_AUTO(struct history, history_free)

/* id 0: the newest. -ENOENT. */
int history_get(struct history *history, int64_t id, struct told_build **ret,
		struct msb_error *err);
/* The newest build that has any tree to show. -ENOENT. */
int history_shown(struct history *history, struct told_build **ret, struct msb_error *err);
void history_put(struct history *history, struct told_build *told); /* NULL is fine */

/* Ids of all builds, ascending, copied for the caller. */
int history_ids(struct history *history, int64_t **ret, size_t *ret_count, struct msb_error *err);

/* NULL when it has none. The name of a stage that a later one took over means the later one. */
const struct msb_stage *told_stage(const struct told_build *told, size_t index);
const struct msb_stage *told_stage_named(const struct told_build *told, const char *name);
const struct msb_step *told_step(const struct told_build *told, size_t stage, size_t number);
/* The step that failed; NULL when none did. */
const struct msb_step *told_failure(const struct told_build *told);

#endif

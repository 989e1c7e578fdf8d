#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "earlier_step.h"
#include "explain.h"

enum {
	BUILDS_MAX = 32, /* looked back at */
	SIMILAR_MAX = 8, /* of them, once one has the same step */
};

void candidate_done(struct candidate *candidate)
{
	msb_steps_free(candidate->steps, candidate->count);
}

static bool is_same_instruction(const char *a, const char *b)
{
	size_t length = strcspn(a, " \t");

	return length == strcspn(b, " \t") && strncasecmp(a, b, length) == 0;
}

/* How well an earlier step does for comparing; 0: not at all. */
static int score(const struct msb_step *step, const struct msb_step *earlier, bool same_stage)
{
	bool same_text = strcmp(step->text, earlier->text) == 0;

	if (!earlier->definition || !*earlier->definition ||
	    !is_same_instruction(step->text, earlier->text))
		return 0;
	if (!same_text && !(same_stage && earlier->number == step->number))
		return 0;
	return (earlier->number == step->number ? SAME_NUMBER : 0) | (same_stage ? SAME_STAGE : 0) |
	       (same_text ? SAME_TEXT : 0) |
	       (msb_digest_equal(&earlier->key, &step->key) ? SAME_KEY : 0);
}

static bool is_labelled(const struct msb_stage *stage, const char *label)
{
	char own[MSB_STAGE_LABEL];

	return strcasecmp(msb_stage_label(stage, own), label) == 0;
}

/* SIZE_MAX when it is not to be told. */
static size_t count_differences(const struct msb_step *step, const struct msb_step *earlier)
{
	autoexplanations list = {0};

	if (!step->definition ||
	    explain_definitions(earlier->definition, step->definition, &list) < 0)
		return SIZE_MAX;
	return list.count;
}

/* Puts the best step of the stage into best, if it is better. */
static int look_into(struct msb_store *store, const struct msb_stage *stage,
		     const struct msb_step *step, const char *label, struct candidate *best,
		     struct msb_error *err)
{
	bool same_stage = is_labelled(stage, label);
	autocandidate own = {0};
	int r = msb_records_steps(store, stage->build, stage->index, &own.steps, &own.count, err);

	if (r < 0) {
		own = (struct candidate){0};
		return r;
	}
	for (size_t i = 0; i < own.count; i++) {
		int found = score(step, &own.steps[i], same_stage);

		if (found > own.score) {
			own.score = found;
			own.step = &own.steps[i];
		}
	}
	if ((own.score & SAME_TEXT) && !(own.score & SAME_KEY))
		own.differences = count_differences(step, own.step);
	if (own.score > best->score ||
	    (own.score && own.score == best->score && own.differences < best->differences)) {
		struct candidate worse = *best;

		*best = own;
		own = worse;
	}
	return 0;
}

int candidate_find(struct msb_store *store, const struct msb_step *step, const char *label,
		   struct candidate *best, struct msb_error *err)
{
	int64_t oldest = step->build > BUILDS_MAX ? step->build - BUILDS_MAX : 1;
	const int same = SAME_TEXT | SAME_STAGE;
	size_t similar = 0;
	int r = 0;

	for (int64_t build = step->build - 1; r >= 0 && build >= oldest; build--) {
		struct msb_stage *stages;
		size_t count;

		if ((best->score & same) == same &&
		    ((best->score & SAME_KEY) || ++similar == SIMILAR_MAX))
			break;
		r = msb_records_stages(store, build, &stages, &count, err);
		if (r < 0)
			return r;
		for (size_t i = 0; r >= 0 && i < count; i++)
			r = look_into(store, &stages[i], step, label, best, err);
		msb_stages_free(stages, count);
	}
	return r;
}

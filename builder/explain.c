/* Why steps missed the cache, out of the records. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "explain_step.h"
#include "internal.h"

/* Where the explanations go. */
struct telling {
	struct msb_store *store;
	msb_explain_fn each;
	void *context;
};

static int tell(const struct telling *telling, struct msb_explained *step,
		const struct explanations *list, struct msb_error *err)
{
	autofree struct msb_reason *reasons = calloc(list->count + 1, sizeof(*reasons));

	if (!reasons)
		return msb_error_memory(err);
	for (size_t i = 0; i < list->count; i++)
		reasons[i] = (struct msb_reason){list->items[i].component, list->items[i].before,
						 list->items[i].after, list->items[i].text};
	step->reasons = reasons;
	step->reason_count = list->count;
	return telling->each(telling->context, step, err);
}

static int explain_one(const struct telling *telling, const struct msb_stage *stage,
		       const char *label, const struct msb_step *step, struct msb_error *err)
{
	autoexplanations list = {0};
	struct msb_explained explained = {
		.build = step->build,
		.stage = label,
		.step = step->number,
		.steps = stage->step_count,
		.text = step->expanded,
		.state = step->state,
		.is_base = step->number == 1,
	};
	int r = 0;

	if (step->state == MSB_DONE || step->state == MSB_FAILED)
		r = explain_step(telling->store, step, label, &explained.compared, &list, err);
	return r < 0 ? r : tell(telling, &explained, &list, err);
}

/* number 0: all steps. */
static int explain_stage(const struct telling *telling, const struct msb_stage *stage,
			 size_t number, struct msb_error *err)
{
	struct msb_step *steps;
	char label[MSB_STAGE_LABEL];
	size_t count;
	int r = msb_records_steps(telling->store, stage->build, stage->index, &steps, &count, err);

	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < count; i++)
		if (number == 0 || steps[i].number == number)
			r = explain_one(telling, stage, msb_stage_label(stage, label), &steps[i],
					err);
	msb_steps_free(steps, count);
	return r;
}

int msb_explain(const char *root, const char *ref, msb_explain_fn each, void *context,
		struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	struct telling telling = {.each = each, .context = context};
	struct steps_ref steps;
	struct msb_stage *stages;
	size_t count;
	int r = open_store(root, &store, err);

	if (r >= 0)
		r = find_steps(store, ref, &steps, err);
	if (r >= 0)
		r = msb_records_stages(store, steps.build, &stages, &count, err);
	if (r < 0)
		return r;
	telling.store = store;
	for (size_t i = 0; r >= 0 && i < count; i++)
		if (steps.stage == SIZE_MAX || stages[i].index == steps.stage)
			r = explain_stage(&telling, &stages[i], steps.step, err);
	msb_stages_free(stages, count);
	return r;
}

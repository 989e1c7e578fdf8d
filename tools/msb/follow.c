/* msb builds --follow: the records, looked at ten times a second. */
#include "follow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include <msb/builder.h>

#include "human.h"
#include "text.h"

#define INTERVAL_NS 100000000
#define LOOK_BACK   64 /* builds; that many do not begin between two looks */

/* A build, and which of its steps were spoken of. */
struct known {
	int64_t id;
	enum msb_state state;
	size_t *steps; /* by stage: the number of the last one; owned */
	size_t stage_count;
};

struct follow {
	struct msb_store *store;
	bool json;
	bool silent;          /* the first look: what was before is not told */
	struct known *builds; /* owned */
	size_t count;
};

const char *state_name(enum msb_state state)
{
	static const char *const names[] = {"running", "done", "cached", "failed"};

	return (size_t)state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

static void put(const struct follow *follow, json_t *object, const char *line)
{
	if (!follow->silent && follow->json && object) {
		json_dumpf(object, stdout, JSON_COMPACT);
		putchar('\n');
	} else if (!follow->silent && !follow->json) {
		puts(line);
	}
	json_decref(object);
}

static int tell_build(const struct follow *follow, const struct msb_build *build,
		      struct msb_error *err)
{
	autofree char *target = text_harmless(build->target, strlen(build->target));
	char line[512], time[HUMAN_TEXT];

	if (!target)
		return msb_error_memory(err);
	if (build->state == MSB_RUNNING)
		snprintf(line, sizeof(line), "%lld running: %s", (long long)build->id, target);
	else
		snprintf(line, sizeof(line), "%lld %s in %s", (long long)build->id,
			 state_name(build->state),
			 human_seconds(build->finished_ns - build->started_ns, time));
	put(follow,
	    json_pack("{s:I, s:s, s:o, s:o}", "Build", (json_int_t)build->id, "State",
		      state_name(build->state), "Target", text_json(build->target), "Error",
		      text_json(build->error)),
	    line);
	return 0;
}

static int tell_step(const struct follow *follow, const struct msb_stage *stage,
		     const struct msb_step *step, struct msb_error *err)
{
	autofree char *text = text_harmless(step->expanded, strlen(step->expanded));
	autofree char *line = NULL;
	char text_of_label[MSB_STAGE_LABEL], time[HUMAN_TEXT];
	const char *label = msb_stage_label(stage, text_of_label);
	int r;

	if (!text)
		return msb_error_memory(err);
	r = asprintf(&line, "%lld [%s %zu/%zu] %s: %s", (long long)step->build, label, step->number,
		     stage->step_count, text,
		     step->state == MSB_DONE ? human_seconds(step->duration_ns, time)
					     : state_name(step->state));
	if (r < 0) {
		line = NULL;
		return msb_error_memory(err);
	}
	put(follow,
	    json_pack("{s:I, s:o, s:I, s:I, s:s, s:o, s:f}", "Build", (json_int_t)step->build,
		      "Stage", text_json(label), "Step", (json_int_t)step->number, "Steps",
		      (json_int_t)stage->step_count, "State", state_name(step->state),
		      "Instruction", text_json(step->expanded), "Seconds",
		      (double)step->duration_ns / 1e9),
	    line);
	return 0;
}

static int tell_stage(const struct follow *follow, struct known *known,
		      const struct msb_stage *stage, struct msb_error *err)
{
	struct msb_step *steps;
	size_t count;
	int r;

	if (stage->index >= known->stage_count)
		return 0;
	r = msb_records_steps(follow->store, stage->build, stage->index, &steps, &count, err);
	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < count; i++) {
		if (steps[i].number <= known->steps[stage->index] || steps[i].state == MSB_RUNNING)
			continue;
		known->steps[stage->index] = steps[i].number;
		r = tell_step(follow, stage, &steps[i], err);
	}
	msb_steps_free(steps, count);
	return r;
}

static int tell_stages(const struct follow *follow, struct known *known, struct msb_error *err)
{
	struct msb_stage *stages;
	size_t count;
	int r = msb_records_stages(follow->store, known->id, &stages, &count, err);

	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < count; i++)
		r = tell_stage(follow, known, &stages[i], err);
	msb_stages_free(stages, count);
	return r;
}

static struct known *find_build(const struct follow *follow, int64_t id)
{
	for (size_t i = 0; i < follow->count; i++)
		if (follow->builds[i].id == id)
			return &follow->builds[i];
	return NULL;
}

static struct known *add_build(struct follow *follow, const struct msb_build *build)
{
	struct known *grown = reallocarray(follow->builds, follow->count + 1, sizeof(*grown));
	struct known *known;

	if (!grown)
		return NULL;
	follow->builds = grown;
	known = &grown[follow->count];
	*known = (struct known){.id = build->id, .stage_count = build->stage_count};
	known->steps = calloc(known->stage_count + 1, sizeof(*known->steps));
	follow->count += known->steps != NULL;
	return known->steps ? known : NULL;
}

/* build was read before its steps: what it says of its end holds for all of them. */
static int look_at(struct follow *follow, const struct msb_build *build, struct msb_error *err)
{
	struct known *known = find_build(follow, build->id);
	int r = 0;

	if (!known) {
		known = add_build(follow, build);
		if (!known)
			return msb_error_memory(err);
		known->state = MSB_RUNNING;
		if (build->state == MSB_RUNNING)
			r = tell_build(follow, build, err);
	} else if (known->state != MSB_RUNNING) {
		return 0;
	}
	if (r >= 0)
		r = tell_stages(follow, known, err);
	known->state = build->state;
	return r < 0 || build->state == MSB_RUNNING ? r : tell_build(follow, build, err);
}

static int look(struct follow *follow, struct msb_error *err)
{
	struct msb_build *builds;
	size_t count;
	int r = msb_records_builds(follow->store, LOOK_BACK, &builds, &count, err);

	if (r < 0)
		return r;
	for (size_t i = count; r >= 0 && i > 0; i--)
		r = look_at(follow, &builds[i - 1], err);
	msb_builds_free(builds, count);
	if (r >= 0 && fflush(stdout) != 0)
		r = msb_error_set(err, errno, "write to standard output");
	return r;
}

static int run(struct follow *follow, struct msb_error *err)
{
	const struct timespec interval = {0, INTERVAL_NS};
	int64_t seen = -1, changed = 0;
	int r;

	for (follow->silent = true;; follow->silent = false) {
		r = msb_records_changed(follow->store, &changed, err);
		if (r >= 0 && changed != seen)
			r = look(follow, err);
		if (r < 0)
			return r;
		seen = changed;
		nanosleep(&interval, NULL);
	}
}

int follow_builds(const struct session *session, bool json, struct msb_error *err)
{
	struct follow follow = {.json = json};
	int r = msb_store_make(session->root, err);

	if (r >= 0)
		r = msb_store_open(session->root, &follow.store, err);
	if (r >= 0)
		r = run(&follow, err);
	for (size_t i = 0; i < follow.count; i++)
		free(follow.builds[i].steps);
	free(follow.builds);
	msb_store_close(follow.store);
	return r;
}

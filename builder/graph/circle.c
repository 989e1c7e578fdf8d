/*
 * Stages that nobody wants are held to the language as well, and no stage may need itself. Only an
 * unwanted one can: what a wanted one reads from stands above it, or the plan was refused before.
 * As with BuildKit, a FROM adds nothing to a circle.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "mount.h"

/* That a stage reads from another one, and the line that says so. */
struct reading {
	size_t needs;
	int line;
};

struct circle {
	struct planner *planner;
	struct reading *readings; /* stage by stage; owned */
	size_t count, capacity;
	size_t *cursor; /* a stage's reading to be looked at next; owned */
	size_t *end;    /* and behind its last one; owned */
	size_t *way;    /* stages from the first one to where the walk is; owned */
	enum { UNKNOWN, ON_THE_WAY, GOOD } * state; /* owned */
};

static void circle_done(struct circle *circle)
{
	free(circle->readings);
	free(circle->cursor);
	free(circle->end);
	free(circle->way);
	free(circle->state);
}

static int add_reading(struct circle *circle, size_t needs, int line, struct msb_error *err)
{
	if (circle->count == circle->capacity) {
		size_t capacity = circle->capacity ? circle->capacity * 2 : 16;
		struct reading *grown =
			reallocarray(circle->readings, capacity, sizeof(*circle->readings));

		if (!grown)
			return msb_error_memory(err);
		circle->readings = grown;
		circle->capacity = capacity;
	}
	circle->readings[circle->count++] = (struct reading){needs, line};
	return 0;
}

static int add_name(struct circle *circle, const struct plan_stage *stage, const char *from,
		    int line, struct msb_error *err)
{
	size_t needs;
	int r = stage_lookup(circle->planner, stage, from, &needs, err);

	return r <= 0 ? r : add_reading(circle, needs, line, err);
}

static int look_at(struct circle *circle, const struct plan_stage *stage,
		   const struct instruction *instruction, struct msb_error *err)
{
	const char *from = instruction_flag(instruction, "from");
	int line = instruction->line, r = 0;

	if (instruction->kind == INSTRUCTION_COPY && from)
		return add_name(circle, stage, from, line, err);
	if (instruction->kind != INSTRUCTION_RUN)
		return 0;
	r = run_look(instruction, err);
	for (size_t i = 0; r == 0 && i < instruction->flag_count; i++) {
		autofree char *mounted = NULL;

		if (strcmp(instruction->flags[i].name, "mount") != 0)
			continue;
		r = mount_look(instruction->flags[i].value, &mounted, err);
		if (r == 0 && mounted)
			r = add_name(circle, stage, mounted, line, err);
	}
	return r;
}

static int look_at_stage(struct circle *circle, const struct plan_stage *stage,
			 struct msb_error *err)
{
	const struct dockerfile *file = circle->planner->file;
	const size_t *first = circle->planner->first + stage->index;
	int r = 0;

	for (size_t i = first[0] + 1; r == 0 && i < first[1]; i++) {
		r = look_at(circle, stage, &file->instructions[i], err);
		if (r < 0)
			return msb_error_prefix(err, r, "%s:%d", file->name,
						file->instructions[i].line);
	}
	return r;
}

static int collect(struct circle *circle, struct msb_error *err)
{
	const struct plan *plan = circle->planner->plan;
	int r = 0;

	circle->cursor = calloc(plan->stage_count, sizeof(*circle->cursor));
	circle->end = calloc(plan->stage_count, sizeof(*circle->end));
	circle->way = calloc(plan->stage_count, sizeof(*circle->way));
	circle->state = calloc(plan->stage_count, sizeof(*circle->state));
	if (!circle->cursor || !circle->end || !circle->way || !circle->state)
		return msb_error_memory(err);
	for (size_t i = 0; r == 0 && i < plan->stage_count; i++) {
		circle->cursor[i] = circle->count;
		if (!plan->stages[i].wanted)
			r = look_at_stage(circle, &plan->stages[i], err);
		circle->end[i] = circle->count;
	}
	return r;
}

static int refuse(const struct circle *circle, size_t stage, const struct reading *reading,
		  struct msb_error *err)
{
	const struct plan_stage *stages = circle->planner->plan->stages;
	const char *needs = stages[reading->needs].label;
	int r;

	if (reading->needs == stage)
		r = stage_reads_itself(needs, err);
	else
		r = msb_error_say(err, EINVAL,
				  "stage '%s' reads from stage '%s', which needs it, a circular "
				  "dependency; put what both need into a stage above them",
				  stages[stage].label, needs);
	return msb_error_prefix(err, r, "%s:%d", circle->planner->file->name, reading->line);
}

/* Depth first, without recursion: a file may have thousands of stages. */
static int walk(struct circle *circle, size_t from, struct msb_error *err)
{
	size_t depth = 0;

	circle->way[depth++] = from;
	circle->state[from] = ON_THE_WAY;
	while (depth > 0) {
		size_t stage = circle->way[depth - 1];
		const struct reading *reading;

		if (circle->cursor[stage] == circle->end[stage]) {
			circle->state[stage] = GOOD;
			depth--;
			continue;
		}
		reading = &circle->readings[circle->cursor[stage]++];
		if (circle->state[reading->needs] == ON_THE_WAY)
			return refuse(circle, stage, reading, err);
		if (circle->state[reading->needs] == UNKNOWN) {
			circle->way[depth++] = reading->needs;
			circle->state[reading->needs] = ON_THE_WAY;
		}
	}
	return 0;
}

int circle_check(struct planner *planner, struct msb_error *err)
{
	__attribute__((cleanup(circle_done))) struct circle circle = {.planner = planner};
	int r = collect(&circle, err);

	for (size_t i = 0; r == 0 && i < planner->plan->stage_count; i++)
		if (circle.state[i] == UNKNOWN)
			r = walk(&circle, i, err);
	return r;
}

/* Stages: their FROM lines, and what a name means where a stage may be named. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "internal.h"
#include "suggest.h"

enum { STAGES_MAX = 10000 };

/* A number in decimal, as stages have them. */
static bool is_number(const char *text, size_t *ret)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || text[digits])
		return false;
	*ret = digits > 6 ? STAGES_MAX : (size_t)atol(text);
	return true;
}

/* The last stage of that name among the first count; count for none. */
static size_t find_stage(const struct plan *plan, size_t count, const char *name)
{
	for (size_t i = count; i-- > 0;)
		if (plan->stages[i].name && strcasecmp(plan->stages[i].name, name) == 0)
			return i;
	return count;
}

static int set_source(struct source *source, enum source_kind kind, size_t stage, const char *image,
		      struct msb_error *err)
{
	*source = (struct source){.kind = kind, .stage = stage};
	if (image)
		source->image = strdup(image);
	return image && !source->image ? msb_error_memory(err) : 0;
}

int stage_push(struct planner *planner, size_t stage, struct msb_error *err)
{
	if (planner->pending_count == planner->pending_capacity) {
		size_t capacity = planner->pending_capacity ? planner->pending_capacity * 2 : 16;
		size_t *grown = reallocarray(planner->pending, capacity, sizeof(*grown));

		if (!grown)
			return msb_error_memory(err);
		planner->pending = grown;
		planner->pending_capacity = capacity;
	}
	planner->pending[planner->pending_count++] = stage;
	return 0;
}

int stage_need(struct planner *planner, struct plan_stage *stage, size_t needed,
	       struct msb_error *err)
{
	size_t *grown, at = 0;

	while (at < stage->need_count && stage->needs[at] < needed)
		at++;
	if (at < stage->need_count && stage->needs[at] == needed)
		return 0;
	grown = reallocarray(stage->needs, stage->need_count + 1, sizeof(*grown));
	if (!grown)
		return msb_error_memory(err);
	stage->needs = grown;
	memmove(grown + at + 1, grown + at, (stage->need_count - at) * sizeof(*grown));
	grown[at] = needed;
	stage->need_count++;
	return stage_push(planner, needed, err);
}

/* 1 when a named context has that name. */
static int find_named(struct planner *planner, const char *name, struct source *ret,
		      struct msb_error *err)
{
	const struct plan_inputs *inputs = planner->inputs;

	if (!inputs->named || strcmp(name, "scratch") == 0)
		return 0;
	return inputs->named(inputs->context, name, ret, err);
}

/* A number, a stage above or this one, else any; stage_count for none. */
static size_t refer(const struct plan *plan, const struct plan_stage *stage, const char *from)
{
	size_t found;

	if (is_number(from, &found))
		return found < plan->stage_count ? found : plan->stage_count;
	found = find_stage(plan, stage->index, from);
	return found < stage->index ? found : find_stage(plan, plan->stage_count, from);
}

int stage_lookup(struct planner *planner, const struct plan_stage *stage, const char *from,
		 size_t *ret, struct msb_error *err)
{
	struct source other = {0};
	size_t number;
	int r = 0;

	*ret = refer(planner->plan, stage, from);
	if (*ret == planner->plan->stage_count)
		return 0;
	if (*ret > stage->index && !is_number(from, &number))
		r = find_named(planner, from, &other, err);
	free(other.image);
	return r < 0 ? r : r == 0;
}

int stage_reads_itself(const char *name, struct msb_error *err)
{
	return msb_error_say(err, EINVAL,
			     "stage '%s' reads from itself, a circular dependency; name an earlier "
			     "stage or an image",
			     name);
}

int stage_reference(struct planner *planner, struct plan_stage *stage, const char *from,
		    struct source *ret, struct msb_error *err)
{
	const struct plan *plan = planner->plan;
	size_t found = refer(plan, stage, from), number;
	int r;

	if (found == plan->stage_count && is_number(from, &number))
		return msb_error_say(err, EINVAL, "no stage %s; the stages are 0 to %zu", from,
				     plan->stage_count - 1);
	if (found == stage->index)
		return stage_reads_itself(from, err);
	if (found > stage->index && !is_number(from, &number)) {
		r = find_named(planner, from, ret, err);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	if (found > stage->index && found < plan->stage_count)
		return msb_error_say(
			err, EINVAL,
			"cannot read from stage '%s', which stands below; move its FROM "
			"above this stage",
			from);
	if (found == plan->stage_count)
		return strcmp(from, "scratch") == 0 ? set_source(ret, SOURCE_SCRATCH, 0, NULL, err)
						    : set_source(ret, SOURCE_IMAGE, 0, from, err);
	r = stage_need(planner, stage, found, err);
	return r < 0 ? r : set_source(ret, SOURCE_STAGE, found, NULL, err);
}

/* Says of a name that is none by which variables it became one. */
static int check_image(const struct planner *planner, const char *text, const char *base,
		       struct msb_error *err)
{
	struct msb_error said = {0};
	int r = planner->inputs->check_image ? planner->inputs->check_image(base, &said) : 0;

	if (r < 0 && strchr(text, '$'))
		return msb_error_say(err, -r,
				     "%s; it comes of '%s': give its variables values before the "
				     "first FROM, or --build-arg",
				     said.text, text);
	if (r < 0 && err)
		*err = said;
	return r < 0 ? r : 0;
}

/* FROM's image: earlier stages only, and an image where there is none. */
static int find_base(struct planner *planner, struct plan_stage *stage, const char *text,
		     const char *base, struct msb_error *err)
{
	size_t found;
	int r;

	if (stage->name && (r = find_named(planner, stage->name, &stage->base, err)) != 0) {
		stage->replaced = true;
		return r < 0 ? r : 0;
	}
	if (strcmp(base, "scratch") == 0)
		return set_source(&stage->base, SOURCE_SCRATCH, 0, NULL, err);
	if (!is_number(base, &found) || found >= stage->index)
		found = find_stage(planner->plan, stage->index, base);
	if (found < stage->index)
		return set_source(&stage->base, SOURCE_STAGE, found, NULL, err);
	r = find_named(planner, base, &stage->base, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = check_image(planner, text, base, err);
	return r < 0 ? r : set_source(&stage->base, SOURCE_IMAGE, 0, base, err);
}

static int read_platform(struct planner *planner, struct plan_stage *stage,
			 const struct instruction *from, struct msb_error *err)
{
	struct words words = {.escape = planner->file->escape, .env = &planner->globals};
	const char *platform = instruction_flag(from, "platform");
	int r;

	if (!platform)
		return 0;
	r = words_expand(&words, platform, &stage->platform, err);
	if (r < 0)
		return r;
	if (!*stage->platform)
		return msb_error_say(
			err, EINVAL,
			"platform '%s' comes out empty; give its variable a value before "
			"the first FROM, or --build-arg",
			platform);
	return 0;
}

static int read_from(struct planner *planner, struct plan_stage *stage,
		     const struct instruction *from, struct msb_error *err)
{
	struct words words = {.escape = planner->file->escape, .env = &planner->globals};
	autofree char *base = NULL;
	int r;

	if (from->args.count > 1 && replace_text(&stage->name, from->args.items[1]) < 0)
		return msb_error_memory(err);
	if (stage->name ? replace_text(&stage->label, stage->name) < 0
			: asprintf(&stage->label, "%zu", stage->index) < 0) {
		stage->label = NULL;
		return msb_error_memory(err);
	}
	r = words_expand(&words, from->args.items[0], &base, err);
	if (r < 0)
		return r;
	if (!*base)
		return msb_error_say(
			err, EINVAL,
			"image name '%s' comes out blank; give its variable a value before "
			"the first FROM, or --build-arg",
			from->args.items[0]);
	r = find_base(planner, stage, from->args.items[0], base, err);
	return r < 0 ? r : read_platform(planner, stage, from, err);
}

static size_t count_stages(const struct dockerfile *file)
{
	size_t count = 0;

	for (size_t i = 0; i < file->count; i++)
		count += file->instructions[i].kind == INSTRUCTION_FROM;
	return count;
}

int stage_collect(struct planner *planner, struct msb_error *err)
{
	const struct dockerfile *file = planner->file;
	struct plan *plan = planner->plan;
	size_t count = count_stages(file);

	if (count > STAGES_MAX)
		return msb_error_say(err, EINVAL,
				     "%s:1: more than %d stages; split it in several Dockerfiles",
				     file->name, STAGES_MAX);
	plan->stages = calloc(count + 1, sizeof(*plan->stages));
	planner->scopes = calloc(count + 1, sizeof(*planner->scopes));
	planner->first = calloc(count + 1, sizeof(*planner->first));
	if (!plan->stages || !planner->scopes || !planner->first)
		return msb_error_memory(err);
	for (size_t i = 0; i < file->count; i++) {
		const struct instruction *instruction = &file->instructions[i];
		struct plan_stage *stage = &plan->stages[plan->stage_count];
		int r = 0;

		if (instruction->kind == INSTRUCTION_FROM) {
			planner->first[plan->stage_count] = i;
			stage->index = plan->stage_count++;
			r = read_from(planner, stage, instruction, err);
		} else if (plan->stage_count == 0 && instruction->kind == INSTRUCTION_ARG) {
			r = scope_global_arg(planner, instruction, err);
		}
		if (r < 0)
			return msb_error_prefix(err, r, "%s:%d", file->name, instruction->line);
	}
	planner->first[plan->stage_count] = file->count;
	return 0;
}

int plan_suggest_stage(const struct plan *plan, const char *name, int code, struct msb_error *err)
{
	const char *near = NULL;
	struct msb_error said;

	for (size_t i = 0; i < plan->stage_count && !near; i++)
		near = suggest(name, (const char *const *)&plan->stages[i].name, 1);
	if (!near || !err)
		return code;
	said = *err;
	return msb_error_say(err, code, "%s (did you mean stage %s?)", said.text, near);
}

static int no_target(const struct planner *planner, const char *target, struct msb_error *err)
{
	const struct plan *plan = planner->plan;
	autofree const char **labels = calloc(plan->stage_count, sizeof(*labels));
	int r;

	if (!labels)
		return msb_error_memory(err);
	for (size_t i = 0; i < plan->stage_count; i++)
		labels[i] = plan->stages[i].label;
	r = suggest_instead("no target stage", "", target, labels, plan->stage_count, err);
	return msb_error_prefix(err, r, "%s", planner->file->name);
}

static int find_target(struct planner *planner, const char *target, size_t *ret,
		       struct msb_error *err)
{
	struct plan *plan = planner->plan;

	*ret = *target ? find_stage(plan, plan->stage_count, target) : plan->stage_count - 1;
	if (*ret < plan->stage_count)
		return 0;
	if (is_number(target, ret) && *ret < plan->stage_count)
		return 0;
	return no_target(planner, target, err);
}

/* One asked for twice counts where it came last. */
static void add_target(struct plan *plan, size_t stage)
{
	size_t kept = 0;

	for (size_t i = 0; i < plan->target_count; i++)
		if (plan->targets[i] != stage)
			plan->targets[kept++] = plan->targets[i];
	plan->targets[kept] = stage;
	plan->target_count = kept + 1;
	plan->target = stage;
}

int stage_targets(struct planner *planner, struct msb_error *err)
{
	static const char *const the_last[] = {"", NULL};
	const char *const *given = planner->inputs->targets;
	struct plan *plan = planner->plan;
	size_t stage, count = 0;
	int r = 0;

	if (!given || !*given)
		given = the_last;
	while (given[count])
		count++;
	plan->targets = calloc(count, sizeof(*plan->targets));
	if (!plan->targets)
		return msb_error_memory(err);
	for (; r == 0 && *given; given++) {
		r = find_target(planner, *given, &stage, err);
		if (r == 0)
			add_target(plan, stage);
	}
	return r;
}

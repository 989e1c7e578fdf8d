/*
 * The plan: FROM lines first, then, from the target on, every stage that something needs, base
 * before heir. What an instruction does stands in the file of its kind; here is the order.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Every step holds its configuration; hostile text must not make that a memory hole. */
#define CONFIG_BYTES_MAX (256u << 20)

static const struct {
	enum step_kind kind;
	apply_fn *apply;
} table[] = {
	[INSTRUCTION_ADD] = {STEP_ADD, copy_apply},
	[INSTRUCTION_ARG] = {STEP_CONFIG, scope_arg},
	[INSTRUCTION_CMD] = {STEP_CONFIG, config_cmd},
	[INSTRUCTION_COPY] = {STEP_COPY, copy_apply},
	[INSTRUCTION_ENTRYPOINT] = {STEP_CONFIG, config_entrypoint},
	[INSTRUCTION_ENV] = {STEP_CONFIG, config_env},
	[INSTRUCTION_EXPOSE] = {STEP_CONFIG, config_expose},
	[INSTRUCTION_HEALTHCHECK] = {STEP_CONFIG, config_healthcheck},
	[INSTRUCTION_LABEL] = {STEP_CONFIG, config_label},
	[INSTRUCTION_MAINTAINER] = {STEP_CONFIG, config_maintainer},
	[INSTRUCTION_ONBUILD] = {STEP_CONFIG, config_onbuild},
	[INSTRUCTION_RUN] = {STEP_RUN, run_apply},
	[INSTRUCTION_SHELL] = {STEP_CONFIG, config_shell},
	[INSTRUCTION_STOPSIGNAL] = {STEP_CONFIG, config_stopsignal},
	[INSTRUCTION_USER] = {STEP_CONFIG, config_user},
	[INSTRUCTION_VOLUME] = {STEP_CONFIG, config_volume},
	[INSTRUCTION_WORKDIR] = {STEP_WORKDIR, config_workdir},
};

static size_t list_bytes(const struct strlist *list)
{
	size_t total = list->count * (sizeof(char *) + 16);

	for (size_t i = 0; i < list->count; i++)
		total += strlen(list->items[i]);
	return total;
}

static int charge(struct planner *planner, const struct scope *scope, struct msb_error *err)
{
	const struct config *config = &scope->config;

	planner->spent += list_bytes(&scope->env) + list_bytes(&config->env) +
			  list_bytes(&config->labels) + list_bytes(&config->ports) +
			  list_bytes(&config->volumes) + list_bytes(&config->onbuild);
	if (planner->spent > CONFIG_BYTES_MAX)
		return msb_error_say(
			err, E2BIG,
			"variables, labels and ports take more than %u MiB; keep long values "
			"in files",
			CONFIG_BYTES_MAX >> 20);
	return 0;
}

/* The stage's next step, with what is known before the instruction does anything. */
static int begin_step(struct site *site, enum step_kind kind, int line, int end_line,
		      struct msb_error *err)
{
	struct plan_stage *stage = site->stage;
	const struct config *config = &site->scope->config;
	struct step *grown =
		reallocarray(stage->steps, stage->step_count + 1, sizeof(*stage->steps));

	if (!grown)
		return msb_error_memory(err);
	stage->steps = grown;
	site->step = &grown[stage->step_count++];
	*site->step = (struct step){
		.kind = kind,
		.number = stage->step_count,
		.line = line,
		.end_line = end_line,
		.empty_layer = kind == STEP_CONFIG,
		.text = strdup(site->instruction->text),
		.directory = current_directory(config),
	};
	if (!site->step->text || !site->step->directory ||
	    replace_text(&site->step->user, config->user) < 0)
		return msb_error_memory(err);
	return 0;
}

/* What the environment of a command has beside the configuration's. */
static int copy_args(const struct scope *scope, struct strlist *ret)
{
	for (size_t i = 0; i < scope->args.count; i++) {
		const char *name = scope->args.items[i];
		const char *value = strlist_get_env(&scope->env, name);
		const char *own = strlist_get_env(&scope->config.env, name);

		if (value && (!own || strcmp(own, value) != 0) &&
		    strlist_set_env(ret, name, value) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int end_step(struct site *site, struct msb_error *err)
{
	int r = charge(site->planner, site->scope, err);

	if (r < 0)
		return r;
	if (config_copy(&site->scope->config, &site->step->config) < 0 ||
	    copy_args(site->scope, &site->step->args) < 0)
		return msb_error_memory(err);
	return 0;
}

/* from: the instruction that a trigger came with, or NULL. */
static int plan_instruction(struct site *site, const struct instruction *from,
			    struct msb_error *err)
{
	const struct instruction *instruction = site->instruction;
	const struct instruction *placed = from ? from : instruction;
	int r = begin_step(site, table[instruction->kind].kind, placed->line, placed->end_line,
			   err);

	if (r == 0) {
		site->step->from_trigger = from != NULL;
		site->step->expanded = expand_for_people(site);
		r = site->step->expanded ? table[instruction->kind].apply(site, err)
					 : msb_error_memory(err);
	}
	if (r == 0)
		r = end_step(site, err);
	if (r < 0)
		return msb_error_prefix(err, r, "%s:%d", site->planner->file->name, placed->line);
	return 0;
}

static int plan_trigger(struct site *site, const struct instruction *from, const char *text,
			struct msb_error *err)
{
	const struct dockerfile *file = site->planner->file;
	AUTO(dockerfile_freep) struct dockerfile *trigger = NULL;
	/* An image's triggers were written under another file's escape directive. */
	char escape = site->stage->base.kind == SOURCE_STAGE ? file->escape : '\\';
	int r = dockerfile_parse_trigger(file->name, from->line, text, escape, &trigger, err);

	if (r < 0)
		return r;
	site->instruction = &trigger->instructions[0];
	return plan_instruction(site, from, err);
}

static int copy_scope(const struct scope *base, struct scope *ret)
{
	if (strlist_copy(&ret->env, &base->env) < 0 || strlist_copy(&ret->args, &base->args) < 0 ||
	    config_copy(&base->config, &ret->config) < 0)
		return -ENOMEM;
	/* An ARG goes before an ENV of its name only as far as its own stage. */
	for (size_t i = 0; i < ret->config.env.count; i++) {
		const char *entry = ret->config.env.items[i], *value = strchr(entry, '=');
		autofree char *name = value ? strndup(entry, (size_t)(value - entry)) : NULL;

		if (value && (!name || strlist_set_env(&ret->env, name, value + 1) < 0))
			return -ENOMEM;
	}
	return 0;
}

/* Where the stage begins: an empty image, an image's configuration, or all of a stage's. */
static int begin_scope(struct planner *planner, const struct plan_stage *stage, struct scope *scope,
		       struct msb_error *err)
{
	const struct plan_inputs *inputs = planner->inputs;
	struct config *config = &scope->config;
	int r = 0;

	if (stage->base.kind == SOURCE_STAGE) {
		if (copy_scope(&planner->scopes[stage->base.stage], scope) < 0)
			return msb_error_memory(err);
		return 0;
	}
	if (stage->base.kind == SOURCE_IMAGE && inputs->image_config)
		r = inputs->image_config(inputs->context, stage->base.image,
					 stage->platform ? stage->platform : inputs->platform,
					 config, err);
	if (r < 0)
		return plan_suggest_stage(planner->plan, stage->base.image, r, err);
	if (stage->base.kind != SOURCE_IMAGE && replace_text(&config->working_dir, "/") < 0)
		return msb_error_memory(err);
	if (!strlist_get_env(&config->env, "PATH") &&
	    strlist_set_env(&config->env, "PATH", DEFAULT_PATH) < 0)
		return msb_error_memory(err);
	return strlist_copy(&scope->env, &config->env) < 0 ? msb_error_memory(err) : 0;
}

/* FROM and the triggers that it brings, which the stage does not hand on. */
static int plan_from(struct site *site, struct msb_error *err)
{
	const struct instruction *from = site->instruction;
	autostrlist triggers = {0};
	int r = begin_scope(site->planner, site->stage, site->scope, err);

	triggers = site->scope->config.onbuild;
	site->scope->config.onbuild = (struct strlist){0};
	if (r == 0)
		r = begin_step(site, STEP_FROM, from->line, from->end_line, err);
	if (r == 0) {
		struct site globally = *site;
		struct scope globals = {.env = site->planner->globals};

		globally.scope = &globals;
		site->step->expanded = expand_for_people(&globally);
		r = site->step->expanded ? end_step(site, err) : msb_error_memory(err);
	}
	if (r < 0)
		return msb_error_prefix(err, r, "%s:%d", site->planner->file->name, from->line);
	for (size_t i = 0; r == 0 && i < triggers.count; i++)
		r = plan_trigger(site, from, triggers.items[i], err);
	return r;
}

static int plan_stage(struct planner *planner, struct plan_stage *stage, struct msb_error *err)
{
	const struct dockerfile *file = planner->file;
	size_t first = planner->first[stage->index], end = planner->first[stage->index + 1];
	struct site site = {
		.planner = planner,
		.stage = stage,
		.scope = &planner->scopes[stage->index],
		.instruction = &file->instructions[first],
	};
	int r;

	stage->wanted = true;
	site.scope->planned = true;
	r = plan_from(&site, err);
	for (size_t i = first + 1; r == 0 && i < end && !stage->replaced; i++) {
		site.instruction = &file->instructions[i];
		r = plan_instruction(&site, NULL, err);
	}
	return r;
}

/* Plans what is pending; a stage whose base is not planned yet waits for it. */
static int plan_pending(struct planner *planner, struct msb_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < planner->plan->target_count; i++)
		r = stage_push(planner, planner->plan->targets[i], err);
	while (r == 0 && planner->pending_count > 0) {
		size_t index = planner->pending[planner->pending_count - 1];
		struct plan_stage *stage = &planner->plan->stages[index];

		if (planner->scopes[index].planned) {
			planner->pending_count--;
		} else if (stage->base.kind == SOURCE_STAGE &&
			   !planner->scopes[stage->base.stage].planned) {
			r = stage_need(planner, stage, stage->base.stage, err);
		} else {
			planner->pending_count--;
			if (stage->base.kind == SOURCE_STAGE)
				r = stage_need(planner, stage, stage->base.stage, err);
			if (r == 0)
				r = plan_stage(planner, stage, err);
		}
	}
	return r;
}

/* --label goes on top of everything, at a target's end. */
static int apply_labels(struct planner *planner, size_t index, struct msb_error *err)
{
	const struct plan_stage *target = &planner->plan->stages[index];
	struct strlist *labels = &target->steps[target->step_count - 1].config.labels;
	const struct strlist *given = planner->inputs->labels;

	for (size_t i = 0; given && i < given->count; i++) {
		const char *label = given->items[i];
		size_t length = strcspn(label, "=");
		autofree char *name = strndup(label, length);

		if (!name ||
		    strlist_set_env(labels, name, label[length] ? label + length + 1 : "") < 0)
			return msb_error_memory(err);
	}
	return 0;
}

static void planner_done(struct planner *planner)
{
	for (size_t i = 0; planner->scopes && i < planner->plan->stage_count; i++)
		scope_done(&planner->scopes[i]);
	free(planner->scopes);
	free(planner->first);
	free(planner->pending);
	strlist_done(&planner->globals);
	plan_free(planner->plan);
}

int plan_make(const struct plan_inputs *inputs, struct plan **ret, struct msb_error *err)
{
	__attribute__((cleanup(planner_done))) struct planner planner = {
		.inputs = inputs,
		.file = inputs->dockerfile,
		.plan = calloc(1, sizeof(struct plan)),
	};
	int r;

	if (!planner.plan)
		return msb_error_memory(err);
	if ((r = scope_globals(&planner, err)) < 0 || (r = stage_collect(&planner, err)) < 0 ||
	    (r = stage_targets(&planner, err)) < 0 || (r = plan_pending(&planner, err)) < 0 ||
	    (r = circle_check(&planner, err)) < 0)
		return r;
	for (size_t i = 0; i < planner.plan->target_count; i++)
		if ((r = apply_labels(&planner, planner.plan->targets[i], err)) < 0)
			return r;
	*ret = planner.plan;
	/* The scopes were counted by the plan, which now leaves. */
	for (size_t i = 0; i < planner.plan->stage_count; i++)
		scope_done(&planner.scopes[i]);
	free(steal(&planner.scopes));
	planner.plan = NULL;
	return 0;
}

/*
 * The rules, a row each, and the walk over the file: for every instruction, every rule that looks
 * at its kind, and then what is known after it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lint_internal.h"

#define EXPANDED                                                                                   \
	(KIND(ADD) | KIND(ARG) | KIND(COPY) | KIND(ENV) | KIND(EXPOSE) | KIND(LABEL) | KIND(RUN) | \
	 KIND(STOPSIGNAL) | KIND(USER) | KIND(VOLUME) | KIND(WORKDIR))

static const struct lint_rule rules[] = {
	{"StageNameCasing", "Stage names should be lowercase", lint_stage_name_casing, KIND(FROM),
	 .everywhere = true},
	{"FromAsCasing", "The 'as' keyword should match the case of the 'from' keyword",
	 lint_from_as_casing, KIND(FROM), .everywhere = true},
	{"NoEmptyContinuation", "Empty continuation lines will become errors in a future release",
	 lint_empty_continuation, ANY_KIND, .everywhere = true},
	{"ConsistentInstructionCasing",
	 "All commands within the Dockerfile should use the same casing (either upper or lower)",
	 lint_instruction_casing, ANY_KIND, .everywhere = true},
	{"DuplicateStageName", "Stage names should be unique", lint_duplicate_stage, KIND(FROM),
	 .everywhere = true},
	{"ReservedStageName", "Reserved words should not be used as stage names",
	 lint_reserved_stage, KIND(FROM), .everywhere = true},
	{"JSONArgsRecommended",
	 "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to "
	 "OS signals",
	 lint_json_args, KIND(CMD) | KIND(ENTRYPOINT)},
	{"MaintainerDeprecated",
	 "The MAINTAINER instruction is deprecated, use a label instead to define an image author",
	 lint_maintainer, KIND(MAINTAINER), .everywhere = true},
	{"UndefinedArgInFrom", "FROM command must use declared ARGs", lint_undefined_arg,
	 KIND(FROM), .everywhere = true},
	{"WorkdirRelativePath",
	 "Relative workdir without an absolute workdir declared within the build can have "
	 "unexpected results if the base image changes",
	 lint_relative_workdir, KIND(WORKDIR)},
	{"UndefinedVar", "Variables should be defined before their use", lint_undefined_variable,
	 EXPANDED},
	{"MultipleInstructionsDisallowed",
	 "Multiple instructions of the same type should not be used in the same stage",
	 lint_only_once, KIND(CMD) | KIND(ENTRYPOINT) | KIND(HEALTHCHECK)},
	{"LegacyKeyValueFormat",
	 "Legacy key/value format with whitespace separator should not be used", lint_legacy_pairs,
	 KIND(ENV) | KIND(LABEL)},
	{"InvalidBaseImagePlatform", "Base image platform does not match expected target platform",
	 lint_base_platform, KIND(FROM)},
	{"RedundantTargetPlatform",
	 "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the "
	 "default behavior",
	 lint_redundant_platform, KIND(FROM), .everywhere = true},
	{"SecretsUsedInArgOrEnv", "Sensitive data should not be used in the ARG or ENV commands",
	 lint_secret_names, KIND(ARG) | KIND(ENV)},
	{"InvalidDefaultArgInFrom",
	 "Default value for global ARG results in an empty or invalid base image name",
	 lint_default_arg, KIND(FROM), .everywhere = true},
	{"FromPlatformFlagConstDisallowed", "FROM --platform flag should not use a constant value",
	 lint_const_platform, KIND(FROM), .everywhere = true},
	{"CopyIgnoredFile", "Attempting to Copy file that is excluded by .dockerignore",
	 lint_ignored_source, KIND(COPY) | KIND(ADD)},
	{"InvalidDefinitionDescription",
	 "Comment for build stage or argument should follow the format: `# <arg/stage name> "
	 "<description>`. If this is not intended to be a description comment, add an empty line "
	 "or comment between the instruction and the comment.",
	 lint_description, KIND(FROM) | KIND(ARG), .everywhere = true, .experimental = true},
	{"ExposeProtoCasing", "Protocol in EXPOSE instruction should be lowercase",
	 lint_expose_protocol, KIND(EXPOSE)},
	{"ExposeInvalidFormat",
	 "IP address and host-port mapping should not be used in EXPOSE instruction. This will "
	 "become an error in a future release",
	 lint_expose_format, KIND(EXPOSE)},
};

/* --- Warnings --- */

static bool is_on(const struct linter *linter)
{
	const struct check_options *all = &linter->options, *own = &linter->own;
	const char *name = linter->rule->name;

	if (linter->rule->experimental)
		return all->experimental_all || own->experimental_all ||
		       strlist_has(&all->experimental, name) ||
		       strlist_has(&own->experimental, name);
	return !all->skip_all && !own->skip_all && !strlist_has(&all->skip, name) &&
	       !strlist_has(&own->skip, name);
}

static void note(struct linter *linter, int line, int end_line, const char *format,
		 va_list arguments)
{
	struct lint *result = linter->result;
	struct lint_warning *grown;
	char *message;

	if (!is_on(linter))
		return;
	if (vasprintf(&message, format, arguments) < 0) {
		linter->failed = true;
		return;
	}
	/* The capacity is the next power of two. */
	if ((result->count & (result->count - 1)) == 0) {
		size_t capacity = result->count ? result->count * 2 : 1;

		grown = reallocarray(result->warnings, capacity, sizeof(*grown));
		if (!grown) {
			linter->failed = true;
			free(message);
			return;
		}
		result->warnings = grown;
	}
	result->warnings[result->count++] = (struct lint_warning){
		linter->rule->name, linter->rule->description, message, line, end_line};
}

void lint_warn(struct linter *linter, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	note(linter, linter->instruction->line, linter->instruction->end_line, format, arguments);
	va_end(arguments);
}

void lint_warn_at(struct linter *linter, int line, int end_line, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	note(linter, line, end_line, format, arguments);
	va_end(arguments);
}

/* --- The walk --- */

/* "check=…" among the comments above the instruction; a malformed one means nothing. */
static int read_own_options(struct linter *linter, struct msb_error *err)
{
	const struct strlist *comments = &linter->instruction->comments;

	for (size_t i = 0; i < comments->count; i++) {
		const char *text = comments->items[i];
		autofree char *options = NULL;
		int r;

		if (strncmp(text, "check=", 6) != 0)
			continue;
		options = strndup(text + 6, strcspn(text + 6, " \t"));
		if (!options)
			return msb_error_memory(err);
		r = check_options_parse(options, &linter->own, NULL);
		if (r == -EINVAL)
			check_options_done(&linter->own);
		return r == -ENOMEM ? msb_error_memory(err) : 0;
	}
	return 0;
}

bool lint_is_wanted(const struct linter *linter)
{
	const struct plan *plan = linter->inputs->plan;

	return !plan || linter->stage_count == 0 || plan->stages[linter->stage_count - 1].wanted;
}

/* All rules for the instruction under way; of a trigger none that is about how it is written. */
static int apply_rules(struct linter *linter, bool is_trigger, struct msb_error *err)
{
	bool wanted = lint_is_wanted(linter);
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(rules) / sizeof(*rules); i++) {
		linter->rule = &rules[i];
		if ((rules[i].kinds & (1u << linter->instruction->kind)) == 0)
			continue;
		if (rules[i].everywhere ? !is_trigger : wanted && linter->scope)
			r = rules[i].check(linter, err);
	}
	if (r == 0)
		r = lint_advance(linter, err);
	return r == 0 && linter->failed ? msb_error_memory(err) : r;
}

/* One trigger, at the FROM that brought it; a malformed one is the plan's to refuse. */
static int check_trigger(struct linter *linter, const char *text, int line, struct msb_error *err)
{
	struct dockerfile **grown =
		reallocarray(linter->triggers, linter->trigger_count + 1, sizeof(*grown));
	struct dockerfile *trigger;
	int r;

	if (!grown)
		return msb_error_memory(err);
	linter->triggers = grown;
	r = dockerfile_parse_trigger(linter->file->name, line, text, linter->file->escape, &trigger,
				     NULL);
	if (r < 0)
		return r == -ENOMEM ? msb_error_memory(err) : 0;
	/* Later warnings may be about it. */
	grown[linter->trigger_count++] = trigger;
	linter->instruction = &trigger->instructions[0];
	return apply_rules(linter, true, err);
}

static int check_triggers(struct linter *linter, int line, struct msb_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < linter->pending.count; i++)
		r = check_trigger(linter, linter->pending.items[i], line, err);
	return r;
}

static int check_instruction(struct linter *linter, struct msb_error *err)
{
	const struct instruction *instruction = linter->instruction;
	bool begins_stage = instruction->kind == INSTRUCTION_FROM;
	int r;

	check_options_done(&linter->own);
	r = read_own_options(linter, err);
	if (r == 0 && begins_stage)
		r = lint_begin_stage(linter, err);
	if (r == 0)
		r = apply_rules(linter, false, err);
	return r == 0 && begins_stage ? check_triggers(linter, instruction->line, err) : r;
}

/* Globals come first in the file, so they are settled before the walk begins. */
static int read_globals(struct linter *linter, struct msb_error *err)
{
	struct plan_inputs inputs = {.dockerfile = linter->file,
				     .build_args = linter->inputs->build_args,
				     .platform = linter->inputs->platform,
				     .build_platform = linter->inputs->build_platform};
	int r = scope_read_globals(&inputs, &linter->globals, err);

	inputs.build_args = NULL;
	return r < 0 ? r : scope_read_globals(&inputs, &linter->defaults, err);
}

/* Names of ARGs without a value included. */
static int name_globals(struct linter *linter)
{
	for (size_t i = 0; i < linter->globals.count; i++)
		if (strlist_add_bytes(&linter->known, linter->globals.items[i],
				      strcspn(linter->globals.items[i], "=")) < 0)
			return -ENOMEM;
	for (size_t i = 0; i < linter->file->count; i++) {
		const struct instruction *instruction = &linter->file->instructions[i];

		if (instruction->kind != INSTRUCTION_ARG)
			return 0;
		for (size_t j = 0; j < instruction->args.count; j++)
			if (strlist_add_bytes(&linter->known, instruction->args.items[j],
					      strcspn(instruction->args.items[j], "=")) < 0)
				return -ENOMEM;
	}
	return 0;
}

#define CHECK_ARGUMENT "BUILDKIT_DOCKERFILE_CHECK"

static int prepare(struct linter *linter, struct msb_error *err)
{
	const struct strlist *args = linter->inputs->build_args;
	const char *given = args ? strlist_get_env(args, CHECK_ARGUMENT) : NULL;
	const char *own = linter->file->check ? linter->file->check : "";
	size_t stages = 0;
	int r = check_options_parse(given ? given : own, &linter->options, err);

	if (r < 0 && given)
		return msb_error_prefix(err, r, "--build-arg " CHECK_ARGUMENT);
	if (r < 0)
		return msb_error_prefix(err, r, "%s:%d", linter->file->name,
					linter->file->check_line);
	for (size_t i = 0; i < linter->file->count; i++)
		stages += linter->file->instructions[i].kind == INSTRUCTION_FROM;
	linter->scopes = calloc(stages + 1, sizeof(*linter->scopes));
	linter->result = calloc(1, sizeof(*linter->result));
	if (!linter->scopes || !linter->result)
		return msb_error_memory(err);
	r = read_globals(linter, err);
	if (r == 0 && name_globals(linter) < 0)
		r = msb_error_memory(err);
	return r;
}

static int by_line(const void *a, const void *b)
{
	const struct lint_warning *x = a, *y = b;

	int order = (x->line > y->line) - (x->line < y->line);

	if (order == 0)
		order = strcmp(x->rule, y->rule);
	return order ? order : strcmp(x->message, y->message);
}

static void linter_done(struct linter *linter)
{
	for (size_t i = 0; linter->scopes && i < linter->stage_count; i++) {
		strlist_done(&linter->scopes[i].env);
		strlist_done(&linter->scopes[i].args);
	}
	free(linter->scopes);
	free(linter->base_platform);
	for (size_t i = 0; i < linter->trigger_count; i++)
		dockerfile_free(linter->triggers[i]);
	free(linter->triggers);
	strlist_done(&linter->pending);
	strlist_done(&linter->globals);
	strlist_done(&linter->defaults);
	strlist_done(&linter->known);
	strlist_done(&linter->stage_names);
	check_options_done(&linter->options);
	check_options_done(&linter->own);
	lint_free(linter->result);
}

/* Which case most keywords of the stages have; in doubt the upper one. */
static bool mostly_lower(const struct dockerfile *file)
{
	long lower = 0, upper = 0;
	bool in_stage = false;

	for (size_t i = 0; i < file->count; i++) {
		const char *text = file->instructions[i].text;
		const char *name = instruction_name(file->instructions[i].kind);

		in_stage |= file->instructions[i].kind == INSTRUCTION_FROM;
		if (!in_stage)
			continue;
		if (strncmp(text, name, strlen(name)) == 0)
			upper++;
		else if (strcspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") >= strlen(name))
			lower++;
	}
	return lower > upper;
}

int lint_run(const struct lint_inputs *inputs, struct lint **ret, struct msb_error *err)
{
	__attribute__((cleanup(linter_done))) struct linter linter = {
		.inputs = inputs,
		.file = inputs->dockerfile,
		.lower_case = mostly_lower(inputs->dockerfile),
	};
	int r = prepare(&linter, err);

	for (size_t i = 0; r == 0 && i < linter.file->count; i++) {
		linter.instruction = &linter.file->instructions[i];
		r = check_instruction(&linter, err);
	}
	if (r < 0)
		return r;
	if (linter.result->count > 1)
		qsort(linter.result->warnings, linter.result->count,
		      sizeof(*linter.result->warnings), by_line);
	linter.result->is_error = linter.options.error && linter.result->count > 0;
	*ret = steal(&linter.result);
	return 0;
}

void lint_free(struct lint *lint)
{
	if (!lint)
		return;
	for (size_t i = 0; i < lint->count; i++)
		free(lint->warnings[i].message);
	free(lint->warnings);
	free(lint);
}

char *lint_rules(const struct lint *lint)
{
	autostrlist names = {0};
	autobuffer out = {0};

	for (size_t i = 0; i < lint->count; i++)
		if (!strlist_has(&names, lint->warnings[i].rule) &&
		    strlist_add(&names, lint->warnings[i].rule) < 0)
			return NULL;
	strlist_sort(&names);
	for (size_t i = 0; i < names.count; i++)
		buffer_printf(&out, "%s%s", i ? ", " : "", names.items[i]);
	return buffer_text(&out);
}

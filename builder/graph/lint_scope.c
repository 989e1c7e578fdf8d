/* What the checks know at an instruction: variables with their values, and what a stage has set. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lint_internal.h"

/* Environments are copied from stage to stage; hostile text must not make that a memory hole. */
#define SCOPE_BYTES_MAX (64u << 20)

/* --- Words --- */

struct lookup {
	const struct strlist *env;
	struct strlist *unknown; /* may be NULL */
	const char *text;
	bool no_memory;
};

/* "${name:-…}", "${name+…}", "${name?…}": who writes so expects that it may be unset. */
static bool has_fallback(const char *text, const char *name)
{
	size_t length = strlen(name);
	const char *after;

	while ((text = strstr(text, "${"))) {
		text += 2;
		if (strncmp(text, name, length) != 0)
			continue;
		after = text + length + (text[length] == ':');
		if (*after && strchr("-+?", *after))
			return true;
	}
	return false;
}

static const char *look_up(void *context, const char *name)
{
	struct lookup *lookup = context;
	const char *value = strlist_get_env(lookup->env, name);

	if (value || !lookup->unknown || (!isalpha((unsigned char)*name) && *name != '_') ||
	    strlist_has(lookup->unknown, name) || has_fallback(lookup->text, name))
		return value;
	if (strlist_add(lookup->unknown, name) < 0)
		lookup->no_memory = true;
	return NULL;
}

static int expand_with(struct words *words, struct lookup *lookup, char **ret)
{
	int r;

	words->lookup = look_up;
	words->context = lookup;
	r = words_expand(words, lookup->text, ret, NULL);
	if (lookup->no_memory || r == -ENOMEM)
		return -ENOMEM;
	return r == 0;
}

int lint_expand(const struct linter *linter, const struct strlist *env, const char *text,
		char **ret, struct strlist *unknown)
{
	struct words words = {.escape = linter->file->escape};
	struct lookup lookup = {.env = env, .unknown = unknown, .text = text};

	return expand_with(&words, &lookup, ret);
}

int lint_expand_heredoc(const struct strlist *env, const char *text, struct strlist *unknown)
{
	struct words words = {.escape = '\\', .max = 16 << 20, .plain_quotes = true};
	struct lookup lookup = {.env = env, .unknown = unknown, .text = text};
	autofree char *ignored = NULL;

	return expand_with(&words, &lookup, &ignored);
}

/* --- Stages --- */

/* The stage before this one that FROM's (expanded) base names; stage_count: none. */
static size_t find_stage(const struct linter *linter, const char *base)
{
	size_t before = linter->stage_count - 1, digits = strspn(base, "0123456789");

	if (digits > 0 && digits < 6 && !base[digits] && (size_t)atol(base) < before)
		return (size_t)atol(base);
	for (size_t i = before; i-- > 0;)
		if (strcasecmp(linter->stage_names.items[i], base) == 0)
			return i;
	return linter->stage_count;
}

static int inherit(struct linter *linter, const struct lint_scope *from, struct msb_error *err)
{
	struct lint_scope *scope = linter->scope;

	for (size_t i = 0; i < from->env.count; i++)
		linter->spent += strlen(from->env.items[i]) + sizeof(char *);
	for (size_t i = 0; i < from->args.count; i++)
		linter->spent += strlen(from->args.items[i]) + sizeof(char *);
	if (linter->spent > SCOPE_BYTES_MAX)
		return msb_error_say(
			err, E2BIG,
			"%s:%d: the stages' variables take more than %u MiB; keep long "
			"values in files",
			linter->file->name, linter->instruction->line, SCOPE_BYTES_MAX >> 20);
	if (strlist_copy(&scope->env, &from->env) < 0 ||
	    strlist_copy(&scope->args, &from->args) < 0)
		return msb_error_memory(err);
	scope->open = from->open;
	scope->has_shell = from->has_shell;
	scope->has_workdir = from->has_workdir;
	return 0;
}

static void base_done(struct lint_base *base)
{
	config_done(&base->config);
	free(base->platform);
}

/* "linux/amd64" and "linux/amd64/v2" are the same machine. */
static bool same_machine(const char *a, const char *b)
{
	size_t os = strcspn(a, "/"), length;

	if (!a[os]) /* an architecture alone */
		return strncmp(b, "linux/", 6) == 0 && strncmp(a, b + 6, os) == 0 &&
		       (!b[6 + os] || b[6 + os] == '/');
	length = os + 1 + strcspn(a + os + 1, "/");
	return strncmp(a, b, length) == 0 && (!b[length] || b[length] == '/');
}

static int note_platform(struct linter *linter, const char *name, const char *wanted,
			 const struct lint_base *base)
{
	if (!wanted || !*wanted || !base->platform || same_machine(wanted, base->platform))
		return 0;
	linter->base_platform = buffer_format("Base image %s was pulled with platform \"%s\", "
					      "expected \"%s\" for current build",
					      name, base->platform, wanted);
	return linter->base_platform ? 0 : -ENOMEM;
}

static int take_image(struct linter *linter, const char *name, const char *platform,
		      struct msb_error *err)
{
	const struct lint_inputs *inputs = linter->inputs;
	AUTO(base_done) struct lint_base base = {0};
	struct lint_scope *scope = linter->scope;
	int r = 0;

	/* Who is not wanted may not cost anything: an image might be fetched for it. */
	if (inputs->base && lint_is_wanted(linter))
		r = inputs->base(inputs->context, name, platform, &base, err);
	scope->open = r == 0;
	if (r <= 0)
		return r;
	scope->has_shell = base.config.shell.count > 0;
	if (strlist_copy(&scope->env, &base.config.env) < 0 ||
	    strlist_copy(&linter->pending, &base.config.onbuild) < 0 ||
	    note_platform(linter, name, platform, &base) < 0)
		return msb_error_memory(err);
	return 0;
}

/* Every base image has a PATH, its own or the builder's. */
static int add_path(struct lint_scope *scope)
{
	return strlist_get_env(&scope->env, "PATH") ? 0 : strlist_set_env(&scope->env, "PATH", "");
}

/* A stage hands its own triggers on, and none of its base's. */
static int take_triggers(struct linter *linter, size_t from)
{
	const struct dockerfile *file = linter->file;
	size_t stage = 0;

	for (size_t i = 0; i < file->count; i++) {
		const struct instruction *instruction = &file->instructions[i];

		stage += instruction->kind == INSTRUCTION_FROM;
		if (stage > from + 1)
			break;
		if (stage == from + 1 && instruction->kind == INSTRUCTION_ONBUILD &&
		    strlist_add(&linter->pending, instruction->args.items[0]) < 0)
			return -ENOMEM;
	}
	return 0;
}

int lint_begin_stage(struct linter *linter, struct msb_error *err)
{
	const struct instruction *from = linter->instruction;
	const char *flag = instruction_flag(from, "platform");
	autofree char *base = NULL, *platform = NULL;
	size_t found;
	int r;

	linter->scope = &linter->scopes[linter->stage_count++];
	memset(linter->once, 0, sizeof(linter->once));
	free(steal(&linter->base_platform));
	if (strlist_add(&linter->stage_names, from->args.count > 1 ? from->args.items[1] : "") < 0)
		return msb_error_memory(err);
	r = lint_expand(linter, &linter->globals, from->args.items[0], &base, NULL);
	if (r > 0 && flag)
		r = lint_expand(linter, &linter->globals, flag, &platform, NULL);
	if (r < 0)
		return msb_error_memory(err);
	found = base && *base ? find_stage(linter, base) : linter->stage_count;
	r = 0;
	strlist_done(&linter->pending);
	if (found < linter->stage_count) {
		r = inherit(linter, &linter->scopes[found], err);
		if (r == 0 && take_triggers(linter, found) < 0)
			r = msb_error_memory(err);
	} else if (base && *base && strcmp(base, "scratch") != 0)
		r = take_image(linter, base, platform ? platform : linter->inputs->platform, err);
	if (r == 0 && add_path(linter->scope) < 0)
		r = msb_error_memory(err);
	return r;
}

/* --- After an instruction --- */

static int set_variable(struct linter *linter, const char *name, const char *text)
{
	autofree char *value = NULL;

	if (lint_expand(linter, &linter->scope->env, text, &value, NULL) < 0)
		return -ENOMEM;
	return strlist_set_env(&linter->scope->env, name, value ? value : "");
}

static int add_arg(struct linter *linter, const char *word)
{
	const struct strlist *given = linter->inputs->build_args;
	size_t length = strcspn(word, "=");
	autofree char *name = strndup(word, length);
	const char *value;

	if (!name || strlist_add(&linter->scope->args, name) < 0)
		return -ENOMEM;
	value = given ? strlist_get_env(given, name) : NULL;
	if (!value && word[length])
		return set_variable(linter, name, word + length + 1);
	if (!value)
		value = strlist_get_env(&linter->globals, name);
	return value ? strlist_set_env(&linter->scope->env, name, value) : 0;
}

int lint_advance(struct linter *linter, struct msb_error *err)
{
	const struct instruction *instruction = linter->instruction;
	const struct strlist *args = &instruction->args;
	struct lint_scope *scope = linter->scope;
	int r = 0;

	if (!scope)
		return 0;
	linter->once[instruction->kind] = instruction;
	if (instruction->kind == INSTRUCTION_ENV)
		for (size_t i = 0; r == 0 && i + 1 < args->count; i += 2)
			r = set_variable(linter, args->items[i], args->items[i + 1]);
	if (instruction->kind == INSTRUCTION_ARG)
		for (size_t i = 0; r == 0 && i < args->count; i++)
			r = add_arg(linter, args->items[i]);
	scope->has_shell |= instruction->kind == INSTRUCTION_SHELL;
	scope->has_workdir |= instruction->kind == INSTRUCTION_WORKDIR;
	return r < 0 ? msb_error_memory(err) : 0;
}

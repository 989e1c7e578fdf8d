/* Rules for the instructions of a stage, which need to know what came before in it. */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "lint_internal.h"
#include "path.h"
#include "suggest.h"

/* Names to choose a suggestion from, at most. */
enum { SUGGESTED_MAX = 1000 };

int lint_json_args(struct linter *linter, struct msb_error *err)
{
	(void)err;
	if (!linter->instruction->json && !linter->scope->has_shell)
		lint_warn(linter,
			  "JSON arguments recommended for %s to prevent unintended behavior "
			  "related to OS signals",
			  instruction_name(linter->instruction->kind));
	return 0;
}

int lint_relative_workdir(struct linter *linter, struct msb_error *err)
{
	autofree char *path = NULL;
	autobuffer quoted = {0};
	int r;

	if (linter->scope->has_workdir)
		return 0;
	r = lint_expand(linter, &linter->scope->env, linter->instruction->args.items[0], &path,
			NULL);
	if (r < 0)
		return msb_error_memory(err);
	if (r == 0 || *path == '/')
		return 0;
	put_quoted(&quoted, path);
	buffer_char(&quoted, '\0');
	if (!buffer_ok(&quoted))
		return msb_error_memory(err);
	lint_warn(linter,
		  "Relative workdir %s can have unexpected results if the base image changes",
		  (const char *)quoted.bytes);
	return 0;
}

/* The previous one is told: it is the one without effect. */
int lint_only_once(struct linter *linter, struct msb_error *err)
{
	const struct instruction *previous = linter->once[linter->instruction->kind];

	(void)err;
	if (previous)
		lint_warn_at(linter, previous->line, previous->end_line,
			     "Multiple %s instructions should not be used in the same stage "
			     "because only the last one will be used",
			     instruction_name(previous->kind));
	return 0;
}

/* --- UndefinedVar --- */

static int find_in_list(const struct linter *linter, const struct strlist *list,
			struct strlist *unknown)
{
	for (size_t i = 0; i < list->count; i++) {
		autofree char *ignored = NULL;

		if (lint_expand(linter, &linter->scope->env, list->items[i], &ignored, unknown) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Each default sees the ARGs before it; one that a build argument replaces is not looked at. */
static int find_in_args(const struct linter *linter, struct strlist *unknown)
{
	const struct strlist *words = &linter->instruction->args;
	const struct strlist *given = linter->inputs->build_args;
	autostrlist env = {0};

	if (strlist_copy(&env, &linter->scope->env) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < words->count; i++) {
		const char *word = words->items[i];
		size_t length = strcspn(word, "=");
		autofree char *name = strndup(word, length), *ignored = NULL;

		if (!name)
			return -ENOMEM;
		if (word[length] && !(given && strlist_get_env(given, name)) &&
		    lint_expand(linter, &env, word + length + 1, &ignored, unknown) < 0)
			return -ENOMEM;
		if (strlist_set_env(&env, name, "") < 0)
			return -ENOMEM;
	}
	return 0;
}

static bool is_expanded_flag(const char *name)
{
	static const char *const names[] = {"chown", "chmod", "checksum", "mount"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static int find_unknown(const struct linter *linter, struct strlist *unknown)
{
	const struct instruction *instruction = linter->instruction;
	const struct strlist *env = &linter->scope->env;
	bool is_run = instruction->kind == INSTRUCTION_RUN;

	for (size_t i = 0; i < instruction->flag_count; i++) {
		autofree char *ignored = NULL;

		if (is_expanded_flag(instruction->flags[i].name) &&
		    lint_expand(linter, env, instruction->flags[i].value, &ignored, unknown) < 0)
			return -ENOMEM;
	}
	for (size_t i = 0; !is_run && i < instruction->heredoc_count; i++)
		if (instruction->heredocs[i].expand &&
		    lint_expand_heredoc(env, instruction->heredocs[i].body, unknown) < 0)
			return -ENOMEM;
	if (is_run)
		return 0; /* its text is the shell's */
	if (instruction->kind == INSTRUCTION_ARG)
		return find_in_args(linter, unknown);
	return find_in_list(linter, &instruction->args, unknown);
}

/* The nearest name that has a value. */
static int find_near(const struct linter *linter, const char *name, char *ret, size_t size)
{
	const struct strlist *env = &linter->scope->env;
	const char *names[SUGGESTED_MAX], *near;
	autostrlist list = {0};

	for (size_t i = 0; i < env->count && i < SUGGESTED_MAX; i++) {
		if (strlist_add_bytes(&list, env->items[i], strcspn(env->items[i], "=")) < 0)
			return -ENOMEM;
		names[i] = list.items[i];
	}
	near = suggest(name, names, list.count);
	if (!near || strlen(near) >= size)
		return 0;
	strcpy(ret, near);
	return 1;
}

/* Where the base image is not known, only what looks like a slip of the pen is one. */
int lint_undefined_variable(struct linter *linter, struct msb_error *err)
{
	const struct lint_scope *scope = linter->scope;
	autostrlist unknown = {0};

	if (find_unknown(linter, &unknown) < 0)
		return msb_error_memory(err);
	for (size_t i = 0; i < unknown.count; i++) {
		const char *name = unknown.items[i];
		char near[65];
		int found;

		if (strlist_has(&scope->args, name))
			continue;
		found = find_near(linter, name, near, sizeof(near));
		if (found < 0)
			return msb_error_memory(err);
		if (found)
			lint_warn(linter, "Usage of undefined variable '$%s' (did you mean $%s?)",
				  name, near);
		else if (!scope->open)
			lint_warn(linter, "Usage of undefined variable '$%s'", name);
	}
	return 0;
}

/* --- SecretsUsedInArgOrEnv --- */

/* Is one of the words a part of name, between underscores? */
static bool has_part(const char *name, size_t length, const char *const *words, size_t count)
{
	for (size_t at = 0; at < length;) {
		const char *end = memchr(name + at, '_', length - at);
		size_t part = end ? (size_t)(end - name) - at : length - at;

		for (size_t i = 0; i < count; i++)
			if (strlen(words[i]) == part && strncasecmp(words[i], name + at, part) == 0)
				return true;
		at += part + 1;
	}
	return false;
}

static bool is_secret(const char *name, size_t length)
{
	static const char *const secret[] = {"apikey", "auth",     "credential", "credentials",
					     "key",    "password", "pword",      "passwd",
					     "secret", "token"};
	static const char *const harmless[] = {"public", "file", "version"};

	return has_part(name, length, secret, 10) && !has_part(name, length, harmless, 3);
}

int lint_secret_names(struct linter *linter, struct msb_error *err)
{
	const struct strlist *args = &linter->instruction->args;
	bool is_arg = linter->instruction->kind == INSTRUCTION_ARG;

	(void)err;
	for (size_t i = 0; i < args->count; i += is_arg ? 1 : 2) {
		size_t length = strcspn(args->items[i], "=");

		if (is_secret(args->items[i], length))
			lint_warn(linter,
				  "Do not use ARG or ENV instructions for sensitive data (%s "
				  "\"%.*s\")",
				  is_arg ? "ARG" : "ENV", (int)length, args->items[i]);
	}
	return 0;
}

/* --- COPY and ADD --- */

static bool is_remote(const char *source)
{
	static const char *const schemes[] = {"http://", "https://", "git://", "ssh://", "git@"};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
		if (strncmp(source, schemes[i], strlen(schemes[i])) == 0)
			return true;
	return false;
}

/* What a "!" may bring back below a left-out directory is not told: that may be what is meant. */
static int check_source(struct linter *linter, const char *text)
{
	const struct ignore *ignore = linter->inputs->ignore;
	autofree char *source = NULL, *path = NULL;
	int r = lint_expand(linter, &linter->scope->env, text, &source, NULL);

	if (r <= 0 || is_remote(source))
		return r;
	path = path_join("/", source);
	if (!path)
		return -ENOMEM;
	if (path[1] && ignore_match(ignore, path + 1) && !ignore_may_reinclude(ignore, path + 1))
		lint_warn(linter, "Attempting to %s file \"%s\" that is excluded by .dockerignore",
			  linter->instruction->kind == INSTRUCTION_ADD ? "Add" : "Copy", path + 1);
	return 0;
}

int lint_ignored_source(struct linter *linter, struct msb_error *err)
{
	const struct strlist *args = &linter->instruction->args;
	const char *from = instruction_flag(linter->instruction, "from");

	if (!linter->inputs->ignore || (from && *from))
		return 0;
	for (size_t i = 0; i + 1 < args->count; i++)
		if (check_source(linter, args->items[i]) < 0)
			return msb_error_memory(err);
	return 0;
}

/* --- EXPOSE --- */

static int expand_ports(const struct linter *linter, struct strlist *ret, struct msb_error *err)
{
	const struct strlist *args = &linter->instruction->args;
	struct words words = {.escape = linter->file->escape, .env = &linter->scope->env};

	for (size_t i = 0; i < args->count; i++)
		if (words_split(&words, args->items[i], ret, NULL) == -ENOMEM)
			return msb_error_memory(err);
	return 0;
}

int lint_expose_protocol(struct linter *linter, struct msb_error *err)
{
	autostrlist ports = {0};
	int r = expand_ports(linter, &ports, err);

	for (size_t i = 0; r == 0 && i < ports.count; i++) {
		const char *slash = strchr(ports.items[i], '/');

		if (slash && strpbrk(slash, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
			lint_warn(linter,
				  "Defined protocol '%s' in EXPOSE instruction should be "
				  "lowercase",
				  ports.items[i]);
	}
	return r;
}

int lint_expose_format(struct linter *linter, struct msb_error *err)
{
	autostrlist ports = {0};
	int r = expand_ports(linter, &ports, err);

	for (size_t i = 0; r == 0 && i < ports.count; i++)
		if (strchr(ports.items[i], ':'))
			lint_warn(linter,
				  "EXPOSE instruction should not define an IP address or "
				  "host-port mapping, found '%s'",
				  ports.items[i]);
	return r;
}

/* Rules for FROM: the arguments of its base and platform, and the base image. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "lint_internal.h"
#include "suggest.h"

static int report_unknown(struct linter *linter, const char *text, struct strlist *seen,
			  struct msb_error *err)
{
	const struct strlist *known = &linter->known;
	autofree char *ignored = NULL;
	autostrlist unknown = {0};

	if (lint_expand(linter, &linter->globals, text, &ignored, &unknown) < 0)
		return msb_error_memory(err);
	for (size_t i = 0; i < unknown.count; i++) {
		const char *name = unknown.items[i], *near;

		if (strlist_has(known, name) || strlist_has(seen, name))
			continue;
		if (strlist_add(seen, name) < 0)
			return msb_error_memory(err);
		near = suggest(name, (const char *const *)known->items, known->count);
		lint_warn(linter, "FROM argument '%s' is not declared%s%s%s", name,
			  near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
	}
	return 0;
}

int lint_undefined_arg(struct linter *linter, struct msb_error *err)
{
	const char *platform = instruction_flag(linter->instruction, "platform");
	autostrlist seen = {0};
	int r = report_unknown(linter, linter->instruction->args.items[0], &seen, err);

	return r < 0 || !platform ? r : report_unknown(linter, platform, &seen, err);
}

int lint_redundant_platform(struct linter *linter, struct msb_error *err)
{
	const char *platform = instruction_flag(linter->instruction, "platform");

	(void)err;
	if (platform && (strcmp(platform, "$TARGETPLATFORM") == 0 ||
			 strcmp(platform, "${TARGETPLATFORM}") == 0))
		lint_warn(linter,
			  "Setting platform to predefined %s in FROM is redundant as this is the "
			  "default behavior",
			  platform);
	return 0;
}

/* "linux/amd64", "arm64": are its words part of the stage's name, the constant is meant. */
int lint_const_platform(struct linter *linter, struct msb_error *err)
{
	const char *platform = instruction_flag(linter->instruction, "platform");
	const char *stage = linter->stage_names.items[linter->stage_count - 1], *at = platform;
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_.-/()";

	(void)err;
	if (!platform || !*platform || platform[strspn(platform, allowed)])
		return 0;
	for (size_t i = 0; i < 2 && *at; i++) {
		size_t length = strcspn(at, "/");
		autofree char *word = strndup(at, length);

		if (!word)
			return msb_error_memory(err);
		if (length == 0 || strstr(stage, word))
			return 0;
		at += length + (at[length] == '/');
	}
	lint_warn(linter, "FROM --platform flag should not use constant value \"%s\"", platform);
	return 0;
}

/* --- References --- */

/* Parts of letters and digits with single marks between them. */
static bool is_component(const char *text, size_t length, bool is_domain)
{
	bool after_mark = true;

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (islower(c) || isdigit(c) || (is_domain && isupper(c)))
			after_mark = false;
		else if (!strchr(is_domain ? ".-:" : "._-", c) ||
			 (after_mark && c != '-' && c != '_'))
			return false;
		else
			after_mark = true;
	}
	return length > 0 && !after_mark && isalnum((unsigned char)*text);
}

static bool is_tag(const char *text, size_t length)
{
	if (length == 0 || length > 128 || *text == '.' || *text == '-')
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("_.-", text[i]))
			return false;
	return true;
}

static bool is_digest(const char *text)
{
	const char *colon = strchr(text, ':');
	size_t digits = colon ? strspn(colon + 1, "0123456789abcdef") : 0;

	return colon && colon > text && digits >= 32 && !colon[1 + digits];
}

/* May text be an image's name? Said of its form alone. */
static bool is_reference(const char *text)
{
	const char *at_sign = strchr(text, '@'), *slash, *colon;
	size_t length = at_sign ? (size_t)(at_sign - text) : strlen(text);
	bool first = true;

	if (at_sign && !is_digest(at_sign + 1))
		return false;
	slash = memrchr(text, '/', length);
	colon = memrchr(text, ':', length);
	if (colon && (!slash || colon > slash)) {
		if (!is_tag(colon + 1, length - (size_t)(colon + 1 - text)))
			return false;
		length = (size_t)(colon - text);
	}
	for (;;) {
		size_t part = 0;
		bool last;

		while (part < length && text[part] != '/')
			part++;
		last = part == length;
		if (!is_component(text, part, first && !last))
			return false;
		if (last)
			return true;
		text += part + 1;
		length -= part + 1;
		first = false;
	}
}

int lint_default_arg(struct linter *linter, struct msb_error *err)
{
	const char *base = linter->instruction->args.items[0];
	autofree char *value = NULL;
	int r;

	if (!strchr(base, '$'))
		return 0;
	r = lint_expand(linter, &linter->defaults, base, &value, NULL);
	if (r < 0)
		return msb_error_memory(err);
	if (r > 0 && !is_reference(value))
		lint_warn(linter,
			  "Default value for ARG %s results in empty or invalid base image name",
			  base);
	return 0;
}

int lint_base_platform(struct linter *linter, struct msb_error *err)
{
	(void)err;
	if (linter->base_platform)
		lint_warn(linter, "%s", linter->base_platform);
	return 0;
}

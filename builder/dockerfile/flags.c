/* Builder flags: the "--name=value" words between a keyword and its arguments. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "buffer.h"
#include "internal.h"
#include "suggest.h"

/* One word, without its quotes and escapes; the position behind it. */
static const char *take_word(const char *at, struct buffer *word)
{
	char quote = '\0';

	for (; *at && (quote || !strchr(BLANKS, *at)); at++) {
		if (*at == '\\') {
			if (at[1])
				buffer_char(word, *++at);
		} else if (quote ? *at == quote : *at == '"' || *at == '\'') {
			quote = quote ? '\0' : *at;
		} else {
			buffer_char(word, *at);
		}
	}
	return at;
}

/* word is "--name" or "--name=value". */
static int add_flag(struct instruction *instruction, const char *word)
{
	const char *equals = strchr(word, '=');
	struct flag *grown =
		reallocarray(instruction->flags, instruction->flag_count + 1, sizeof(*grown));
	struct flag *flag;

	if (!grown)
		return -ENOMEM;
	instruction->flags = grown;
	flag = &grown[instruction->flag_count++];
	*flag = (struct flag){0};
	flag->name = equals ? strndup(word + 2, (size_t)(equals - word - 2)) : strdup(word + 2);
	if (equals)
		flag->value = strdup(equals + 1);
	return flag->name && (!equals || flag->value) ? 0 : -ENOMEM;
}

int flags_take(const char **text, struct instruction *instruction, struct msb_error *err)
{
	const char *at = *text;

	for (;;) {
		autobuffer word = {0};
		autofree char *name = NULL;

		at += strspn(at, BLANKS);
		*text = at;
		if (strncmp(at, "--", 2) != 0)
			return 0;
		at = take_word(at, &word);
		name = buffer_text(&word);
		if (!name)
			return msb_error_memory(err);
		if (strcmp(name, "--") == 0) {
			*text = at;
			return 0;
		}
		if (add_flag(instruction, name) < 0)
			return msb_error_memory(err);
	}
}

static const struct flag_rule *find_rule(const struct flag_rule *rules, size_t count,
					 const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(rules[i].name, name) == 0)
			return &rules[i];
	return NULL;
}

static int unknown_flag(const struct instruction *instruction, const char *name,
			const struct flag_rule *rules, size_t count, struct msb_error *err)
{
	const char *names[16];

	if (count == 0)
		return msb_error_say(err, EINVAL, "unknown flag --%s; %s takes no flags", name,
				     instruction_name(instruction->kind));
	for (size_t i = 0; i < count && i < 16; i++)
		names[i] = rules[i].name;
	return suggest_instead("unknown flag", "--", name, names, count < 16 ? count : 16, err);
}

static int no_value(const struct flag *flag, const char *instead, struct msb_error *err)
{
	return msb_error_say(err, EINVAL, "flag --%s has no value; write --%s=%s", flag->name,
			     flag->name, instead);
}

static int settle_bool(struct flag *flag, struct msb_error *err)
{
	bool on = !flag->value || strcasecmp(flag->value, "true") == 0;

	if (flag->value && !*flag->value)
		return no_value(flag, "true", err);
	if (!on && strcasecmp(flag->value, "false") != 0)
		return msb_error_say(
			err, EINVAL,
			"flag --%s is true or false, not '%s'; write --%s or --%s=false",
			flag->name, flag->value, flag->name, flag->name);
	free(flag->value);
	flag->value = strdup(on ? "true" : "false");
	return flag->value ? 0 : msb_error_memory(err);
}

int flags_check(struct instruction *instruction, const struct flag_rule *rules, size_t count,
		struct msb_error *err)
{
	for (size_t i = 0; i < instruction->flag_count; i++) {
		struct flag *flag = &instruction->flags[i];
		const struct flag_rule *rule = find_rule(rules, count, flag->name);
		int r;

		if (!rule)
			return unknown_flag(instruction, flag->name, rules, count, err);
		for (size_t j = 0; j < i && rule->type != FLAG_LIST; j++)
			if (strcmp(instruction->flags[j].name, flag->name) == 0)
				return msb_error_say(err, EINVAL,
						     "flag --%s is given twice; keep one of them",
						     flag->name);
		if (rule->type != FLAG_BOOL) {
			if (!flag->value)
				return no_value(flag, "VALUE", err);
			continue;
		}
		r = settle_bool(flag, err);
		if (r < 0)
			return r;
	}
	return 0;
}

const char *instruction_flag(const struct instruction *instruction, const char *name)
{
	for (size_t i = 0; i < instruction->flag_count; i++)
		if (strcmp(instruction->flags[i].name, name) == 0)
			return instruction->flags[i].value;
	return NULL;
}

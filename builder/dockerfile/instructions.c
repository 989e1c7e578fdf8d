/* The instructions: one row each, with the flags and the shape that its arguments must have. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "buffer.h"
#include "internal.h"
#include "suggest.h"

/* Fills args from rest, the text behind keyword and flags. */
typedef int shape_fn(struct instruction *instruction, char escape, struct msb_error *err);

static const char *example_of(enum instruction_kind kind);

static int wrong_count(const struct instruction *instruction, const char *wanted,
		       struct msb_error *err)
{
	return msb_error_say(err, EINVAL, "%s requires %s; write %s",
			     instruction_name(instruction->kind), wanted,
			     example_of(instruction->kind));
}

static int no_name(const struct instruction *instruction, struct msb_error *err)
{
	return msb_error_say(err, EINVAL, "%s without a name before its '='; write %s",
			     instruction_name(instruction->kind), example_of(instruction->kind));
}

static int at_least_one(const struct instruction *instruction, struct msb_error *err)
{
	return wrong_count(instruction, "at least one argument", err);
}

/* The exec form when rest is one: 1, else 0. */
static int take_json(struct instruction *instruction, struct msb_error *err)
{
	int r = json_form_strings(instruction->rest, &instruction->args, err);

	instruction->json = r == 1;
	return r;
}

static int shape_words(struct instruction *instruction, struct msb_error *err)
{
	if (split_blanks(instruction->rest, &instruction->args) < 0)
		return msb_error_memory(err);
	return instruction->args.count ? 0 : at_least_one(instruction, err);
}

static int shape_from(struct instruction *instruction, char escape, struct msb_error *err)
{
	struct strlist *args = &instruction->args;
	char *name;

	(void)escape;
	if (split_blanks(instruction->rest, args) < 0)
		return msb_error_memory(err);
	if (args->count == 1)
		return 0;
	if (args->count != 3 || strcasecmp(args->items[1], "as") != 0)
		return wrong_count(instruction, "either one or three arguments", err);
	name = args->items[2];
	for (char *c = name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	if (!islower((unsigned char)*name) ||
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.")])
		return msb_error_say(
			err, EINVAL,
			"invalid stage name '%s'; begin it with a letter and go on with "
			"letters, digits, '-', '_' or '.'",
			name);
	strlist_remove(args, 1);
	args->items[args->count] = NULL;
	return 0;
}

static int shape_arg(struct instruction *instruction, char escape, struct msb_error *err)
{
	struct strlist *args = &instruction->args;

	if (split_quoted(instruction->rest, escape, args) < 0)
		return msb_error_memory(err);
	if (args->count == 0)
		return at_least_one(instruction, err);
	for (size_t i = 0; i < args->count; i++)
		if (args->items[i][0] == '=')
			return no_name(instruction, err);
	return 0;
}

static int add_pair(struct instruction *instruction, const char *name, size_t length,
		    const char *value, struct msb_error *err)
{
	if (length == 0)
		return no_name(instruction, err);
	if (strlist_add_bytes(&instruction->args, name, length) < 0 ||
	    strlist_add(&instruction->args, value) < 0)
		return msb_error_memory(err);
	return 0;
}

/* ENV and LABEL. The first word alone decides on the form: without '=' it is the name and the
 * rest of the line, whatever it holds, the value. */
static int shape_pairs(struct instruction *instruction, char escape, struct msb_error *err)
{
	autostrlist words = {0};
	const char *rest = instruction->rest, *value;

	if (split_quoted(rest, escape, &words) < 0)
		return msb_error_memory(err);
	if (words.count == 0)
		return at_least_one(instruction, err);
	if (!strchr(words.items[0], '=')) {
		size_t name = strcspn(rest, BLANKS);

		value = rest + name + strspn(rest + name, BLANKS);
		instruction->legacy = true;
		if (!*value)
			return msb_error_say(err, EINVAL, "%s '%s' has no value; write %s %s=VALUE",
					     instruction_name(instruction->kind), rest,
					     instruction_name(instruction->kind), rest);
		return add_pair(instruction, rest, name, value, err);
	}
	for (size_t i = 0; i < words.count; i++) {
		const char *word = words.items[i], *equals = strchr(word, '=');
		int r;

		if (!equals)
			return msb_error_say(err, EINVAL,
					     "no '=' in '%s', %s takes NAME=VALUE pairs; write "
					     "%s=VALUE, or quote a value with blanks",
					     word, instruction_name(instruction->kind), word);
		r = add_pair(instruction, word, (size_t)(equals - word), equals + 1, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* CMD and ENTRYPOINT; RUN has heredocs besides. */
static int shape_command(struct instruction *instruction, char escape, struct msb_error *err)
{
	int r = take_json(instruction, err);

	(void)escape;
	if (r != 0)
		return r < 0 ? r : 0;
	if (strlist_add(&instruction->args, instruction->rest) < 0)
		return msb_error_memory(err);
	return 0;
}

static int shape_run(struct instruction *instruction, char escape, struct msb_error *err)
{
	autofree char *rest = NULL;
	bool last;
	int r = shape_command(instruction, escape, err);

	if (r < 0)
		return r;
	if (instruction->json)
		return instruction->args.count ? 0 : at_least_one(instruction, err);
	r = heredoc_find(instruction->rest, instruction, &rest, &last, err);
	if (r < 0)
		return r;
	instruction->heredoc_alone =
		instruction->heredoc_count == 1 && rest[strspn(rest, BLANKS)] == '\0';
	return 0;
}

static int no_destination(const struct instruction *instruction, struct msb_error *err)
{
	const char *name = instruction_name(instruction->kind), *mark = "", *source;

	if (instruction->args.count + instruction->heredoc_count == 0)
		return wrong_count(instruction, "at least two arguments", err);
	source = instruction->args.count ? instruction->args.items[0]
					 : instruction->heredocs[0].name;
	mark = instruction->args.count ? "" : "<<";
	return msb_error_say(err, EINVAL, "%s has no destination; write %s %s%s /DESTINATION", name,
			     name, mark, source);
}

/* COPY and ADD. */
static int shape_copy(struct instruction *instruction, char escape, struct msb_error *err)
{
	autofree char *rest = NULL;
	const char *name = instruction_name(instruction->kind);
	const char *from = instruction_flag(instruction, "from");
	bool last = false;
	size_t words;
	int r = take_json(instruction, err);

	(void)escape;
	if (r == 0) {
		r = heredoc_find(instruction->rest, instruction, &rest, &last, err);
		if (r == 0 && split_blanks(rest, &instruction->args) < 0)
			r = msb_error_memory(err);
	}
	if (r < 0)
		return r;
	words = instruction->args.count + instruction->heredoc_count;
	if (words < 2)
		return no_destination(instruction, err);
	if (last)
		return msb_error_say(err, EINVAL,
				     "%s cannot write to a heredoc; write a destination behind it",
				     name);
	if (from && strchr(from, '$'))
		return msb_error_say(err, EINVAL,
				     "variables are not expanded in --from=%s; write a stage FROM "
				     "%s AS NAME with a global ARG, and --from=NAME",
				     from, from);
	return 0;
}

static int shape_expose(struct instruction *instruction, char escape, struct msb_error *err)
{
	int r = shape_words(instruction, err);

	(void)escape;
	if (r == 0)
		strlist_sort(&instruction->args);
	return r;
}

static int shape_volume(struct instruction *instruction, char escape, struct msb_error *err)
{
	int r = take_json(instruction, err);

	(void)escape;
	if (r == 0)
		r = shape_words(instruction, err);
	if (r < 0)
		return r;
	if (instruction->args.count == 0)
		return at_least_one(instruction, err);
	for (size_t i = 0; i < instruction->args.count; i++) {
		const char *volume = instruction->args.items[i];

		if (!volume[strspn(volume, BLANKS)])
			return msb_error_say(err, EINVAL,
					     "VOLUME of an empty path; write VOLUME /data");
	}
	return 0;
}

static int shape_shell(struct instruction *instruction, char escape, struct msb_error *err)
{
	int r = take_json(instruction, err);

	(void)escape;
	if (r < 0)
		return r;
	if (r == 0 && *instruction->rest)
		return msb_error_say(err, EINVAL, "SHELL takes a JSON array, not '%s'; write %s",
				     instruction->rest, example_of(INSTRUCTION_SHELL));
	return instruction->args.count ? 0 : at_least_one(instruction, err);
}

static int shape_one(struct instruction *instruction, char escape, struct msb_error *err)
{
	(void)escape;
	if (!*instruction->rest)
		return wrong_count(instruction, "exactly one argument", err);
	if (strlist_add(&instruction->args, instruction->rest) < 0)
		return msb_error_memory(err);
	return 0;
}

static int shape_healthcheck(struct instruction *instruction, char escape, struct msb_error *err)
{
	const char *rest = instruction->rest;
	size_t type = strcspn(rest, BLANKS);
	const char *text = rest + type + strspn(rest + type, BLANKS);
	struct healthcheck ignored;
	int r;

	(void)escape;
	if (type == 0)
		return at_least_one(instruction, err);
	if (type == 4 && strncasecmp(rest, "NONE", 4) == 0) {
		if (*text)
			return msb_error_say(err, EINVAL,
					     "HEALTHCHECK NONE takes no arguments; write CMD "
					     "instead of NONE, or leave '%s' out",
					     text);
		return strlist_add(&instruction->args, "NONE") < 0 ? msb_error_memory(err) : 0;
	}
	if (type != 3 || strncasecmp(rest, "CMD", 3) != 0)
		return msb_error_say(err, EINVAL,
				     "HEALTHCHECK begins with CMD or NONE, not '%.*s'; write "
				     "HEALTHCHECK CMD %s",
				     (int)(type < 100 ? type : 100), rest, rest);
	if (strlist_add(&instruction->args, "CMD") < 0)
		return msb_error_memory(err);
	r = json_form_strings(text, &instruction->args, err);
	if (r < 0)
		return r;
	instruction->json = r == 1;
	if (r == 0 && *text && strlist_add(&instruction->args, text) < 0)
		return msb_error_memory(err);
	if (instruction->args.count == 1)
		return msb_error_say(err, EINVAL,
				     "HEALTHCHECK CMD has no command; write HEALTHCHECK CMD curl "
				     "-f http://localhost/");
	r = instruction_healthcheck(instruction, &ignored, err);
	if (r == 0)
		strlist_done(&ignored.test);
	return r;
}

/* The trigger must be right on its own; what it needs at its place is known only there. */
static int shape_onbuild(struct instruction *instruction, char escape, struct msb_error *err)
{
	struct instruction trigger = {0};
	const char *rest = instruction->rest;
	size_t keyword = strcspn(rest, BLANKS);
	int r;

	if (!*rest)
		return at_least_one(instruction, err);
	if (keyword == 7 && strncasecmp(rest, "ONBUILD", 7) == 0)
		return msb_error_say(err, EINVAL,
				     "ONBUILD cannot be its own trigger; write ONBUILD%s",
				     rest + keyword);
	if ((keyword == 4 && strncasecmp(rest, "FROM", 4) == 0) ||
	    (keyword == 10 && strncasecmp(rest, "MAINTAINER", 10) == 0))
		return msb_error_say(err, EINVAL,
				     "%s cannot be an ONBUILD trigger; write it as an instruction",
				     keyword == 4 ? "FROM" : "MAINTAINER");
	r = instruction_parse(rest, escape, &trigger, err);
	if (r == 0 && strlist_add(&instruction->args, rest) < 0)
		r = msb_error_memory(err);
	if (r == 0) {
		instruction->heredocs = steal(&trigger.heredocs);
		instruction->heredoc_count = trigger.heredoc_count;
		trigger.heredoc_count = 0;
	}
	instruction_done(&trigger);
	return r;
}

static const struct flag_rule from_flags[] = {{"platform", FLAG_TEXT}};
static const struct flag_rule copy_flags[] = {
	{"from", FLAG_TEXT}, {"chown", FLAG_TEXT},   {"chmod", FLAG_TEXT},
	{"link", FLAG_BOOL}, {"parents", FLAG_BOOL}, {"exclude", FLAG_LIST},
};
static const struct flag_rule add_flags[] = {
	{"chown", FLAG_TEXT},   {"chmod", FLAG_TEXT},        {"checksum", FLAG_TEXT},
	{"link", FLAG_BOOL},    {"keep-git-dir", FLAG_BOOL}, {"unpack", FLAG_BOOL},
	{"exclude", FLAG_LIST},
};
static const struct flag_rule run_flags[] = {
	{"mount", FLAG_LIST}, {"network", FLAG_TEXT}, {"security", FLAG_TEXT}};
static const struct flag_rule healthcheck_flags[] = {
	{"interval", FLAG_TEXT},       {"timeout", FLAG_TEXT}, {"start-period", FLAG_TEXT},
	{"start-interval", FLAG_TEXT}, {"retries", FLAG_TEXT},
};

#define FLAGS(rules) rules, sizeof(rules) / sizeof(*(rules))

/* In the order of enum instruction_kind. */
static const struct {
	const char *name;
	shape_fn *shape;
	const struct flag_rule *flags;
	size_t flag_count;
	const char *example;
} table[] = {
	[INSTRUCTION_ADD] = {"ADD", shape_copy, FLAGS(add_flags),
			     .example = "ADD SOURCE /DESTINATION"},
	[INSTRUCTION_ARG] = {"ARG", shape_arg, .example = "ARG NAME=DEFAULT"},
	[INSTRUCTION_CMD] = {"CMD", shape_command, .example = "CMD [\"PROGRAM\"]"},
	[INSTRUCTION_COPY] = {"COPY", shape_copy, FLAGS(copy_flags),
			      .example = "COPY SOURCE /DESTINATION"},
	[INSTRUCTION_ENTRYPOINT] = {"ENTRYPOINT", shape_command,
				    .example = "ENTRYPOINT [\"PROGRAM\"]"},
	[INSTRUCTION_ENV] = {"ENV", shape_pairs, .example = "ENV NAME=VALUE"},
	[INSTRUCTION_EXPOSE] = {"EXPOSE", shape_expose, .example = "EXPOSE 8080"},
	[INSTRUCTION_FROM] = {"FROM", shape_from, FLAGS(from_flags),
			      .example = "FROM IMAGE or FROM IMAGE AS STAGE"},
	[INSTRUCTION_HEALTHCHECK] = {"HEALTHCHECK", shape_healthcheck, FLAGS(healthcheck_flags),
				     .example = "HEALTHCHECK CMD COMMAND"},
	[INSTRUCTION_LABEL] = {"LABEL", shape_pairs, .example = "LABEL NAME=VALUE"},
	[INSTRUCTION_MAINTAINER] = {"MAINTAINER", shape_one, .example = "MAINTAINER NAME"},
	[INSTRUCTION_ONBUILD] = {"ONBUILD", shape_onbuild, .example = "ONBUILD RUN COMMAND"},
	[INSTRUCTION_RUN] = {"RUN", shape_run, FLAGS(run_flags), .example = "RUN COMMAND"},
	[INSTRUCTION_SHELL] = {"SHELL", shape_shell, .example = "SHELL [\"/bin/sh\", \"-c\"]"},
	[INSTRUCTION_STOPSIGNAL] = {"STOPSIGNAL", shape_one, .example = "STOPSIGNAL SIGTERM"},
	[INSTRUCTION_USER] = {"USER", shape_one, .example = "USER NAME"},
	[INSTRUCTION_VOLUME] = {"VOLUME", shape_volume, .example = "VOLUME /data"},
	[INSTRUCTION_WORKDIR] = {"WORKDIR", shape_one, .example = "WORKDIR /app"},
};

enum { KINDS = sizeof(table) / sizeof(*table) };

const char *instruction_name(enum instruction_kind kind)
{
	return table[kind].name;
}

static const char *example_of(enum instruction_kind kind)
{
	return table[kind].example;
}

static int find_kind(const char *keyword, size_t length, enum instruction_kind *ret,
		     struct msb_error *err)
{
	const char *names[KINDS], *near;
	char word[64];

	for (size_t i = 0; i < KINDS; i++) {
		names[i] = table[i].name;
		if (strlen(names[i]) == length && strncasecmp(names[i], keyword, length) == 0) {
			*ret = (enum instruction_kind)i;
			return 0;
		}
	}
	if (length >= sizeof(word))
		length = sizeof(word) - 1;
	memcpy(word, keyword, length);
	word[length] = '\0';
	near = suggest(word, names, KINDS);
	if (near)
		return msb_error_say(err, EINVAL, "unknown instruction '%s' (did you mean %s?)",
				     word, near);
	return msb_error_say(err, EINVAL,
			     "unknown instruction '%s'; end the line above with the escape "
			     "character where this belongs to it, or write an instruction such as "
			     "RUN",
			     word);
}

int instruction_parse(const char *line, char escape, struct instruction *ret, struct msb_error *err)
{
	size_t keyword = strcspn(line, BLANKS);
	const char *rest = line + keyword;
	int r;

	ret->text = trimmed(line, strlen(line));
	if (!ret->text)
		return msb_error_memory(err);
	r = find_kind(line, keyword, &ret->kind, err);
	if (r < 0)
		return r;
	r = flags_take(&rest, ret, err);
	if (r < 0)
		return r;
	/* A trigger is kept to the blanks at its end. */
	ret->rest = ret->kind == INSTRUCTION_ONBUILD ? strdup(rest + strspn(rest, BLANKS))
						     : trimmed(rest, strlen(rest));
	if (!ret->rest)
		return msb_error_memory(err);
	r = flags_check(ret, table[ret->kind].flags, table[ret->kind].flag_count, err);
	if (r < 0)
		return r;
	return table[ret->kind].shape(ret, escape, err);
}

/*
 * Two definitions side by side. Their lines are taken in groups, one a component name; what both
 * have in a group goes away, and what is left is a change, an addition or a removal.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msb/cleanup.h>

#include "buffer.h"
#include "definition.h"
#include "explain.h"

#define SHOWN_MAX      80   /* bytes of a value in a sentence */
#define SHOWN_BEFORE   20   /* of them in front of what differs */
#define COMPONENTS_MAX 8192 /* compared pair by pair */

enum form {
	VALUE,  /* one of it: changed from … to … */
	NAMED,  /* NAME=VALUE, told apart by NAME */
	DIGEST, /* stands for something: only that it differs */
	MOUNT,  /* "/target DIGEST", what is mounted there; or the words of a mount, a VALUE */
	SILENT, /* part of the definition, but never a cause */
};

static const struct row {
	const char *component;
	const char *words;
	enum form form;
} rows[] = {
	{"step", "the kind of instruction", VALUE},
	{"instruction", "the instruction", VALUE},
	{"arg", "the command", VALUE},
	{"env", "variable", NAMED},
	{"user", "the user", VALUE},
	{"directory", "the working directory", VALUE},
	{"script", "the script", DIGEST},
	{"mount", "a mount", MOUNT},
	{"network", "the network", VALUE},
	{"insecure", "--security", VALUE},
	{"from", "the kind of source", VALUE},
	{"name", "", SILENT}, /* "source" has it too */
	{"path", "a source's path", VALUE},
	{"source", "a source", VALUE},
	{"file", "a file in the Dockerfile", DIGEST},
	{"dest", "the destination", VALUE},
	{"owner", "the owner's number", VALUE},
	{"exclude", "an exclusion", VALUE},
	{"content", "the content of what is copied", DIGEST},
	{"tree", "the tree before", DIGEST},
	{"argument", "", SILENT},
	{"reads", "", SILENT},
	{"body", "", SILENT}, /* "script" has its digest */
	{"mounted", "", SILENT},
};

static const struct row *find_row(const char *component)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (strcmp(rows[i].component, component) == 0)
			return &rows[i];
	return NULL;
}

int explain_add(struct explanations *list, const char *component, const char *before,
		const char *after, const char *format, ...)
{
	struct explanation *grown =
		reallocarray(list->items, list->count + 1, sizeof(*list->items));
	struct explanation item = {0};
	va_list args;

	if (!grown)
		return -ENOMEM;
	list->items = grown;
	va_start(args, format);
	if (vasprintf(&item.text, format, args) < 0)
		item.text = NULL;
	va_end(args);
	item.component = strdup(component);
	item.before = before ? strdup(before) : NULL;
	item.after = after ? strdup(after) : NULL;
	grown[list->count++] = item;
	return !item.text || !item.component || (before && !item.before) || (after && !item.after)
		       ? -ENOMEM
		       : 0;
}

void explanations_done(struct explanations *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].component);
		free(list->items[i].before);
		free(list->items[i].after);
		free(list->items[i].text);
	}
	free(list->items);
	*list = (struct explanations){0};
}

/* Both definitions while they are compared. */
struct sides {
	struct definition before, after;
	bool *before_done, *after_done; /* a flag a component: spoken of */
	struct explanations *list;
};

static bool is_inside_character(const char *place)
{
	return ((unsigned char)*place & 0xc0) == 0x80;
}

/* "'value'" from a place on, cut where it would not fit a sentence. */
static void put_value(struct buffer *out, const char *value, size_t from)
{
	size_t length = strlen(value), end = length;

	if (length - from > SHOWN_MAX) {
		end = from + SHOWN_MAX;
		while (end > from && is_inside_character(value + end))
			end--;
	}
	buffer_string(out, from > 0 ? "'\xe2\x80\xa6" : "'");
	buffer_append(out, value + from, end - from);
	buffer_string(out, end < length ? "\xe2\x80\xa6'" : "'");
}

/* Where to begin to show two values so that one sees in what they differ, and a little before it.
 */
static size_t place_to_show(const char *a, const char *b)
{
	size_t common = 0, from;

	while (a[common] && a[common] == b[common])
		common++;
	if (common < SHOWN_MAX - SHOWN_BEFORE)
		return 0;
	for (from = common - SHOWN_BEFORE; is_inside_character(a + from); from++)
		;
	return from;
}

/* How much of a value says whose it is; 0: nothing does. */
static size_t name_length(const struct row *row, const char *value)
{
	const char *blank = strrchr(value, ' ');

	if (row && row->form == NAMED)
		return strcspn(value, "=");
	return row && row->form == MOUNT && value[0] == '/' && blank ? (size_t)(blank - value) : 0;
}

/* "variable PATH": what a NAMED value is called; an ARG that is in effect is an argument. */
static void put_subject(struct buffer *out, const struct sides *sides, const struct row *row,
			const char *component, const char *value)
{
	const struct definition *both[] = {&sides->after, &sides->before};
	size_t length = strcspn(value, "=");
	bool argument = false;

	if (!row) {
		buffer_printf(out, "--%s", component);
		return;
	}
	if (row->form == MOUNT && value[0] == '/') {
		buffer_printf(out, "what is mounted on %.*s", (int)name_length(row, value), value);
		return;
	}
	if (row->form != NAMED) {
		buffer_string(out, row->words);
		return;
	}
	for (size_t i = 0; i < 2; i++)
		for (size_t j = 0; j < both[i]->count; j++)
			argument |= strcmp(both[i]->components[j].name, "argument") == 0 &&
				    strncmp(both[i]->components[j].value, value, length + 1) == 0;
	buffer_printf(out, "%s %.*s", argument ? "argument" : row->words, (int)length, value);
}

static const char *value_of(const struct row *row, const char *value)
{
	const char *equals = row && row->form == NAMED && value ? strchr(value, '=') : NULL;

	return equals ? equals + 1 : value;
}

static bool is_digest(const struct row *row, const char *value)
{
	return row && (row->form == DIGEST || (row->form == MOUNT && value[0] == '/'));
}

static bool is_told(const struct explanations *list, const char *component)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i].component, component) == 0)
			return true;
	return false;
}

/* Either may be NULL: an addition or a removal. */
static int tell(struct sides *sides, const char *component, const char *before, const char *after)
{
	const struct row *row = find_row(component);
	const char *old = value_of(row, before), *new = value_of(row, after);
	autobuffer out = {0};
	autofree char *text = NULL;

	/* The number follows from the name. */
	if (strcmp(component, "owner") == 0 && is_told(sides->list, "chown"))
		return 0;
	put_subject(&out, sides, row, component, after ? after : before);
	if (is_digest(row, after ? after : before)) {
		buffer_string(&out, old && new ? " differs" : new ? " is new" : " is gone");
	} else if (old && new) {
		size_t from = place_to_show(old, new);

		buffer_string(&out, " changed from ");
		put_value(&out, old, from);
		buffer_string(&out, " to ");
		put_value(&out, new, from);
	} else {
		buffer_string(&out, new ? " is new: " : " is gone: ");
		put_value(&out, new ? new : old, 0);
	}
	text = buffer_text(&out);
	return text ? explain_add(sides->list, component, old, new, "%s", text) : -ENOMEM;
}

static bool is_same(const struct component *a, const struct component *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->value, b->value) == 0;
}

/* Of the same component, and of the same NAME where it has names. */
static bool is_counterpart(const struct component *a, const struct component *b)
{
	const struct row *row = find_row(a->name);
	size_t name = name_length(row, a->value);

	return strcmp(a->name, b->name) == 0 && name == name_length(row, b->value) &&
	       strncmp(a->value, b->value, name) == 0;
}

/* The first component of before that is not spoken of and fits; before.count without one. */
static size_t find(const struct sides *sides, const struct component *wanted,
		   bool (*fits)(const struct component *a, const struct component *b))
{
	size_t i = 0;

	while (i < sides->before.count &&
	       (sides->before_done[i] || !fits(wanted, &sides->before.components[i])))
		i++;
	return i;
}

static void strike(struct sides *sides)
{
	for (size_t i = 0; i < sides->after.count; i++) {
		size_t same = find(sides, &sides->after.components[i], is_same);

		if (same == sides->before.count)
			continue;
		sides->after_done[i] = true;
		sides->before_done[same] = true;
	}
}

static bool is_silent(const struct component *component)
{
	const struct row *row = find_row(component->name);

	return row && row->form == SILENT;
}

static int tell_all(struct sides *sides)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sides->after.count; i++) {
		const struct component *component = &sides->after.components[i];
		size_t pair;

		if (sides->after_done[i] || is_silent(component))
			continue;
		pair = find(sides, component, is_counterpart);
		if (pair == sides->before.count) {
			r = tell(sides, component->name, NULL, component->value);
			continue;
		}
		sides->before_done[pair] = true;
		r = tell(sides, component->name, sides->before.components[pair].value,
			 component->value);
	}
	for (size_t i = 0; r == 0 && i < sides->before.count; i++)
		if (!sides->before_done[i] && !is_silent(&sides->before.components[i]))
			r = tell(sides, sides->before.components[i].name,
				 sides->before.components[i].value, NULL);
	return r;
}

/* The same lines in another order: what is silent was never out of order. */
static int tell_order(struct sides *sides)
{
	for (size_t i = 0; i < sides->after.count && i < sides->before.count; i++) {
		const struct component *a = &sides->before.components[i];
		const struct component *b = &sides->after.components[i];

		if (!is_same(a, b) && !is_silent(b))
			return explain_add(sides->list, b->name, a->value, b->value,
					   "the order of '%s' changed", b->name);
	}
	return 0;
}

static int compare(struct sides *sides)
{
	size_t told = sides->list->count;
	int r;

	if (sides->before.count > COMPONENTS_MAX || sides->after.count > COMPONENTS_MAX)
		return explain_add(sides->list, "step", NULL, NULL,
				   "there is too much in it to say what differs");
	strike(sides);
	r = tell_all(sides);
	return r < 0 || sides->list->count > told ? r : tell_order(sides);
}

int explain_definitions(const char *before, const char *after, struct explanations *list)
{
	struct sides sides = {.list = list};
	int r = definition_read(before, &sides.before);

	if (r == 0)
		r = definition_read(after, &sides.after);
	sides.before_done = calloc(sides.before.count + 1, sizeof(bool));
	sides.after_done = calloc(sides.after.count + 1, sizeof(bool));
	if (r == 0 && (!sides.before_done || !sides.after_done))
		r = -ENOMEM;
	if (r == 0)
		r = compare(&sides);
	free(sides.before_done);
	free(sides.after_done);
	definition_done(&sides.before);
	definition_done(&sides.after);
	return r;
}

/* What `docker build --call` tells of a Dockerfile, as text and as JSON. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "buffer.h"
#include "excerpt.h"
#include "exec.h"
#include "internal.h"

/* --- Text --- */

static void put_check(struct buffer *out, const struct exec_view *view)
{
	const struct lint *lint = view->lint;

	if (lint->count == 0)
		buffer_string(out, "Check complete, no warnings found.\n");
	else if (lint->count == 1)
		buffer_string(out, "Check complete, 1 warning has been found!\n");
	else
		buffer_printf(out, "Check complete, %zu warnings have been found!\n", lint->count);
	for (size_t i = 0; i < lint->count; i++) {
		const struct lint_warning *warning = &lint->warnings[i];
		autofree char *excerpt = excerpt_of(view->dockerfile->name, view->text,
						    warning->line, warning->end_line);

		buffer_printf(out, "\nWARNING: %s - %s\n%s\n%s", warning->rule,
			      warning->description, warning->message, excerpt ? excerpt : "");
	}
}

enum { COLUMNS = 3 };

/* Rows of cells, a column as wide as its widest; nothing is put behind a row's last word. */
static void put_table(struct buffer *out, const char *(*cells)[COLUMNS], size_t rows)
{
	size_t widths[COLUMNS] = {0};

	for (size_t i = 0; i < rows; i++)
		for (size_t j = 0; j < COLUMNS; j++)
			if (cells[i][j] && strlen(cells[i][j]) > widths[j])
				widths[j] = strlen(cells[i][j]);
	for (size_t i = 0; i < rows; i++) {
		size_t owed = 0;

		for (size_t j = 0; j < COLUMNS; j++) {
			const char *cell = cells[i][j] ? cells[i][j] : "";

			if (*cell)
				buffer_printf(out, "%*s%s", (int)owed, "", cell);
			owed = *cell ? 0 : owed;
			owed += widths[j] + 2 - strlen(cell);
		}
		buffer_char(out, '\n');
	}
}

/* A heading and an item a row; nothing for an empty list. */
static int put_items(struct buffer *out, const struct outline_list *list,
		     const char *const heading[COLUMNS])
{
	autofree const char *(*cells)[COLUMNS] = calloc(list->count + 1, sizeof(*cells));
	bool has_values = heading[2] != NULL;

	if (!cells)
		return -ENOMEM;
	if (list->count == 0)
		return 0;
	memcpy(cells[0], heading, sizeof(cells[0]));
	for (size_t i = 0; i < list->count; i++) {
		const struct outline_item *item = &list->items[i];

		cells[i + 1][0] = item->name;
		cells[i + 1][1] = has_values ? item->value : item->required ? "true" : NULL;
		cells[i + 1][2] = has_values ? item->description : NULL;
	}
	buffer_char(out, '\n');
	put_table(out, cells, list->count + 1);
	return 0;
}

static int put_outline(struct buffer *out, const struct exec_view *view)
{
	static const char *const args[] = {"BUILD ARG", "VALUE", "DESCRIPTION"};
	static const char *const secrets[] = {"SECRET", "REQUIRED", NULL};
	static const char *const agents[] = {"SSH", "REQUIRED", NULL};
	const struct outline *outline = view->outline;

	buffer_printf(out, "TARGET:       %s\n", outline->name ? outline->name : "(default)");
	if (outline->description)
		buffer_printf(out, "DESCRIPTION:  %s\n", outline->description);
	if (put_items(out, &outline->args, args) < 0 ||
	    put_items(out, &outline->secrets, secrets) < 0 ||
	    put_items(out, &outline->agents, agents) < 0)
		return -ENOMEM;
	return 0;
}

/* The FROM of each stage; owned. */
static const struct instruction **find_stages(const struct exec_view *view)
{
	const struct instruction **stages = calloc(view->plan->stage_count + 1, sizeof(*stages));
	size_t found = 0;

	for (size_t i = 0; stages && i < view->dockerfile->count; i++)
		if (view->dockerfile->instructions[i].kind == INSTRUCTION_FROM)
			stages[found++] = &view->dockerfile->instructions[i];
	return stages;
}

static const char *stage_description(const struct instruction *from)
{
	return from->args.count > 1 ? outline_description(from, from->args.items[1]) : NULL;
}

static int put_targets(struct buffer *out, const struct exec_view *view)
{
	size_t count = view->plan->stage_count;
	autofree const struct instruction **stages = find_stages(view);
	autofree const char *(*cells)[COLUMNS] = calloc(count + 1, sizeof(*cells));
	autofree char *last = NULL;

	if (!cells || !stages)
		return -ENOMEM;
	last = buffer_format("%s (default)", view->plan->stages[count - 1].label);
	if (!last)
		return -ENOMEM;
	cells[0][0] = "TARGET";
	cells[0][1] = "BASE";
	cells[0][2] = "DESCRIPTION";
	for (size_t i = 0; i < count; i++) {
		cells[i + 1][0] = i == count - 1 ? last : view->plan->stages[i].label;
		cells[i + 1][1] = stages[i]->args.items[0];
		cells[i + 1][2] = stage_description(stages[i]);
	}
	put_table(out, cells, count + 1);
	return 0;
}

/* --- JSON --- */

/* "text" under key, unless there is none. 0 or -1, as jansson has it. */
static int set_text(json_t *object, const char *key, const char *text)
{
	json_t *value;

	if (!text)
		return 0;
	value = json_string(text);
	/* Dockerfiles may hold any bytes, JSON may not. */
	return json_object_set_new(object, key, value ? value : json_string("(not UTF-8)"));
}

/* A range a line, as BuildKit has it. */
static int set_place(json_t *object, int line, int end_line)
{
	json_t *ranges = json_array();
	int r = 0;

	for (int at = line; at == line || at <= end_line; at++)
		r |= json_array_append_new(ranges, json_pack("{s:{s:i}, s:{s:i}}", "start", "line",
							     at, "end", "line", at));
	r |= json_object_set_new(object, "location", json_pack("{s:o}", "ranges", ranges));
	return r;
}

static json_t *check_json(const struct exec_view *view)
{
	const struct lint *lint = view->lint;
	json_t *warnings = json_array(), *source = json_object();
	int r = set_text(source, "filename", view->dockerfile->name);

	for (size_t i = 0; i < lint->count; i++) {
		const struct lint_warning *warning = &lint->warnings[i];
		json_t *object = json_object();

		r |= set_text(object, "ruleName", warning->rule);
		r |= set_text(object, "description", warning->description);
		r |= set_text(object, "detail", warning->message);
		r |= set_place(object, warning->line, warning->end_line);
		r |= json_array_append_new(warnings, object);
	}
	r |= set_text(source, "language", "Dockerfile");
	if (r == 0)
		return json_pack("{s:o, s:[o]}", "warnings", warnings, "sources", source);
	json_decref(warnings);
	json_decref(source);
	return NULL;
}

static int set_items(json_t *object, const char *key, const struct outline_list *list)
{
	json_t *items = json_array();
	int r = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct outline_item *item = &list->items[i];
		json_t *one = json_object();

		r |= set_text(one, "name", item->name);
		r |= set_text(one, "description", item->description);
		r |= set_text(one, "value", item->value);
		if (item->required)
			r |= json_object_set_new(one, "required", json_true());
		r |= set_place(one, item->line, item->end_line);
		r |= json_array_append_new(items, one);
	}
	if (r == 0 && list->count > 0)
		return json_object_set_new(object, key, items);
	json_decref(items);
	return r;
}

static json_t *outline_json(const struct exec_view *view)
{
	const struct outline *outline = view->outline;
	json_t *object = json_object();
	int r = set_text(object, "name", outline->name);

	r |= set_text(object, "description", outline->description);
	r |= set_items(object, "args", &outline->args);
	r |= set_items(object, "secrets", &outline->secrets);
	r |= set_items(object, "ssh", &outline->agents);
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *targets_json(const struct exec_view *view)
{
	autofree const struct instruction **stages = find_stages(view);
	json_t *targets = json_array();
	int r = 0;

	for (size_t i = 0; stages && i < view->plan->stage_count; i++) {
		const struct instruction *from = stages[i];
		json_t *one = json_object();

		r |= set_text(one, "name", view->plan->stages[i].name);
		if (i + 1 == view->plan->stage_count)
			r |= json_object_set_new(one, "default", json_true());
		r |= set_text(one, "description", stage_description(from));
		r |= set_text(one, "base", from->args.items[0]);
		r |= set_text(one, "platform", instruction_flag(from, "platform"));
		r |= set_place(one, from->line, from->end_line);
		r |= json_array_append_new(targets, one);
	}
	if (stages && r == 0)
		return json_pack("{s:o}", "targets", targets);
	json_decref(targets);
	return NULL;
}

/* --- The call --- */

static char *as_text(const struct exec_view *view, enum msb_call call)
{
	autobuffer out = {0};
	int r = 0;

	if (call == MSB_CALL_CHECK)
		put_check(&out, view);
	else if (call == MSB_CALL_OUTLINE)
		r = put_outline(&out, view);
	else
		r = put_targets(&out, view);
	return r < 0 ? NULL : buffer_text(&out);
}

static char *as_json(const struct exec_view *view, enum msb_call call)
{
	json_auto_t *json = call == MSB_CALL_CHECK     ? check_json(view)
			    : call == MSB_CALL_OUTLINE ? outline_json(view)
						       : targets_json(view);
	autofree char *text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;

	return text ? buffer_format("%s\n", text) : NULL;
}

int msb_build_call(const char *root, const struct msb_build_options *options, enum msb_call call,
		   bool json, char **ret, size_t *ret_warnings, struct msb_error *err)
{
	AUTO(workshop_done) struct workshop workshop = {0};
	AUTO(exec_view_done) struct exec_view view = {0};
	struct exec_request request = {.options = options};
	char *text;
	int r = workshop_open(root, &workshop, err);

	request.store = workshop.store;
	request.writer = workshop.writer;
	if (r >= 0)
		r = exec_look(&request, &view, err);
	if (r < 0)
		return r;
	text = json ? as_json(&view, call) : as_text(&view, call);
	if (!text)
		return msb_error_memory(err);
	*ret = text;
	*ret_warnings = view.lint->count;
	return 0;
}

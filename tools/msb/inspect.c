/* msb image inspect, msb image history: what there is to know about an image. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msb/builder.h>

#include "formatted.h"
#include "human.h"
#include "template.h"
#include "text.h"

/* --- inspect ---------------------------------------------------------------------------- */

struct inspect {
	struct words operands;
	const char *format;
};

enum { KEY_TYPE = 0x100, KEY_FORMAT, KEY_NO_TRUNC, KEY_TREE };

static error_t parse_inspect(int key, char *arg, struct argp_state *state)
{
	struct inspect *inspect = state->input;

	switch (key) {
	case 'f':
		inspect->format = strcmp(arg, "json") == 0 ? NULL : arg;
		return 0;
	case KEY_TYPE:
		if (strcmp(arg, "image") != 0)
			argp_error(state, "there are only images here, not '%s'", arg);
		return 0;
	case ARGP_KEY_ARGS:
		operands_take(state, &inspect->operands);
		return 0;
	case ARGP_KEY_END:
		operands_check(state, &inspect->operands, 1, 0, "an image");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int inspect_one(const struct session *session, const char *name, json_t *images,
		       struct msb_error *err)
{
	autofree char *text = NULL;
	json_error_t trouble;
	json_t *image;
	int r = msb_image_inspect(session->root, name, &text, err);

	if (r < 0)
		return r;
	image = json_loads(text, JSON_ALLOW_NUL, &trouble);
	if (!image)
		return msb_error_say(err, EBADMSG, "%s: its description is damaged: %s", name,
				     trouble.text);
	return json_array_append_new(images, image) < 0 ? msb_error_memory(err) : 0;
}

static int print_inspected(json_t *images, const char *format, struct msb_error *err)
{
	json_t *image;
	size_t index;

	if (!format) {
		if (json_dumpf(images, stdout, JSON_INDENT(4)) < 0)
			return msb_error_memory(err);
		putchar('\n');
		return 0;
	}
	json_array_foreach(images, index, image)
	{
		autofree char *line = NULL;
		int r = template_fill(format, image, &line, err);

		if (r < 0)
			return r;
		puts(line);
	}
	return 0;
}

int run_image_inspect(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"format", 'f', "FORMAT", 0,
		 "json, or a template like {{.Id}} or {{json .Config}}"},
		{"type", KEY_TYPE, "TYPE", 0, "image"},
		{0},
	};
	static const struct argp argp = {options, parse_inspect, "IMAGE...",
					 "Show all that is known about images, as a JSON array."};
	struct inspect inspect = {0};
	json_auto_t *images = json_array();
	struct msb_error err = {0};
	int status = command_parse(session, &argp, argc, argv, &inspect);
	int failed = 0;

	for (size_t i = 0; !status && i < inspect.operands.count; i++)
		if (inspect_one(session, inspect.operands.items[i], images, &err) < 0)
			failed = fail(&err);
	if (!status)
		status = print_inspected(images, inspect.format, &err) < 0 ? fail(&err) : finish();
	words_done(&inspect.operands);
	return status ? status : failed;
}

/* --- history ---------------------------------------------------------------------------- */

struct history {
	struct words operands;
	const char *format;
	bool quiet;
	bool whole;
	bool trees;
};

static error_t parse_history(int key, char *arg, struct argp_state *state)
{
	struct history *history = state->input;

	switch (key) {
	case 'q':
		history->quiet = true;
		return 0;
	case 'H':
		return 0; /* sizes and dates for people: always so */
	case KEY_NO_TRUNC:
		history->whole = true;
		return 0;
	case KEY_TREE:
		history->trees = true;
		return 0;
	case KEY_FORMAT:
		history->format = arg;
		return 0;
	case ARGP_KEY_ARGS:
		operands_take(state, &history->operands);
		return 0;
	case ARGP_KEY_END:
		operands_check(state, &history->operands, 1, 1, "an image");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

#define CREATED_BY_COLUMNS 45

static json_t *history_row(const struct msb_history_line *line, const char *id, bool whole,
			   int64_t now)
{
	char since[HUMAN_TEXT], at[HUMAN_TEXT], size[HUMAN_TEXT], tree[MSB_DIGEST_TEXT] = "";
	autofree char *by = text_harmless(line->created_by ? line->created_by : "",
					  line->created_by ? strlen(line->created_by) : 0);
	autofree char *cut = NULL;

	if (!by)
		return NULL;
	if (!whole && text_width(by) > CREATED_BY_COLUMNS) {
		if (asprintf(&cut, "%.*s…", (int)text_cut(by, CREATED_BY_COLUMNS - 1), by) < 0) {
			cut = NULL;
			return NULL;
		}
	}
	if (line->has_tree)
		msb_digest_format(&line->tree, tree);
	return json_pack("{s:o, s:s, s:s, s:s, s:s, s:s, s:s}", "Comment",
			 text_json(line->comment ? line->comment : ""), "CreatedAt",
			 human_time(line->created_ns, at), "CreatedBy", cut ? cut : by,
			 "CreatedSince", human_since(line->created_ns, now, since), "ID", id,
			 "Size", human_size(line->size, size), "TreeDigest", tree);
}

/* The image's own ID, for the first line; Docker has nothing but <missing> for the others. */
static int find_id(const struct session *session, const char *name, bool whole,
		   char id[MSB_DIGEST_TEXT], struct msb_error *err)
{
	json_auto_t *images = json_array();
	const char *text;
	int r = inspect_one(session, name, images, err);

	if (r < 0)
		return r;
	text = json_string_value(json_object_get(json_array_get(images, 0), "Id"));
	if (!text)
		return msb_error_say(err, EBADMSG, "%s: its description has no Id", name);
	if (whole)
		snprintf(id, MSB_DIGEST_TEXT, "%s", text);
	else
		snprintf(id, MSB_DIGEST_TEXT, "%.12s",
			 strncmp(text, "sha256:", 7) == 0 ? text + 7 : text);
	return 0;
}

static int history_rows(const struct session *session, const struct history *history, json_t *rows,
			struct msb_error *err)
{
	const char *name = history->operands.items[0];
	struct msb_history_line *lines = NULL;
	char id[MSB_DIGEST_TEXT];
	int64_t now = human_now();
	size_t count = 0;
	int r = find_id(session, name, history->whole, id, err);

	if (r >= 0)
		r = msb_image_history(session->root, name, &lines, &count, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count && r >= 0; i++)
		if (json_array_append_new(rows, history_row(&lines[i], i ? "<missing>" : id,
							    history->whole, now)) < 0)
			r = msb_error_memory(err);
	msb_history_free(lines, count);
	return r;
}

int run_image_history(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"quiet", 'q', NULL, 0, "IDs alone"},
		{"no-trunc", KEY_NO_TRUNC, NULL, 0, "IDs and commands in full"},
		{"tree", KEY_TREE, NULL, 0,
		 "The tree after each step, too: tree:DIGEST is a REF, as of msb diff"},
		{"human", 'H', "BOOL", OPTION_ARG_OPTIONAL,
		 "Sizes and dates for people: always so"},
		{"format", KEY_FORMAT, "FORMAT", 0,
		 "table, json (an object a line), or a template like {{.CreatedBy}}"},
		{0},
	};
	static const struct argp argp = {options, parse_history, "IMAGE",
					 "Show how an image came about, newest first."};
	static const struct list_column columns[] = {
		{"IMAGE", "ID"},  {"CREATED", "CreatedSince"}, {"CREATED BY", "CreatedBy"},
		{"SIZE", "Size"}, {"COMMENT", "Comment"},      {NULL, NULL},
	};
	static const struct list_column with_trees[] = {
		{"IMAGE", "ID"},  {"CREATED", "CreatedSince"}, {"CREATED BY", "CreatedBy"},
		{"SIZE", "Size"}, {"TREE", "TreeDigest"},      {NULL, NULL},
	};
	struct history history = {0};
	struct msb_error err = {0};
	int status = command_parse(session, &argp, argc, argv, &history);

	if (!status) {
		json_t *rows = json_array();
		const char *format = history.format;
		int r = history_rows(session, &history, rows, &err);

		if (!format && history.quiet)
			format = "{{.ID}}";
		status = formatted_print(history.trees ? with_trees : columns, rows, format, r,
					 &err);
	}
	words_done(&history.operands);
	return status;
}

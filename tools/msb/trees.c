/* msb diff, msb cp, msb export: looking into trees without a mount. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <msb/builder.h>

#include "command.h"
#include "human.h"
#include "text.h"

/* --- diff ------------------------------------------------------------------------------- */

enum { KEY_NAME_ONLY = 0x100, KEY_FORMAT };

struct diff {
	struct words operands;
	bool name_only;
	bool json;
};

static error_t parse_diff(int key, char *arg, struct argp_state *state)
{
	struct diff *diff = state->input;

	switch (key) {
	case KEY_NAME_ONLY:
		diff->name_only = true;
		return 0;
	case KEY_FORMAT:
		if (strcmp(arg, "json") != 0 && strcmp(arg, "table") != 0)
			argp_error(state, "--format is table or json, not '%s'", arg);
		diff->json = strcmp(arg, "json") == 0;
		return 0;
	case ARGP_KEY_ARGS:
		operands_take(state, &diff->operands);
		return 0;
	case ARGP_KEY_END:
		operands_check(state, &diff->operands, 2, 2, "one of the two REFs");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const char *type_name(const struct msb_entry *entry)
{
	static const char *const names[] = {
		[MSB_FILE] = "file",          [MSB_DIRECTORY] = "directory",
		[MSB_SYMLINK] = "symlink",    [MSB_CHARACTER] = "character device",
		[MSB_BLOCK] = "block device", [MSB_FIFO] = "fifo",
		[MSB_SOCKET] = "socket",
	};

	return names[entry->type];
}

static json_t *entry_json(const struct msb_entry *entry)
{
	char mode[16];
	json_t *json;

	if (!entry)
		return json_null();
	snprintf(mode, sizeof(mode), "%04o", (unsigned)entry->mode);
	json = json_pack("{s:s, s:s, s:I, s:I}", "Type", type_name(entry), "Mode", mode, "Uid",
			 (json_int_t)entry->uid, "Gid", (json_int_t)entry->gid);
	if (entry->type == MSB_FILE)
		json_object_set_new(json, "Size", json_integer((json_int_t)entry->size));
	return json;
}

static int put_json(char letter, const struct msb_difference *difference, struct msb_error *err)
{
	char text[2] = {letter, '\0'};
	json_auto_t *json = json_pack(
		"{s:s, s:o, s:o, s:o}", "Change", text, "Path", text_json(difference->path),
		"Before", entry_json(difference->before), "After", entry_json(difference->after));

	if (!json || json_dumpf(json, stdout, JSON_COMPACT) < 0)
		return msb_error_memory(err);
	putchar('\n');
	return 0;
}

static void put_line(char letter, const char *path, const struct msb_entry *before,
		     const struct msb_entry *after)
{
	char sizes[2][HUMAN_TEXT];
	bool was_file = before && before->type == MSB_FILE;
	bool is_file = after && after->type == MSB_FILE;

	printf("%c %s", letter, path);
	if (was_file && is_file && before->size != after->size)
		printf("\t%s -> %s", human_size(before->size, sizes[0]),
		       human_size(after->size, sizes[1]));
	else if (is_file || was_file)
		printf("\t%s", human_size(is_file ? after->size : before->size, sizes[0]));
	putchar('\n');
}

static int put_difference(void *context, const struct msb_difference *difference,
			  struct msb_error *err)
{
	static const char letters[] = {[MSB_ADDED] = 'A', [MSB_REMOVED] = 'D', [MSB_CHANGED] = 'C'};
	const struct diff *diff = context;
	char letter = letters[difference->change];
	autofree char *path = NULL;

	if (diff->json)
		return put_json(letter, difference, err);
	path = text_path(difference->path);
	if (!path)
		return msb_error_memory(err);
	if (diff->name_only)
		puts(path);
	else
		put_line(letter, path, difference->before, difference->after);
	return 0;
}

int run_diff(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"name-only", KEY_NAME_ONLY, NULL, 0, "Paths alone"},
		{"format", KEY_FORMAT, "FORMAT", 0, "table, or json (an object a line)"},
		{0},
	};
	static const struct argp argp = {
		options, parse_diff, "REF REF",
		"Show what the second tree has added (A), changed (C) and deleted (D), with the "
		"sizes of files."};
	struct diff diff = {0};
	struct msb_error err = {0};
	int status = command_parse(session, &argp, argc, argv, &diff);

	if (!status)
		status = msb_diff(session->root, diff.operands.items[0], diff.operands.items[1],
				  put_difference, &diff, &err) < 0
				 ? fail(&err)
				 : finish();
	words_done(&diff.operands);
	return status;
}

/* --- cp --------------------------------------------------------------------------------- */

static error_t parse_cp(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	switch (key) {
	case 'a':
		return 0; /* always */
	case ARGP_KEY_ARGS:
		operands_take(state, state->input);
		return 0;
	case ARGP_KEY_END:
		operands_check(state, state->input, 2, 2, "REF:PATH or its destination");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* No reference has ":/" in it, but nearly every path begins with "/": "image:node:alpine:/etc". */
static int split_source(const char *source, char **ret_ref, char **ret_path, struct msb_error *err)
{
	const char *colon = strstr(source, ":/");

	if (!colon)
		colon = strrchr(source, ':');
	if (!colon || colon == source)
		return msb_error_say(err, EINVAL,
				     "'%s' is not REF:PATH: write, say, build:/etc/passwd", source);
	*ret_ref = strndup(source, (size_t)(colon - source));
	if (!*ret_ref || asprintf(ret_path, "%s%s", colon[1] == '/' ? "" : "/", colon + 1) < 0) {
		*ret_path = NULL;
		return msb_error_memory(err);
	}
	return 0;
}

int run_cp(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"archive", 'a', NULL, 0, "With owners, modes and times: always so"},
		{0},
	};
	static const struct argp argp = {
		options, parse_cp, "REF:PATH DEST",
		"Copy a file or directory out of a tree, as cp -a does. DEST - writes a tar "
		"archive to standard output."};
	autowords operands = {0};
	autofree char *ref = NULL, *path = NULL;
	struct msb_error err = {0};
	const char *destination;
	int r;

	if (command_parse(session, &argp, argc, argv, &operands))
		return STATUS_FAILED;
	destination = operands.items[1];
	if (strcmp(destination, "-") == 0 && text_stdout_is_terminal())
		return fail_say("an archive does not belong on a terminal: redirect standard "
				"output");
	r = split_source(operands.items[0], &ref, &path, &err);
	if (r == -EINVAL)
		return fail(&err), STATUS_USAGE;
	if (r >= 0)
		r = msb_copy_out(session->root, ref, path, destination, &err);
	return r < 0 ? fail(&err) : STATUS_DONE;
}

/* --- export ----------------------------------------------------------------------------- */

struct export
{
	struct words operands;
	const char *path;
};

static error_t parse_export(int key, char *arg, struct argp_state *state)
{
	struct export *export = state->input;

	switch (key) {
	case 'o':
		export->path = arg;
		return 0;
	case ARGP_KEY_ARGS:
		operands_take(state, &export->operands);
		return 0;
	case ARGP_KEY_END:
		operands_check(state, &export->operands, 1, 1, "REF");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int run_export(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"output", 'o', "FILE", 0, "Write there, not to standard output"},
		{0},
	};
	static const struct argp argp = {options, parse_export, "REF",
					 "Write a tree as a tar archive."};
	struct export export = {0};
	struct msb_error err = {0};
	struct output output;
	int status = command_parse(session, &argp, argc, argv, &export);
	int r;

	if (!status) {
		r = output_open(export.path, &output, &err);
		if (r >= 0)
			r = output_close(&output,
					 msb_export(session->root, export.operands.items[0],
						    output.fd, &err),
					 &err);
		status = r < 0 ? fail(&err) : STATUS_DONE;
	}
	words_done(&export.operands);
	return status;
}

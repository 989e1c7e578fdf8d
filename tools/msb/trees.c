/* msb cp, msb export: out of trees without a mount. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <msb/builder.h>

#include "command.h"
#include "text.h"
#include "tree_path.h"

/* --- cp --------------------------------------------------------------------------------- */

int run_cp(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"archive", 'a', NULL, 0, "With owners, modes and times: always so"},
		{0},
	};
	static const struct plain_command command = {
		options,
		"REF:PATH DEST",
		"Copy a file or directory out of a tree, as cp -a does. DEST - writes a tar "
		"archive to standard output.",
		2,
		2,
		"REF:PATH or its destination"};
	autowords operands = {0};
	autofree char *ref = NULL, *path = NULL;
	struct msb_error err = {0};
	const char *destination;
	int r;

	if (plain_parse(session, &command, argc, argv, &operands))
		return STATUS_FAILED;
	destination = operands.items[1];
	if (strcmp(destination, "-") == 0 && text_stdout_is_terminal())
		return fail_say("an archive does not belong on a terminal: redirect standard "
				"output");
	r = tree_path_split(operands.items[0], false, &ref, &path, &err);
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
	const char *since;
};

enum { KEY_SINCE = 0x100 };

static error_t parse_export(int key, char *arg, struct argp_state *state)
{
	struct export *export = state->input;

	switch (key) {
	case 'o':
		export->path = arg;
		return 0;
	case KEY_SINCE:
		export->since = arg;
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
		{"since", KEY_SINCE, "REF", 0,
		 "Only what differs from that tree, as a layer, with whiteouts for what is gone"},
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
						    export.since, output.fd, &err),
					 &err);
		status = r < 0 ? fail(&err) : STATUS_DONE;
	}
	words_done(&export.operands);
	return status;
}

/* msb fsck: is the store sound? */
#include <inttypes.h>
#include <stdio.h>

#include <msb/builder.h>

#include "command.h"
#include "text.h"

enum { KEY_QUICK = 0x100, KEY_REPAIR };

static error_t parse_fsck(int key, char *arg, struct argp_state *state)
{
	struct msb_fsck_options *options = state->input;

	switch (key) {
	case KEY_QUICK:
		options->quick = true;
		return 0;
	case KEY_REPAIR:
		options->repair = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "no operand is expected: '%s'", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* File names are among what is printed. */
static void say_problem(void *context, const char *line)
{
	autofree char *shown = text_path(line);

	(void)context;
	if (shown)
		puts(shown);
}

int run_fsck(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"quick", KEY_QUICK, NULL, 0, "Records and directories alone, not files' contents"},
		{"repair", KEY_REPAIR, NULL, 0,
		 "Forget what is damaged and the cached steps that lead to it, so that the next "
		 "build makes them anew"},
		{0},
	};
	static const struct argp argp = {
		options, parse_fsck, NULL,
		"Verify all that the store holds, and print one line for each problem: what is "
		"wrong, what refers to it, and what to do. The exit status is 1 when there are "
		"any."};
	struct msb_fsck_options wanted = {0};
	struct msb_fsck_result result;
	struct msb_error err = {0};

	if (command_parse(session, &argp, argc, argv, &wanted))
		return STATUS_FAILED;
	if (msb_fsck(session->root, &wanted, say_problem, NULL, &result, &err) < 0)
		return finish() ? STATUS_FAILED : fail(&err);
	if (result.remote)
		printf("%" PRIu64 " blobs are still in their registries: a lazily pulled image "
		       "fetches them when they are read\n",
		       result.remote);
	if (finish())
		return STATUS_FAILED;
	if (result.problems == 0)
		return STATUS_DONE;
	return fail_say("%" PRIu64 " problem%s in store '%s'", result.problems,
			result.problems == 1 ? "" : "s", session->root);
}

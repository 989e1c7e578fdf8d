/* msb fetch --serve: what msbfs starts when a file is still in a registry. Nobody types it. */
#include <unistd.h>

#include <msb/builder.h>

#include "command.h"

static error_t parse_fetch(int key, char *arg, struct argp_state *state)
{
	bool *serve = state->input;

	(void)arg;
	switch (key) {
	case 's':
		*serve = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "no operands are wanted");
		return 0;
	case ARGP_KEY_END:
		if (!*serve)
			argp_error(state, "this is for msbfs alone (see msbfs(1), 'fetch=MSB')");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int run_fetch(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"serve", 's', NULL, 0, "Answer the mount at the other end of standard input"},
		{0},
	};
	static const struct argp argp = {options, parse_fetch, NULL,
					 "Bring what lazily pulled images left in registries, for "
					 "a mount."};
	struct msb_error err = {0};
	bool serve = false;
	int status = command_parse(session, &argp, argc, argv, &serve);

	if (status)
		return status;
	return msb_serve_fetches(session->root, STDIN_FILENO, &err) < 0 ? fail(&err) : STATUS_DONE;
}

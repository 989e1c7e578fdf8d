/* msb image tag, msb image rm: the names that images go by. */
#include <stdio.h>
#include <stdlib.h>

#include <msb/builder.h>

#include "command.h"

static error_t parse_tag(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	switch (key) {
	case ARGP_KEY_ARGS:
		operands_take(state, state->input);
		return 0;
	case ARGP_KEY_END:
		operands_check(state, state->input, 2, 2, "the image or its new name");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int run_image_tag(struct session *session, int argc, char **argv)
{
	static const struct argp argp = {NULL, parse_tag, "IMAGE NAME[:TAG]",
					 "Give an image one more name."};
	autowords operands = {0};
	struct msb_error err = {0};

	if (command_parse(session, &argp, argc, argv, &operands))
		return STATUS_FAILED;
	if (msb_image_tag(session->root, operands.items[0], operands.items[1], &err) < 0)
		return fail(&err);
	return STATUS_DONE;
}

enum { KEY_NO_PRUNE = 0x100 };

static error_t parse_rm(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	switch (key) {
	case 'f':
	case KEY_NO_PRUNE:
		return 0; /* no container can hold an image here, and no parent is left behind */
	case ARGP_KEY_ARGS:
		operands_take(state, state->input);
		return 0;
	case ARGP_KEY_END:
		operands_check(state, state->input, 1, 0, "an image");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int run_image_rm(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"force", 'f', NULL, 0, "Accepted: nothing here stands in the way"},
		{"no-prune", KEY_NO_PRUNE, NULL, 0, "Accepted"},
		{0},
	};
	static const struct argp argp = {
		options, parse_rm, "IMAGE...",
		"Take names away, and with its last name the image; stages and steps of builds "
		"stay."};
	autowords operands = {0};
	int status = STATUS_DONE;

	if (command_parse(session, &argp, argc, argv, &operands))
		return STATUS_FAILED;
	for (size_t i = 0; i < operands.count; i++) {
		autofree char *said = NULL;
		struct msb_error err = {0};

		if (msb_image_remove(session->root, operands.items[i], &said, &err) < 0)
			status = fail(&err);
		else
			fputs(said, stdout);
	}
	return finish() ? STATUS_FAILED : status;
}

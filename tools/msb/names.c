/* msb image tag, msb image rm: the names that images go by. */
#include <stdio.h>
#include <stdlib.h>

#include <msb/builder.h>

#include "command.h"

int run_image_tag(struct session *session, int argc, char **argv)
{
	static const struct plain_command command = {
		NULL, "IMAGE NAME[:TAG]",         "Give an image one more name.", 2,
		2,    "the image or its new name"};
	autowords operands = {0};
	struct msb_error err = {0};

	if (plain_parse(session, &command, argc, argv, &operands))
		return STATUS_FAILED;
	if (msb_image_tag(session->root, operands.items[0], operands.items[1], &err) < 0)
		return fail(&err);
	return STATUS_DONE;
}

int run_image_rm(struct session *session, int argc, char **argv)
{
	/* No container can hold an image here, and no parent is left behind. */
	static const struct argp_option options[] = {
		{"force", 'f', NULL, 0, "Accepted: nothing here stands in the way"},
		{"no-prune", 0x100, NULL, 0, "Accepted"},
		{0},
	};
	static const struct plain_command command = {
		options,
		"IMAGE...",
		"Take names away, and with its last name the image; stages and steps of builds "
		"stay.",
		1,
		0,
		"an image"};
	autowords operands = {0};
	int status = STATUS_DONE;

	if (plain_parse(session, &command, argc, argv, &operands))
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

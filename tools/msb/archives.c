/* msb image load, msb image save, msb image import: images from archives and into them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <msb/builder.h>

#include "command.h"
#include "familiar.h"

struct archive {
	struct words operands;
	struct words changes;
	const char *path;
	const char *message;
};

static void archive_done(struct archive *archive)
{
	words_done(&archive->operands);
	words_done(&archive->changes);
}

static int refuse_terminal(const char *path, const char *remedy)
{
	if (path && strcmp(path, "-") != 0)
		return 0;
	if (!isatty(STDIN_FILENO))
		return 0;
	return fail_say("an archive does not come from a terminal: %s, or redirect standard input",
			remedy);
}

/* --- load ------------------------------------------------------------------------------- */

enum { KEY_PLATFORM = 0x100 };

static error_t parse_load(int key, char *arg, struct argp_state *state)
{
	struct archive *archive = state->input;

	switch (key) {
	case 'i':
		archive->path = arg;
		return 0;
	case 'q':
		return 0; /* there is no progress to leave out */
	case ARGP_KEY_ARG:
		argp_error(state, "the archive is named by -i: -i %s", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int say_loaded(void *context, const struct msb_image *image)
{
	autofree char *name = image->name ? familiar_name(image->name) : NULL;
	char id[MSB_DIGEST_TEXT];

	(void)context;
	if (name)
		printf("Loaded image: %s\n", name);
	else
		printf("Loaded image ID: %s\n", msb_digest_format(&image->id, id));
	return 0;
}

int run_image_load(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"input", 'i', "FILE", 0, "Read there, not from standard input"},
		{"quiet", 'q', NULL, 0, "Accepted: there is no progress to leave out"},
		{0},
	};
	static const struct argp argp = {
		options, parse_load, NULL,
		"Load images from an archive of docker save or of an OCI layout, compressed or "
		"not."};
	struct archive archive = {0};
	struct msb_error err = {0};

	if (command_parse(session, &argp, argc, argv, &archive))
		return STATUS_FAILED;
	if (refuse_terminal(archive.path, "use -i FILE"))
		return STATUS_FAILED;
	if (msb_image_load(session->root, archive.path ? archive.path : "-", say_loaded, NULL,
			   &err) < 0)
		return fail(&err);
	return finish();
}

/* --- save ------------------------------------------------------------------------------- */

static error_t parse_save(int key, char *arg, struct argp_state *state)
{
	struct archive *archive = state->input;

	switch (key) {
	case 'o':
		archive->path = arg;
		return 0;
	case ARGP_KEY_ARGS:
		operands_take(state, &archive->operands);
		return 0;
	case ARGP_KEY_END:
		operands_check(state, &archive->operands, 1, 0, "an image");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int run_image_save(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"output", 'o', "FILE", 0, "Write there, not to standard output"},
		{0},
	};
	static const struct argp argp = {
		options, parse_save, "IMAGE...",
		"Save images to an archive that msb load and docker load read."};
	struct archive archive = {0};
	struct msb_error err = {0};
	struct output output;
	int status = command_parse(session, &argp, argc, argv, &archive);
	int r;

	if (!status) {
		r = output_open(archive.path, &output, &err);
		if (r >= 0)
			r = output_close(&output,
					 msb_image_save(session->root, archive.operands.items,
							archive.operands.count, output.fd, &err),
					 &err);
		status = r < 0 ? fail(&err) : STATUS_DONE;
	}
	archive_done(&archive);
	return status;
}

/* --- import ----------------------------------------------------------------------------- */

static error_t parse_import(int key, char *arg, struct argp_state *state)
{
	struct archive *archive = state->input;

	switch (key) {
	case 'c':
		return words_add(&archive->changes, arg) < 0 ? ENOMEM : 0;
	case 'm':
		archive->message = arg;
		return 0;
	case KEY_PLATFORM:
		argp_error(state, "--platform is not supported yet: import on a host of that kind");
		return 0;
	case ARGP_KEY_ARGS:
		operands_take(state, &archive->operands);
		return 0;
	case ARGP_KEY_END:
		operands_check(state, &archive->operands, 1, 2,
			       "the archive, or - for standard "
			       "input,");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int run_image_import(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"change", 'c', "INSTRUCTION", 0,
		 "Apply a Dockerfile instruction, such as 'CMD [\"sh\"]'"},
		{"message", 'm', "TEXT", 0, "The comment in the image's history"},
		{"platform", KEY_PLATFORM, "PLATFORM", OPTION_HIDDEN, NULL},
		{0},
	};
	static const struct argp argp = {
		options, parse_import, "FILE|- [NAME[:TAG]]",
		"Make an image from a tar archive of a root file system, and print its ID."};
	struct archive archive = {0};
	struct msb_error err = {0};
	struct msb_digest id;
	char text[MSB_DIGEST_TEXT];
	int status = command_parse(session, &argp, argc, argv, &archive);

	if (!status)
		status = refuse_terminal(archive.operands.items[0], "name a file");
	if (!status) {
		const char *name = archive.operands.count > 1 ? archive.operands.items[1] : NULL;

		if (msb_image_import(session->root, archive.operands.items[0], name,
				     archive.changes.items, archive.message, &id, &err) < 0)
			status = fail(&err);
		else
			printf("%s\n", msb_digest_format(&id, text));
	}
	archive_done(&archive);
	return status ? status : finish();
}

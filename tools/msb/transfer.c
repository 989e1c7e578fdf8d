/* msb pull, msb push: images from registries and to them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msb/builder.h>

#include "command.h"
#include "familiar.h"

enum { KEY_PLATFORM = 0x100, KEY_COMPRESSION, KEY_LEVEL, KEY_ACCEPTED };

struct transfer {
	struct words operands;
	struct msb_pull_options pull;
	struct msb_push_options push;
	bool quiet;
	bool tagged; /* the name says which version */
};

static void transfer_done(struct transfer *transfer)
{
	words_done(&transfer->operands);
}

/* True when something stands behind the last slash of the name: a tag or a digest. */
static bool has_version(const char *name)
{
	const char *slash = strrchr(name, '/');

	return strchr(name, '@') || strchr(slash ? slash : name, ':');
}

/* "latest" or "sha256:…" */
static const char *version_of(const char *normalized)
{
	const char *at = strchr(normalized, '@'), *colon = strrchr(normalized, ':');

	return at ? at + 1 : colon ? colon + 1 : normalized;
}

/* Its first twelve digits, as docker shows layers. */
static const char *short_digest(const struct msb_digest *digest, char text[MSB_DIGEST_TEXT])
{
	msb_digest_format(digest, text);
	text[7 + 12] = '\0';
	return text + 7;
}

/* One line a change, the same on a terminal and in a log. */
static void say_layer(const struct msb_transfer *event, const char *done, const char *waiting)
{
	char text[MSB_DIGEST_TEXT];
	const char *layer = short_digest(event->layer, text);

	switch (event->state) {
	case MSB_TRANSFER_WAITING:
		printf("%s: %s\n", layer, waiting);
		break;
	case MSB_TRANSFER_FETCHED:
		printf("%s: Download complete\n", layer);
		break;
	case MSB_TRANSFER_DONE:
		printf("%s: %s\n", layer, done);
		break;
	case MSB_TRANSFER_MOUNTED:
		printf("%s: Mounted from %s\n", layer, event->from);
		break;
	default:
		return;
	}
	fflush(stdout);
}

/* --- pull ------------------------------------------------------------------------------- */

static error_t parse_pull(int key, char *arg, struct argp_state *state)
{
	struct transfer *transfer = state->input;

	switch (key) {
	case 'q':
		transfer->quiet = true;
		return 0;
	case 'a':
		argp_error(state, "--all-tags is not supported yet: name the tags one by one");
		return 0;
	case KEY_PLATFORM:
		transfer->pull.platform = arg;
		return 0;
	case KEY_ACCEPTED:
		return 0;
	case ARGP_KEY_ARGS:
		operands_take(state, &transfer->operands);
		return 0;
	case ARGP_KEY_END:
		operands_check(state, &transfer->operands, 1, 1, "an image");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void tell_pull(void *context, const struct msb_transfer *event)
{
	const struct transfer *transfer = context;
	char text[MSB_DIGEST_TEXT];

	if (transfer->quiet)
		return;
	if (event->state == MSB_TRANSFER_BEGIN) {
		const char *path = strchr(event->image, '/') + 1;

		printf("%s: Pulling from %.*s\n", version_of(event->image),
		       (int)strcspn(path, "@:"), path);
		fflush(stdout);
	} else if (event->state == MSB_TRANSFER_PRESENT) {
		printf("%s: Already exists\n", short_digest(event->layer, text));
	} else {
		say_layer(event, "Pull complete", "Pulling fs layer");
	}
}

static int pull(struct session *session, struct transfer *transfer)
{
	autofree char *normalized = NULL, *familiar = NULL;
	struct msb_pull_result result;
	struct msb_error err = {0};
	char text[MSB_DIGEST_TEXT];

	if (msb_reference_normalize(transfer->pull.name, &normalized, &err) < 0)
		return fail(&err);
	if (!transfer->quiet && !transfer->tagged)
		printf("Using default tag: latest\n");
	if (msb_image_pull(session->root, &transfer->pull, tell_pull, transfer, &result, &err) < 0)
		return fail(&err);
	if (!transfer->quiet) {
		familiar = familiar_name(normalized);
		printf("Digest: %s\n", msb_digest_format(&result.digest, text));
		printf("Status: %s for %s\n",
		       result.changed ? "Downloaded newer image" : "Image is up to date",
		       familiar ? familiar : normalized);
	}
	printf("%s\n", normalized);
	return finish();
}

int run_image_pull(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"platform", KEY_PLATFORM, "OS/ARCH", 0, "The image for this platform"},
		{"quiet", 'q', NULL, 0, "Print the name alone"},
		{"all-tags", 'a', NULL, OPTION_HIDDEN, NULL},
		{"disable-content-trust", KEY_ACCEPTED, "BOOL", OPTION_HIDDEN | OPTION_ARG_OPTIONAL,
		 NULL},
		{0},
	};
	static const struct argp argp = {
		options, parse_pull, "NAME[:TAG|@DIGEST]",
		"Fetch an image from its registry, as far as it is not here."};
	struct transfer transfer = {0};
	int status = command_parse(session, &argp, argc, argv, &transfer);

	if (!status) {
		transfer.pull.name = transfer.operands.items[0];
		transfer.tagged = has_version(transfer.pull.name);
		status = pull(session, &transfer);
	}
	transfer_done(&transfer);
	return status;
}

/* --- push ------------------------------------------------------------------------------- */

static int parse_level(const char *text, struct argp_state *state)
{
	char *end;
	unsigned long level = strtoul(text, &end, 10);

	if (*end || end == text || level < 1 || level > 19)
		argp_error(state, "--compression-level is a number from 1 to 19, not '%s'", text);
	return (int)level;
}

static error_t parse_push(int key, char *arg, struct argp_state *state)
{
	struct transfer *transfer = state->input;

	switch (key) {
	case 'q':
		transfer->quiet = true;
		return 0;
	case 'a':
		argp_error(state, "--all-tags is not supported yet: name the tags one by one");
		return 0;
	case KEY_COMPRESSION:
		if (strcmp(arg, "gzip") != 0 && strcmp(arg, "zstd") != 0 &&
		    strcmp(arg, "none") != 0)
			argp_error(state, "--compression is gzip, zstd or none, not '%s'", arg);
		transfer->push.compression = arg;
		return 0;
	case KEY_LEVEL:
		transfer->push.level = parse_level(arg, state);
		return 0;
	case KEY_ACCEPTED:
		return 0;
	case ARGP_KEY_ARGS:
		operands_take(state, &transfer->operands);
		return 0;
	case ARGP_KEY_END:
		operands_check(state, &transfer->operands, 1, 1, "an image");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void tell_push(void *context, const struct msb_transfer *event)
{
	const struct transfer *transfer = context;
	char text[MSB_DIGEST_TEXT];

	if (transfer->quiet)
		return;
	if (event->state == MSB_TRANSFER_BEGIN) {
		const char *mark = strrchr(event->image, ':');

		printf("The push refers to repository [%.*s]\n", (int)(mark - event->image),
		       event->image);
		fflush(stdout);
	} else if (event->state == MSB_TRANSFER_PRESENT) {
		printf("%s: Layer already exists\n", short_digest(event->layer, text));
	} else if (event->state == MSB_TRANSFER_PREPARING) {
		printf("%s: Compressing\n", short_digest(event->layer, text));
	} else {
		say_layer(event, "Pushed", "Preparing");
	}
}

static int push(struct session *session, struct transfer *transfer)
{
	autofree char *normalized = NULL;
	struct msb_push_result result;
	struct msb_error err = {0};
	char text[MSB_DIGEST_TEXT];

	if (msb_reference_normalize(transfer->push.name, &normalized, &err) < 0)
		return fail(&err);
	if (!transfer->quiet && !transfer->tagged)
		printf("Using default tag: latest\n");
	if (msb_image_push(session->root, &transfer->push, tell_push, transfer, &result, &err) < 0)
		return fail(&err);
	if (transfer->quiet)
		printf("%s\n", normalized);
	else
		printf("%s: digest: %s size: %llu\n", version_of(normalized),
		       msb_digest_format(&result.digest, text), (unsigned long long)result.size);
	return finish();
}

int run_image_push(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"compression", KEY_COMPRESSION, "HOW", 0,
		 "Of layers made here: gzip, zstd or none"},
		{"compression-level", KEY_LEVEL, "N", 0, "1 to 9 for gzip, 1 to 19 for zstd"},
		{"quiet", 'q', NULL, 0, "Print the name alone"},
		{"all-tags", 'a', NULL, OPTION_HIDDEN, NULL},
		{"disable-content-trust", KEY_ACCEPTED, "BOOL", OPTION_HIDDEN | OPTION_ARG_OPTIONAL,
		 NULL},
		{0},
	};
	static const struct argp argp = {options, parse_push, "NAME[:TAG]",
					 "Send an image to the registry in its name, as far as it "
					 "is not there. A layer that "
					 "has been fetched or sent before goes as it is."};
	struct transfer transfer = {0};
	int status = command_parse(session, &argp, argc, argv, &transfer);

	if (!status) {
		transfer.push.name = transfer.operands.items[0];
		transfer.tagged = has_version(transfer.push.name);
		status = push(session, &transfer);
	}
	transfer_done(&transfer);
	return status;
}

/* msb prune, msb image prune: room for what comes next. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <msb/builder.h>

#include "command.h"
#include "human.h"

enum { KEY_KEEP = 0x100, KEY_FILTER, KEY_CACHES };

#define SECOND 1000000000LL

struct prune {
	struct msb_prune_options options;
	bool force;
};

/* "24h", "1h30m", "7d": Go's notation, as Docker takes it, with days. Nanoseconds, or -1. */
static int64_t parse_duration(const char *text)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
	int64_t seconds = 0;

	if (!*text)
		return -1;
	while (*text) {
		char *end;
		int64_t number;
		size_t i = 0;

		errno = 0;
		number = *text >= '0' && *text <= '9' ? strtoll(text, &end, 10) : -1;
		if (number < 0 || errno)
			return -1;
		while (i < sizeof(units) / sizeof(*units) && units[i].unit != *end)
			i++;
		if (i == sizeof(units) / sizeof(*units) ||
		    __builtin_mul_overflow(number, units[i].seconds, &number) ||
		    __builtin_add_overflow(seconds, number, &seconds))
			return -1;
		text = end + 1;
	}
	return seconds <= INT64_MAX / SECOND ? seconds * SECOND : -1;
}

static void parse_filter(struct prune *prune, const char *filter, struct argp_state *state)
{
	int64_t duration = strncmp(filter, "until=", 6) == 0 ? parse_duration(filter + 6) : -1;
	int64_t now = human_now();

	if (duration < 0)
		argp_error(state, "the filter '%s' is not known: until=DURATION is, like until=24h",
			   filter);
	prune->options.until_ns = duration < now ? now - duration : 1;
}

static void parse_keep(struct prune *prune, const char *text, struct argp_state *state)
{
	char *end;
	long long number;

	errno = 0;
	number = strtoll(text, &end, 10);
	if (end == text || *end || errno || number < 0)
		argp_error(state, "--keep-builds: '%s' is no number of builds", text);
	prune->options.keep_builds = (size_t)number;
}

static error_t parse_prune(int key, char *arg, struct argp_state *state)
{
	struct prune *prune = state->input;

	switch (key) {
	case 'f':
		prune->force = true;
		return 0;
	case 'a':
		prune->options.all_images = true;
		return 0;
	case KEY_KEEP:
		parse_keep(prune, arg, state);
		return 0;
	case KEY_FILTER:
		parse_filter(prune, arg, state);
		return 0;
	case KEY_CACHES:
		prune->options.caches = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "no operand is expected: '%s'", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void say_line(uint64_t count, const char *one, const char *several)
{
	if (count)
		printf("  %" PRIu64 " %s\n", count, count == 1 ? one : several);
}

static void say_what(const struct msb_prune_result *result)
{
	say_line(result->builds, "build", "builds");
	say_line(result->images, "image", "images");
	say_line(result->cached_steps, "cached step", "cached steps");
	say_line(result->layers, "layer record", "layer records");
	say_line(result->caches, "cache mount", "cache mounts");
	say_line(result->blobs, "file or directory that nothing refers to",
		 "files and directories that nothing refers to");
}

static bool is_nothing(const struct msb_prune_result *result)
{
	return result->builds + result->images + result->cached_steps + result->layers +
		       result->caches + result->blobs ==
	       0;
}

/* 1: go on, 0: no, or a negative code. */
static int ask(const struct session *session, const struct prune *prune, struct msb_error *err)
{
	struct msb_prune_options options = prune->options;
	struct msb_prune_result result;
	char size[HUMAN_TEXT], answer[16];
	int r;

	options.dry_run = true;
	r = msb_prune(session->root, &options, &result, err);
	if (r < 0)
		return r;
	if (is_nothing(&result)) {
		puts("There is nothing to remove.");
		return 1; /* but perhaps what a killed process left */
	}
	puts("This will remove:");
	say_what(&result);
	printf("and free about %s.", human_size(result.bytes, size));
	if (!options.caches)
		printf(" Cache mounts stay (--caches removes them).");
	printf("\nAre you sure you want to continue? [y/N] ");
	fflush(stdout);
	return fgets(answer, sizeof(answer), stdin) &&
	       (strcasecmp(answer, "y\n") == 0 || strcasecmp(answer, "yes\n") == 0);
}

static int prune_store(const struct session *session, struct prune *prune)
{
	struct msb_prune_result result;
	struct msb_error err = {0};
	char size[HUMAN_TEXT];
	int r = 1;

	if (!prune->force && !isatty(STDIN_FILENO))
		return fail_say("standard input is no terminal to ask on: give -f to remove "
				"without a question");
	if (!prune->force)
		r = ask(session, prune, &err);
	if (r == 0)
		return finish();
	if (r > 0)
		r = msb_prune(session->root, &prune->options, &result, &err);
	if (r < 0)
		return fail(&err);
	if (!is_nothing(&result))
		puts("Removed:");
	say_what(&result);
	if (result.open)
		printf("%" PRIu64 " %s: a mount has %s open\n", result.open,
		       result.open == 1 ? "tree stays" : "trees stay",
		       result.open == 1 ? "it" : "them");
	if (result.crowded)
		puts("The disk was too full to move what stays away from what went: make some room "
		     "elsewhere, and prune again to get the rest");
	printf("Total reclaimed space: %s\n", human_size(result.bytes, size));
	return finish();
}

#define COMMON_OPTIONS                                                                             \
	{"force", 'f', NULL, 0, "Do not ask"},                                                     \
	{                                                                                          \
		"filter", KEY_FILTER, "until=DURATION", 0,                                         \
			"Only what was made longer ago: until=24h, until=7d"                       \
	}

int run_prune(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		COMMON_OPTIONS,
		{"all", 'a', NULL, 0,
		 "Also images with a name that no remaining build made or began from"},
		{"keep-builds", KEY_KEEP, "N", 0,
		 "Builds to keep, the newest ($MSB_KEEP_BUILDS, else 20)"},
		{"caches", KEY_CACHES, NULL, 0, "Also the directories of RUN --mount=type=cache"},
		{0},
	};
	static const struct argp argp = {
		options, parse_prune, NULL,
		"Remove all builds but the newest, images without a name, and then all cached "
		"steps, layers and contents that nothing refers to."};
	struct prune prune = {0};
	struct msb_error err = {0};

	if (msb_keep_builds(&prune.options.keep_builds, &err) < 0)
		return fail(&err);
	if (command_parse(session, &argp, argc, argv, &prune))
		return STATUS_FAILED;
	return prune_store(session, &prune);
}

int run_image_prune(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		COMMON_OPTIONS,
		{"all", 'a', NULL, 0, "Also images with a name that no build made or began from"},
		{0},
	};
	static const struct argp argp = {
		options, parse_prune, NULL,
		"Remove images without a name, and then all contents that nothing refers to; "
		"builds stay."};
	struct prune prune = {.options.keep_builds = SIZE_MAX};

	if (command_parse(session, &argp, argc, argv, &prune))
		return STATUS_FAILED;
	return prune_store(session, &prune);
}

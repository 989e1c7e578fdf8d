/* msb debug: a shell, or a command, in a throw-away copy of a tree. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <msb/builder.h>

#include "command.h"
#include "supervise.h"
#include "text.h"

enum { KEY_BEFORE = 0x100, KEY_KEEP, KEY_NETWORK, KEY_SECRET, KEY_SSH, KEY_WITH };

/* As docker run: the tool's own failure, so that all below are the command's. */
#define STATUS_TOOL 125

struct debug {
	struct msb_debug_options options;
	struct words operands;
	struct words command; /* what stands behind "--" */
	struct words secrets, agents;
};

static error_t parse_debug(int key, char *arg, struct argp_state *state)
{
	struct debug *debug = state->input;

	switch (key) {
	case KEY_BEFORE:
		debug->options.before = true;
		return 0;
	case KEY_KEEP:
		debug->options.keep = arg;
		return 0;
	case KEY_SECRET:
		return words_add(&debug->secrets, arg) < 0 ? ENOMEM : 0;
	case KEY_SSH:
		return words_add(&debug->agents, arg) < 0 ? ENOMEM : 0;
	case KEY_NETWORK:
		if (strcmp(arg, "default") != 0 && strcmp(arg, "host") != 0 &&
		    strcmp(arg, "none") != 0)
			argp_error(state, "--network is default, host or none, not '%s'", arg);
		debug->options.network = arg;
		return 0;
	case KEY_WITH:
		if (strcmp(arg, "busybox") != 0)
			argp_error(state, "--with can lend busybox only, not '%s'", arg);
		debug->options.busybox = true;
		return 0;
	case 'u':
		debug->options.user = arg;
		return 0;
	case ARGP_KEY_ARGS:
		operands_take(state, &debug->operands);
		return 0;
	case ARGP_KEY_END:
		operands_check(state, &debug->operands, 0, 1, "");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The command's words are not argp's: it must not see them. Returns how many are left for it. */
static int split_words(int argc, char **argv, struct words *ret)
{
	int end = 1;

	while (end < argc && strcmp(argv[end], "--") != 0)
		end++;
	for (int i = end + 1; i < argc; i++)
		if (words_add(ret, argv[i]) < 0)
			return -1;
	return end;
}

static void say(const char *sentence)
{
	autofree char *text = text_harmless(sentence, strlen(sentence));

	fprintf(stderr, "msb: %s\n", text ? text : "");
	fflush(stderr);
}

/* What was wanted, and where. */
struct visit {
	const struct session *session;
	struct debug *debug;
};

static int debug(void *context, int stop_fd)
{
	const struct visit *visit = context;
	struct debug *debug = visit->debug;
	struct msb_error err = {0};
	int status = 0;

	debug->options.ref = debug->operands.count ? debug->operands.items[0] : NULL;
	debug->options.argv = debug->command.items;
	debug->options.secrets = debug->secrets.items;
	debug->options.agents = debug->agents.items;
	debug->options.stop_fd = stop_fd;
	debug->options.note = say;
	/* A terminal translates what goes through it, which a file or pipe must not see. */
	debug->options.terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	if (msb_debug(visit->session->root, &debug->options, &status, &err) < 0) {
		fail(&err);
		return STATUS_TOOL;
	}
	return status;
}

int run_debug(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"before", KEY_BEFORE, NULL, 0, "The tree that the step began with"},
		{"keep", KEY_KEEP, "NAME", 0,
		 "Make an image of this name of the tree as the command leaves it"},
		{"network", KEY_NETWORK, "MODE", 0, "default, host or none (as the step)"},
		{"secret", KEY_SECRET, "id=NAME[,src=FILE]", 0,
		 "Lend a secret to the step's mounts again"},
		{"ssh", KEY_SSH, "NAME[=SOCKET]", 0, "Lend an agent to the step's mounts again"},
		{"user", 'u', "USER", 0, "Name or number (as the step)"},
		{"with", KEY_WITH, "busybox", 0,
		 "Lend the tree this host's busybox, for one that has no shell"},
		{0},
	};
	static const struct argp argp = {
		options, parse_debug, "[REF] [-- COMMAND...]",
		"Run a shell, or COMMAND, in a copy of a tree, with the environment, directory, "
		"user "
		"and mounts of its step, whose command is in the shell's history. Without REF that "
		"is the step which failed in the newest build, "
		"or its target stage. The copy is dropped at the end.\v"
		"The exit status is the command's own; 125 is a failure of msb's."};
	struct debug wanted = {0};
	struct visit visit = {session, &wanted};
	int count = split_words(argc, argv, &wanted.command);
	int status = STATUS_TOOL;

	if (count < 0)
		fail_say("out of memory");
	else if (command_parse(session, &argp, count, argv, &wanted) == 0)
		status = supervise(session->root, true, debug, &visit);
	words_done(&wanted.operands);
	words_done(&wanted.command);
	words_done(&wanted.secrets);
	words_done(&wanted.agents);
	return status;
}

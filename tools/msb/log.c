/* msb log: what steps printed, or are printing. */
#include <errno.h>
#include <unistd.h>

#include <msb/builder.h>
#include <msb/records.h>

#include "formatted.h"

struct log {
	struct words operands;
	bool follow;
	bool times;
};

static error_t parse_log(int key, char *arg, struct argp_state *state)
{
	struct log *log = state->input;

	(void)arg;
	switch (key) {
	case 'f':
		log->follow = true;
		return 0;
	case 't':
		log->times = true;
		return 0;
	case ARGP_KEY_ARGS:
		operands_take(state, &log->operands);
		return 0;
	case ARGP_KEY_END:
		operands_check(state, &log->operands, 0, 1, "");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Without a REF, and without a build, there is nothing to speak of. */
static int check_built(const struct session *session, struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	struct msb_build *build;
	int r = store_open_maybe(session, &store, err);

	if (r < 0)
		return r;
	r = store ? msb_records_build(store, 0, &build, err) : -ENOENT;
	if (r == -ENOENT)
		return msb_error_say(err, ENOENT, "nothing was built yet");
	if (r >= 0)
		msb_builds_free(build, 1);
	return r;
}

int run_log(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"follow", 'f', NULL, 0, "Go on until it has ended"},
		{"timestamps", 't', NULL, 0,
		 "Before each line the seconds since the step began, and whether it came by "
		 "standard output (1>) or standard error (2>)"},
		{0},
	};
	static const struct argp argp = {
		options, parse_log, "[REF]",
		"Show what a build (7), a stage (build, 7/build) or a step (build@4) printed; "
		"the newest build without REF."};
	struct log log = {0};
	struct msb_error err = {0};
	const char *ref;
	int status = command_parse(session, &argp, argc, argv, &log);
	int r = 0;

	if (!status) {
		ref = log.operands.count ? log.operands.items[0] : NULL;
		if (!ref)
			r = check_built(session, &err);
		if (r >= 0)
			r = log.follow
				    ? msb_log_follow(session->root, ref, log.times, STDOUT_FILENO,
						     &err)
				    : msb_log(session->root, ref, log.times, STDOUT_FILENO, &err);
		status = r < 0 ? fail(&err) : STATUS_DONE;
	}
	words_done(&log.operands);
	return status;
}

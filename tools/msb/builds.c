/* msb builds, msb stages: what was built. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <msb/builder.h>
#include <msb/records.h>

#include "familiar.h"
#include "follow.h"
#include "formatted.h"
#include "human.h"
#include "text.h"

static json_t *split_tags(const char *tags)
{
	json_t *list = json_array();
	autofree char *copy = strdup(tags ? tags : "");
	char *rest = NULL;

	for (char *tag = copy ? strtok_r(copy, " ", &rest) : NULL; tag;
	     tag = strtok_r(NULL, " ", &rest)) {
		autofree char *name = familiar_name(tag);

		json_array_append_new(list, text_json(name));
	}
	return list;
}

static const char *what_became_of(struct msb_store *store, const struct msb_build *build)
{
	return msb_build_was_killed(store, build) ? "killed" : state_name(build->state);
}

static json_t *build_row(struct msb_store *store, const struct msb_build *build, int64_t now)
{
	int64_t end = build->finished_ns ? build->finished_ns : now;
	char started[HUMAN_TEXT], iso[HUMAN_TEXT], duration[HUMAN_TEXT];

	human_since(build->started_ns, now, started);
	human_time_iso(build->started_ns, iso);
	/* A killed builder never says that it finished, so how long it ran is unknown. */
	if (build->finished_ns)
		human_seconds(end - build->started_ns, duration);
	else
		strcpy(duration, "-");
	return json_pack("{s:I, s:s, s:o, s:o, s:s, s:s, s:s, s:o, s:o, s:I}", "Build",
			 (json_int_t)build->id, "State", what_became_of(store, build), "Target",
			 text_json(build->target ? build->target : ""), "Tags",
			 split_tags(build->tags), "StartedAt", iso, "Started", started, "Duration",
			 duration, "Dockerfile", text_json(build->dockerfile_name), "Error",
			 text_json(build->error), "Stages", (json_int_t)build->stage_count);
}

static int build_rows(const struct session *session, json_t *rows, struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	struct msb_build *builds = NULL;
	size_t count = 0;
	int64_t now = human_now();
	int r = store_open_maybe(session, &store, err);

	if (r < 0 || !store)
		return r;
	r = msb_records_builds(store, 0, &builds, &count, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count && r == 0; i++)
		if (json_array_append_new(rows, build_row(store, &builds[i], now)) < 0)
			r = msb_error_memory(err);
	msb_builds_free(builds, count);
	return r;
}

enum { KEY_FOLLOW = 0x100 };

struct listing {
	const char *format;
	bool follow;
};

static error_t parse_builds(int key, char *arg, struct argp_state *state)
{
	struct listing *listing = state->input;

	switch (key) {
	case 'f':
		listing->format = arg;
		return 0;
	case KEY_FOLLOW:
		listing->follow = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "no operand is expected: '%s'", arg);
		return 0;
	case ARGP_KEY_END:
		if (listing->follow && listing->format && strcmp(listing->format, "json") != 0 &&
		    strcmp(listing->format, "table") != 0)
			argp_error(state, "with --follow, --format is table or json");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int run_builds(struct session *session, int argc, char **argv)
{
	static const struct list_column columns[] = {
		{"BUILD", "Build"}, {"STATE", "State"},     {"TARGET", "Target"},
		{"TAGS", "Tags"},   {"STARTED", "Started"}, {"DURATION", "Duration"},
		{NULL, NULL},
	};
	static const struct argp_option options[] = {
		{"format", 'f', "FORMAT", 0,
		 "table, json (an object a line), or a template like {{.Key}}"},
		{"follow", KEY_FOLLOW, NULL, 0,
		 "Say from now on what begins and ends: builds and their steps"},
		{0},
	};
	static const struct argp argp = {options, parse_builds, NULL,
					 "List the builds of this store, newest first."};
	struct listing listing = {0};
	struct msb_error err = {0};
	json_t *rows;

	if (command_parse(session, &argp, argc, argv, &listing))
		return STATUS_FAILED;
	if (listing.follow) {
		bool json = listing.format && strcmp(listing.format, "json") == 0;

		return follow_builds(session, json, &err) < 0 ? fail(&err) : finish();
	}
	rows = json_array();
	return formatted_print(columns, rows, listing.format, build_rows(session, rows, &err),
			       &err);
}

/* "5", or "3/5" of a stage that did not get through. */
static int count_steps(struct msb_store *store, const struct msb_stage *stage, char text[64],
		       struct msb_error *err)
{
	struct msb_step *steps = NULL;
	size_t count = 0, through = 0;
	int r = msb_records_steps(store, stage->build, stage->index, &steps, &count, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		through += steps[i].state == MSB_DONE || steps[i].state == MSB_CACHED;
	msb_steps_free(steps, count);
	if (through == stage->step_count)
		snprintf(text, 64, "%zu", through);
	else
		snprintf(text, 64, "%zu/%zu", through, stage->step_count);
	return 0;
}

/* killed: what a running one is then. */
static int stage_row(struct msb_store *store, const struct msb_stage *stage, bool killed,
		     json_t *rows, struct msb_error *err)
{
	char steps[64], digest[MSB_DIGEST_TEXT] = "", shortened[13] = "-";
	json_t *row;
	int r = count_steps(store, stage, steps, err);

	if (r < 0)
		return r;
	if (stage->has_tree) {
		msb_digest_format(&stage->tree, digest);
		snprintf(shortened, sizeof(shortened), "%.12s", digest + strlen("sha256:"));
	}
	row = json_pack("{s:I, s:I, s:o, s:s, s:s, s:s, s:s}", "Build", (json_int_t)stage->build,
			"Stage", (json_int_t)stage->index, "Name",
			text_json(stage->name ? stage->name : ""), "State",
			killed && stage->state == MSB_RUNNING ? "killed" : state_name(stage->state),
			"Steps", steps, "Tree", shortened, "TreeDigest", digest);
	return json_array_append_new(rows, row) < 0 ? msb_error_memory(err) : 0;
}

static int find_build(struct msb_store *store, const char *number, int64_t *ret, bool *ret_killed,
		      struct msb_error *err)
{
	struct msb_build *build;
	int64_t id = 0;
	int end = 0;
	int r;

	if (number && (sscanf(number, "%18" SCNd64 "%n", &id, &end) != 1 || number[end] || id <= 0))
		return msb_error_say(err, EINVAL,
				     "'%s' is not the number of a build: see msb builds", number);
	r = msb_records_build(store, id, &build, err);
	if (r == -ENOENT && number)
		return msb_error_say(err, ENOENT, "there is no build %s: see msb builds", number);
	if (r < 0)
		return r;
	*ret = build->id;
	*ret_killed = msb_build_was_killed(store, build);
	msb_builds_free(build, 1);
	return 0;
}

static int stage_rows(const struct session *session, const char *number, json_t *rows,
		      struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	struct msb_stage *stages = NULL;
	size_t count = 0;
	int64_t build = 0;
	bool killed = false;
	int r = store_open_maybe(session, &store, err);

	if (r < 0)
		return r;
	if (!store && number)
		return msb_error_say(err, ENOENT, "there is no build %s: nothing was built yet",
				     number);
	if (!store)
		return 0;
	r = find_build(store, number, &build, &killed, err);
	if (r == -ENOENT && !number)
		return 0;
	if (r < 0)
		return r;
	r = msb_records_stages(store, build, &stages, &count, err);
	for (size_t i = 0; i < count && r >= 0; i++)
		r = stage_row(store, &stages[i], killed, rows, err);
	msb_stages_free(stages, count);
	return r;
}

int run_stages(struct session *session, int argc, char **argv)
{
	static const struct list_column columns[] = {
		{"STAGE", "Stage"}, {"NAME", "Name"}, {"STATE", "State"},
		{"STEPS", "Steps"}, {"TREE", "Tree"}, {NULL, NULL},
	};
	autoformatted formatted = {0};
	struct msb_error err = {0};
	json_t *rows;
	int r;

	if (formatted_parse(session, "[BUILD]",
			    "List the stages of a build, of the newest unless BUILD says which.",
			    argc, argv, &formatted))
		return STATUS_FAILED;
	rows = json_array();
	r = stage_rows(session, formatted.operands.count ? formatted.operands.items[0] : NULL, rows,
		       &err);
	return formatted_print(columns, rows, formatted.format, r, &err);
}

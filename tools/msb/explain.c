/* msb explain: why steps missed the cache. */
#include <stdio.h>
#include <string.h>

#include <msb/builder.h>

#include "command.h"
#include "text.h"

enum { KEY_FORMAT = 0x100 };

struct explain {
	struct words operands;
	bool json;
};

static error_t parse_explain(int key, char *arg, struct argp_state *state)
{
	struct explain *explain = state->input;

	switch (key) {
	case KEY_FORMAT:
		if (strcmp(arg, "json") != 0 && strcmp(arg, "table") != 0)
			argp_error(state, "--format is table or json, not '%s'", arg);
		explain->json = strcmp(arg, "json") == 0;
		return 0;
	case ARGP_KEY_ARGS:
		operands_take(state, &explain->operands);
		return 0;
	case ARGP_KEY_END:
		operands_check(state, &explain->operands, 0, 1, "");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const char *result_name(const struct msb_explained *step)
{
	static const char *const names[] = {
		[MSB_RUNNING] = "running",
		[MSB_DONE] = "miss",
		[MSB_CACHED] = "hit",
		[MSB_FAILED] = "failed",
	};

	return step->is_base && step->state == MSB_DONE ? "base" : names[step->state];
}

static json_t *reasons_json(const struct msb_explained *step)
{
	json_t *list = json_array();

	for (size_t i = 0; i < step->reason_count; i++) {
		const struct msb_reason *reason = &step->reasons[i];

		json_array_append_new(
			list, json_pack("{s:s, s:o, s:o, s:o}", "Component", reason->component,
					"Before", text_json(reason->before), "After",
					text_json(reason->after), "Text", text_json(reason->text)));
	}
	return list;
}

static int put_json(const struct msb_explained *step, struct msb_error *err)
{
	json_auto_t *json =
		json_pack("{s:I, s:o, s:I, s:I, s:o, s:s, s:I, s:o}", "Build",
			  (json_int_t)step->build, "Stage", text_json(step->stage), "Step",
			  (json_int_t)step->step, "Steps", (json_int_t)step->steps, "Instruction",
			  text_json(step->text), "Result", result_name(step), "ComparedWith",
			  (json_int_t)step->compared, "Reasons", reasons_json(step));

	if (!json || json_dumpf(json, stdout, JSON_COMPACT) < 0)
		return msb_error_memory(err);
	putchar('\n');
	return 0;
}

static int put_step(void *context, const struct msb_explained *step, struct msb_error *err)
{
	const struct explain *explain = context;
	autofree char *stage = text_harmless(step->stage, strlen(step->stage));
	autofree char *text = text_harmless(step->text, strlen(step->text));

	if (explain->json)
		return put_json(step, err);
	if (!stage || !text)
		return msb_error_memory(err);
	printf("%-7s [%s %zu/%zu] %s\n", result_name(step), stage, step->step, step->steps, text);
	for (size_t i = 0; i < step->reason_count; i++) {
		const char *raw = step->reasons[i].text;
		autofree char *reason = text_harmless(raw, strlen(raw));

		if (!reason)
			return msb_error_memory(err);
		printf("        - %s\n", reason);
	}
	return 0;
}

int run_explain(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"format", KEY_FORMAT, "FORMAT", 0, "table, or json (an object a line)"},
		{0},
	};
	static const struct argp argp = {
		options, parse_explain, "[REF]",
		"Show which steps of a build (7), of a stage (build, 7/build), or which one "
		"(build@4), were taken from the cache, and for those that were not, what differs "
		"from the most similar step of an earlier build; the newest build without REF."};
	struct explain explain = {0};
	struct msb_error err = {0};
	int status = command_parse(session, &argp, argc, argv, &explain);

	if (!status)
		status = msb_explain(session->root,
				     explain.operands.count ? explain.operands.items[0] : NULL,
				     put_step, &explain, &err) < 0
				 ? fail(&err)
				 : finish();
	words_done(&explain.operands);
	return status;
}

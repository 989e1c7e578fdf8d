/* Building. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msb/builder.h>
#include <msb/records.h>

#include "fake.h"

struct teller {
	msb_event_fn event;
	void *context;
};

static void tell_step(const struct teller *teller, size_t vertex, size_t step, const char *text,
		      const char *output, enum msb_state state)
{
	struct msb_event event = {
		.kind = MSB_EVENT_BEGIN,
		.vertex = vertex,
		.stage = "build",
		.step = step,
		.steps = 4,
		.text = text,
	};

	teller->event(teller->context, &event);
	event.kind = MSB_EVENT_OUTPUT;
	event.output_fd = 1;
	/* Byte by byte, as a slow command prints. */
	for (; *output; output++) {
		event.output = output;
		event.output_size = 1;
		teller->event(teller->context, &event);
	}
	event.kind = MSB_EVENT_END;
	event.state = state;
	event.duration_ns = 1234567890;
	event.error = state == MSB_FAILED ? "exit code: 3" : NULL;
	teller->event(teller->context, &event);
}

static void name_targets(const char *const *targets, struct msb_build_result *result)
{
	static const char *const one[] = {"build", NULL};

	if (!targets)
		targets = one;
	result->targets = calloc(8, sizeof(*result->targets));
	for (; *targets && result->target_count < 8; targets++) {
		struct msb_build_target *target = &result->targets[result->target_count++];

		target->label = strdup(*targets);
		target->image = digest((uint8_t)(0xcc + result->target_count));
		target->manifest = digest(0xef);
	}
}

int msb_build(const char *root, const struct msb_build_options *options, msb_event_fn event,
	      void *context, struct msb_build_result *result, struct msb_error *err)
{
	struct teller teller = {event, context};
	struct msb_event note = {.kind = MSB_EVENT_NOTE, .stage = "", .text = "a warning"};

	(void)root;
	if (options->dockerfile && strcmp(options->dockerfile, "malformed") == 0)
		return msb_error_say(err, EINVAL,
				     "malformed:2: unknown instruction 'FRM' (did "
				     "you mean FROM?)");
	tell_step(&teller, 1, 1, "FROM node AS build", "", MSB_CACHED);
	tell_step(&teller, 2, 2, "RUN echo\n  two lines",
		  "one\r\n10%\r20%\r100%\n\033[31mred\033[0m\ttab\033]0;title\007!\nno newline",
		  MSB_DONE);
	event(context, &note);
	result->build = 7;
	if (!options->targets || strcmp(options->targets[0], "broken") != 0) {
		name_targets(options->targets, result);
		tell_step(&teller, 3, 3, "COPY app.js .", "", MSB_DONE);
		return 0;
	}
	tell_step(&teller, 3, 3, "RUN false", "bad\033[2J things\n", MSB_FAILED);
	result->failed_in_step = true;
	result->failed_stage = strdup("build");
	result->failed_step = 3;
	result->failed_steps = 4;
	result->exit_status = 3;
	result->failed_log = strdup("bad\033[2J things\n");
	result->excerpt = strdup("Dockerfile:7\n   6 |     RUN true\n   7 | >>> RUN false\n");
	return msb_error_say(err, EIO, "Dockerfile:7: RUN false: exit code: 3");
}

int msb_build_call(const char *root, const struct msb_build_options *options, enum msb_call call,
		   bool json, char **ret, size_t *ret_warnings, struct msb_error *err)
{
	static const char *const names[] = {"check", "outline", "targets"};
	bool is_clean = options->targets && strcmp(options->targets[0], "clean") == 0;

	(void)root;
	if (options->dockerfile)
		return msb_error_say(err, EINVAL, "%s:2: unknown instruction 'FRM'",
				     options->dockerfile);
	*ret_warnings = is_clean ? 0 : 2;
	if (asprintf(ret, "%s of %s\n\nwith \033[31mred\033[0m\n", names[call],
		     json ? "json" : "text") < 0)
		return msb_error_memory(err);
	return 0;
}

void msb_build_result_done(struct msb_build_result *result)
{
	for (size_t i = 0; i < result->target_count; i++)
		free(result->targets[i].label);
	free(result->targets);
	free(result->failed_stage);
	free(result->excerpt);
	free(result->failed_log);
}

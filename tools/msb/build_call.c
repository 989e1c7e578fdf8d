/* msb build --call: what a Dockerfile offers or lacks, instead of a build. */
#include "build_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

static const struct {
	const char *name;
	enum msb_call call;
} calls[] = {
	{"check", MSB_CALL_CHECK},
	{"lint", MSB_CALL_CHECK},
	{"outline", MSB_CALL_OUTLINE},
	{"targets", MSB_CALL_TARGETS},
};

static void parse_name(const char *name, size_t length, struct argp_state *state,
		       struct build_call *ret)
{
	ret->wanted = true;
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		if (strlen(calls[i].name) == length && strncmp(calls[i].name, name, length) == 0) {
			ret->call = calls[i].call;
			return;
		}
	}
	ret->wanted = false;
	if (length != 5 || strncmp(name, "build", 5) != 0)
		argp_error(state, "--call is build, check, outline or targets, not '%.*s'",
			   (int)length, name);
}

void build_call_parse(const char *text, struct argp_state *state, struct build_call *ret)
{
	size_t length = strcspn(text, ",");

	parse_name(text, length, state, ret);
	while (text[length]) {
		text += length + 1;
		length = strcspn(text, ",");
		if (length == 11 && strncmp(text, "format=json", 11) == 0)
			ret->json = true;
		else if (length == 11 && strncmp(text, "format=text", 11) == 0)
			ret->json = false;
		else
			argp_error(state,
				   "--call takes format=text or format=json behind its name, not "
				   "'%.*s'",
				   (int)length, text);
	}
}

/* Line by line, without what a terminal would obey. */
static void put_text(const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n");
		autofree char *line = text_printable(text, length);

		puts(line ? line : "");
		text += length + (text[length] == '\n');
	}
}

int build_call_run(const struct session *session, const struct msb_build_options *options,
		   const struct build_call *call)
{
	struct msb_error err = {0};
	autofree char *text = NULL;
	size_t warnings = 0;
	int status;

	if (msb_build_call(session->root, options, call->call, call->json, &text, &warnings, &err) <
	    0)
		return fail(&err);
	put_text(text);
	status = finish();
	return call->call == MSB_CALL_CHECK && warnings > 0 ? STATUS_FAILED : status;
}

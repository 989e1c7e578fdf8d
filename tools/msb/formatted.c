#include "formatted.h"

#include <errno.h>

static error_t parse_formatted(int key, char *arg, struct argp_state *state)
{
	struct formatted *formatted = state->input;

	switch (key) {
	case 'f':
		formatted->format = arg;
		return 0;
	case ARGP_KEY_ARGS:
		operands_take(state, &formatted->operands);
		return 0;
	case ARGP_KEY_END:
		if (!formatted->operands_max && formatted->operands.count)
			argp_error(state, "no operand is expected: '%s'",
				   formatted->operands.items[0]);
		operands_check(state, &formatted->operands, 0, formatted->operands_max, "");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int formatted_parse(struct session *session, const char *what, const char *about, int argc,
		    char **argv, struct formatted *formatted)
{
	static const struct argp_option options[] = {
		{"format", 'f', "FORMAT", 0,
		 "table, json (an object a line), or a template like {{.Key}}"},
		{0},
	};
	const struct argp argp = {options, parse_formatted, what, about};

	formatted->operands_max = what ? 1 : 0;
	return command_parse(session, &argp, argc, argv, formatted);
}

void formatted_done(struct formatted *formatted)
{
	words_done(&formatted->operands);
}

int store_open_maybe(const struct session *session, struct msb_store **ret, struct msb_error *err)
{
	int r = msb_store_open(session->root, ret, err);

	if (r != -ENOENT)
		return r;
	*ret = NULL;
	return 0;
}

int formatted_print(const struct list_column *columns, json_t *rows, const char *format, int r,
		    struct msb_error *err)
{
	int status = STATUS_DONE;

	if (r >= 0 && !rows)
		r = msb_error_memory(err);
	if (r < 0) {
		status = fail(err);
	} else {
		r = list_print(columns, rows, format, err);
		if (r < 0)
			status = fail(err);
		if (r == -EINVAL) /* the rows are ours, so it is the format */
			status = STATUS_USAGE;
	}
	json_decref(rows);
	return finish() ? STATUS_FAILED : status;
}

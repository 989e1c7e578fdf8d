/* msb graph: a build as a picture. */
#include "graph.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "text.h"

enum { KEY_FORMAT = 0x100 };

typedef int (*graph_fn)(FILE *out, const struct msb_graph *graph, struct msb_error *err);

static const struct format {
	const char *name; /* and ending */
	graph_fn write;
	struct msb_graph_limits limits;
} formats[] = {
	{"svg", graph_svg, {0, 0}},
	{"html", graph_html, {500, 16384}},
	{"dot", graph_dot, {0, 0}},
	{"json", graph_json, {0, 0}},
};

struct request {
	struct words operands;
	const char *path;
	const struct format *format;
	int64_t build; /* 0: the newest */
};

static const struct format *find_format(const char *name)
{
	for (size_t i = 0; name && i < sizeof(formats) / sizeof(*formats); i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	return NULL;
}

/* What the file's name says, SVG where it has no ending; NULL: nothing that can be drawn. */
static const struct format *format_of(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	const char *dot = path ? strrchr(slash ? slash : path, '.') : NULL;

	return dot ? find_format(dot + 1) : &formats[0];
}

static void check_operands(struct request *request, struct argp_state *state)
{
	const char *number = request->operands.count ? request->operands.items[0] : NULL;
	int end = 0;

	operands_check(state, &request->operands, 0, 1, "");
	if (number && (sscanf(number, "%18" SCNd64 "%n", &request->build, &end) != 1 ||
		       number[end] || request->build <= 0))
		argp_error(state, "'%s' is not the number of a build: see msb builds", number);
	if (!request->format)
		request->format = format_of(request->path);
	if (!request->format)
		argp_error(state,
			   "what kind of picture '%s' is to be, its ending does not say: it is "
			   "svg, html, dot or json, or --format says it",
			   request->path);
}

static error_t parse_graph(int key, char *arg, struct argp_state *state)
{
	struct request *request = state->input;

	switch (key) {
	case 'o':
		request->path = arg;
		return 0;
	case KEY_FORMAT:
		request->format = find_format(arg);
		if (!request->format)
			argp_error(state, "--format is svg, html, dot or json, not '%s'", arg);
		return 0;
	case ARGP_KEY_ARGS:
		operands_take(state, &request->operands);
		return 0;
	case ARGP_KEY_END:
		check_operands(request, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int write_graph(const struct request *request, const struct msb_graph *graph, int fd,
		       struct msb_error *err)
{
	int copy = dup(fd);
	FILE *out = copy < 0 ? NULL : fdopen(copy, "w");
	int r;

	if (!out) {
		r = msb_error_set(err, errno, "write the picture");
		if (copy >= 0)
			close(copy);
		return r;
	}
	r = request->format->write(out, graph, err);
	if (ferror(out) | fclose(out) && r >= 0)
		r = msb_error_set(err, errno, "write the picture");
	return r;
}

static int run(const struct session *session, const struct request *request, struct msb_error *err)
{
	AUTO(msb_graph_freep) struct msb_graph *graph = NULL;
	struct output output;
	bool to_stdout = !request->path || strcmp(request->path, "-") == 0;
	int r;

	if (to_stdout && text_stdout_is_terminal())
		return msb_error_say(err, EINVAL,
				     "a picture does not belong on a terminal: use -o FILE.svg, "
				     ".html or .dot, or redirect standard output");
	r = msb_build_graph(session->root, request->build, &request->format->limits, &graph, err);
	if (r >= 0)
		r = output_open(request->path, &output, err);
	return r < 0 ? r : output_close(&output, write_graph(request, graph, output.fd, err), err);
}

int run_graph(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"output", 'o', "FILE", 0, "Write there; the ending says the format"},
		{"format", KEY_FORMAT, "FORMAT", 0, "svg, html, dot or json"},
		{0},
	};
	static const struct argp argp = {
		options, parse_graph, "[BUILD]",
		"Draw a build, the newest unless BUILD says which: its stages and steps, what they "
		"took, added and copied from each other, what came from the cache, what failed. "
		"HTML is one file to open in a browser, with each step's changes to unfold; DOT is "
		"for graphviz."};
	struct request request = {0};
	struct msb_error err = {0};
	int status = command_parse(session, &argp, argc, argv, &request);

	if (!status)
		status = run(session, &request, &err) < 0 ? fail(&err) : STATUS_DONE;
	words_done(&request.operands);
	return status;
}

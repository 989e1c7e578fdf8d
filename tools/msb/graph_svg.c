/* A build as a drawing: boxes, rows and lines where graph_layout.c says. */
#include <stdlib.h>
#include <string.h>

#include "graph.h"
#include "graph_layout.h"
#include "text.h"

enum {
	TEXT_LEFT = 36,     /* of an instruction, within its box */
	TEXT_COLUMNS = 40,  /* characters of it */
	GROWTH_RIGHT = 404, /* right edges */
	OUTCOME_RIGHT = 470,
	BEND = 40, /* how far a curve runs straight on */
};

static const char style[] =
	"text{font:12px 'DejaVu Sans Mono',Menlo,Consolas,'Liberation Mono',monospace;"
	"fill:#1f2328}"
	".title{font-size:16px;font-weight:bold}.small{fill:#59636e}.name{font-weight:bold}"
	".right{text-anchor:end}.box{fill:#fff;stroke:#8c959f}.box.failed{stroke:#cf222e;"
	"stroke-width:2}.head{fill:#eaeef2}.failed>.head{fill:#ffebe9}.row{fill:#fff}"
	".cached>.row{fill:#eef6ee}.failed>.row{fill:#ffebe9}.running>.row{fill:#fff8c5}"
	".cached>.outcome{fill:#1a7f37}.failed>.outcome{fill:#cf222e;font-weight:bold}"
	".bar{fill:#54aeff}.edge{fill:none;stroke-width:1.6}.mount{stroke-dasharray:5 4}"
	".base{stroke-width:3}a:hover>.row{stroke:#0969da}";

/* Told apart where lines of several stages run side by side. */
static const char *const colours[] = {"#0969da", "#bc4c00", "#1a7f37", "#8250df",
				      "#bf3989", "#4d7c8a", "#9a6700", "#57606a"};

static const char *colour_of(size_t stage)
{
	return colours[stage % (sizeof(colours) / sizeof(*colours))];
}

/* The first columns of text; a mark where there is more. */
static void put_cut(FILE *out, const char *raw, size_t columns)
{
	autofree char *text = text_harmless(raw, strlen(raw));
	bool long_text = text && text_width(text) > columns;

	if (!text)
		return;
	if (long_text)
		text[text_cut(text, columns - 1)] = '\0';
	graph_put(out, text);
	if (long_text)
		fputs("\xe2\x80\xa6", out);
}

static void put_edge(FILE *out, const struct msb_graph *graph, const struct graph_edge *edge)
{
	const struct graph_point *p = edge->points;

	fprintf(out,
		"<path class=\"edge %s\" stroke=\"%s\" marker-end=\"url(#tip-%zu)\" d=\"M%d %d",
		strcmp(edge->use, "base") == 0    ? "base"
		: strcmp(edge->use, "mount") == 0 ? "mount"
						  : "copy",
		colour_of(edge->from), edge->from % (sizeof(colours) / sizeof(*colours)), p[0].x,
		p[0].y);
	for (size_t i = 0; i + 1 < edge->point_count; i++) {
		const struct graph_point *a = &p[i], *b = &p[i + 1];
		bool last = i + 3 == edge->point_count;

		if (i % 2 == 0)
			fprintf(out, "H%d", b->x);
		else /* the tip stands before the box */
			fprintf(out, "C%d %d %d %d %d %d", a->x + BEND, a->y, b->x - BEND, b->y,
				b->x - (last ? 6 : 0), b->y);
		if (last)
			break;
	}
	fputs("\"><title>", out);
	graph_put(out, graph->stages[edge->to].label);
	fprintf(out, " %zu: %s from ", graph->stages[edge->to].steps[edge->row].number, edge->use);
	graph_put(out, graph->stages[edge->from].label);
	if (edge->paths[0])
		fputs(": ", out);
	graph_put(out, edge->paths);
	fputs("</title></path>\n", out);
}

/* A step's share of the longest one's time. */
static void put_bar(FILE *out, const struct msb_graph_step *step, int y, int64_t longest)
{
	const int room = OUTCOME_RIGHT - TEXT_LEFT;
	int width;

	if (step->state == MSB_CACHED || longest < 100000000 || step->duration_ns <= 0)
		return; /* where nothing took any time, no share of it says anything */
	width = (int)((double)room * (double)step->duration_ns / (double)longest);
	if (width > 0)
		fprintf(out, "<rect class=\"bar\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"2\"/>",
			TEXT_LEFT, y + GRAPH_ROW - 3, width < room ? width : room);
}

static void put_step(FILE *out, const struct msb_graph *graph, size_t stage, size_t index,
		     bool links, int64_t longest)
{
	const struct msb_graph_step *step = &graph->stages[stage].steps[index];
	int y = GRAPH_HEADING + GRAPH_ROW * (int)index;
	char words[GRAPH_WORDS];

	if (links)
		fprintf(out, "<a href=\"#step-%zu-%zu\" class=\"%s\">", stage, step->number,
			graph_state(step->state));
	else
		fprintf(out, "<g class=\"%s\">", graph_state(step->state));
	fputs("<title>", out);
	graph_put(out, step->text);
	if (step->state == MSB_FAILED && step->exit_status)
		fprintf(out, " (exit status %d)", step->exit_status);
	fprintf(out, "</title><rect class=\"row\" x=\"1\" y=\"%d\" width=\"%d\" height=\"%d\"/>", y,
		GRAPH_BOX_WIDTH - 2, GRAPH_ROW);
	put_bar(out, step, y, longest);
	y += 15;
	fprintf(out, "<text class=\"right small\" x=\"%d\" y=\"%d\">%zu</text>", TEXT_LEFT - 8, y,
		step->number);
	fprintf(out, "<text x=\"%d\" y=\"%d\" clip-path=\"url(#text)\">", TEXT_LEFT, y);
	put_cut(out, step->text, TEXT_COLUMNS);
	fprintf(out, "</text><text class=\"right small\" x=\"%d\" y=\"%d\">%s</text>", GROWTH_RIGHT,
		y, graph_growth(step, words));
	fprintf(out, "<text class=\"right outcome\" x=\"%d\" y=\"%d\">%s</text>", OUTCOME_RIGHT, y,
		graph_outcome(step, words));
	fputs(links ? "</a>\n" : "</g>\n", out);
}

static void put_stage(FILE *out, const struct msb_graph *graph, size_t index,
		      const struct graph_box *box, bool links, int64_t longest)
{
	const struct msb_graph_stage *stage = &graph->stages[index];
	size_t left = stage->planned > stage->step_count ? stage->planned - stage->step_count : 0;
	char words[GRAPH_WORDS];

	fprintf(out, "<g class=\"%s\" transform=\"translate(%d %d)\">", graph_state(stage->state),
		box->x, box->y);
	fprintf(out,
		"<rect class=\"box %s\" width=\"%d\" height=\"%d\"/>"
		"<rect class=\"head\" x=\"1\" y=\"1\" width=\"%d\" height=\"%d\"/>",
		graph_state(stage->state), GRAPH_BOX_WIDTH, box->height, GRAPH_BOX_WIDTH - 2,
		GRAPH_HEADING - 1);
	fputs("<text class=\"name\" x=\"10\" y=\"20\" clip-path=\"url(#text)\">", out);
	put_cut(out, stage->label, TEXT_COLUMNS);
	fprintf(out, "</text><text class=\"right small\" x=\"%d\" y=\"20\">%s</text>\n",
		OUTCOME_RIGHT, graph_stage_sum(stage, words));
	for (size_t i = 0; i < stage->step_count; i++)
		put_step(out, graph, index, i, links, longest);
	if (left)
		fprintf(out, "<text class=\"small\" x=\"%d\" y=\"%d\">%zu more not begun</text>\n",
			TEXT_LEFT, GRAPH_HEADING + GRAPH_ROW * (int)stage->step_count + 15, left);
	fputs("</g>\n", out);
}

static int64_t longest_step(const struct msb_graph *graph)
{
	int64_t longest = 0;

	for (size_t i = 0; i < graph->stage_count; i++)
		for (size_t j = 0; j < graph->stages[i].step_count; j++)
			if (graph->stages[i].steps[j].state != MSB_CACHED &&
			    graph->stages[i].steps[j].duration_ns > longest)
				longest = graph->stages[i].steps[j].duration_ns;
	return longest;
}

static void put_definitions(FILE *out)
{
	fprintf(out, "<style>%s</style><defs>", style);
	/* Wide characters may take more room than was counted. */
	fprintf(out,
		"<clipPath id=\"text\"><rect x=\"0\" y=\"0\" width=\"%d\" height=\"9999999\"/>"
		"</clipPath>",
		GROWTH_RIGHT - 66);
	for (size_t i = 0; i < sizeof(colours) / sizeof(*colours); i++)
		fprintf(out,
			"<marker id=\"tip-%zu\" markerUnits=\"userSpaceOnUse\" markerWidth=\"9\" "
			"markerHeight=\"9\" refX=\"2\" refY=\"4.5\" orient=\"auto\">"
			"<path fill=\"%s\" d=\"M0 0L9 4.5L0 9z\"/></marker>",
			i, colours[i]);
	fputs("</defs>\n", out);
}

static int widest(const struct graph_layout *layout)
{
	return layout->width > 900 ? layout->width : 900; /* the title's */
}

static void put_drawing(FILE *out, const struct msb_graph *graph, const struct graph_layout *layout,
			bool links)
{
	int64_t longest = longest_step(graph);
	char title[2 * GRAPH_WORDS];

	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
		"viewBox=\"0 0 %d %d\"",
		widest(layout), layout->height, widest(layout), layout->height);
	if (links) /* in a page: as narrow as the window, while it can be read */
		fprintf(out, " style=\"max-width:100%%;min-width:%dpx;height:auto\"",
			widest(layout) / 4 * 3);
	fputs(">\n", out);
	put_definitions(out);
	fprintf(out, "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", widest(layout),
		layout->height);
	fprintf(out, "<text class=\"title\" x=\"%d\" y=\"32\">%s</text>\n", GRAPH_MARGIN,
		graph_title(graph, title));
	fprintf(out, "<text class=\"small\" x=\"%d\" y=\"54\">", GRAPH_MARGIN);
	fputs("thick: FROM, thin: COPY, dashed: RUN --mount; a bar is a step's share of the "
	      "longest one's time</text>\n",
	      out);
	for (size_t i = 0; i < layout->edge_count; i++)
		put_edge(out, graph, &layout->edges[i]);
	for (size_t i = 0; i < graph->stage_count; i++)
		put_stage(out, graph, i, &layout->boxes[i], links, longest);
	fputs("</svg>\n", out);
}

int graph_draw(FILE *out, const struct msb_graph *graph, bool links, struct msb_error *err)
{
	struct graph_layout layout;
	int r = graph_layout_make(graph, &layout, err);

	if (r < 0)
		return r;
	put_drawing(out, graph, &layout, links);
	graph_layout_done(&layout);
	return 0;
}

int graph_svg(FILE *out, const struct msb_graph *graph, struct msb_error *err)
{
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", out);
	return graph_draw(out, graph, false, err);
}

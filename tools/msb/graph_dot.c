/* A build for graphviz: a table a stage, a row a step. */
#include <stdlib.h>
#include <string.h>

#include "graph.h"

static const char *colour_of(enum msb_state state)
{
	return state == MSB_FAILED ? "#ffebe9" : state == MSB_CACHED ? "#eef6ee" : "#ffffff";
}

static void put_stage(FILE *out, const struct msb_graph_stage *stage, size_t index)
{
	char growth[GRAPH_WORDS], outcome[GRAPH_WORDS];

	fprintf(out,
		"\ts%zu [label=<<table border=\"0\" cellborder=\"1\" cellspacing=\"0\">"
		"<tr><td port=\"head\" colspan=\"4\" bgcolor=\"#eaeef2\"><b>",
		index);
	graph_put(out, stage->label);
	fprintf(out, "</b> %s</td></tr>\n", graph_stage_sum(stage, growth));
	for (size_t i = 0; i < stage->step_count; i++) {
		const struct msb_graph_step *step = &stage->steps[i];

		fprintf(out, "\t\t<tr><td port=\"n%zu\" bgcolor=\"%s\">%zu</td><td align=\"left\">",
			step->number, colour_of(step->state), step->number);
		graph_put(out, step->text);
		fprintf(out, "</td><td>%s</td><td>%s</td></tr>\n", graph_growth(step, growth),
			graph_outcome(step, outcome));
	}
	fputs("\t\t</table>>];\n", out);
}

static void put_sources(FILE *out, const struct msb_graph *graph, size_t stage,
			const struct msb_graph_step *step)
{
	for (size_t i = 0; i < step->source_count; i++) {
		const struct msb_graph_source *source = &step->sources[i];

		if (source->stage >= graph->stage_count)
			continue;
		fprintf(out, "\ts%zu:head:e -> s%zu:n%zu:w [label=<", source->stage, stage,
			step->number);
		graph_put(out, source->path ? source->path : " ");
		fprintf(out, ">, style=%s];\n",
			strcmp(source->use, "base") == 0    ? "bold"
			: strcmp(source->use, "mount") == 0 ? "dashed"
							    : "solid");
	}
}

int graph_dot(FILE *out, const struct msb_graph *graph, struct msb_error *err)
{
	char title[2 * GRAPH_WORDS];

	(void)err;
	fprintf(out,
		"digraph build {\n\trankdir=LR;\n\tlabel=\"%s\";\n\tlabelloc=t;\n"
		"\tnode [shape=plain, fontname=\"monospace\", fontsize=10];\n"
		"\tedge [fontname=\"monospace\", fontsize=9];\n",
		graph_title(graph, title));
	for (size_t i = 0; i < graph->stage_count; i++)
		put_stage(out, &graph->stages[i], i);
	for (size_t i = 0; i < graph->stage_count; i++)
		for (size_t j = 0; j < graph->stages[i].step_count; j++)
			put_sources(out, graph, i, &graph->stages[i].steps[j]);
	fputs("}\n", out);
	return 0;
}

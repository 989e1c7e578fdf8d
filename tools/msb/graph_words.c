#include "graph.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

const char *graph_state(enum msb_state state)
{
	static const char *const names[] = {"running", "done", "cached", "failed"};

	return (size_t)state < sizeof(names) / sizeof(*names) ? names[state] : "running";
}

char *graph_outcome(const struct msb_graph_step *step, char text[GRAPH_WORDS])
{
	if (step->state != MSB_DONE)
		snprintf(text, GRAPH_WORDS, "%s", graph_state(step->state));
	else
		human_seconds(step->duration_ns, text);
	return text;
}

char *graph_growth(const struct msb_graph_step *step, char text[GRAPH_WORDS])
{
	char size[HUMAN_TEXT];
	bool grew = step->bytes_added >= step->bytes_removed;

	text[0] = '\0';
	if (step->number == 1)
		human_size(step->bytes, text);
	else if (step->bytes_added != step->bytes_removed)
		snprintf(text, GRAPH_WORDS, "%s%s", grew ? "+" : "-",
			 human_size(grew ? step->bytes_added - step->bytes_removed
					 : step->bytes_removed - step->bytes_added,
				    size));
	else if (step->added || step->changed || step->removed)
		strcpy(text, "+0B");
	return text;
}

char *graph_stage_sum(const struct msb_graph_stage *stage, char text[GRAPH_WORDS])
{
	char size[HUMAN_TEXT] = "-", time[HUMAN_TEXT];
	int64_t ns = 0;

	for (size_t i = 0; i < stage->step_count; i++) {
		if (stage->steps[i].has_tree)
			human_size(stage->steps[i].bytes, size);
		if (stage->steps[i].state != MSB_CACHED)
			ns += stage->steps[i].duration_ns;
	}
	snprintf(text, GRAPH_WORDS, "%s, %s", size, human_seconds(ns, time));
	return text;
}

char *graph_title(const struct msb_graph *graph, char text[2 * GRAPH_WORDS])
{
	const struct msb_build *build = graph->build;
	char time[HUMAN_TEXT] = "";
	size_t steps = 0, cached = 0;

	for (size_t i = 0; i < graph->stage_count; i++) {
		steps += graph->stages[i].step_count;
		for (size_t j = 0; j < graph->stages[i].step_count; j++)
			cached += graph->stages[i].steps[j].state == MSB_CACHED;
	}
	if (build->finished_ns)
		human_seconds(build->finished_ns - build->started_ns, time);
	snprintf(text, 2 * GRAPH_WORDS, "Build %lld, %s%s%s; %zu of %zu stages, %zu steps, %zu %s",
		 (long long)build->id, graph_state(build->state), time[0] ? " in " : "", time,
		 graph->stage_count, build->stage_count, steps, cached, "from the cache");
	return text;
}

char *graph_source(const struct msb_graph *graph, const struct msb_graph_source *source)
{
	const char *name = source->stage < graph->stage_count ? graph->stages[source->stage].label
			   : source->image                    ? source->image
							      : source->kind;
	char *text;

	if (asprintf(&text, "%s from %s%s%s", source->use, name, source->path ? ": " : "",
		     source->path ? source->path : "") < 0)
		return NULL;
	return text;
}

void graph_put(FILE *out, const char *text)
{
	autofree char *harmless = text_harmless(text, strlen(text));

	for (const char *c = harmless ? harmless : "?"; *c; c++) {
		switch (*c) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc(*c, out);
		}
	}
}

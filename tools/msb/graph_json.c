/* A build for programs: the graph as it is, one JSON object. */
#include <jansson.h>
#include <string.h>

#include "graph.h"
#include "text.h"

static json_t *source_json(const struct msb_graph *graph, const struct msb_graph_source *source)
{
	bool stage = source->stage < graph->stage_count;

	return json_pack("{s:s, s:s, s:o, s:o}", "Use", source->use, "Kind", source->kind, "Name",
			 text_json(stage ? graph->stages[source->stage].label : source->image),
			 "Path", text_json(source->path));
}

static json_t *step_json(const struct msb_graph *graph, const struct msb_graph_step *step)
{
	char digest[MSB_DIGEST_TEXT] = "";
	json_t *sources = json_array();

	if (step->has_tree)
		msb_digest_format(&step->tree, digest);
	for (size_t i = 0; i < step->source_count; i++)
		json_array_append_new(sources, source_json(graph, &step->sources[i]));
	return json_pack("{s:I, s:i, s:o, s:s, s:f, s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o}",
			 "Step", (json_int_t)step->number, "Line", step->line, "Instruction",
			 text_json(step->text), "State", graph_state(step->state), "Seconds",
			 (double)step->duration_ns / 1e9, "ExitStatus", step->exit_status,
			 "TreeDigest", digest, "Bytes", (json_int_t)step->bytes, "Added",
			 (json_int_t)step->added, "Changed", (json_int_t)step->changed, "Deleted",
			 (json_int_t)step->removed, "BytesAdded", (json_int_t)step->bytes_added,
			 "BytesDeleted", (json_int_t)step->bytes_removed, "Sources", sources);
}

int graph_json(FILE *out, const struct msb_graph *graph, struct msb_error *err)
{
	json_t *stages = json_array();
	json_auto_t *json = NULL;

	for (size_t i = 0; i < graph->stage_count; i++) {
		const struct msb_graph_stage *stage = &graph->stages[i];
		json_t *steps = json_array();

		for (size_t j = 0; j < stage->step_count; j++)
			json_array_append_new(steps, step_json(graph, &stage->steps[j]));
		json_array_append_new(
			stages, json_pack("{s:I, s:o, s:s, s:I, s:o}", "Stage",
					  (json_int_t)stage->index, "Name", text_json(stage->label),
					  "State", graph_state(stage->state), "Planned",
					  (json_int_t)stage->planned, "Steps", steps));
	}
	json = json_pack("{s:I, s:s, s:o, s:o, s:o}", "Build", (json_int_t)graph->build->id,
			 "State", graph_state(graph->build->state), "Target",
			 text_json(graph->build->target), "Error", text_json(graph->build->error),
			 "Stages", stages);
	if (!json || json_dumpf(json, out, JSON_INDENT(2)) < 0)
		return msb_error_memory(err);
	fputc('\n', out);
	return 0;
}

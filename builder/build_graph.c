/* A build as a graph, out of the records: what <msb/build_graph.h> promises. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <msb/build_graph.h>

#include "definition.h"
#include "internal.h"
#include "step_log.h"

#define MAX_LOG (64u * 1024 * 1024)

struct reading {
	struct msb_store *store;
	const struct msb_graph_limits *limits;
	struct msb_graph *graph;
};

static char *copy_or_empty(const char *text)
{
	return strdup(text ? text : "");
}

static size_t place_of_stage(const struct msb_graph *graph, const char *index)
{
	for (size_t i = 0; i < graph->stage_count; i++)
		if (graph->stages[i].index == strtoul(index, NULL, 10))
			return i;
	return SIZE_MAX;
}

/* "copy stage 1 /out": plan_step_sources() wrote it. */
static int read_source(const struct msb_graph *graph, char *line, struct msb_graph_source *ret)
{
	char *kind = strchr(line, ' ');
	char *name = kind ? strchr(kind + 1, ' ') : NULL;
	char *path = NULL;

	if (kind)
		*kind++ = '\0';
	if (name)
		*name++ = '\0';
	ret->stage = SIZE_MAX;
	ret->use = copy_or_empty(line);
	ret->kind = copy_or_empty(kind);
	if (!ret->use || !ret->kind)
		return -ENOMEM;
	if (strcmp(ret->kind, "stage") != 0 && strcmp(ret->kind, "image") != 0) {
		path = name;
	} else if (name) {
		path = strchr(name, ' ');
		if (path)
			*path++ = '\0';
		if (strcmp(ret->kind, "stage") == 0)
			ret->stage = place_of_stage(graph, name);
		else if (!(ret->image = strdup(name)))
			return -ENOMEM;
	}
	ret->path = path ? strdup(path) : NULL;
	return path && !ret->path ? -ENOMEM : 0;
}

static int read_sources(const struct msb_graph *graph, const char *text, struct msb_graph_step *ret,
			struct msb_error *err)
{
	autodefinition definition = {0};

	if (definition_read(text ? text : "", &definition) < 0)
		return msb_error_memory(err);
	ret->sources = calloc(definition.count + 1, sizeof(*ret->sources));
	if (!ret->sources)
		return msb_error_memory(err);
	for (size_t i = 0; i < definition.count; i++)
		if (strcmp(definition.components[i].name, "reads") == 0 &&
		    read_source(graph, definition.components[i].value,
				&ret->sources[ret->source_count++]) < 0)
			return msb_error_memory(err);
	return 0;
}

static int read_log(const struct reading *reading, const struct msb_step *step,
		    struct msb_graph_step *ret, struct msb_error *err)
{
	autofree uint8_t *bytes = NULL;
	size_t size, skip;
	int r;

	if (!step->has_log || reading->limits->log == 0)
		return 0;
	r = msb_store_load(reading->store, &step->log, MAX_LOG, &bytes, &size, err);
	if (r < 0)
		return r;
	size = step_log_text_of(bytes, size);
	skip = size > reading->limits->log ? size - reading->limits->log : 0;
	ret->log_size = size - skip;
	ret->log = malloc(ret->log_size + 1);
	if (!ret->log)
		return msb_error_memory(err);
	memcpy(ret->log, bytes + skip, ret->log_size);
	ret->log[ret->log_size] = '\0';
	return 0;
}

/* Bytes of files in an entry, hard links shared out among their names. */
static uint64_t bytes_of(const struct msb_entry *entry)
{
	if (entry->type == MSB_DIRECTORY)
		return entry->bytes;
	if (entry->type != MSB_FILE)
		return 0;
	return entry->nlink > 1 ? entry->size / entry->nlink : entry->size;
}

struct changes {
	struct msb_graph_step *step;
	size_t limit;
};

static int keep_change(struct msb_graph_step *step, const struct msb_difference *difference,
		       struct msb_error *err)
{
	const struct msb_entry *before = difference->before, *after = difference->after;
	size_t count = step->change_count;
	struct msb_graph_change *grown = step->changes;

	/* There is room up to the next power of two. */
	if ((count & (count - 1)) == 0)
		grown = reallocarray(grown, count ? count * 2 : 1, sizeof(*grown));
	if (!grown)
		return msb_error_memory(err);
	step->changes = grown;
	grown[count] = (struct msb_graph_change){
		.change = difference->change,
		.path = strdup(difference->path),
		.file = (after ? after : before)->type == MSB_FILE,
		.before = before ? before->size : 0,
		.after = after ? after->size : 0,
	};
	step->change_count++;
	return grown[count].path ? 0 : msb_error_memory(err);
}

static int count_change(void *context, const struct msb_difference *difference,
			struct msb_error *err)
{
	const struct changes *changes = context;
	struct msb_graph_step *step = changes->step;
	const struct msb_entry *before = difference->before, *after = difference->after;

	step->added += difference->change == MSB_ADDED;
	step->changed += difference->change == MSB_CHANGED;
	step->removed += difference->change == MSB_REMOVED;
	/* An added or a changed directory is followed by what is in it. */
	if (after && after->type == MSB_FILE &&
	    !(before && before->type == MSB_FILE &&
	      msb_digest_equal(&before->digest, &after->digest))) {
		step->bytes_added += bytes_of(after);
		step->bytes_removed += before ? bytes_of(before) : 0;
	} else if (difference->change == MSB_REMOVED) {
		step->bytes_removed += bytes_of(before);
	}
	return step->change_count < changes->limit ? keep_change(step, difference, err) : 0;
}

static int read_tree(const struct reading *reading, const struct msb_digest *before,
		     struct msb_graph_step *step, struct msb_error *err)
{
	struct changes changes = {step, reading->limits->changes};
	struct msb_found root;
	int r = msb_tree_find(reading->store, &step->tree, "/", 0, &root, err);

	if (r < 0)
		return r;
	step->bytes = root.entry.bytes;
	msb_found_done(&root);
	return before ? msb_tree_diff(reading->store, before, &step->tree, count_change, &changes,
				      err)
		      : 0;
}

static int read_step(const struct reading *reading, const struct msb_step *from,
		     const struct msb_digest *before, struct msb_graph_step *ret,
		     struct msb_error *err)
{
	int r;

	*ret = (struct msb_graph_step){
		.number = from->number,
		.state = from->state,
		.line = from->line,
		.end_line = from->end_line,
		.text = copy_or_empty(from->expanded),
		.duration_ns = from->duration_ns,
		.exit_status = from->exit_status,
		.has_tree = from->has_tree,
		.tree = from->tree,
	};
	if (!ret->text)
		return msb_error_memory(err);
	r = read_sources(reading->graph, from->definition, ret, err);
	if (r >= 0)
		r = read_log(reading, from, ret, err);
	if (r >= 0 && from->has_tree)
		r = read_tree(reading, before, ret, err);
	return r;
}

static int read_steps(const struct reading *reading, struct msb_graph_stage *stage,
		      const struct msb_step *steps, size_t count, struct msb_error *err)
{
	const struct msb_digest *before = NULL;
	int r = 0;

	stage->steps = calloc(count + 1, sizeof(*stage->steps));
	if (!stage->steps)
		return msb_error_memory(err);
	for (size_t i = 0; r >= 0 && i < count; i++) {
		stage->step_count++;
		r = read_step(reading, &steps[i], before, &stage->steps[i], err);
		if (steps[i].has_tree)
			before = &steps[i].tree;
	}
	return r;
}

static int name_stage(const struct msb_stage *from, struct msb_graph_stage *ret,
		      struct msb_error *err)
{
	char label[MSB_STAGE_LABEL];

	*ret = (struct msb_graph_stage){
		.index = from->index,
		.label = strdup(msb_stage_label(from, label)),
		.state = from->state,
		.planned = from->step_count,
	};
	return ret->label ? 0 : msb_error_memory(err);
}

/* All names first: a step may read from any stage. */
static int read_stages(const struct reading *reading, const struct msb_stage *stages, size_t count,
		       struct msb_error *err)
{
	struct msb_graph *graph = reading->graph;
	int r = 0;

	graph->stages = calloc(count + 1, sizeof(*graph->stages));
	if (!graph->stages)
		return msb_error_memory(err);
	for (size_t i = 0; r >= 0 && i < count; i++) {
		graph->stage_count++;
		r = name_stage(&stages[i], &graph->stages[i], err);
	}
	for (size_t i = 0; r >= 0 && i < count; i++) {
		struct msb_step *steps;
		size_t step_count;

		r = msb_records_steps(reading->store, stages[i].build, stages[i].index, &steps,
				      &step_count, err);
		if (r < 0)
			return r;
		r = read_steps(reading, &graph->stages[i], steps, step_count, err);
		msb_steps_free(steps, step_count);
	}
	return r;
}

int msb_build_graph(const char *root, int64_t build, const struct msb_graph_limits *limits,
		    struct msb_graph **ret, struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	AUTO(msb_graph_freep) struct msb_graph *graph = calloc(1, sizeof(*graph));
	struct reading reading = {.limits = limits, .graph = graph};
	struct msb_stage *stages;
	size_t count;
	int r = graph ? open_store(root, &store, err) : msb_error_memory(err);

	if (r < 0)
		return r;
	reading.store = store;
	r = msb_records_build(store, build, &graph->build, err);
	if (r == -ENOENT && build == 0)
		return msb_error_say(err, ENOENT, "nothing was built yet");
	if (r == -ENOENT)
		return msb_error_say(err, ENOENT, "there is no build %lld: see msb builds",
				     (long long)build);
	if (r >= 0)
		r = msb_records_stages(store, graph->build->id, &stages, &count, err);
	if (r < 0)
		return r;
	r = read_stages(&reading, stages, count, err);
	msb_stages_free(stages, count);
	if (r >= 0)
		*ret = steal(&graph);
	return r;
}

static void free_step(struct msb_graph_step *step)
{
	for (size_t i = 0; i < step->change_count; i++)
		free(step->changes[i].path);
	for (size_t i = 0; i < step->source_count; i++) {
		free(step->sources[i].use);
		free(step->sources[i].kind);
		free(step->sources[i].image);
		free(step->sources[i].path);
	}
	free(step->changes);
	free(step->sources);
	free(step->text);
	free(step->log);
}

void msb_graph_free(struct msb_graph *graph)
{
	if (!graph)
		return;
	for (size_t i = 0; i < graph->stage_count; i++) {
		struct msb_graph_stage *stage = &graph->stages[i];

		for (size_t j = 0; j < stage->step_count; j++)
			free_step(&stage->steps[j]);
		free(stage->steps);
		free(stage->label);
	}
	free(graph->stages);
	if (graph->build)
		msb_builds_free(graph->build, 1);
	free(graph);
}

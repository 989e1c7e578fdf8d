/* All of one step: its key, the cache or the work, its records, its events. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "explain_step.h"
#include "internal.h"
#include "io.h"
#include "platforms.h"
#include "step_log.h"
#include "turn.h"

static struct msb_event event_of(const struct step_run *run, enum msb_event_kind kind)
{
	return (struct msb_event){
		.kind = kind,
		.vertex = run->vertex,
		.stage = run->stage->plan->label,
		.step = run->step->number,
		.steps = run->stage->plan->step_count,
		.text = run->step->expanded,
	};
}

static bool is_listed(const char *const *names, const struct plan_stage *stage)
{
	for (; names && *names; names++)
		if (strcasecmp(*names, stage->label) == 0)
			return true;
	return false;
}

static bool may_use_cache(const struct step_run *run)
{
	const struct msb_build_options *options = run->build->options;

	return step_operation_of(run->step->kind)->cached && !options->no_cache &&
	       !is_listed(options->no_cache_filter, run->stage->plan);
}

/* The definition so far: the step's own words and the tree it starts from. */
static int begin_definition(struct step_run *run, struct msb_error *err)
{
	autofree char *own = plan_step_definition(run->step);
	char text[MSB_DIGEST_TEXT];
	struct msb_digest key;
	int r;

	if (!own)
		return msb_error_memory(err);
	buffer_string(&run->definition, own);
	if (run->step->kind == STEP_FROM)
		return 0;
	/* Its result is the tree it began with, but it was new once, and its time is kept. */
	if (run->step->kind == STEP_CONFIG)
		buffer_printf(&run->definition, "instruction %s\n", run->step->expanded);
	if (copy_is_separate(run->step))
		return 0;
	r = tree_key(run->build->store, &run->before, &key, err);
	if (r >= 0)
		buffer_printf(&run->definition, "tree %s\n", msb_digest_format(&key, text));
	return r;
}

static int text_blob(struct build *build, const char *text, struct msb_digest *ret,
		     struct msb_error *err)
{
	return store_put(build->writer, text, strlen(text), ret, err);
}

static int put_log(const struct step_run *run, struct msb_digest *ret, struct msb_error *err)
{
	autobuffer log = {0};

	step_log_encode(&run->log, &run->log_marks, &log);
	if (!buffer_ok(&log))
		return msb_error_memory(err);
	return store_put(run->build->writer, log.bytes, log.size, ret, err);
}

static int fill_record(struct step_run *run, struct msb_step *record, struct msb_error *err)
{
	struct build *build = run->build;
	autofree char *config = NULL;
	int r = config_encode(&run->step->config, &config, err);

	if (r >= 0)
		r = text_blob(build, config, &record->config, err);
	if (r >= 0 && run->log.size > 0) {
		record->has_log = true;
		r = put_log(run, &record->log, err);
	}
	record->build = build->record.id;
	record->stage = run->stage->plan->index;
	record->number = run->step->number;
	record->line = run->step->line;
	record->end_line = run->step->end_line;
	record->text = run->step->text;
	record->expanded = run->step->expanded;
	record->exit_status = run->exit_status;
	record->has_tree = run->has_after;
	record->tree = run->after;
	return r;
}

static int record_stage(struct step_run *run, enum msb_state step_state, struct msb_error *err)
{
	const struct plan_stage *plan = run->stage->plan;
	struct msb_stage stage = {
		.build = run->build->record.id,
		.index = plan->index,
		.name = plan->name,
		.state = MSB_RUNNING,
		.step_count = plan->step_count,
		.has_tree = run->stage->has_tree,
		.tree = run->stage->tree,
	};

	if (step_state == MSB_FAILED)
		stage.state = MSB_FAILED;
	else if (run->step->number == plan->step_count)
		stage.state = MSB_DONE;
	return store_set_stage(run->build->writer, &stage, err);
}

/* What its files looked like, for next time. */
static int record_origin(const struct origin *origin, struct msb_error *err)
{
	int r;

	if (!origin->files)
		return 0;
	context_lock(origin->files);
	r = context_record(origin->files, err);
	context_unlock(origin->files);
	return r;
}

/* One transaction: the step, its stage as it now is, and what the cache may answer next time. */
static int publish(struct step_run *run, struct msb_step *record, const struct cached_step *cached,
		   struct msb_error *err)
{
	struct build *build = run->build;
	int r = store_begin(build->writer, err);

	if (r < 0)
		return r;
	r = store_set_step(build->writer, record, err);
	if (r >= 0)
		r = record_stage(run, record->state, err);
	if (r >= 0 && cached)
		r = store_cache_set(build->writer, &record->key, cached, err);
	if (r >= 0)
		r = record_origin(&build->origin, err);
	for (size_t i = 0; r >= 0 && i < build->named.count; i++)
		r = record_origin(&build->named.items[i].origin, err);
	return store_end(build->writer, r, err);
}

/* Adds the step to what the image will say of its history. */
static int add_history(struct step_run *run, int64_t created_ns, struct msb_error *err)
{
	struct stage_run *stage = run->stage;
	char comment[] = "buildkit.dockerfile.v0";
	struct history entry = {
		.created_by = run->step->created_by,
		.comment = comment,
		.created_ns = created_ns,
		.empty_layer = run->step->empty_layer,
	};
	struct layer_pair pair = {run->before, run->after};
	struct layer_pair *grown;

	if (!entry.created_by)
		return 0;
	if (image_add_history(&stage->image, &entry) < 0)
		return msb_error_memory(err);
	if (created_ns > stage->image.created_ns)
		stage->image.created_ns = created_ns;
	if (entry.empty_layer)
		return 0;
	/* Below an image's lowest layer there is nothing, not an empty tree. */
	if (stage->layer_count == 0 && stage->image.layer_count == 0)
		pair.parent = (struct msb_digest){0};
	grown = reallocarray(stage->layers, stage->layer_count + 1, sizeof(*grown));
	if (!grown)
		return msb_error_memory(err);
	stage->layers = grown;
	grown[stage->layer_count++] = pair;
	if (stage->wants_layers)
		return layer_digests_begin(run->build->digests, &pair, err);
	return 0;
}

/* A named context as base: all of it is one layer. */
static int begin_history(struct step_run *run, struct msb_error *err)
{
	struct stage_run *stage = run->stage;
	const struct layer_pair pair = {.tree = run->after};
	char comment[] = "buildkit.dockerfile.v0";
	struct history entry = {
		.created_by = run->step->expanded,
		.comment = comment,
		.created_ns = io_now(),
	};

	stage->layers = malloc(sizeof(*stage->layers));
	if (!stage->layers || image_add_history(&stage->image, &entry) < 0)
		return msb_error_memory(err);
	stage->layers[stage->layer_count++] = pair;
	stage->image.created_ns = entry.created_ns;
	return 0;
}

/* The base's history is where a stage's own begins. */
static int inherit_history(struct step_run *run, struct msb_error *err)
{
	struct stage_run *stage = run->stage;
	const struct source *base = &stage->plan->base;
	const struct base_image *image;
	const struct image *from;
	int r = 0;

	if (base->kind == SOURCE_SCRATCH)
		return 0;
	if (base->kind == SOURCE_NAMED)
		return begin_history(run, err);
	if (base->kind == SOURCE_STAGE) {
		const struct stage_run *other = &run->build->stages[base->stage];
		size_t size = other->layer_count * sizeof(*other->layers);

		from = &other->image;
		stage->layers = malloc(size + 1);
		if (!stage->layers)
			return msb_error_memory(err);
		if (size > 0)
			memcpy(stage->layers, other->layers, size);
		stage->layer_count = other->layer_count;
	} else {
		r = base_images_get(&run->build->images, base->image,
				    platforms_of_stage(run->build, run->stage->plan), &image, err);
		if (r < 0)
			return r;
		from = &image->image;
	}
	stage->image.created_ns = from->created_ns;
	for (size_t i = 0; r >= 0 && i < from->layer_count; i++)
		r = image_add_layer(&stage->image, &from->diff_ids[i]);
	for (size_t i = 0; r >= 0 && i < from->history_count; i++)
		r = image_add_history(&stage->image, &from->history[i]);
	return r < 0 ? msb_error_memory(err) : 0;
}

/* Without a layer of its own nothing may change, not even the times that an equal tree was found
 * with. */
static void take_cached(struct step_run *run, struct msb_step *record,
			const struct cached_step *cached)
{
	record->state = MSB_CACHED;
	run->after = run->step->empty_layer ? run->before : cached->tree;
	run->has_after = true;
}

static void say_waiting(void *context)
{
	static const char text[] = "the same step is running already; waiting for what it makes\n";
	struct step_run *run = context;
	struct msb_event event = event_of(run, MSB_EVENT_OUTPUT);

	event.output = text;
	event.output_size = strlen(text);
	events_tell(&run->build->events, &event);
}

static int take_turn(struct step_run *run, const struct msb_digest *key, bool patient,
		     struct msb_error *err)
{
	const struct turn turn = {
		.store = run->build->store,
		.key = key,
		.stop_fd = run->build->stopped,
		.waiting = say_waiting,
		.context = run,
	};

	return turn_take(&turn, patient, &run->turn, err);
}

/* What an equal step made; -ENOENT: none did, and it is this one's turn. */
static int find_result(struct step_run *run, const struct msb_digest *key, struct cached_step *ret,
		       struct msb_error *err)
{
	bool may = may_use_cache(run);
	int r = may ? store_cache_find(run->build->writer, key, ret, err) : -ENOENT;

	if (may && r == -ENOENT)
		r = shared_caches_find(&run->build->shared, key, ret, err);
	if (r != -ENOENT || !step_operation_of(run->step->kind)->takes_time)
		return r;
	r = take_turn(run, key, may, err);
	if (r < 0)
		return r;
	/* Somebody else may just have had his. */
	return may ? store_cache_find(run->build->writer, key, ret, err) : -ENOENT;
}

static int execute(struct step_run *run, struct msb_step *record, struct cached_step *ret,
		   struct msb_error *err)
{
	const struct step_operation *operation = step_operation_of(run->step->kind);
	int r = find_result(run, &record->key, ret, err);

	if (r >= 0)
		take_cached(run, record, ret);
	if (r != -ENOENT)
		return r;
	record->state = MSB_DONE;
	r = operation->execute(run, err);
	*ret = (struct cached_step){
		.tree = run->after,
		.created_ns = io_now(),
		.duration_ns = io_now() - record->started_ns,
	};
	return r;
}

/* The part that may fail by the user's doing; record->state says what became of it. */
static int do_step(struct step_run *run, struct msb_step *record, struct cached_step *cached,
		   struct msb_error *err)
{
	const struct step_operation *operation = step_operation_of(run->step->kind);
	int r = begin_definition(run, err);

	if (r >= 0 && operation->prepare)
		r = operation->prepare(run, err);
	if (r < 0)
		return r;
	if (!buffer_ok(&run->definition))
		return msb_error_memory(err);
	msb_digest_of(run->definition.bytes, run->definition.size, &record->key);
	r = execute(run, record, cached, err);
	if (r < 0 || !operation->complete)
		return r;
	r = operation->complete(run, err);
	run->has_after = r >= 0;
	return r;
}

static int finish_step(struct step_run *run, struct msb_step *record, struct cached_step *cached,
		       struct msb_error *err)
{
	bool keep = record->state == MSB_DONE && step_operation_of(run->step->kind)->cached;
	int r;

	if (run->has_after) {
		run->stage->tree = run->after;
		run->stage->has_tree = true;
	}
	record->duration_ns = io_now() - record->started_ns;
	r = fill_record(run, record, err);
	if (r < 0)
		return r;
	if (record->state == MSB_CACHED && cached->has_log) {
		record->has_log = true;
		record->log = cached->log;
	}
	cached->has_log = record->has_log;
	cached->log = record->log;
	r = publish(run, record, keep ? cached : NULL, err);
	if (r < 0 || record->state == MSB_FAILED)
		return r;
	if (run->step->kind == STEP_FROM)
		return inherit_history(run, err);
	return add_history(run, cached->created_ns, err);
}

/* The result's own words about a failure; the first one counts. */
static void tell_failure(struct step_run *run, const struct msb_error *err)
{
	struct msb_build_result *result = run->build->result;
	const size_t most = 8192;
	size_t skip = run->log.size > most ? run->log.size - most : 0;

	pthread_mutex_lock(&run->build->lock);
	if (!result->failed_in_step) {
		result->failed_in_step = true;
		result->failed_stage = strdup(run->stage->plan->label);
		result->failed_step = run->step->number;
		result->failed_steps = run->stage->plan->step_count;
		result->exit_status = run->exit_status;
		result->excerpt =
			excerpt_of(run->build->dockerfile->name, run->build->dockerfile_text,
				   run->step->line, run->step->end_line);
		result->failed_log =
			strndup(run->log.bytes ? (const char *)run->log.bytes + skip : "",
				run->log.size - skip);
		run->build->error = *err;
	}
	pthread_mutex_unlock(&run->build->lock);
}

static void end_event(const struct step_run *run, const struct msb_step *record,
		      const struct msb_error *failure)
{
	struct msb_event event = event_of(run, MSB_EVENT_END);

	event.state = record->state;
	event.duration_ns = record->duration_ns;
	event.error = record->state == MSB_FAILED ? failure->text : NULL;
	events_tell(&run->build->events, &event);
}

static void step_run_done(struct step_run *run)
{
	const struct step_operation *operation = step_operation_of(run->step->kind);

	if (operation->release)
		operation->release(run);
	buffer_done(&run->definition);
	buffer_done(&run->notes);
	buffer_done(&run->log);
	buffer_done(&run->log_marks);
	if (run->turn >= 0)
		close(run->turn);
}

/* What the key was made of, the arguments in effect, and where the step read. Owned; NULL: no
 * memory. */
static char *recorded_definition(const struct step_run *run)
{
	autofree char *arguments = plan_step_arguments(run->step);
	autofree char *sources = plan_step_sources(run->stage->plan, run->step);
	autobuffer text = {0};

	if (!arguments || !sources)
		return NULL;
	buffer_append(&text, run->definition.bytes, run->definition.size);
	buffer_string(&text, arguments);
	buffer_string(&text, sources);
	buffer_append(&text, run->notes.bytes, run->notes.size);
	return buffer_text(&text);
}

/* --explain: one note, after the step and its record are there. */
static void explain_miss(const struct step_run *run, const struct msb_step *record)
{
	const struct plan_stage *plan = run->stage->plan;
	struct msb_error failure = {0};
	autoexplanations list = {0};
	autobuffer out = {0};
	autofree char *text = NULL;
	int64_t compared;

	if (!run->build->options->explain || record->state == MSB_CACHED || record->number == 1)
		return;
	if (explain_step(run->build->store, record, plan->label, &compared, &list, &failure) < 0)
		buffer_string(&out, failure.text);
	for (size_t i = 0; i < list.count; i++)
		buffer_printf(&out, "%s%s", i > 0 ? "; " : "", list.items[i].text);
	text = buffer_text(&out);
	if (text)
		events_note(&run->build->events, "[%s %zu/%zu] missed the cache: %s", plan->label,
			    record->number, plan->step_count, text);
}

/* The excerpt of the Dockerfile has the rest; behind the instruction stands what is wrong. */
static size_t shown_length(const char *text)
{
	const size_t most = 120;
	size_t length = strlen(text);

	if (length <= most)
		return length;
	for (length = most; length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80; length--)
		;
	return length;
}

int build_run_step(struct build *build, struct stage_run *stage, const struct step *step,
		   struct msb_error *err)
{
	AUTO(step_run_done)
	struct step_run run = {
		.build = build,
		.stage = stage,
		.step = step,
		.before = stage->tree,
		.began_ns = io_now(),
		.turn = -1,
	};
	struct msb_step record = {.started_ns = run.began_ns};
	struct cached_step cached = {0};
	struct msb_error failure = {0}, second = {0};
	autofree char *definition = NULL;
	int r, published;

	run.vertex = events_begin(&build->events, event_of(&run, MSB_EVENT_BEGIN));
	r = do_step(&run, &record, &cached, &failure);
	/* What it has left is nobody's failure and nothing that a later build can use. */
	if (r == -ECANCELED) {
		record.state = MSB_RUNNING;
		end_event(&run, &record, &failure);
		if (err)
			*err = failure;
		return r;
	}
	if (r < 0)
		record.state = MSB_FAILED;
	definition = recorded_definition(&run);
	if (!definition)
		return msb_error_memory(err);
	record.definition = definition;
	published = finish_step(&run, &record, &cached, &second);
	if (r >= 0 && published < 0) {
		r = published;
		failure = second;
		record.state = MSB_FAILED;
	}
	if (r < 0) {
		msb_error_prefix(&failure, r, "%s:%d: %.*s%s", build->dockerfile->name, step->line,
				 (int)shown_length(step->text), step->text,
				 step->text[shown_length(step->text)] ? "\xe2\x80\xa6" : "");
		tell_failure(&run, &failure);
		if (err)
			*err = failure;
	}
	end_event(&run, &record, &failure);
	explain_miss(&run, &record);
	return r;
}

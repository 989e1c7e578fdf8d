/* One build from end to end: read (inputs.c), plan, record, run, publish. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "annotations.h"
#include "exec.h"
#include "hosts.h"
#include "internal.h"
#include "io.h"
#include "live_log.h"
#include "needs.h"
#include "origin_age.h"
#include "path.h"
#include "platforms.h"
#include "reference.h"
#include "rights.h"
#include "sandbox.h"
#include "secrets.h"

/* --- The plan --- */

static int base_config(void *context, const char *reference, const char *platform,
		       struct config *ret, struct msb_error *err)
{
	struct build *build = context;
	const struct base_image *image;
	int r = base_images_get(&build->images, reference, platform, &image, err);

	if (build->only_looks && r < 0 && r != -ENOMEM)
		return 0;
	if (r < 0)
		return r;
	return config_copy(&image->image.config, ret) < 0 ? msb_error_memory(err) : 0;
}

static int check_image(const char *reference, struct msb_error *err)
{
	autofree char *name = NULL;

	return reference_normalize(reference, &name, err);
}

static int find_named(void *context, const char *name, struct source *ret, struct msb_error *err)
{
	const struct build *build = context;

	return named_contexts_find(&build->named, name, ret, err);
}

/* NAME=VALUE, or NAME alone for this process's own value; an unset one is left out. Of several the
 * last counts. */
static int resolve_build_args(const char *const *given, struct strlist *ret)
{
	int r = 0;

	for (; r >= 0 && given && *given; given++) {
		const char *equals = strchr(*given, '=');
		const char *value = equals ? equals + 1 : getenv(*given);
		autofree char *name = strndup(*given, strcspn(*given, "="));

		if (!name)
			return -ENOMEM;
		if (value)
			r = strlist_set_env(ret, name, value);
	}
	return r;
}

static int copy_list(const char *const *given, struct strlist *ret)
{
	int r = 0;

	for (; r >= 0 && given && *given; given++)
		r = strlist_add(ret, *given);
	return r;
}

static int date_by_context(struct build *build, struct msb_error *err)
{
	AUTO(ignore_freep) struct ignore *ignore = NULL;
	int64_t seconds = 0;
	int r = build_read_ignore(build, &ignore, err);

	if (r >= 0)
		r = origin_age(&build->origin, ignore, build->store, &seconds, err);
	if (r >= 0 && epoch_set_context(&build->build_args, seconds) < 0)
		r = msb_error_memory(err);
	return r;
}

int build_plan(struct build *build, struct msb_error *err)
{
	const struct msb_build_options *options = build->options;
	int r = platforms_read(build, err);

	if (r < 0)
		return r;
	if (resolve_build_args(options->build_args, &build->build_args) < 0 ||
	    copy_list(options->labels, &build->labels) < 0)
		return msb_error_memory(err);
	build->inputs = (struct plan_inputs){
		.dockerfile = build->dockerfile,
		.build_args = &build->build_args,
		.targets = options->targets,
		.labels = &build->labels,
		.platform = build->platform,
		.build_platform = build->own_platform,
		.image_config = base_config,
		.check_image = build->only_looks ? NULL : check_image,
		.named = find_named,
		.context = build,
	};
	if (!options->timestamp && epoch_wants_context(&build->build_args))
		r = date_by_context(build, err);
	if (r >= 0)
		r = epoch_find(options, &build->build_args, &build->epoch, err);
	return r < 0 ? r : plan_make(&build->inputs, &build->plan, err);
}

static int name_hosts(struct build *build, struct msb_error *err)
{
	const char *name = strlist_get_env(&build->build_args, "BUILDKIT_SANDBOX_HOSTNAME");

	build->hostname = name && *name ? name : HOSTS_NAME;
	return hosts_write(build->options->hosts, build->hostname, &build->hosts, err);
}

static void set_network(struct build *build)
{
	enum run_network network = NETWORK_DEFAULT;

	if (build->options->network && strcmp(build->options->network, "none") == 0)
		network = NETWORK_NONE;
	else if (build->options->network && strcmp(build->options->network, "host") == 0)
		network = NETWORK_HOST;
	for (size_t i = 0; i < build->plan->stage_count; i++)
		for (size_t j = 0; j < build->plan->stages[i].step_count; j++)
			if (build->plan->stages[i].steps[j].run.network == NETWORK_DEFAULT)
				build->plan->stages[i].steps[j].run.network = network;
}

static bool wants(const struct plan *plan, enum step_kind kind)
{
	for (size_t i = 0; i < plan->stage_count; i++)
		for (size_t j = 0; j < plan->stages[i].step_count; j++)
			if (plan->stages[i].steps[j].kind == kind)
				return true;
	return false;
}

/* --- The stages --- */

/* A target and the stages that it stands upon. */
static void want_layers(struct build *build, size_t target)
{
	struct stage_run *stage = &build->stages[target];

	for (;;) {
		stage->wants_layers = true;
		if (stage->plan->base.kind != SOURCE_STAGE)
			return;
		stage = &build->stages[stage->plan->base.stage];
	}
}

static int make_stages(struct build *build, struct msb_error *err)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	build->workers_left =
		build->options->jobs ? build->options->jobs : (size_t)(cores > 0 ? cores : 1);
	build->stages = calloc(build->plan->stage_count, sizeof(*build->stages));
	if (!build->stages)
		return msb_error_memory(err);
	build->stopped = eventfd(0, EFD_CLOEXEC);
	build->stages_ended = eventfd(0, EFD_CLOEXEC);
	if (build->stopped < 0 || build->stages_ended < 0)
		return msb_error_set(err, errno, "create an eventfd");
	for (size_t i = 0; i < build->plan->stage_count; i++)
		build->stages[i].plan = &build->plan->stages[i];
	/* With an epoch, the layers of the image are others than those between the steps. */
	for (size_t i = 0; i < build->plan->target_count && !build->epoch.set; i++)
		want_layers(build, build->plan->targets[i]);
	return 0;
}

/* --- The build's own record --- */

static int describe(struct build *build, struct msb_error *err)
{
	struct msb_build *record = &build->record;
	autobuffer tags = {0};
	int r;

	for (const char *const *tag = build->options->tags; tag && *tag; tag++)
		buffer_printf(&tags, "%s%s", tags.size ? " " : "", *tag);
	record->tags = buffer_text(&tags);
	record->started_ns = io_now();
	record->dockerfile_name = build->dockerfile->name;
	record->target = build->plan->stages[build->plan->target].label;
	record->stage_count = build->plan->stage_count;
	if (!record->tags)
		return msb_error_memory(err);
	r = store_put(build->writer, build->dockerfile_text, strlen(build->dockerfile_text),
		      &record->dockerfile, err);
	if (r >= 0)
		r = store_begin(build->writer, err);
	if (r < 0)
		return r;
	r = store_add_build(build->writer, record, &record->id, err);
	if (r >= 0)
		live_build_begin(build); /* whoever sees the record sees that it lives */
	r = store_end(build->writer, r, err);
	build->result->build = record->id;
	return r;
}

static int record_end(struct build *build, int outcome, const struct msb_error *failure,
		      struct msb_error *err)
{
	autofree char *text = outcome < 0 ? strdup(failure->text) : NULL;
	int r = store_begin(build->writer, err);

	if (r < 0)
		return r;
	build->record.state = outcome < 0 ? MSB_FAILED : MSB_DONE;
	build->record.finished_ns = io_now();
	build->record.error = text;
	r = store_set_build(build->writer, &build->record, err);
	build->record.error = NULL;
	return store_end(build->writer, r, err);
}

/* A RUN may mount the context. */
static bool wants_context(const struct plan *plan)
{
	return wants(plan, STEP_COPY) || wants(plan, STEP_ADD) || wants(plan, STEP_RUN);
}

static int read_tags(struct build *build, struct msb_error *err)
{
	int r = 0;

	for (const char *const *tag = build->options->tags; r >= 0 && tag && *tag; tag++) {
		autofree char *name = NULL;

		r = reference_normalize(*tag, &name, err);
		if (r >= 0 && strchr(name, '@'))
			return msb_error_say(err, EINVAL, "tag '%s': a digest cannot be given",
					     *tag);
		if (r >= 0 && strlist_add(&build->tags, name) < 0)
			return msb_error_memory(err);
	}
	return r;
}

static int check_secrets(struct build *build, struct msb_error *err)
{
	autostrlist notes = {0};
	int r = secrets_check(build->options->secrets, &notes, err);

	for (size_t i = 0; r >= 0 && i < notes.count; i++)
		build_note(build, notes.items[i]);
	return r;
}

/* What the options alone say: what is wrong with them is told before anything is read. */
static int read_options(struct build *build, struct msb_error *err)
{
	const struct msb_build_options *options = build->options;
	int r = read_tags(build, err);

	if (r >= 0)
		r = check_secrets(build, err);
	if (r >= 0)
		r = outputs_parse(options->outputs, &build->outputs, err);
	if (r >= 0)
		r = outputs_check_names(&build->outputs, &build->tags, err);
	if (r >= 0)
		r = shared_caches_parse(options->cache_from, options->cache_to, &build->shared,
					err);
	if (r >= 0)
		r = limits_parse(options->ulimits, options->shm_size, &build->limits, err);
	if (r >= 0)
		r = command_filter_init(&build->filter, options->security, err);
	if (r >= 0)
		r = annotations_parse(options->annotations, &build->annotations, err);
	return r;
}

/* The Dockerfile and its plan, with all that decides it. */
static int read_plan(struct build *build, struct msb_error *err)
{
	int r = agents_open(build->options->agents, store_writer_scratch_path(build->writer),
			    &build->agents, err);

	if (r >= 0)
		r = build_read_inputs(build, err);
	if (r >= 0)
		r = named_contexts_open(build->options->build_contexts, &build->lent, build->store,
					build->writer, &build->named, err);
	if (r >= 0)
		r = build_plan(build, err);
	if (r >= 0)
		r = name_hosts(build, err);
	if (r < 0)
		return r;
	set_network(build);
	return 0;
}

/* What can be known to fail fails here, before any step runs. */
static int check_plan(struct build *build, struct msb_error *err)
{
	const char *runtime;
	int r = build_check(build, false, err);

	if (r >= 0)
		r = rights_check(build, err);
	if (r >= 0)
		r = platforms_check(build, err);
	if (r >= 0)
		r = needs_check(build, err);
	if (r >= 0 && wants(build->plan, STEP_RUN))
		r = sandbox_find_runtime(&runtime, err);
	return r;
}

/* What the steps stand upon. */
static int open_ground(struct build *build, struct msb_error *err)
{
	int r = base_mount_new(build->store, store_writer_scratch_path(build->writer),
			       &build->mount, err);

	if (r >= 0 && wants(build->plan, STEP_RUN))
		r = sandbox_enter(err);
	if (r >= 0 && wants_context(build->plan))
		r = build_scan_context(build, err);
	if (r >= 0)
		r = layer_digests_new(build->store, build->writer, &build->shared, &build->digests,
				      err);
	return r < 0 ? r : make_stages(build, err);
}

static int prepare(struct build *build, struct msb_error *err)
{
	int r = read_options(build, err);

	if (r >= 0)
		r = read_plan(build, err);
	if (r >= 0)
		r = check_plan(build, err);
	return r < 0 ? r : open_ground(build, err);
}

void build_done(struct build *build)
{
	lint_free(build->lint);
	strlist_done(&build->build_args);
	strlist_done(&build->labels);
	free(build->platform);
	free(build->own_platform);
	layer_digests_free(build->digests);
	base_mount_free(build->mount);
	origin_done(&build->origin);
	named_contexts_done(&build->named);
	free(build->dockerfile_path);
	for (size_t i = 0; build->stages && i < build->plan->stage_count; i++) {
		image_done(&build->stages[i].image);
		free(build->stages[i].layers);
	}
	free(build->stages);
	plan_free(build->plan);
	dockerfile_free(build->dockerfile);
	free(build->dockerfile_text);
	free(build->record.tags);
	base_images_done(&build->images);
	outputs_done(&build->outputs);
	shared_caches_done(&build->shared);
	limits_done(&build->limits);
	command_filter_done(&build->filter);
	strlist_done(&build->annotations);
	strlist_done(&build->tags);
	agents_done(&build->agents);
	buffer_done(&build->hosts);
	events_done(&build->events);
	if (build->stopped >= 0)
		close(build->stopped);
	if (build->stages_ended >= 0)
		close(build->stages_ended);
	pthread_cond_destroy(&build->changed);
	pthread_mutex_destroy(&build->lock);
}

void build_init(struct build *build, const struct exec_request *request)
{
	*build = (struct build){
		.store = request->store,
		.writer = request->writer,
		.options = request->options,
		.lent = {request->options->secrets, &build->agents},
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
		.stopped = -1,
		.stages_ended = -1,
	};
	events_init(&build->events, request->event, request->context);
	base_images_init(&build->images, &(const struct base_image_source){
						 .store = request->store,
						 .writer = request->writer,
						 .events = &build->events,
						 .pull = request->options->pull,
					 });
}

int exec_build(const struct exec_request *request, struct msb_build_result *ret,
	       struct msb_error *err)
{
	AUTO(build_done) struct build build;
	struct msb_error failure = {0};
	int r, recorded;

	*ret = (struct msb_build_result){0};
	build_init(&build, request);
	build.result = ret;
	r = prepare(&build, err);
	if (r >= 0)
		r = describe(&build, err);
	if (r >= 0)
		r = shared_caches_begin(&build.shared, build.writer, &build.events, err);
	if (r < 0) {
		build_tell_warnings(&build);
		return r;
	}
	r = build_run_stages(&build, &failure);
	if (r >= 0)
		r = build_publish(&build, &failure);
	if (r >= 0)
		r = build_export(&build, &failure);
	if (r >= 0)
		r = shared_caches_send(&build, &failure);
	recorded = record_end(&build, r, &failure, r < 0 ? NULL : &failure);
	if (r >= 0)
		r = recorded;
	build_tell_warnings(&build);
	if (r < 0 && err)
		*err = failure;
	return r;
}

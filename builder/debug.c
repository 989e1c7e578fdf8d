/* A shell in a throw-away copy of a tree: what the records say of its setting. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "definition.h"
#include "exec.h"
#include "image.h"
#include "internal.h"

#define MAX_CONFIG (64u * 1024 * 1024)

struct setting {
	struct msb_digest tree;
	struct config config;
	bool own_network;
};

static void setting_done(struct setting *setting)
{
	config_done(&setting->config);
}

/* The environment of a command behind the step: the configuration's, and the ARGs. */
static int read_config(struct msb_store *store, const struct msb_step *step, struct config *ret,
		       struct msb_error *err)
{
	autofree uint8_t *json = NULL;
	autodefinition definition = {0};
	size_t size;
	int r = msb_store_load(store, &step->config, MAX_CONFIG, &json, &size, err);

	if (r >= 0)
		r = config_decode((const char *)json, size, ret, err);
	if (r < 0)
		return r;
	if (definition_read(step->definition ? step->definition : "", &definition) < 0)
		return msb_error_memory(err);
	for (size_t i = 0; i < definition.count; i++) {
		const struct component *component = &definition.components[i];
		char *equals = strchr(component->value, '=');

		if (strcmp(component->name, "argument") != 0 || !equals)
			continue;
		*equals = '\0';
		if (strlist_set_env(&ret->env, component->value, equals + 1) < 0)
			return msb_error_memory(err);
	}
	return 0;
}

static bool has_no_network(const struct msb_step *step)
{
	return step->definition && strstr(step->definition, "\nnetwork none\n");
}

/* steps are in order. A step that failed before it had a tree is shown as it began. */
static int choose_step(struct msb_store *store, const struct msb_step *steps, size_t count,
		       const struct ref_place *place, bool before, struct setting *ret,
		       struct msb_error *err)
{
	while (count > 0 && steps[count - 1].number > place->step)
		count--;
	ret->own_network = count > 0 && has_no_network(&steps[count - 1]);
	if (before && count > 0)
		count--;
	while (count > 0 && !steps[count - 1].has_tree)
		count--;
	if (count == 0)
		return msb_error_say(err, ENOENT, "nothing was there before this step");
	ret->tree = steps[count - 1].tree;
	return read_config(store, &steps[count - 1], &ret->config, err);
}

static int step_setting(struct msb_store *store, const struct ref_place *place, bool before,
			struct setting *ret, struct msb_error *err)
{
	struct msb_step *steps;
	size_t count;
	int r = msb_records_steps(store, place->build, place->stage, &steps, &count, err);

	if (r < 0)
		return r;
	r = choose_step(store, steps, count, place, before, ret, err);
	msb_steps_free(steps, count);
	return r;
}

/* A tree is an image's where one has it. */
static int image_setting(struct msb_store *store, const struct ref_place *place,
			 struct setting *ret, struct msb_error *err)
{
	struct msb_image *images;
	size_t count;
	int r = msb_records_images(store, &images, &count, err);

	if (r < 0)
		return r;
	ret->tree = place->tree;
	for (size_t i = 0; i < count; i++) {
		autoimage image = {0};

		if (!msb_digest_equal(&images[i].tree, &place->tree))
			continue;
		r = image_get(store, &images[i], &image, err);
		if (r >= 0 && config_copy(&image.config, &ret->config) < 0)
			r = msb_error_memory(err);
		break;
	}
	msb_images_free(images, count);
	return r;
}

/* The failed step of a stage, if it has one. */
static int find_failed(struct msb_store *store, const struct msb_stage *stage,
		       struct ref_place *ret, struct msb_error *err)
{
	struct msb_step *steps;
	size_t count;
	int r = msb_records_steps(store, stage->build, stage->index, &steps, &count, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		if (steps[i].state == MSB_FAILED)
			*ret = (struct ref_place){steps[i].tree, stage->build, stage->index,
						  steps[i].number};
	msb_steps_free(steps, count);
	return 0;
}

static bool is_target(const struct msb_stage *stage, const char *target)
{
	char index[32];

	snprintf(index, sizeof(index), "%zu", stage->index);
	return target && strcmp(stage->name ? stage->name : index, target) == 0;
}

/* Where to look when nobody says: the failed step of the newest build, else its target stage. */
static int find_default(struct msb_store *store, struct ref_place *ret, struct msb_error *err)
{
	struct msb_build *build = NULL;
	struct msb_stage *stages = NULL;
	struct ref_place failed = {0};
	size_t count = 0;
	int64_t newest;
	int r = find_newest_build(store, &newest, err);

	if (r == -ENOENT)
		return msb_error_say(err, ENOENT,
				     "nothing was built yet: name a tree, as in: msb debug "
				     "image:NAME");
	if (r >= 0)
		r = msb_records_build(store, newest, &build, err);
	if (r >= 0)
		r = msb_records_stages(store, newest, &stages, &count, err);
	*ret = (struct ref_place){0};
	for (size_t i = 0; r >= 0 && i < count; i++) {
		if (stages[i].state == MSB_FAILED)
			r = find_failed(store, &stages[i], &failed, err);
		if (is_target(&stages[i], build->target) || !ret->build)
			*ret = (struct ref_place){stages[i].tree, newest, stages[i].index,
						  stages[i].step_count};
	}
	if (failed.build)
		*ret = failed;
	msb_stages_free(stages, count);
	msb_builds_free(build, build ? 1 : 0);
	return r;
}

static int find_setting(struct msb_store *store, const struct msb_debug_options *options,
			struct setting *ret, struct msb_error *err)
{
	struct ref_place place;
	int r = options->ref ? find_place(store, options->ref, &place, err)
			     : find_default(store, &place, err);

	if (r >= 0 && place.build)
		r = step_setting(store, &place, options->before, ret, err);
	else if (r >= 0 && options->before)
		r = msb_error_say(err, EINVAL, "--before: '%s' is no step of a build",
				  options->ref);
	else if (r >= 0)
		r = image_setting(store, &place, ret, err);
	if (r >= 0 && options->network)
		ret->own_network = strcmp(options->network, "none") == 0;
	return r;
}

int msb_debug(const char *root, const struct msb_debug_options *options, int *ret_status,
	      struct msb_error *err)
{
	AUTO(workshop_done) struct workshop workshop = {0};
	__attribute__((cleanup(setting_done))) struct setting setting = {0};
	struct exec_debug debug = {
		.tree = &setting.tree,
		.config = &setting.config,
		.user = options->user,
		.argv = options->argv,
		.busybox = options->busybox,
		.terminal = options->terminal,
	};
	int r = workshop_open(root, &workshop, err);

	if (r >= 0)
		r = find_setting(workshop.store, options, &setting, err);
	if (r < 0)
		return r;
	debug.store = workshop.store;
	debug.writer = workshop.writer;
	debug.own_network = setting.own_network;
	return exec_debug(&debug, ret_status, err);
}

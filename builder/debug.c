/* A shell in a throw-away copy of a tree: what the records say of its setting. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msb/tree.h>

#include "buffer.h"
#include "definition.h"
#include "exec.h"
#include "image.h"
#include "internal.h"
#include "plan.h"
#include "reference.h"

#define MAX_CONFIG (64u * 1024 * 1024)

struct setting {
	struct msb_digest tree;
	struct config config;
	struct run_mount *mounts; /* owned, as all below */
	struct msb_digest *mounted;
	size_t mount_count;
	struct strlist words; /* of the step's command */
	char *script;
	bool own_network, insecure;
};

static void setting_done(struct setting *setting)
{
	config_done(&setting->config);
	run_mounts_free(setting->mounts, setting->mount_count);
	free(setting->mounted);
	strlist_done(&setting->words);
	free(setting->script);
}

static void tell(const struct msb_debug_options *options, const char *what, const char *word)
{
	autofree char *sentence = buffer_format("%s%s", what, word);

	if (options->note && sentence)
		options->note(sentence);
}

static int read_config(struct msb_store *store, const struct msb_step *step, struct config *ret,
		       struct msb_error *err)
{
	autofree uint8_t *json = NULL;
	size_t size;
	int r = msb_store_load(store, &step->config, MAX_CONFIG, &json, &size, err);

	return r < 0 ? r : config_decode((const char *)json, size, ret, err);
}

/* The ARGs that a command behind the step sees. */
static int add_argument(struct setting *setting, const struct component *component)
{
	char *equals = strchr(component->value, '=');
	int r;

	if (!equals)
		return 0;
	*equals = '\0';
	r = strlist_set_env(&setting->config.env, component->value, equals + 1);
	*equals = '=';
	return r;
}

static int read_component(struct setting *setting, const struct component *component)
{
	if (strcmp(component->name, "arg") == 0)
		return strlist_add(&setting->words, component->value);
	if (strcmp(component->name, "network") == 0)
		setting->own_network = strcmp(component->value, "none") == 0;
	else if (strcmp(component->name, "insecure") == 0)
		setting->insecure = true;
	else if (strcmp(component->name, "body") == 0 && !setting->script) {
		setting->script = strdup(component->value);
		return setting->script ? 0 : -ENOMEM;
	}
	return 0;
}

/* The ARGs, and of a RUN what its command found around it beside the configuration. */
static int read_definition(const struct msb_step *step, bool command, struct setting *setting,
			   struct msb_error *err)
{
	autodefinition definition = {0};
	int r = definition_read(step->definition ? step->definition : "", &definition);

	if (r >= 0 && command)
		r = definition_mounts(&definition, &setting->mounts, &setting->mount_count);
	if (r == -EBADMSG)
		return msb_error_say(err, EIO, "step %zu: its record makes no sense", step->number);
	setting->mounted = r < 0 ? NULL : calloc(definition.count + 1, sizeof(*setting->mounted));
	if (!setting->mounted)
		return msb_error_memory(err);
	for (size_t i = 0; i < setting->mount_count; i++)
		definition_mounted(&definition, i, &setting->mounted[i]);
	for (size_t i = 0; r >= 0 && i < definition.count; i++) {
		const struct component *component = &definition.components[i];

		if (strcmp(component->name, "argument") == 0)
			r = add_argument(setting, component);
		else if (command)
			r = read_component(setting, component);
	}
	return r < 0 ? msb_error_memory(err) : 0;
}

/* Whether what it showed is still there. */
static bool has_source(struct msb_store *store, const struct msb_digest *tree)
{
	struct msb_found found;

	if (msb_tree_find(store, tree, "/0", 0, &found, NULL) < 0)
		return false;
	msb_found_done(&found);
	return true;
}

/* Secrets and agents that are not lent again are left out; of what a prune has taken, the place is
 * there and empty. */
static void settle_mounts(struct msb_store *store, const struct msb_debug_options *options,
			  struct setting *setting)
{
	for (size_t i = 0; i < setting->mount_count; i++) {
		struct run_mount *mount = &setting->mounts[i];

		mount->required = false;
		if (mount->from.kind == SOURCE_SCRATCH || has_source(store, &setting->mounted[i]))
			continue;
		if (mount->kind == MOUNT_BIND) {
			tell(options, "no longer in the store: what was mounted at ",
			     mount->target);
			mount->kind = MOUNT_TMPFS;
		}
		mount->from.kind = SOURCE_SCRATCH;
	}
}

static bool is_run(const struct msb_step *step)
{
	static const char kind[] = "step run\n";

	return step->definition && strncmp(step->definition, kind, strlen(kind)) == 0;
}

/* steps are in order. A step that failed before it had a tree is shown as it began. */
static int choose_step(struct msb_store *store, const struct msb_step *steps, size_t count,
		       const struct ref_place *place, bool before, struct setting *ret,
		       struct msb_error *err)
{
	const struct msb_step *wanted, *shown;
	int r;

	while (count > 0 && steps[count - 1].number > place->step)
		count--;
	wanted = count > 0 ? &steps[count - 1] : NULL;
	if (before && count > 0)
		count--;
	while (count > 0 && !steps[count - 1].has_tree)
		count--;
	if (count == 0)
		return msb_error_say(err, ENOENT, "nothing was there before this step");
	shown = &steps[count - 1];
	ret->tree = shown->tree;
	/* A RUN leaves the configuration as it was: its own is also the one that it began with. */
	if (is_run(wanted))
		shown = wanted;
	r = read_config(store, shown, &ret->config, err);
	return r < 0 ? r : read_definition(shown, is_run(wanted), ret, err);
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
	char label[MSB_STAGE_LABEL];

	return target && strcmp(msb_stage_label(stage, label), target) == 0;
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
			struct ref_place *ret_place, struct setting *ret, struct msb_error *err)
{
	int r = options->ref ? find_place(store, options->ref, ret_place, err)
			     : find_default(store, ret_place, err);

	if (r >= 0 && ret_place->build)
		r = step_setting(store, ret_place, options->before, ret, err);
	else if (r >= 0 && options->before)
		r = msb_error_say(err, EINVAL, "--before: '%s' is no step of a build",
				  options->ref);
	else if (r >= 0)
		r = image_setting(store, ret_place, ret, err);
	if (r < 0)
		return r;
	settle_mounts(store, options, ret);
	if (options->network)
		ret->own_network = strcmp(options->network, "none") == 0;
	return 0;
}

/* --- What --keep makes --- */

/* "reads" of a FROM: the stage that it stands upon, or -1. */
static long base_stage(const struct msb_step *from)
{
	static const char line[] = "\nreads \"base stage ";
	const char *found = from->definition ? strstr(from->definition, line) : NULL;

	return found ? strtol(found + strlen(line), NULL, 10) : -1;
}

/* The tree that the stage's chain of bases starts from. */
static int bottom_tree(struct msb_store *store, const struct ref_place *place,
		       struct msb_digest *ret, struct msb_error *err)
{
	long stage = (long)place->stage, next;
	int r;

	*ret = place->tree;
	do {
		struct msb_step *steps;
		size_t count;

		r = msb_records_steps(store, place->build, (size_t)stage, &steps, &count, err);
		if (r < 0)
			return r;
		if (count > 0 && steps[0].has_tree)
			*ret = steps[0].tree;
		next = count > 0 ? base_stage(&steps[0]) : -1;
		msb_steps_free(steps, count);
		if (next >= stage) /* a stage stands upon earlier ones alone */
			return 0;
		stage = next;
	} while (stage >= 0);
	return 0;
}

static int keep_as(struct workshop *workshop, const struct msb_image *images, size_t count,
		   const struct msb_digest *bottom, struct exec_keep *keep,
		   const struct msb_debug_options *options, struct msb_error *err)
{
	char id[MSB_DIGEST_TEXT];
	struct msb_digest image;
	int r;

	keep->writer = workshop->writer;
	for (size_t i = 0; i < count && !keep->base; i++)
		if (msb_digest_equal(&images[i].tree, bottom))
			keep->base = &images[i];
	r = exec_keep(keep, &image, err);
	if (r >= 0)
		tell(options, "kept as image ", msb_digest_format(&image, id));
	return r;
}

static int keep(struct workshop *workshop, const struct msb_debug_options *options,
		const struct ref_place *place, const struct setting *setting,
		const struct msb_digest *tree, const char *name, struct msb_error *err)
{
	autofree char *created_by = buffer_format("msb debug %s", options->ref ? options->ref : "");
	struct exec_keep wish = {.tree = tree, .config = &setting->config, .name = name};
	struct msb_digest bottom = setting->tree;
	struct msb_image *images = NULL;
	size_t count = 0;
	int r = place->build ? bottom_tree(workshop->store, place, &bottom, err) : 0;

	if (!created_by)
		return msb_error_memory(err);
	wish.created_by = created_by;
	if (r >= 0)
		r = msb_records_images(workshop->store, &images, &count, err);
	if (r >= 0)
		r = keep_as(workshop, images, count, &bottom, &wish, options, err);
	msb_images_free(images, count);
	return r < 0 ? msb_error_prefix(err, r, "--keep %s", options->keep) : 0;
}

int msb_debug(const char *root, const struct msb_debug_options *options, int *ret_status,
	      struct msb_error *err)
{
	AUTO(workshop_done) struct workshop workshop = {0};
	__attribute__((cleanup(setting_done))) struct setting setting = {0};
	autofree char *name = NULL;
	struct msb_digest kept;
	struct ref_place place;
	struct exec_debug debug = {
		.tree = &setting.tree,
		.config = &setting.config,
		.options = options,
		.history = &setting.words,
	};
	int r = options->keep ? reference_normalize(options->keep, &name, err) : 0;

	if (r >= 0)
		r = workshop_open(root, &workshop, err);
	if (r >= 0)
		r = find_setting(workshop.store, options, &place, &setting, err);
	if (r < 0)
		return r;
	debug.store = workshop.store;
	debug.writer = workshop.writer;
	debug.mounts = setting.mounts;
	debug.mounted = setting.mounted;
	debug.mount_count = setting.mount_count;
	debug.script = setting.script;
	debug.own_network = setting.own_network;
	debug.insecure = setting.insecure;
	r = exec_debug(&debug, &kept, ret_status, err);
	if (r >= 0 && name)
		r = keep(&workshop, options, &place, &setting, &kept, name, err);
	return r;
}

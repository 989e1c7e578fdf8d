/* The target's image: its layers' digests waited for, its documents written, its tags set. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "platforms.h"
#include "reference.h"

/* The layers of the image, lowest first: the base image's as they are on record, then our own. */
struct layers {
	struct layer_record *items;
	bool *is_new;
	size_t count;
};

static void layers_done(struct layers *layers)
{
	free(layers->items);
	free(layers->is_new);
}

/* The image that the stage's chain of bases starts from; NULL for scratch. */
static int bottom_of(struct build *build, const struct stage_run *stage,
		     const struct base_image **ret, struct msb_error *err)
{
	while (stage->plan->base.kind == SOURCE_STAGE)
		stage = &build->stages[stage->plan->base.stage];
	*ret = NULL;
	if (stage->plan->base.kind != SOURCE_IMAGE)
		return 0;
	return base_images_get(&build->images, stage->plan->base.image,
			       platforms_of_stage(build, stage->plan), ret, err);
}

/* The stage's layers, and its tree, as the epoch has them. */
static int clamp_layers(struct build *build, struct stage_run *stage, const struct base_image *base,
			struct msb_digest *tree, struct msb_error *err)
{
	const struct msb_digest *bottom = base ? &base->record->tree : NULL;
	const struct msb_digest none = {0};
	struct msb_digest below = bottom ? *bottom : none;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < stage->layer_count; i++) {
		struct layer_pair *pair = &stage->layers[i];

		pair->parent = below;
		r = epoch_clamp(&build->epoch, build->writer, bottom, &pair->tree, &pair->tree,
				err);
		below = *tree = pair->tree;
	}
	return r;
}

/* The documents' own times: what came with the base may be older. */
static void clamp_documents(struct build *build, struct image *image, const struct base_image *base)
{
	size_t own = base ? base->image.history_count : 0;

	image->created_ns = build->epoch.ns;
	for (size_t i = 0; i < image->history_count; i++)
		if (i >= own || image->history[i].created_ns > build->epoch.ns)
			image->history[i].created_ns = build->epoch.ns;
}

static int collect_layers(struct build *build, struct stage_run *stage, struct msb_digest *tree,
			  struct layers *ret, struct msb_error *err)
{
	autofree struct layer_record *layers = NULL;
	const struct base_image *base;
	size_t below;
	int r = bottom_of(build, stage, &base, err);

	if (r >= 0 && build->epoch.set) {
		clamp_documents(build, &stage->image, base);
		r = clamp_layers(build, stage, base, tree, err);
	}
	if (r < 0)
		return r;
	below = base ? base->image.layer_count : 0;
	ret->items = calloc(below + stage->layer_count + 1, sizeof(*ret->items));
	ret->is_new = calloc(below + stage->layer_count + 1, sizeof(*ret->is_new));
	if (!ret->items || !ret->is_new)
		return msb_error_memory(err);
	if (base) {
		r = image_all_layers(build->writer, &base->image, &base->record->tree, &layers,
				     err);
		for (size_t i = 0; r >= 0 && i < below; i++)
			ret->items[i] = layers[i];
		ret->count = below;
	}
	for (size_t i = 0; r >= 0 && i < stage->layer_count; i++) {
		r = layer_digests_wait(build->digests, &stage->layers[i], &ret->items[ret->count],
				       &ret->is_new[ret->count], err);
		if (r >= 0 && ret->is_new[ret->count] && ret->items[ret->count].has_blob)
			r = shared_caches_settle_layer(&build->shared, &ret->items[ret->count],
						       err);
		ret->count++;
	}
	return r;
}

static int set_names(struct build *build, const struct image *image, const struct layers *layers,
		     char *const *tags, struct msb_build_target *target, struct msb_error *err)
{
	static char *const untagged[] = {NULL};
	int r = 0;

	if (!tags)
		tags = untagged;
	do {
		struct msb_image *record = NULL;

		r = image_put(build->writer, image, layers->items, &target->tree, *tags, &record,
			      err);
		if (r >= 0) {
			target->image = record->id;
			target->manifest = record->manifest;
			r = store_set_image(build->writer, record, err);
		}
		msb_images_free(record, record ? 1 : 0);
	} while (r >= 0 && *tags && *++tags);
	return r;
}

static int complete_image(struct build *build, struct stage_run *stage, const struct layers *layers)
{
	const struct plan_stage *plan = stage->plan;
	struct image *image = &stage->image;

	for (size_t i = image->layer_count; i < layers->count; i++)
		if (image_add_layer(image, &layers->items[i].diff_id) < 0)
			return -ENOMEM;
	if (strlist_copy(&image->annotations, &build->annotations) < 0)
		return -ENOMEM;
	return config_copy(&plan->steps[plan->step_count - 1].config, &image->config);
}

static int find_size(struct msb_store *store, const struct msb_digest *blob, uint64_t *ret,
		     struct msb_error *err)
{
	struct msb_location location;
	int r = msb_store_locate(store, blob, &location, err);

	if (r >= 0)
		*ret = location.size;
	return r;
}

static int publish_target(struct build *build, size_t index, struct msb_build_target *ret,
			  struct msb_error *err)
{
	struct stage_run *stage = &build->stages[index];
	char *const *tags = index == build->plan->target ? build->tags.items : NULL;
	AUTO(layers_done) struct layers layers = {0};
	int r;

	ret->tree = stage->tree;
	r = collect_layers(build, stage, &ret->tree, &layers, err);
	if (r < 0)
		return r;
	r = platforms_name(build, stage->plan, &stage->image, err);
	if (r < 0)
		return r;
	ret->label = strdup(stage->plan->label);
	if (!ret->label || complete_image(build, stage, &layers) < 0)
		return msb_error_memory(err);
	r = store_begin(build->writer, err);
	for (size_t i = 0; r >= 0 && i < layers.count; i++)
		if (layers.is_new[i])
			r = store_layer_set(build->writer, &layers.items[i], err);
	if (r >= 0)
		r = set_names(build, &stage->image, &layers, tags, ret, err);
	r = store_end(build->writer, r, err);
	if (r < 0)
		return r;
	return find_size(build->store, &ret->manifest, &ret->manifest_size, err);
}

int build_publish(struct build *build, struct msb_error *err)
{
	const struct plan *plan = build->plan;
	struct msb_build_result *result = build->result;
	int r = 0;

	result->targets = calloc(plan->target_count, sizeof(*result->targets));
	if (!result->targets)
		return msb_error_memory(err);
	while (r >= 0 && result->target_count < plan->target_count) {
		r = publish_target(build, plan->targets[result->target_count],
				   &result->targets[result->target_count], err);
		result->target_count++;
	}
	return r;
}

int build_export(struct build *build, struct msb_error *err)
{
	struct msb_build_target *last = &build->result->targets[build->result->target_count - 1];
	struct msb_image image = {
		.id = last->image, .manifest = last->manifest, .tree = last->tree};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < build->outputs.count; i++) {
		const struct output *output = &build->outputs.items[i];

		r = output_write(output, build->writer, &build->events, &image, &build->tags, err);
		if (r < 0)
			return output->dest ? msb_error_prefix(err, r, "--output %s", output->dest)
					    : r;
		last->manifest = image.manifest;
		if (output->dest && strcmp(output->dest, "-") == 0)
			build->result->used_stdout = true;
	}
	return r;
}

/* The build's steps to the caches of --cache-to, beside what others put there. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "platforms.h"

/* A bundle is closed when it is this large; a larger file is alone in its own. */
#define BUNDLE_BYTES ((uint64_t)32 * 1024 * 1024)

struct export
{
	struct build *build;
	struct cache_place *place;
	struct shared_document document; /* as it will be */
	size_t old_bundles;              /* of them, those that are there already */
	size_t steps;                    /* that are ours */
	bool changed;
	struct digest_map placed;  /* blobs that are in the document, or come with a base image */
	struct digest_map visited; /* directories that were seen */
	struct digest_map layers;  /* pairs of trees: layers of the document */
	struct shared_bundle trees, contents; /* being filled */
};

static void export_done(struct export *export)
{
	cache_place_close(export->place);
	shared_document_done(&export->document);
	digest_map_done(&export->placed);
	digest_map_done(&export->visited);
	digest_map_done(&export->layers);
	free(export->trees.blobs);
	free(export->contents.blobs);
}

/* --- Blobs --- */

static int send_bundle(struct export *export, struct shared_bundle *bundle, struct msb_error *err)
{
	int r;

	if (bundle->count == 0)
		return 0;
	r = cache_place_send(export->place, bundle, err);
	if (r < 0)
		return r;
	if (shared_add_bundle(&export->document, bundle) < 0)
		return msb_error_memory(err);
	*bundle = (struct shared_bundle){0};
	export->changed = true;
	return 0;
}

/* size counts the content of a bundle that is being filled. */
static int add_blob(struct export *export, struct shared_bundle *bundle,
		    const struct msb_digest *digest, struct msb_error *err)
{
	struct shared_blob *grown;
	struct msb_location location;
	int r = 0;

	if (digest_map_find(&export->placed, digest, NULL))
		return 0;
	r = msb_store_locate(export->build->store, digest, &location, err);
	if (r >= 0 && bundle->size + location.size > BUNDLE_BYTES)
		r = send_bundle(export, bundle, err);
	if (r < 0)
		return r;
	/* Doubled at powers of two. */
	if ((bundle->count & (bundle->count - 1)) == 0) {
		grown = reallocarray(bundle->blobs, 2 * bundle->count + 1, sizeof(*grown));
		if (!grown)
			return msb_error_memory(err);
		bundle->blobs = grown;
	}
	bundle->blobs[bundle->count++] = (struct shared_blob){*digest, location.size};
	bundle->size += location.size;
	return digest_map_set(&export->placed, digest, 0) < 0 ? msb_error_memory(err) : 0;
}

/* --- Trees --- */

struct digests {
	struct msb_digest *items; /* owned */
	size_t count;
};

static void digests_done(struct digests *digests)
{
	free(digests->items);
}

static int push_digest(struct digests *digests, const struct msb_digest *digest,
		       struct msb_error *err)
{
	struct msb_digest *grown;

	if ((digests->count & (digests->count - 1)) == 0) {
		grown = reallocarray(digests->items, 2 * digests->count + 1, sizeof(*grown));
		if (!grown)
			return msb_error_memory(err);
		digests->items = grown;
	}
	digests->items[digests->count++] = *digest;
	return 0;
}

/* sent: blobs go into bundles; otherwise they come with a base image, and need not. */
static int take_blob(struct export *export, const struct msb_digest *digest, bool directory,
		     bool sent, struct msb_error *err)
{
	if (sent)
		return add_blob(export, directory ? &export->trees : &export->contents, digest,
				err);
	return digest_map_set(&export->placed, digest, 0) < 0 ? msb_error_memory(err) : 0;
}

static int see_directory(struct export *export, const struct msb_digest *digest, bool sent,
			 struct digests *left, struct msb_error *err)
{
	AUTO(msb_dir_unrefp) struct msb_dir *dir = NULL;
	int r;

	if (digest_map_find(&export->visited, digest, NULL))
		return 0;
	if (digest_map_set(&export->visited, digest, 0) < 0)
		return msb_error_memory(err);
	r = msb_tree_load(export->build->store, digest, &dir, err);
	if (r >= 0)
		r = take_blob(export, digest, true, sent, err);
	for (size_t i = 0; r >= 0 && i < msb_dir_count(dir); i++) {
		struct msb_entry entry;

		msb_dir_get(dir, i, &entry);
		if (entry.type == MSB_DIRECTORY)
			r = push_digest(left, &entry.digest, err);
		else if (entry.type == MSB_FILE)
			r = take_blob(export, &entry.digest, false, sent, err);
	}
	return r;
}

static int see_tree(struct export *export, const struct msb_digest *tree, bool sent,
		    struct msb_error *err)
{
	AUTO(digests_done) struct digests left = {0};
	int r = push_digest(&left, tree, err);

	while (r >= 0 && left.count > 0) {
		const struct msb_digest next = left.items[--left.count];

		r = see_directory(export, &next, sent, &left, err);
	}
	return r;
}

/* Whoever asks for the steps has these: they decide the steps' keys. */
static int leave_out_bases(struct export *export, struct msb_error *err)
{
	struct build *build = export->build;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < build->plan->stage_count; i++) {
		const struct plan_stage *stage = &build->plan->stages[i];
		const struct base_image *image;

		if (!stage->wanted || stage->base.kind != SOURCE_IMAGE)
			continue;
		r = base_images_get(&build->images, stage->base.image,
				    platforms_of_stage(build, stage), &image, err);
		if (r >= 0)
			r = see_tree(export, &image->record->tree, false, err);
	}
	return r;
}

/* --- Steps --- */

static int set_step(struct export *export, const struct shared_step *step, struct msb_error *err)
{
	struct shared_document *document = &export->document;

	export->steps++;
	for (size_t i = 0; i < document->step_count; i++)
		if (msb_digest_equal(&document->steps[i].key, &step->key)) {
			export->changed |=
				!msb_digest_equal(&document->steps[i].step.tree, &step->step.tree);
			document->steps[i] = *step;
			return 0;
		}
	export->changed = true;
	return shared_add_step(document, step) < 0 ? msb_error_memory(err) : 0;
}

static int take_step(struct export *export, const struct msb_step *record, struct msb_error *err)
{
	struct shared_step step = {.key = record->key};
	int r;

	if (!record->has_tree)
		return 0;
	r = store_cache_find(export->build->writer, &record->key, &step.step, err);
	if (r == -ENOENT || (r >= 0 && !msb_digest_equal(&step.step.tree, &record->tree)))
		return 0;
	if (r >= 0)
		r = see_tree(export, &step.step.tree, true, err);
	if (r >= 0 && step.step.has_log)
		r = add_blob(export, &export->contents, &step.step.log, err);
	if (r >= 0)
		r = send_bundle(export, &export->contents, err);
	return r < 0 ? r : set_step(export, &step, err);
}

static int set_layer(struct export *export, const struct shared_layer *layer, struct msb_error *err)
{
	struct shared_document *document = &export->document;
	struct msb_digest key;
	uint64_t index;

	shared_layer_key(&layer->record.parent, &layer->record.tree, &key);
	if (digest_map_find(&export->layers, &key, &index)) {
		/* Another one's may be known to be somewhere, and ours not. */
		if (!layer->record.has_blob || document->layers[index].record.has_blob)
			return 0;
		document->layers[index] = *layer;
	} else if (digest_map_set(&export->layers, &key, document->layer_count) < 0 ||
		   shared_add_layer(document, layer) < 0) {
		return msb_error_memory(err);
	}
	export->changed = true;
	return 0;
}

/* What the store knows of the stage's layers: of a target, all. */
static int take_layers(struct export *export, const struct stage_run *stage, struct msb_error *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < stage->layer_count; i++) {
		const struct layer_pair *pair = &stage->layers[i];
		struct shared_layer layer = {0};

		r = store_layer_find(export->build->writer, &pair->parent, &pair->tree,
				     &layer.record, err);
		if (r == -ENOENT) {
			r = 0;
			continue;
		}
		layer.record.has_blob = cache_place_find_layer(export->place, &layer);
		if (r >= 0)
			r = set_layer(export, &layer, err);
	}
	return r;
}

static int take_stage(struct export *export, size_t index, struct msb_error *err)
{
	struct build *build = export->build;
	struct msb_step *steps = NULL;
	size_t count = 0;
	int r = msb_records_steps(build->store, build->record.id, index, &steps, &count, err);

	for (size_t i = 0; r >= 0 && i < count; i++)
		r = take_step(export, &steps[i], err);
	msb_steps_free(steps, count);
	return r < 0 ? r : take_layers(export, &build->stages[index], err);
}

/* mode=min: the target and what it stands upon; max: all that was built. */
static int take_stages(struct export *export, bool all, struct msb_error *err)
{
	const struct plan *plan = export->build->plan;
	size_t index = plan->target;
	int r = 0;

	for (size_t i = 0; all && r >= 0 && i < plan->stage_count; i++)
		if (plan->stages[i].wanted)
			r = take_stage(export, i, err);
	while (!all && r >= 0) {
		r = take_stage(export, index, err);
		if (plan->stages[index].base.kind != SOURCE_STAGE)
			break;
		index = plan->stages[index].base.stage;
	}
	return r < 0 ? r : send_bundle(export, &export->trees, err);
}

/* --- One cache --- */

/* What others put there stays, as long as there is room for as much again. */
static int keep_old(struct export *export, struct msb_error *err)
{
	struct shared_document *document = &export->document;
	int r = cache_place_read(export->place, document, err);

	if (r == -ENODATA || r == -EBADMSG || r == -EFBIG)
		return 0;
	if (r < 0)
		return r;
	if (shared_document_is_full(document))
		shared_document_done(document);
	for (size_t i = 0; i < document->bundle_count; i++)
		for (size_t j = 0; j < document->bundles[i].count; j++)
			if (digest_map_set(&export->placed, &document->bundles[i].blobs[j].digest,
					   0) < 0)
				return msb_error_memory(err);
	for (size_t i = 0; i < document->layer_count; i++) {
		const struct layer_record *record = &document->layers[i].record;
		struct msb_digest key;

		shared_layer_key(&record->parent, &record->tree, &key);
		if (digest_map_set(&export->layers, &key, i) < 0)
			return msb_error_memory(err);
	}
	export->old_bundles = document->bundle_count;
	return 0;
}

static int check_size(const struct shared_document *document, struct msb_error *err)
{
	size_t blobs = 0;

	for (size_t i = 0; i < document->bundle_count; i++)
		blobs += document->bundles[i].count;
	if (document->step_count <= SHARED_STEPS && document->layer_count <= SHARED_LAYERS &&
	    document->bundle_count <= SHARED_BUNDLES && blobs <= SHARED_BLOBS)
		return 0;
	return msb_error_say(err, EFBIG, "%zu steps with %zu files are too many for one cache",
			     document->step_count, blobs);
}

static void tell_sent(const struct export *export, const char *where)
{
	const struct shared_document *document = &export->document;
	autofree char *text = NULL;
	uint64_t bytes = 0;

	for (size_t i = export->old_bundles; i < document->bundle_count; i++)
		bytes += document->bundles[i].size;
	text = export->changed
		       ? buffer_format("%zu step%s, %llu new bytes", export->steps,
				       export->steps == 1 ? "" : "s", (unsigned long long)bytes)
		       : strdup("nothing is new");
	if (text)
		shared_caches_tell(&export->build->events, "cache-to", where, text);
}

static int send_to(struct build *build, const struct shared_option *option, const char *reference,
		   struct msb_error *err)
{
	AUTO(export_done) struct export export = {.build = build};
	int r = cache_place_open(build->writer, reference, option->directory, &export.place, err);

	if (r >= 0)
		r = leave_out_bases(&export, err);
	if (r >= 0)
		r = keep_old(&export, err);
	if (r >= 0)
		r = take_stages(&export, option->all_stages, err);
	if (r >= 0)
		r = check_size(&export.document, err);
	if (r >= 0 && export.changed)
		r = cache_place_write(export.place, &export.document, err);
	if (r >= 0)
		tell_sent(&export, reference ? reference : option->directory);
	return r;
}

static int send_beside(struct build *build, const struct shared_option *option,
		       struct msb_error *err)
{
	size_t sent = 0;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < build->outputs.count; i++) {
		const struct output *output = &build->outputs.items[i];
		const struct strlist *names =
			output->names.count > 0 ? &output->names : &build->tags;

		for (size_t j = 0; r >= 0 && output->push && j < names->count; j++) {
			autofree char *name = shared_caches_beside(names->items[j]);

			r = name ? send_to(build, option, name, err) : msb_error_memory(err);
			sent++;
		}
	}
	if (r >= 0 && sent == 0)
		shared_caches_tell(&build->events, "cache-to", option->text,
				   "no image is pushed that it could go with (--push)");
	return r;
}

int shared_caches_send(struct build *build, struct msb_error *err)
{
	const struct shared_caches *caches = &build->shared;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < caches->to_count; i++) {
		const struct shared_option *option = &caches->to[i];
		struct msb_error why = {0};

		r = option->beside ? send_beside(build, option, &why)
				   : send_to(build, option, option->reference, &why);
		if (r < 0 && option->may_fail && r != -ENOMEM) {
			shared_caches_tell(&build->events, "cache-to", option->text, why.text);
			r = 0;
		} else if (r < 0) {
			r = msb_error_say(err, r, "--cache-to %s: %s", option->text, why.text);
		}
	}
	return r;
}

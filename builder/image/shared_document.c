#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "digest_map.h"
#include "internal.h"
#include "shared_bundle.h"
#include "shared_cache.h"

void shared_document_done(struct shared_document *document)
{
	for (size_t i = 0; i < document->bundle_count; i++)
		free(document->bundles[i].blobs);
	free(document->bundles);
	free(document->steps);
	free(document->layers);
	free(document->folds);
	*document = (struct shared_document){0};
}

int shared_add_step(struct shared_document *document, const struct shared_step *step)
{
	struct shared_step *grown =
		reallocarray(document->steps, document->step_count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	document->steps = grown;
	grown[document->step_count++] = *step;
	return 0;
}

int shared_add_layer(struct shared_document *document, const struct shared_layer *layer)
{
	struct shared_layer *grown =
		reallocarray(document->layers, document->layer_count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	document->layers = grown;
	grown[document->layer_count++] = *layer;
	return 0;
}

void shared_layer_key(const struct msb_digest *parent, const struct msb_digest *tree,
		      struct msb_digest *ret)
{
	const struct msb_digest pair[] = {*parent, *tree};

	msb_digest_of(pair, sizeof(pair), ret);
}

int shared_add_bundle(struct shared_document *document, const struct shared_bundle *bundle)
{
	struct shared_bundle *grown =
		reallocarray(document->bundles, document->bundle_count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	document->bundles = grown;
	grown[document->bundle_count++] = *bundle;
	return 0;
}

int shared_add_fold(struct shared_document *document, const struct shared_fold *fold)
{
	struct shared_fold *grown =
		reallocarray(document->folds, document->fold_count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	document->folds = grown;
	grown[document->fold_count++] = *fold;
	return 0;
}

static int merge_bundles(struct shared_document *document, struct shared_document *other,
			 struct digest_map *known)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < document->bundle_count; i++)
		r = digest_map_set(known, &document->bundles[i].digest, 0);
	for (size_t i = 0; r >= 0 && i < other->bundle_count; i++) {
		struct shared_bundle *bundle = &other->bundles[i];

		if (digest_map_find(known, &bundle->digest, NULL))
			continue;
		r = shared_add_bundle(document, bundle);
		if (r >= 0) {
			bundle->blobs = NULL;
			bundle->count = 0;
		}
	}
	return r;
}

static int merge_layers(struct shared_document *document, const struct shared_document *other,
			struct digest_map *known)
{
	struct msb_digest key;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < document->layer_count; i++) {
		const struct layer_record *record = &document->layers[i].record;

		shared_layer_key(&record->parent, &record->tree, &key);
		r = digest_map_set(known, &key, 0);
	}
	for (size_t i = 0; r >= 0 && i < other->layer_count; i++) {
		const struct layer_record *record = &other->layers[i].record;

		shared_layer_key(&record->parent, &record->tree, &key);
		if (!digest_map_find(known, &key, NULL))
			r = shared_add_layer(document, &other->layers[i]);
	}
	return r;
}

int shared_document_merge(struct shared_document *document, struct shared_document *other)
{
	struct digest_map keys = {0}, bundles = {0}, layers = {0};
	int r = merge_bundles(document, other, &bundles);

	if (r >= 0)
		r = merge_layers(document, other, &layers);

	for (size_t i = 0; r >= 0 && i < document->step_count; i++)
		r = digest_map_set(&keys, &document->steps[i].key, 0);
	for (size_t i = 0; r >= 0 && i < other->step_count; i++)
		if (!digest_map_find(&keys, &other->steps[i].key, NULL))
			r = shared_add_step(document, &other->steps[i]);
	digest_map_done(&keys);
	digest_map_done(&bundles);
	digest_map_done(&layers);
	return r;
}

static size_t count_blobs(const struct shared_document *document)
{
	size_t blobs = 0;

	for (size_t i = 0; i < document->bundle_count; i++)
		blobs += document->bundles[i].count;
	return blobs;
}

bool shared_document_is_full(const struct shared_document *document)
{
	return document->step_count > SHARED_STEPS / 2 ||
	       document->layer_count > SHARED_LAYERS / 2 ||
	       document->bundle_count > SHARED_BUNDLES / 2 ||
	       count_blobs(document) > SHARED_BLOBS / 2;
}

static json_t *folds_to_json(const struct shared_document *document)
{
	json_auto_t *json = json_object();
	char text[MSB_DIGEST_TEXT];

	for (size_t i = 0; json && i < document->fold_count; i++)
		if (!json_put(json, msb_digest_format(&document->folds[i].document, text),
			      json_integer(document->folds[i].since)))
			return NULL;
	return steal(&json);
}

static int folds_from_json(json_t *json, struct shared_document *document, struct msb_error *err)
{
	const char *key;
	json_t *value;
	int r = json_take_object(json, "folded", &json, err);

	if (r < 0 || !json)
		return r;
	json_object_foreach(json, key, value)
	{
		struct shared_fold fold = {.since = json_integer_value(value)};

		if (msb_digest_parse(key, &fold.document) < 0)
			return msb_error_say(err, EBADMSG, "a document's name is no digest");
		if (shared_add_fold(document, &fold) < 0)
			return msb_error_memory(err);
	}
	return 0;
}

static json_t *step_to_json(const struct shared_step *step)
{
	json_auto_t *json = json_object();

	if (!json || !json_put_digest(json, "key", &step->key) ||
	    !json_put_digest(json, "tree", &step->step.tree) ||
	    !json_put(json, "created", json_integer(step->step.created_ns)) ||
	    !json_put(json, "duration", json_integer(step->step.duration_ns)) ||
	    (step->step.has_log && !json_put_digest(json, "log", &step->step.log)))
		return NULL;
	return steal(&json);
}

static json_t *layer_to_json(const struct shared_layer *layer)
{
	static const struct msb_digest none;
	const struct layer_record *record = &layer->record;
	struct descriptor blob = {.digest = record->blob, .size = layer->blob_size};
	json_auto_t *json = json_object();
	json_t *found;

	if (!json || !json_put_digest(json, "tree", &record->tree) ||
	    !json_put_digest(json, "diff", &record->diff_id) ||
	    !json_put(json, "size", json_integer((json_int_t)record->size)) ||
	    (!msb_digest_equal(&record->parent, &none) &&
	     !json_put_digest(json, "parent", &record->parent)))
		return NULL;
	if (!record->has_blob)
		return steal(&json);
	memcpy(blob.media_type, record->media_type, sizeof(blob.media_type));
	found = descriptor_to_json(&blob);
	if (!json_put(json, "blob", found) ||
	    !json_put_text(found, "repository", layer->repository))
		return NULL;
	return steal(&json);
}

/* Compressed bytes and blobs of each frame by turns. */
static json_t *frames_to_json(const struct shared_bundle *bundle)
{
	json_auto_t *list = json_array();

	for (size_t i = 0; list && i < bundle->count;) {
		const struct shared_blob *blob = &bundle->blobs[i];
		size_t end = shared_frame_end(bundle, i);

		if (json_array_append_new(
			    list, json_integer((json_int_t)(blob->stop - blob->start))) < 0 ||
		    json_array_append_new(list, json_integer((json_int_t)(end - i))) < 0)
			return NULL;
		i = end;
	}
	return steal(&list);
}

static json_t *bundle_to_json(const struct shared_bundle *bundle)
{
	json_auto_t *json = json_object();
	json_t *blobs = json_array();
	bool complete = json && json_put(json, "blobs", blobs) &&
			json_put_digest(json, "digest", &bundle->digest) &&
			json_put(json, "size", json_integer((json_int_t)bundle->size)) &&
			(!bundle->has_frames || json_put(json, "frames", frames_to_json(bundle)));

	for (size_t i = 0; complete && i < bundle->count; i++) {
		char text[MSB_DIGEST_TEXT];

		msb_digest_format(&bundle->blobs[i].digest, text);
		complete = json_array_append_new(blobs, json_string(text + 7)) == 0 &&
			   json_array_append_new(
				   blobs, json_integer((json_int_t)bundle->blobs[i].size)) == 0;
	}
	return complete ? steal(&json) : NULL;
}

int shared_document_encode(const struct shared_document *document, char **ret,
			   struct msb_error *err)
{
	json_auto_t *json = json_object();
	json_t *steps = json_array(), *bundles = json_array(), *layers = json_array();
	bool complete = json_put(json, "steps", steps);

	complete = json_put(json, "layers", layers) && complete;
	complete = json_put(json, "bundles", bundles) && complete &&
		   json_put(json, "version", json_integer(1));
	if (document->fold_count > 0)
		complete = complete && json_put(json, "folded", folds_to_json(document));
	for (size_t i = 0; complete && i < document->step_count; i++)
		complete = json_array_append_new(steps, step_to_json(&document->steps[i])) == 0;
	for (size_t i = 0; complete && i < document->bundle_count; i++)
		complete =
			json_array_append_new(bundles, bundle_to_json(&document->bundles[i])) == 0;
	for (size_t i = 0; complete && i < document->layer_count; i++)
		complete = json_array_append_new(layers, layer_to_json(&document->layers[i])) == 0;
	return json_text(json, complete, "the cache's document", ret, err);
}

static int step_from_json(json_t *json, struct shared_document *document, struct msb_error *err)
{
	struct shared_step step = {0};
	bool has_key = false, has_tree = false;
	int r = json_take_digest(json, "key", &has_key, &step.key, err);

	if (r >= 0)
		r = json_take_digest(json, "tree", &has_tree, &step.step.tree, err);
	if (r >= 0)
		r = json_take_digest(json, "log", &step.step.has_log, &step.step.log, err);
	if (r >= 0)
		r = json_take_integer(json, "created", &step.step.created_ns, err);
	if (r >= 0)
		r = json_take_integer(json, "duration", &step.step.duration_ns, err);
	if (r >= 0 && (!has_key || !has_tree))
		r = msb_error_say(err, EBADMSG, "a step lacks its key or its tree");
	if (r >= 0 && shared_add_step(document, &step) < 0)
		r = msb_error_memory(err);
	return r;
}

static int blob_of_layer(json_t *json, struct shared_layer *layer, struct msb_error *err)
{
	autofree char *repository = NULL;
	struct descriptor blob = {0};
	int r = descriptor_from_json(json, &blob, err);

	if (r >= 0)
		r = json_take_string(json, "repository", &repository, err);
	if (r < 0)
		return r;
	if (!repository || !*repository || strlen(repository) >= sizeof(layer->repository) ||
	    blob.size > INT64_MAX / 2)
		return msb_error_say(err, EBADMSG, "a layer's blob is nowhere");
	strcpy(layer->repository, repository);
	layer->blob_size = blob.size;
	layer->record.has_blob = true;
	layer->record.blob = blob.digest;
	snprintf(layer->record.media_type, sizeof(layer->record.media_type), "%s", blob.media_type);
	return 0;
}

static int layer_from_json(json_t *json, struct shared_document *document, struct msb_error *err)
{
	struct shared_layer layer = {0};
	bool has_parent = false, has_tree = false, has_diff = false;
	json_t *blob = NULL;
	int64_t size = -1;
	int r = json_take_digest(json, "parent", &has_parent, &layer.record.parent, err);

	if (r >= 0)
		r = json_take_digest(json, "tree", &has_tree, &layer.record.tree, err);
	if (r >= 0)
		r = json_take_digest(json, "diff", &has_diff, &layer.record.diff_id, err);
	if (r >= 0)
		r = json_take_integer(json, "size", &size, err);
	if (r >= 0 && (!has_tree || !has_diff || size < 0 || size > INT64_MAX / 2))
		r = msb_error_say(err, EBADMSG, "a layer lacks its tree, diff or size");
	if (r >= 0)
		r = json_take_object(json, "blob", &blob, err);
	layer.record.size = (uint64_t)size;
	if (r >= 0 && blob)
		r = blob_of_layer(blob, &layer, err);
	if (r >= 0 && shared_add_layer(document, &layer) < 0)
		r = msb_error_memory(err);
	return r;
}

static int frames_from_json(json_t *list, struct shared_bundle *bundle, struct msb_error *err)
{
	size_t at = 0;
	bool possible = true;

	for (size_t i = 0; possible && i + 1 < json_array_size(list); i += 2) {
		json_int_t bytes = json_integer_value(json_array_get(list, i));
		json_int_t count = json_integer_value(json_array_get(list, i + 1));

		possible = bytes > 0 && count > 0 &&
			   shared_add_frame(bundle, at, (uint64_t)bytes, (uint64_t)count);
		at += possible ? (size_t)count : 0;
	}
	if (!possible || at != bundle->count ||
	    (at > 0 && bundle->blobs[at - 1].stop != bundle->size))
		return msb_error_say(err, EBADMSG, "a bundle has frames that cannot be");
	bundle->has_frames = true;
	return 0;
}

/* Digests and sizes by turns. */
static int blobs_from_json(json_t *list, struct shared_bundle *bundle, struct msb_error *err)
{
	size_t count = json_array_size(list) / 2;
	uint64_t total = 0;

	bundle->blobs = calloc(count + 1, sizeof(*bundle->blobs));
	if (!bundle->blobs)
		return msb_error_memory(err);
	for (; bundle->count < count; bundle->count++) {
		struct shared_blob *blob = &bundle->blobs[bundle->count];
		const char *text = json_string_value(json_array_get(list, 2 * bundle->count));
		json_t *size = json_array_get(list, 2 * bundle->count + 1);

		if (!text || msb_digest_parse(text, &blob->digest) < 0 || !json_is_integer(size) ||
		    json_integer_value(size) < 0)
			return msb_error_say(err, EBADMSG, "a bundle's blobs are no digests");
		blob->size = (uint64_t)json_integer_value(size);
		if (__builtin_add_overflow(total, blob->size, &total) || total > INT64_MAX / 2)
			return msb_error_say(err, EBADMSG, "a bundle has no possible size");
	}
	return 0;
}

static int bundle_from_json(json_t *json, struct shared_document *document, struct msb_error *err)
{
	struct shared_bundle bundle = {0};
	json_t *blobs = NULL, *frames = NULL;
	int64_t size = -1;
	bool present = false;
	int r = json_take_digest(json, "digest", &present, &bundle.digest, err);

	if (r >= 0)
		r = json_take_integer(json, "size", &size, err);
	if (r >= 0)
		r = json_take_array(json, "blobs", &blobs, err);
	if (r >= 0)
		r = json_take_array(json, "frames", &frames, err);
	if (r >= 0 && (!present || size < 0 || !blobs))
		r = msb_error_say(err, EBADMSG, "a bundle lacks digest, size or blobs");
	if (r < 0)
		return r;
	bundle.size = (uint64_t)size;
	r = blobs_from_json(blobs, &bundle, err);
	if (r >= 0 && frames)
		r = frames_from_json(frames, &bundle, err);
	if (r >= 0 && shared_add_bundle(document, &bundle) < 0)
		r = msb_error_memory(err);
	if (r < 0)
		free(bundle.blobs);
	return r;
}

static int check_counts(const struct shared_document *document, struct msb_error *err)
{
	if (document->step_count > SHARED_STEPS || document->layer_count > SHARED_LAYERS ||
	    document->bundle_count > SHARED_BUNDLES || count_blobs(document) > SHARED_BLOBS)
		return msb_error_say(err, EFBIG, "the cache has more steps or files than it may");
	return 0;
}

int shared_document_decode(const char *text, size_t size, struct shared_document *ret,
			   struct msb_error *err)
{
	autoshared document = {0};
	json_auto_t *json = NULL;
	json_t *steps = NULL, *layers = NULL, *bundles = NULL, *item;
	int64_t version = 0;
	size_t i;
	int r = json_parse(text, size, "the cache's document", &json, err);

	if (r >= 0)
		r = json_take_integer(json, "version", &version, err);
	if (r >= 0 && version != 1)
		r = msb_error_say(err, EBADMSG, "the cache has a format that is not known here");
	if (r >= 0)
		r = json_take_array(json, "steps", &steps, err);
	if (r >= 0)
		r = json_take_array(json, "bundles", &bundles, err);
	if (r >= 0)
		r = folds_from_json(json, &document, err);
	/* There is none in what an older msb wrote, as there are no frames. */
	if (r >= 0)
		r = json_take_array(json, "layers", &layers, err);
	json_array_foreach(layers, i, item)
	{
		if (r >= 0)
			r = layer_from_json(item, &document, err);
	}
	json_array_foreach(steps, i, item)
	{
		if (r >= 0)
			r = step_from_json(item, &document, err);
	}
	json_array_foreach(bundles, i, item)
	{
		if (r >= 0)
			r = bundle_from_json(item, &document, err);
	}
	if (r >= 0)
		r = check_counts(&document, err);
	if (r < 0)
		return r;
	*ret = document;
	document = (struct shared_document){0};
	return 0;
}

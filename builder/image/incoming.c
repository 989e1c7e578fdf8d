#include <errno.h>
#include <string.h>

#include "internal.h"

void incoming_done(struct incoming *incoming)
{
	buffer_done(&incoming->config);
	buffer_done(&incoming->manifest);
	image_done(&incoming->image);
	free(incoming->layers);
	free(incoming->fresh);
	strlist_done(&incoming->names);
}

int incoming_decode(struct incoming *incoming, struct msb_error *err)
{
	int r = image_decode((const char *)incoming->config.bytes, incoming->config.size,
			     &incoming->image, err);

	if (r < 0)
		return r;
	incoming->layers = calloc(incoming->image.layer_count + 1, sizeof(*incoming->layers));
	incoming->fresh = calloc(incoming->image.layer_count + 1, sizeof(*incoming->fresh));
	return incoming->layers && incoming->fresh ? 0 : msb_error_memory(err);
}

static const struct msb_digest *tree_below(const struct incoming *incoming, size_t index)
{
	return index > 0 ? &incoming->layers[index - 1].tree : NULL;
}

int incoming_find_layer(struct incoming *incoming, size_t index, const struct msb_digest *toc,
			struct msb_error *err)
{
	static const struct msb_digest none;
	const struct msb_digest *parent = tree_below(incoming, index);

	return store_layer_find_diff(incoming->writer, parent ? parent : &none,
				     &incoming->image.diff_ids[index], toc,
				     &incoming->layers[index], err);
}

int incoming_load_layer(struct incoming *incoming, size_t index, struct layer_input *input,
			struct msb_error *err)
{
	input->diff_id = incoming->image.diff_ids[index];
	input->limit = incoming->limit;
	incoming->fresh[index] = true;
	return layer_load(incoming->writer, tree_below(incoming, index), input,
			  &incoming->layers[index], err);
}

static int tree_of(const struct incoming *incoming, struct msb_digest *ret, struct msb_error *err)
{
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	int r;

	if (incoming->image.layer_count > 0) {
		*ret = incoming->layers[incoming->image.layer_count - 1].tree;
		return 0;
	}
	r = tree_edit_new(store_writer_store(incoming->writer), NULL, &edit, err);
	return r < 0 ? r : edit_commit(edit, incoming->writer, ret, err);
}

static int set_names(const struct incoming *incoming, struct msb_image *record,
		     struct msb_error *err)
{
	int r = 0;

	if (incoming->names.count == 0)
		return store_set_image(incoming->writer, record, err);
	for (size_t i = 0; r >= 0 && i < incoming->names.count; i++) {
		record->name = incoming->names.items[i];
		r = store_set_image(incoming->writer, record, err);
	}
	record->name = NULL;
	return r;
}

static int commit(const struct incoming *incoming, struct msb_image *record, struct msb_error *err)
{
	int r = store_begin(incoming->writer, err);

	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < incoming->image.layer_count; i++)
		if (incoming->fresh[i])
			r = store_layer_set(incoming->writer, &incoming->layers[i], err);
	if (r >= 0)
		r = set_names(incoming, record, err);
	return store_end(incoming->writer, r, err);
}

int incoming_publish(struct incoming *incoming, struct msb_image **ret, struct msb_error *err)
{
	bool has_manifest = incoming->manifest.size > 0;
	struct msb_image *record = NULL;
	struct msb_digest tree;
	int r = tree_of(incoming, &tree, err);

	if (r >= 0)
		r = image_put_documents(incoming->writer, (const char *)incoming->config.bytes,
					incoming->config.size,
					has_manifest ? (const char *)incoming->manifest.bytes
						     : NULL,
					incoming->manifest.size, &incoming->image, incoming->layers,
					&tree, NULL, &record, err);
	if (r >= 0)
		r = commit(incoming, record, err);
	if (r < 0) {
		msb_images_free(record, record ? 1 : 0);
		return r;
	}
	*ret = record;
	return 0;
}

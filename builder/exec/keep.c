/* A tree that somebody made by hand becomes an image. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exec.h"
#include "image.h"
#include "io.h"
#include "layer.h"

/* The base's own document, or that of an image which has none yet. */
static int read_base(const struct exec_keep *keep, struct image *ret, struct msb_error *err)
{
	if (!keep->base)
		return 0;
	return image_get(store_writer_store(keep->writer), keep->base, ret, err);
}

static int add_layer(const struct exec_keep *keep, struct image *image, struct layer_record *layer,
		     struct msb_error *err)
{
	const struct msb_digest *parent = keep->base ? &keep->base->tree : NULL;
	char created_by[4096], comment[] = "msb debug --keep";
	const struct history entry = {
		.created_ns = io_now(), .created_by = created_by, .comment = comment};
	int r;

	snprintf(created_by, sizeof(created_by), "%s", keep->created_by);
	*layer = (struct layer_record){.tree = *keep->tree};
	if (parent)
		layer->parent = *parent;
	r = layer_digest(store_writer_store(keep->writer), parent, keep->tree, &layer->diff_id,
			 &layer->size, err);
	if (r < 0)
		return r;
	image->created_ns = entry.created_ns;
	if (image_add_layer(image, &layer->diff_id) < 0 || image_add_history(image, &entry) < 0)
		return msb_error_memory(err);
	return 0;
}

static int publish(const struct exec_keep *keep, const struct image *image,
		   const struct layer_record *layers, struct msb_digest *ret_id,
		   struct msb_error *err)
{
	struct msb_image *record = NULL;
	int r = store_begin(keep->writer, err);

	if (r < 0)
		return r;
	r = store_layer_set(keep->writer, &layers[image->layer_count - 1], err);
	if (r >= 0)
		r = image_put(keep->writer, image, layers, keep->tree, keep->name, &record, err);
	if (r >= 0)
		r = store_set_image(keep->writer, record, err);
	r = store_end(keep->writer, r, err);
	if (r >= 0)
		*ret_id = record->id;
	msb_images_free(record, record ? 1 : 0);
	return r;
}

int exec_keep(const struct exec_keep *keep, struct msb_digest *ret_id, struct msb_error *err)
{
	static const struct msb_digest none;
	autofree struct layer_record *layers = NULL; /* with room for one more */
	autoimage image = {0};
	int r = read_base(keep, &image, err);

	if (r < 0)
		return r;
	r = image_all_layers(keep->writer, &image, keep->base ? &keep->base->tree : &none, &layers,
			     err);
	if (r >= 0)
		r = add_layer(keep, &image, &layers[image.layer_count], err);
	if (r < 0)
		return r;
	config_done(&image.config);
	if (config_copy(keep->config, &image.config) < 0)
		return msb_error_memory(err);
	return publish(keep, &image, layers, ret_id, err);
}

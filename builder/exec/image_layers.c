#include "image_layers.h"

#include <errno.h>

int image_layers_of(struct store_writer *writer, const struct image *image, const char *name,
		    struct layer_record *ret, struct msb_error *err)
{
	struct msb_digest parent = {0};

	for (size_t i = 0; i < image->layer_count; i++) {
		int r = store_layer_find_diff(writer, &parent, &image->diff_ids[i], &ret[i], err);

		if (r == -ENOENT)
			return msb_error_say(err, ENOENT,
					     "layer %zu of image '%s' is not on record", i + 1,
					     name);
		if (r < 0)
			return r;
		parent = ret[i].tree;
	}
	return 0;
}

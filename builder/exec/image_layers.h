/* The layers of an image that is on record. */
#ifndef IMAGE_LAYERS_H
#define IMAGE_LAYERS_H

#include <msb/error.h>

#include "image.h"
#include "store_writer.h"

/* Each found by the tree below it and its diff ID, lowest first; ret has room for all. name is for
 * the message. -ENOENT for one that is not on record. */
int image_layers_of(struct store_writer *writer, const struct image *image, const char *name,
		    struct layer_record *ret, struct msb_error *err);

#endif

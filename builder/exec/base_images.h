/* The images a build starts from or copies from, each looked up, and fetched where it is missing,
 * once. */
#ifndef BASE_IMAGES_H
#define BASE_IMAGES_H

#include <pthread.h>
#include <stdbool.h>

#include <msb/error.h>
#include <msb/records.h>

#include "events.h"
#include "image.h"
#include "store_writer.h"

struct base_image {
	char *reference; /* as written */
	struct msb_image *record;
	struct image image;
};

struct base_image_source {
	struct msb_store *store;     /* borrowed, as all of them */
	struct store_writer *writer; /* NULL: nothing is fetched */
	struct events *events;
	bool pull; /* ask the registry also for what is here */
};

struct base_images {
	struct base_image_source source;
	struct base_image **items;
	size_t count;
	pthread_mutex_t lock;
};

void base_images_init(struct base_images *images, const struct base_image_source *source);
/* An image that is not in the store is fetched from its registry; others wait meanwhile. *ret is
 * borrowed and stays valid until done. */
int base_images_get(struct base_images *images, const char *reference,
		    const struct base_image **ret, struct msb_error *err);
void base_images_done(struct base_images *images);

#endif

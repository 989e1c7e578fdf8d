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
	char *platform;  /* that it was asked for */
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
/* An image that is not in the store, or there for another machine only, is fetched from its
 * registry; others wait meanwhile. Where the registry has none for that machine, what is in the
 * store will do. *ret is borrowed and stays valid until done. */
int base_images_get(struct base_images *images, const char *reference, const char *platform,
		    const struct base_image **ret, struct msb_error *err);
void base_images_done(struct base_images *images);

#endif

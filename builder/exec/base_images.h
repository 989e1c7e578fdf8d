/* The images a build starts from or copies from, each looked up once. */
#ifndef BASE_IMAGES_H
#define BASE_IMAGES_H

#include <pthread.h>

#include <msb/error.h>
#include <msb/records.h>

#include "image.h"

struct base_image {
	char *reference; /* as written */
	struct msb_image *record;
	struct image image;
};

struct base_images {
	struct msb_store *store;
	struct base_image **items;
	size_t count;
	pthread_mutex_t lock;
};

void base_images_init(struct base_images *images, struct msb_store *store);
/* *ret is borrowed and stays valid until done. -ENOENT with what to do. */
int base_images_get(struct base_images *images, const char *reference,
		    const struct base_image **ret, struct msb_error *err);
void base_images_done(struct base_images *images);

#endif

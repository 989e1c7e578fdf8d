#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base_images.h"

void base_images_init(struct base_images *images, struct msb_store *store)
{
	*images = (struct base_images){.store = store};
	pthread_mutex_init(&images->lock, NULL);
}

static void base_image_free(struct base_image *base)
{
	if (!base)
		return;
	free(base->reference);
	msb_images_free(base->record, 1);
	image_done(&base->image);
	free(base);
}
DEFINE_AUTO(struct base_image, base_image_free)

static int look_up(struct base_images *images, const char *reference, struct base_image **ret,
		   struct msb_error *err)
{
	AUTO(base_image_freep) struct base_image *base = calloc(1, sizeof(*base));
	struct base_image **items;
	int r;

	if (!base)
		return msb_error_memory(err);
	base->reference = strdup(reference);
	if (!base->reference)
		return msb_error_memory(err);
	r = image_find(images->store, reference, &base->record, err);
	if (r == -ENOENT)
		return msb_error_say(err, ENOENT,
				     "image '%s' is not in the store (bring it in with "
				     "'msb load -i FILE' or 'msb import FILE %s')",
				     reference, reference);
	if (r < 0)
		return r;
	r = image_get(images->store, base->record, &base->image, err);
	if (r < 0)
		return r;
	items = reallocarray(images->items, images->count + 1, sizeof(struct base_image *));
	if (!items)
		return msb_error_memory(err);
	images->items = items;
	items[images->count++] = base;
	*ret = steal(&base);
	return 0;
}

int base_images_get(struct base_images *images, const char *reference,
		    const struct base_image **ret, struct msb_error *err)
{
	struct base_image *found = NULL;
	int r = 0;

	pthread_mutex_lock(&images->lock);
	for (size_t i = 0; i < images->count && !found; i++)
		if (strcmp(images->items[i]->reference, reference) == 0)
			found = images->items[i];
	if (!found)
		r = look_up(images, reference, &found, err);
	pthread_mutex_unlock(&images->lock);
	if (r >= 0)
		*ret = found;
	return r;
}

void base_images_done(struct base_images *images)
{
	for (size_t i = 0; i < images->count; i++)
		base_image_free(images->items[i]);
	free(images->items);
	pthread_mutex_destroy(&images->lock);
}

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base_images.h"
#include "buffer.h"
#include "platform.h"
#include "reference.h"
#include "registry.h"
#include "strlist.h"
#include "suggest.h"

void base_images_init(struct base_images *images, const struct base_image_source *source)
{
	*images = (struct base_images){.source = *source};
	pthread_mutex_init(&images->lock, NULL);
}

static void base_image_free(struct base_image *base)
{
	if (!base)
		return;
	free(base->reference);
	free(base->platform);
	msb_images_free(base->record, 1);
	image_done(&base->image);
	free(base);
}
DEFINE_AUTO(struct base_image, base_image_free)

/* One line for each image that comes from outside. */
static void tell_pull(void *context, const struct msb_transfer *transfer)
{
	struct base_images *images = context;
	autofree char *familiar = NULL;

	if (transfer->state != MSB_TRANSFER_BEGIN)
		return;
	familiar = reference_familiar(transfer->image);
	if (familiar)
		events_note(images->source.events, "pulling %s", familiar);
}

/* What a registry can be asked for; an ID names what is here or nowhere. */
static bool can_pull(const struct base_images *images, const char *reference)
{
	autofree char *name = NULL;

	return images->source.writer && strncmp(reference, "sha256:", 7) != 0 &&
	       reference_normalize(reference, &name, NULL) >= 0;
}

/* This machine's own is what nobody has to ask for: an image that is no index is then taken as it
 * is. */
static int pull(struct base_images *images, const char *reference, const struct platform *platform,
		struct msb_error *err)
{
	const struct platform here = platform_here();
	char text[PLATFORM_TEXT];
	bool is_own = platform_fits(&here, platform->os, platform->architecture, NULL);
	const struct msb_pull_options options = {
		.name = reference,
		.platform = is_own ? NULL : platform_format(platform, text),
		.lazy = MSB_LAZY_AS_CONFIGURED,
	};
	struct msb_pull_result result;

	return image_pull(images->source.writer, &options, tell_pull, images, &result, err);
}

/* "did you mean node? ", or nothing; owned. */
static char *hint_at_name(struct msb_store *store, const char *reference)
{
	autofree char *normalized = NULL, *repository = NULL, *tag = NULL;
	autostrlist names = {0};
	const char *near = NULL;

	if (reference_normalize(reference, &normalized, NULL) >= 0 &&
	    reference_split(normalized, &repository, &tag, NULL) >= 0 &&
	    image_repositories(store, &names, NULL) >= 0 && !strlist_has(&names, repository))
		near = suggest(repository, (const char *const *)names.items, names.count);
	return near ? buffer_format("did you mean %s? else ", near) : strdup("");
}

static int not_here(struct msb_store *store, const char *reference, int code,
		    const struct msb_error *why, struct msb_error *err)
{
	autofree char *hint = hint_at_name(store, reference);

	return msb_error_say(err, code,
			     "image '%s' is not in the store, and not to be had (%sbring it in "
			     "with 'msb load -i FILE' or 'msb import FILE %s'): %s",
			     reference, hint ? hint : "", reference, why->text);
}

/* The image's record, fetched where it is missing, or in any case where the build says so. */
static int find_record(struct base_images *images, const char *reference,
		       const struct platform *platform, struct msb_image **ret,
		       struct msb_error *err)
{
	struct msb_error why = {0};
	int r;

	if (images->source.pull && can_pull(images, reference)) {
		r = pull(images, reference, platform, err);
		if (r < 0)
			return r;
	}
	r = image_find(images->source.store, reference, ret, err);
	if (r != -ENOENT || !can_pull(images, reference))
		return r;
	r = pull(images, reference, platform, &why);
	return r < 0 ? not_here(images->source.store, reference, r, &why, err)
		     : image_find(images->source.store, reference, ret, err);
}

static int read_image(struct base_images *images, struct base_image *base, struct msb_error *err)
{
	return image_get(images->source.store, base->record, &base->image, err);
}

static bool fits(const struct base_image *base, const struct platform *platform)
{
	return platform_fits(platform, base->image.os, base->image.architecture,
			     base->image.variant);
}

/* The name may have been given to the image of another machine, by an earlier build for that. */
static int look_again(struct base_images *images, struct base_image *base,
		      const struct platform *platform, struct msb_error *err)
{
	struct msb_image *record;
	int r;

	if (!can_pull(images, base->reference) || pull(images, base->reference, platform, NULL) < 0)
		return 0;
	r = image_find(images->source.store, base->reference, &record, err);
	if (r < 0)
		return r;
	msb_images_free(base->record, 1);
	base->record = record;
	image_done(&base->image);
	base->image = (struct image){0};
	return read_image(images, base, err);
}

static int look_up(struct base_images *images, const char *reference,
		   const struct platform *platform, struct base_image **ret, struct msb_error *err)
{
	AUTO(base_image_freep) struct base_image *base = calloc(1, sizeof(*base));
	struct base_image **items;
	char text[PLATFORM_TEXT];
	int r;

	if (!base)
		return msb_error_memory(err);
	base->reference = strdup(reference);
	base->platform = strdup(platform_format(platform, text));
	if (!base->reference || !base->platform)
		return msb_error_memory(err);
	r = find_record(images, reference, platform, &base->record, err);
	if (r >= 0)
		r = read_image(images, base, err);
	if (r >= 0 && !fits(base, platform))
		r = look_again(images, base, platform, err);
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

int base_images_get(struct base_images *images, const char *reference, const char *platform,
		    const struct base_image **ret, struct msb_error *err)
{
	struct base_image *found = NULL;
	struct platform wanted;
	char text[PLATFORM_TEXT];
	int r = platform_parse(platform, &wanted, err);

	if (r < 0)
		return r;
	platform_format(&wanted, text);
	pthread_mutex_lock(&images->lock);
	for (size_t i = 0; i < images->count && !found; i++)
		if (strcmp(images->items[i]->reference, reference) == 0 &&
		    strcmp(images->items[i]->platform, text) == 0)
			found = images->items[i];
	if (!found)
		r = look_up(images, reference, &wanted, &found, err);
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

/* The config document of an image (image-spec 1.1, config.md). */
#include <errno.h>
#include <string.h>

#include "internal.h"

#define MOST_LAYERS  4096
#define MOST_HISTORY 65536

static void history_done(struct history *entry)
{
	free(entry->created_by);
	free(entry->comment);
	free(entry->author);
}

void image_done(struct image *image)
{
	config_done(&image->config);
	free(image->architecture);
	free(image->os);
	free(image->variant);
	free(image->diff_ids);
	for (size_t i = 0; i < image->history_count; i++)
		history_done(&image->history[i]);
	free(image->history);
	strlist_done(&image->annotations);
	*image = (struct image){0};
}

int image_add_layer(struct image *image, const struct msb_digest *diff_id)
{
	struct msb_digest *grown =
		realloc(image->diff_ids, (image->layer_count + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	image->diff_ids = grown;
	grown[image->layer_count++] = *diff_id;
	return 0;
}

static bool copy_text(const char *text, char **ret)
{
	*ret = text ? strdup(text) : NULL;
	return *ret || !text;
}

int image_add_history(struct image *image, const struct history *entry)
{
	struct history *grown =
		realloc(image->history, (image->history_count + 1) * sizeof(*grown));
	struct history copy = *entry;

	if (!grown)
		return -ENOMEM;
	image->history = grown;
	copy.created_by = copy.comment = copy.author = NULL;
	if (!copy_text(entry->created_by, &copy.created_by) ||
	    !copy_text(entry->comment, &copy.comment) || !copy_text(entry->author, &copy.author)) {
		history_done(&copy);
		return -ENOMEM;
	}
	grown[image->history_count++] = copy;
	return 0;
}

static int take_history(json_t *json, struct image *ret, struct msb_error *err)
{
	json_t *list, *item;
	size_t i;
	int r = json_take_array(json, "history", &list, err);

	if (r < 0)
		return r;
	if (json_array_size(list) > MOST_HISTORY)
		return msb_error_say(err, EBADMSG, "'history' has more than %d entries",
				     MOST_HISTORY);
	json_array_foreach(list, i, item)
	{
		struct history entry = {0};

		if (!json_is_object(item))
			return msb_error_say(err, EBADMSG, "an entry of 'history' is no object");
		r = json_take_string(item, "created_by", &entry.created_by, err);
		if (r >= 0)
			r = json_take_string(item, "comment", &entry.comment, err);
		if (r >= 0)
			r = json_take_string(item, "author", &entry.author, err);
		if (r >= 0)
			r = json_take_time(item, "created", &entry.created_ns, err);
		if (r >= 0)
			r = json_take_bool(item, "empty_layer", &entry.empty_layer, err);
		if (r >= 0 && image_add_history(ret, &entry) < 0)
			r = msb_error_memory(err);
		history_done(&entry);
		if (r < 0)
			return r;
	}
	return 0;
}

static int take_layers(json_t *json, struct image *ret, struct msb_error *err)
{
	json_t *rootfs, *list, *item;
	size_t i;
	int r = json_take_object(json, "rootfs", &rootfs, err);

	if (r >= 0)
		r = json_take_array(rootfs, "diff_ids", &list, err);
	if (r < 0)
		return r;
	if (json_array_size(list) > MOST_LAYERS)
		return msb_error_say(err, EBADMSG, "more than %d layers", MOST_LAYERS);
	json_array_foreach(list, i, item)
	{
		struct msb_digest digest;

		if (!json_is_string(item) || msb_digest_parse(json_string_value(item), &digest) < 0)
			return msb_error_say(err, EBADMSG,
					     "an entry of 'diff_ids' is no SHA-256 digest");
		if (image_add_layer(ret, &digest) < 0)
			return msb_error_memory(err);
	}
	return 0;
}

static int take_image(json_t *json, struct image *ret, struct msb_error *err)
{
	json_t *config;
	int r = json_take_object(json, "config", &config, err);

	if (r >= 0 && config)
		r = config_from_json(config, &ret->config, err);
	if (r >= 0)
		r = json_take_string(json, "author", &ret->config.author, err);
	if (r >= 0)
		r = json_take_string(json, "architecture", &ret->architecture, err);
	if (r >= 0)
		r = json_take_string(json, "os", &ret->os, err);
	if (r >= 0)
		r = json_take_string(json, "variant", &ret->variant, err);
	if (r >= 0)
		r = json_take_time(json, "created", &ret->created_ns, err);
	if (r >= 0)
		r = take_layers(json, ret, err);
	if (r >= 0)
		r = take_history(json, ret, err);
	return r;
}

int image_decode(const char *text, size_t size, struct image *ret, struct msb_error *err)
{
	json_auto_t *json = NULL;
	autoimage image = {0};
	int r = json_parse(text, size, "the image's config", &json, err);

	if (r >= 0 && !json_is_object(json))
		r = msb_error_say(err, EBADMSG, "the image's config is not an object");
	if (r >= 0)
		r = take_image(json, &image, err);
	if (r < 0)
		return r;
	*ret = image;
	image = (struct image){0};
	return 0;
}

static json_t *history_to_json(const struct image *image)
{
	json_auto_t *list = json_array();

	for (size_t i = 0; list && i < image->history_count; i++) {
		const struct history *entry = &image->history[i];
		json_auto_t *item = json_object();

		if (!item || !json_put_time(item, "created", entry->created_ns) ||
		    !json_put_text(item, "created_by", entry->created_by) ||
		    !json_put_text(item, "comment", entry->comment) ||
		    !json_put_text(item, "author", entry->author) ||
		    (entry->empty_layer && !json_put(item, "empty_layer", json_true())) ||
		    json_array_append(list, item) < 0)
			return NULL;
	}
	return steal(&list);
}

static json_t *layers_to_json(const struct image *image)
{
	json_auto_t *rootfs = json_object();
	json_t *list = json_array();

	if (!rootfs || !json_put_text(rootfs, "type", "layers") ||
	    !json_put(rootfs, "diff_ids", list))
		return NULL;
	for (size_t i = 0; i < image->layer_count; i++) {
		char text[MSB_DIGEST_TEXT];

		msb_digest_format(&image->diff_ids[i], text);
		if (json_array_append_new(list, json_string(text)) < 0)
			return NULL;
	}
	return steal(&rootfs);
}

int image_encode(const struct image *image, char **ret, struct msb_error *err)
{
	const char *variant = image->architecture ? image->variant : platform_variant();
	json_auto_t *json = json_object();
	bool complete =
		json &&
		json_put_text(json, "architecture",
			      image->architecture ? image->architecture
						  : platform_architecture()) &&
		json_put_text(json, "variant", variant && *variant ? variant : NULL) &&
		json_put_text(json, "os", image->os ? image->os : "linux") &&
		json_put_text(json, "author", image->config.author) &&
		json_put_time(json, "created", image->created_ns) &&
		json_put(json, "config", config_to_json(&image->config)) &&
		json_put(json, "rootfs", layers_to_json(image)) &&
		(image->history_count == 0 || json_put(json, "history", history_to_json(image)));

	return json_text(json, complete, "the image's config", ret, err);
}

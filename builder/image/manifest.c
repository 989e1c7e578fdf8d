/* Manifests (image-spec 1.1, manifest.md) and descriptors. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

#define MOST_LAYERS 4096

int descriptor_from_json(json_t *json, struct descriptor *ret, struct msb_error *err)
{
	autofree char *media_type = NULL;
	struct descriptor descriptor = {0};
	int64_t size = -1;
	bool present;
	int r;

	if (!json_is_object(json))
		return msb_error_say(err, EBADMSG, "a descriptor is not an object");
	r = json_take_digest(json, "digest", &present, &descriptor.digest, err);
	if (r >= 0)
		r = json_take_integer(json, "size", &size, err);
	if (r >= 0)
		r = json_take_string(json, "mediaType", &media_type, err);
	if (r < 0)
		return r;
	if (!present || size < 0 || !media_type ||
	    strlen(media_type) >= sizeof(descriptor.media_type))
		return msb_error_say(err, EBADMSG, "a descriptor lacks digest, size or mediaType");
	descriptor.size = (uint64_t)size;
	snprintf(descriptor.media_type, sizeof(descriptor.media_type), "%s", media_type);
	*ret = descriptor;
	return 0;
}

/* Docker's name and OCI's of one type. */
static const char *const same_types[][2] = {
	{"application/vnd.docker.image.rootfs.diff.tar.gzip", MEDIA_LAYER_GZIP},
	{"application/vnd.docker.image.rootfs.diff.tar.zstd", MEDIA_LAYER_ZSTD},
	{"application/vnd.docker.image.rootfs.diff.tar", MEDIA_LAYER},
};

static const char *translate(const char *media_type, size_t from, size_t to)
{
	for (size_t i = 0; i < sizeof(same_types) / sizeof(same_types[0]); i++)
		if (strcmp(media_type, same_types[i][from]) == 0)
			return same_types[i][to];
	return media_type;
}

const char *media_type_of_oci(const char *media_type)
{
	return translate(media_type, 0, 1);
}

const char *media_type_of_docker(const char *media_type)
{
	return translate(media_type, 1, 0);
}

json_t *descriptor_to_json(const struct descriptor *descriptor)
{
	json_auto_t *json = json_object();

	if (!json || !json_put_text(json, "mediaType", descriptor->media_type) ||
	    !json_put_digest(json, "digest", &descriptor->digest) ||
	    !json_put(json, "size", json_integer((json_int_t)descriptor->size)))
		return NULL;
	return steal(&json);
}

static int take_layers(json_t *json, struct manifest *ret, struct msb_error *err)
{
	json_t *layers, *layer;
	size_t i;
	int r = json_take_array(json, "layers", &layers, err);

	if (r < 0 || json_array_size(layers) == 0)
		return r;
	if (json_array_size(layers) > MOST_LAYERS)
		return msb_error_say(err, EBADMSG, "more than %d layers", MOST_LAYERS);
	ret->layers = calloc(json_array_size(layers), sizeof(*ret->layers));
	if (!ret->layers)
		return msb_error_memory(err);
	json_array_foreach(layers, i, layer)
	{
		r = descriptor_from_json(layer, &ret->layers[i], err);
		if (r < 0)
			return r;
	}
	ret->layer_count = json_array_size(layers);
	return 0;
}

int manifest_decode(const char *text, size_t size, struct manifest *ret, struct msb_error *err)
{
	automanifest manifest = {0};
	autofree char *media_type = NULL;
	json_auto_t *json = NULL;
	json_t *config;
	int r = json_parse(text, size, "the image's manifest", &json, err);

	if (r >= 0)
		r = json_take_string(json, "mediaType", &media_type, err);
	if (r >= 0)
		r = json_take_object(json, "config", &config, err);
	if (r >= 0 && !config)
		r = msb_error_say(err, EBADMSG, "the image's manifest names no config");
	if (r >= 0)
		r = descriptor_from_json(config, &manifest.config, err);
	if (r >= 0)
		r = take_layers(json, &manifest, err);
	if (r < 0)
		return r;
	snprintf(manifest.media_type, sizeof(manifest.media_type), "%s",
		 media_type ? media_type : "");
	*ret = manifest;
	manifest = (struct manifest){0};
	return 0;
}

static json_t *annotations_to_json(const struct strlist *annotations)
{
	json_auto_t *json = json_object();

	for (size_t i = 0; json && i < annotations->count; i++) {
		const char *value = strchr(annotations->items[i], '=');
		autofree char *name = value ? strndup(annotations->items[i],
						      (size_t)(value - annotations->items[i]))
					    : NULL;

		if (!name || !json_put_text(json, name, value + 1))
			return NULL;
	}
	return steal(&json);
}

int manifest_encode(const struct manifest *manifest, char **ret, struct msb_error *err)
{
	json_auto_t *json = json_object();
	json_t *layers = json_array();
	bool complete = json && json_put(json, "layers", layers) &&
			json_put(json, "schemaVersion", json_integer(2)) &&
			json_put_text(json, "mediaType", MEDIA_MANIFEST) &&
			json_put(json, "config", descriptor_to_json(&manifest->config));

	if (complete && manifest->annotations && manifest->annotations->count > 0)
		complete =
			json_put(json, "annotations", annotations_to_json(manifest->annotations));
	for (size_t i = 0; complete && i < manifest->layer_count; i++)
		complete = json_array_append_new(layers,
						 descriptor_to_json(&manifest->layers[i])) == 0;
	return json_text(json, complete, "the image's manifest", ret, err);
}

static json_t *layers_to_json(const struct descriptor *layers, size_t count, bool docker)
{
	json_auto_t *list = json_array();

	for (size_t i = 0; list && i < count; i++) {
		struct descriptor layer = layers[i];

		snprintf(layer.media_type, sizeof(layer.media_type), "%s",
			 docker ? media_type_of_docker(layers[i].media_type)
				: media_type_of_oci(layers[i].media_type));
		if (json_array_append_new(list, descriptor_to_json(&layer)) != 0)
			return NULL;
	}
	return steal(&list);
}

int manifest_with_layers(const char *text, size_t size, bool docker,
			 const struct descriptor *layers, size_t count, char **ret,
			 struct msb_error *err)
{
	json_auto_t *json = NULL;
	bool complete;
	int r = json_parse(text, size, "the image's manifest", &json, err);

	if (r < 0)
		return r;
	complete = json_put(json, "layers", layers_to_json(layers, count, docker)) &&
		   json_put_text(json, "mediaType", docker ? MEDIA_DOCKER_IMAGE : MEDIA_MANIFEST) &&
		   json_put_text(json_object_get(json, "config"), "mediaType",
				 docker ? MEDIA_DOCKER_CONFIG : MEDIA_CONFIG);
	return json_text(json, complete, "the image's manifest", ret, err);
}

void manifest_done(struct manifest *manifest)
{
	free(manifest->layers);
	*manifest = (struct manifest){0};
}

/* Manifests (image-spec 1.1, manifest.md) and descriptors. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

#define MOST_LAYERS    4096

#define ESTARGZ_DIGEST "containerd.io/snapshot/stargz/toc.digest"
#define ESTARGZ_SIZE   "io.containers.estargz.uncompressed-size"
#define ZSTD_DIGEST    "io.github.containers.zstd-chunked.manifest-checksum"
#define ZSTD_POSITION  "io.github.containers.zstd-chunked.manifest-position"

/* Of annotations that make no sense, the layer is one without a table. */
static void read_toc(json_t *annotations, struct toc_place *ret)
{
	const char *digest = json_string_value(json_object_get(annotations, ESTARGZ_DIGEST));
	const char *size = json_string_value(json_object_get(annotations, ESTARGZ_SIZE));
	const char *checksum = json_string_value(json_object_get(annotations, ZSTD_DIGEST));
	const char *position = json_string_value(json_object_get(annotations, ZSTD_POSITION));
	struct toc_place toc = {0};
	int type;

	if (checksum && position && msb_digest_parse(checksum, &toc.digest) >= 0 &&
	    sscanf(position, "%" SCNu64 ":%" SCNu64 ":%" SCNu64 ":%d", &toc.offset, &toc.size,
		   &toc.unpacked, &type) == 4 &&
	    type == 1) {
		toc.kind = TOC_ZSTD;
		*ret = toc;
	} else if (digest && msb_digest_parse(digest, &toc.digest) >= 0) {
		toc = (struct toc_place){.kind = TOC_ESTARGZ, .digest = toc.digest};
		toc.tar_size = size ? strtoull(size, NULL, 10) : 0;
		*ret = toc;
	}
}

static bool put_toc(json_t *json, const struct toc_place *toc)
{
	json_t *annotations = json_object();
	char position[96], size[24];

	if (!json_put(json, "annotations", annotations))
		return false;
	snprintf(position, sizeof(position), "%" PRIu64 ":%" PRIu64 ":%" PRIu64 ":1", toc->offset,
		 toc->size, toc->unpacked);
	snprintf(size, sizeof(size), "%" PRIu64, toc->tar_size);
	if (toc->kind == TOC_ZSTD)
		return json_put_digest(annotations, ZSTD_DIGEST, &toc->digest) &&
		       json_put_text(annotations, ZSTD_POSITION, position);
	return json_put_digest(annotations, ESTARGZ_DIGEST, &toc->digest) &&
	       (toc->tar_size == 0 || json_put_text(annotations, ESTARGZ_SIZE, size));
}

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
	read_toc(json_object_get(json, "annotations"), &descriptor.toc);
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

/* And back. */
static const char *media_type_of_docker(const char *media_type)
{
	return translate(media_type, 1, 0);
}

json_t *descriptor_to_json(const struct descriptor *descriptor)
{
	json_auto_t *json = json_object();

	if (!json || !json_put_text(json, "mediaType", descriptor->media_type) ||
	    !json_put_digest(json, "digest", &descriptor->digest) ||
	    !json_put(json, "size", json_integer((json_int_t)descriptor->size)) ||
	    (descriptor->toc.kind != TOC_NONE && !put_toc(json, &descriptor->toc)))
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

int manifest_with_config(const char *text, size_t size, const struct msb_digest *config,
			 size_t config_size, char **ret, struct msb_error *err)
{
	json_auto_t *json = NULL;
	json_t *descriptor;
	bool complete;
	int r = json_parse(text, size, "the image's manifest", &json, err);

	if (r < 0)
		return r;
	descriptor = json_object_get(json, "config");
	complete = json_put_digest(descriptor, "digest", config) &&
		   json_put(descriptor, "size", json_integer((json_int_t)config_size));
	return json_text(json, complete, "the image's manifest", ret, err);
}

void manifest_done(struct manifest *manifest)
{
	free(manifest->layers);
	*manifest = (struct manifest){0};
}

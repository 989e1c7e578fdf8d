/* OCI layouts (image-spec 1.1, image-layout.md): index.json, its manifests, and blobs by digest. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "load.h"

#define MOST_NESTING 4

static void blob_name(const struct msb_digest *digest, char name[96])
{
	char text[MSB_DIGEST_TEXT];

	snprintf(name, 96, "blobs/sha256/%s", msb_digest_format(digest, text) + 7);
}

static int read_blob(struct load *load, const struct descriptor *descriptor, struct buffer *ret,
		     struct msb_error *err)
{
	struct msb_digest got;
	char name[96];
	int r;

	blob_name(&descriptor->digest, name);
	r = archive_read(load->archive, name, ret, err);
	if (r < 0)
		return r;
	msb_digest_of(ret->bytes, ret->size, &got);
	if (ret->size != descriptor->size || !msb_digest_equal(&got, &descriptor->digest))
		return msb_error_say(err, EBADMSG, "'%s' is not what its name says", name);
	return 0;
}

/* In what Docker writes, manifest.json may know tags that the index does not. */
static int add_docker_names(struct load *load, const struct descriptor *config,
			    struct incoming *incoming, struct msb_error *err)
{
	char text[MSB_DIGEST_TEXT];
	json_t *entry;
	size_t i;

	msb_digest_format(&config->digest, text);
	json_array_foreach(load->docker, i, entry)
	{
		const char *name = json_string_value(json_object_get(entry, "Config"));
		int r = name && strstr(name, text + 7) ? incoming_add_tags(incoming, entry, err)
						       : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

static int load_manifest(struct load *load, const struct descriptor *descriptor,
			 struct incoming *incoming, struct msb_error *err)
{
	automanifest manifest = {0};
	bool same = true;
	int r = read_blob(load, descriptor, &incoming->manifest, err);

	if (r >= 0)
		r = manifest_decode(document_text(&incoming->manifest), incoming->manifest.size,
				    &manifest, err);
	if (r >= 0)
		r = read_blob(load, &manifest.config, &incoming->config, err);
	if (r >= 0)
		r = incoming_decode(incoming, err);
	if (r >= 0 && incoming->names.count == 0 && !load->one)
		r = add_docker_names(load, &manifest.config, incoming, err);
	if (r >= 0 && manifest.layer_count != incoming->image.layer_count)
		r = msb_error_say(err, EBADMSG,
				  "the manifest has another number of layers than"
				  " the config");
	for (size_t i = 0; r >= 0 && i < manifest.layer_count; i++) {
		const struct layer_record *layer = &incoming->layers[i];
		char name[96];

		blob_name(&manifest.layers[i].digest, name);
		r = load_layer(load, incoming, i, name, &manifest.layers[i], err);
		same = same && layer->has_blob &&
		       msb_digest_equal(&layer->blob, &manifest.layers[i].digest);
	}
	/* A layer that was here in another form: a manifest that names this one. */
	if (!same)
		incoming->manifest.size = 0;
	return r < 0 ? r : load_publish(load, incoming, err);
}

/* A name of the archive's own choosing: a whole one, not the tag alone that some tools write. */
static int name_from_annotations(json_t *json, struct incoming *ret, struct msb_error *err)
{
	json_t *annotations;
	autofree char *name = NULL, *short_name = NULL;
	int r = json_take_object(json, "annotations", &annotations, err);

	if (r >= 0)
		r = json_take_string(annotations, "io.containerd.image.name", &name, err);
	if (r >= 0)
		r = json_take_string(annotations, "org.opencontainers.image.ref.name", &short_name,
				     err);
	if (r < 0)
		return r;
	if (name && *name)
		return incoming_add_name(ret, name, err);
	if (short_name && strpbrk(short_name, "/:"))
		return incoming_add_name(ret, short_name, err);
	return 0;
}

static int load_index(struct load *load, json_t *index, const struct strlist *names, unsigned depth,
		      struct msb_error *err);

static int load_nested(struct load *load, const struct descriptor *descriptor,
		       const struct strlist *names, unsigned depth, struct msb_error *err)
{
	autobuffer text = {0};
	json_auto_t *index = NULL;
	int r;

	if (depth == MOST_NESTING)
		return msb_error_say(err, EBADMSG, "indexes in indexes in indexes");
	r = read_blob(load, descriptor, &text, err);
	if (r >= 0)
		r = json_parse(document_text(&text), text.size, "an index", &index, err);
	return r < 0 ? r : load_index(load, index, names, depth + 1, err);
}

static int load_descriptor(struct load *load, json_t *json, const struct strlist *names,
			   unsigned depth, struct msb_error *err)
{
	autoincoming incoming = {.writer = load->writer};
	struct descriptor descriptor;
	int r = descriptor_from_json(json, &descriptor, err);

	if (r >= 0 && !load->one)
		r = name_from_annotations(json, &incoming, err);
	if (r >= 0 && incoming.names.count == 0 && strlist_copy(&incoming.names, names) < 0)
		r = msb_error_memory(err);
	if (r >= 0 && ++load->images > MOST_IMAGES)
		r = msb_error_say(err, EBADMSG, "more than %d images", MOST_IMAGES);
	if (r >= 0 && index_is(descriptor.media_type))
		r = load_nested(load, &descriptor, &incoming.names, depth, err);
	else if (r >= 0)
		r = load_manifest(load, &descriptor, &incoming, err);
	return r;
}

/* Of an image for several machines the one for this machine; an archive of one for another
 * machine alone is loaded all the same. */
static int load_index(struct load *load, json_t *index, const struct strlist *names, unsigned depth,
		      struct msb_error *err)
{
	const struct platform here = platform_here();
	json_t *list = NULL, *item;
	bool some_fit = false, said, fits;
	size_t i, count = 0;
	int r = json_take_array(index, "manifests", &list, err);

	json_array_foreach(list, i, item)
	{
		if (r >= 0)
			r = index_platform(item, &here, &said, &fits, err);
		if (r >= 0 && !index_is_attachment(item)) {
			some_fit = some_fit || (said && fits);
			count++;
		}
	}
	if (r >= 0 && depth > 0 && count > 1 && !some_fit)
		r = msb_error_say(err, ENOENT, "the image is for other machines than linux/%s",
				  platform_architecture());
	json_array_foreach(list, i, item)
	{
		if (r >= 0)
			r = index_platform(item, &here, &said, &fits, err);
		if (r < 0)
			return r;
		if (index_is_attachment(item) || (some_fit && said && !fits))
			continue;
		r = load_descriptor(load, item, names, depth, err);
		if (r >= 0 && depth > 0 && some_fit)
			return 0; /* one image, of which the first that fits */
	}
	return r;
}

int load_layout(struct load *load, json_t *index, struct msb_error *err)
{
	static const struct strlist no_names;

	return load_index(load, index, &no_names, 0, err);
}

/* Does a descriptor of the index answer to tag? By its manifest, its tag or its whole name. */
static bool answers_to(json_t *json, const char *tag)
{
	json_t *annotations = json_object_get(json, "annotations");
	const char *digest = json_string_value(json_object_get(json, "digest"));
	const char *names[] = {
		json_string_value(
			json_object_get(annotations, "org.opencontainers.image.ref.name")),
		json_string_value(json_object_get(annotations, "io.containerd.image.name")),
	};

	if (digest && strcmp(digest, tag) == 0)
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const char *colon = names[i] ? strrchr(names[i], ':') : NULL;

		if (names[i] &&
		    (strcmp(names[i], tag) == 0 || (colon && strcmp(colon + 1, tag) == 0)))
			return true;
	}
	return false;
}

/* The descriptors of index that are meant; several for one manifest are one. */
static json_t *matching(json_t *index, const char *tag, size_t *ret_count)
{
	json_t *list = json_object_get(index, "manifests"), *item, *last = NULL;
	size_t i;

	*ret_count = 0;
	json_array_foreach(list, i, item)
	{
		if (index_is_attachment(item) || (tag && !answers_to(item, tag)))
			continue;
		if (!last ||
		    !json_equal(json_object_get(last, "digest"), json_object_get(item, "digest")))
			(*ret_count)++;
		last = item;
	}
	return last;
}

int load_layout_one(struct load *load, json_t *index, struct msb_error *err)
{
	static const struct strlist no_names;
	size_t count;
	json_t *found = matching(index, load->tag, &count);

	if (count == 0)
		return msb_error_say(err, ENOENT, "it has no image%s%s", load->tag ? " " : "",
				     load->tag ? load->tag : "");
	if (count > 1)
		return msb_error_say(err, EINVAL, "it has several images: name one, as in DIR:TAG");
	return load_descriptor(load, found, &no_names, 0, err);
}

/* Images as the store's records: documents in, records out, and found again by name or ID. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <msb/tree.h>

#include "internal.h"
#include "reference.h"

/* Fewer digits name too many images to be meant. */
#define SHORTEST_PREFIX 4

static int describe_layer(struct msb_store *store, const struct layer_record *layer,
			  struct descriptor *ret, struct msb_error *err)
{
	int r;

	if (!layer->has_blob) {
		ret->digest = layer->diff_id;
		ret->size = layer->size;
		strcpy(ret->media_type, MEDIA_LAYER);
		return 0;
	}
	r = msb_store_has(store, &layer->blob, &ret->size, err);
	if (r == MSB_ABSENT)
		r = msb_error_say(err, ENOENT, "its blob is not in the store");
	if (r < 0)
		return msb_error_prefix(err, r, "layer of the image");
	ret->digest = layer->blob;
	/* The manifest will be OCI's, whoever brought the layer. */
	snprintf(ret->media_type, sizeof(ret->media_type), "%s",
		 media_type_of_oci(layer->media_type));
	return 0;
}

/* The manifest of a config that is in the store. */
static int make_manifest(struct msb_store *store, const struct descriptor *config,
			 const struct layer_record *layers, const struct image *image, char **ret,
			 struct msb_error *err)
{
	automanifest manifest = {.config = *config, .annotations = &image->annotations};
	size_t count = image->layer_count;
	int r = 0;

	manifest.layers = calloc(count + 1, sizeof(*manifest.layers));
	if (!manifest.layers)
		return msb_error_memory(err);
	manifest.layer_count = count;
	for (size_t i = 0; r >= 0 && i < count; i++)
		r = describe_layer(store, &layers[i], &manifest.layers[i], err);
	return r < 0 ? r : manifest_encode(&manifest, ret, err);
}

static int size_of_tree(struct msb_store *store, const struct msb_digest *tree, uint64_t *ret,
			struct msb_error *err)
{
	struct msb_found found;
	int r = msb_tree_find(store, tree, "/", 0, &found, err);

	if (r < 0)
		return r;
	*ret = found.entry.bytes;
	msb_found_done(&found);
	return 0;
}

int image_put_documents(struct store_writer *writer, const char *config, size_t config_size,
			const char *manifest, size_t manifest_size, const struct image *image,
			const struct layer_record *layers, const struct msb_digest *tree,
			const char *name, struct msb_image **ret, struct msb_error *err)
{
	struct msb_store *store = store_writer_store(writer);
	struct descriptor descriptor = {.size = config_size, .media_type = MEDIA_CONFIG};
	struct msb_image *record = calloc(1, sizeof(*record));
	autofree char *made = NULL;
	int r;

	if (!record)
		return msb_error_memory(err);
	r = store_put(writer, config, config_size, &descriptor.digest, err);
	if (r >= 0 && !manifest) {
		r = make_manifest(store, &descriptor, layers, image, &made, err);
		manifest = made;
		manifest_size = made ? strlen(made) : 0;
	}
	if (r >= 0)
		r = store_put(writer, manifest, manifest_size, &record->manifest, err);
	if (r >= 0)
		r = size_of_tree(store, tree, &record->size, err);
	if (r >= 0 && name && !(record->name = strdup(name)))
		r = msb_error_memory(err);
	if (r < 0) {
		msb_images_free(record, 1);
		return r;
	}
	record->id = descriptor.digest;
	record->tree = *tree;
	record->created_ns = image->created_ns;
	*ret = record;
	return 0;
}

int image_put(struct store_writer *writer, const struct image *image,
	      const struct layer_record *layers, const struct msb_digest *tree, const char *name,
	      struct msb_image **ret, struct msb_error *err)
{
	autofree char *config = NULL;
	int r = image_encode(image, &config, err);

	if (r < 0)
		return r;
	return image_put_documents(writer, config, strlen(config), NULL, 0, image, layers, tree,
				   name, ret, err);
}

/* Moves the one record into an allocation of its own and releases the others. */
static int take_record(struct msb_image *images, size_t count, size_t index, struct msb_image **ret,
		       struct msb_error *err)
{
	struct msb_image *record = malloc(sizeof(*record));

	if (record) {
		*record = images[index];
		images[index].name = NULL;
	}
	msb_images_free(images, count);
	if (!record)
		return msb_error_memory(err);
	*ret = record;
	return 0;
}

static bool has_prefix(const struct msb_digest *id, const char *prefix, size_t length)
{
	char text[MSB_DIGEST_TEXT];

	return strncmp(msb_digest_format(id, text) + 7, prefix, length) == 0;
}

/* An image with several names has a record for each: the same ID is the same image. */
static int find_by_id(struct msb_store *store, const char *prefix, struct msb_image **ret,
		      struct msb_error *err)
{
	size_t count, length = strlen(prefix), found;
	struct msb_image *images;
	int r = msb_records_images(store, &images, &count, err);

	if (r < 0)
		return r;
	found = count;
	for (size_t i = 0; i < count; i++) {
		if (!has_prefix(&images[i].id, prefix, length))
			continue;
		if (found < count && !msb_digest_equal(&images[found].id, &images[i].id)) {
			msb_images_free(images, count);
			return msb_error_say(err, EINVAL, "'%s' begins the IDs of several images",
					     prefix);
		}
		if (found == count)
			found = i;
	}
	if (found < count)
		return take_record(images, count, found, ret, err);
	msb_images_free(images, count);
	return -ENOENT;
}

static bool is_id_prefix(const char *text)
{
	size_t length = strlen(text);

	return length >= SHORTEST_PREFIX && length <= MSB_DIGEST_HEX &&
	       strspn(text, "0123456789abcdef") == length;
}

int image_repositories(struct msb_store *store, struct strlist *ret, struct msb_error *err)
{
	struct msb_image *images;
	size_t count;
	int r = msb_records_images(store, &images, &count, err);

	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < count; i++) {
		autofree char *repository = NULL, *tag = NULL;

		if (images[i].name &&
		    reference_split(images[i].name, &repository, &tag, NULL) >= 0 &&
		    strlist_add(ret, repository) < 0)
			r = msb_error_memory(err);
	}
	msb_images_free(images, count);
	return r;
}

int image_find(struct msb_store *store, const char *text, struct msb_image **ret,
	       struct msb_error *err)
{
	const char *id = strncmp(text, "sha256:", 7) == 0 ? text + 7 : text;
	autofree char *name = NULL;
	int r = -ENOENT;

	if (id == text && !(is_id_prefix(id) && strlen(id) == MSB_DIGEST_HEX)) {
		r = reference_normalize(text, &name, err);
		if (r < 0)
			return r;
		r = msb_records_image(store, name, ret, err);
	}
	if (r == -ENOENT && is_id_prefix(id))
		r = find_by_id(store, id, ret, err);
	if (r == -ENOENT)
		return msb_error_say(err, ENOENT, "no image '%s' (msb image ls lists them)", text);
	return r;
}

int image_get(struct msb_store *store, const struct msb_image *record, struct image *ret,
	      struct msb_error *err)
{
	autofree uint8_t *json = NULL;
	size_t size;
	int r = msb_store_load(store, &record->id, DOCUMENT_MAX, &json, &size, err);

	return r < 0 ? r : image_decode((const char *)json, size, ret, err);
}

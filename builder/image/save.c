/* Images as one archive that docker and OCI tools both read: a layout's blobs with index.json for
 * the ones and manifest.json for the others. Layers without a blob are generated on the way out. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"
#include "io.h"
#include "reference.h"

#define PIECE_SIZE ((size_t)1024 * 1024)

struct save {
	struct store_writer *writer;
	struct msb_store *store;
	int fd;        /* the archive; of a layout the member under way */
	int directory; /* of a layout of files; -1: an archive */
	struct layer_sink sink;
	uint64_t written;     /* by the sink so far */
	struct strlist blobs; /* that the archive has: hexadecimal digests */
	json_t *index;        /* owned; the list of index.json */
	json_t *docker;       /* owned; the list of manifest.json */
};

static int write_out(void *context, const void *bytes, size_t size, struct msb_error *err)
{
	struct save *save = context;
	int r = io_write(save->fd, bytes, size);

	if (r < 0)
		return msb_error_set(err, r, "write the archive");
	save->written += size;
	return 0;
}

static int begin_member(struct save *save, const char *name, uint64_t size, struct msb_error *err)
{
	if (save->directory < 0)
		return layer_begin_member(&save->sink, name, size, err);
	save->fd = openat(save->directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	return save->fd < 0 ? msb_error_set(err, errno, "create '%s'", name) : 0;
}

/* r: how writing it went. */
static int end_member(struct save *save, uint64_t size, int r, struct msb_error *err)
{
	if (save->directory < 0)
		return r < 0 ? r : layer_end_member(&save->sink, size, err);
	if (close(steal_fd(&save->fd)) < 0 && r >= 0)
		return msb_error_set(err, errno, "write the layout");
	return r;
}

static int write_document(struct save *save, const char *name, const void *bytes, size_t size,
			  struct msb_error *err)
{
	int r = begin_member(save, name, size, err);

	if (r < 0)
		return r;
	r = write_out(save, bytes, size, err);
	return end_member(save, size, r, err);
}

static int copy_blob(struct save *save, const struct msb_digest *digest,
		     const struct msb_location *location, struct msb_error *err)
{
	autofree uint8_t *piece = malloc(PIECE_SIZE);
	uint64_t offset = 0;

	if (!piece)
		return msb_error_memory(err);
	while (offset < location->size) {
		ssize_t n = msb_store_read(save->store, digest, location, piece, PIECE_SIZE, offset,
					   err);
		int r;

		if (n < 0)
			return (int)n;
		if (n == 0)
			return msb_error_say(err, EBADMSG, "a blob of the store is cut short");
		r = write_out(save, piece, (size_t)n, err);
		if (r < 0)
			return r;
		offset += (uint64_t)n;
	}
	return 0;
}

/* Begins the member of a blob; 0 when the archive has it already. */
static int begin_blob(struct save *save, const struct descriptor *blob, struct msb_error *err)
{
	char text[MSB_DIGEST_TEXT], name[96];
	int r;

	msb_digest_format(&blob->digest, text);
	if (strlist_has(&save->blobs, text))
		return 0;
	if (strlist_add(&save->blobs, text) < 0)
		return msb_error_memory(err);
	snprintf(name, sizeof(name), "blobs/sha256/%s", text + 7);
	r = begin_member(save, name, blob->size, err);
	return r < 0 ? r : 1;
}

static int save_stored(struct save *save, const struct descriptor *blob,
		       const struct msb_location *location, struct msb_error *err)
{
	int r = begin_blob(save, blob, err);

	if (r <= 0)
		return r;
	r = copy_blob(save, &blob->digest, location, err);
	return end_member(save, blob->size, r, err);
}

static int save_generated(struct save *save, const struct descriptor *blob,
			  const struct layer_record *layer, struct msb_error *err)
{
	static const struct msb_digest none;
	bool lowest = msb_digest_equal(&layer->parent, &none);
	uint64_t before;
	int r;

	if (!msb_digest_equal(&blob->digest, &layer->diff_id) || blob->size != layer->size)
		return msb_error_say(err, ENOENT, "a compressed layer is missing in the store");
	r = begin_blob(save, blob, err);
	if (r <= 0)
		return r;
	before = save->written;
	r = layer_write(save->store, lowest ? NULL : &layer->parent, &layer->tree, &save->sink,
			err);
	if (r >= 0 && save->written - before != layer->size)
		r = msb_error_say(err, EBADMSG, "a layer came out at another size than before");
	return end_member(save, blob->size, r, err);
}

static int save_layer(struct save *save, const struct descriptor *blob,
		      const struct layer_record *layer, struct msb_error *err)
{
	struct msb_location location;
	int r = msb_store_locate(save->store, &blob->digest, &location, err);

	if (r == -ENOENT)
		return save_generated(save, blob, layer, err);
	return r < 0 ? r : save_stored(save, blob, &location, err);
}

static int save_layers(struct save *save, const struct manifest *manifest,
		       const struct image *image, const struct msb_digest *tree,
		       struct msb_error *err)
{
	autofree struct layer_record *layers = NULL;
	int r;

	if (manifest->layer_count != image->layer_count)
		return msb_error_say(err, EBADMSG, "the manifest and the config disagree");
	r = image_all_layers(save->writer, image, tree, &layers, err);
	for (size_t i = 0; r >= 0 && i < image->layer_count; i++)
		r = save_layer(save, &manifest->layers[i], &layers[i], err);
	return r;
}

static int load_document(struct save *save, const struct msb_digest *digest, char **ret,
			 size_t *ret_size, struct msb_error *err)
{
	uint8_t *bytes;
	int r = msb_store_load(save->store, digest, DOCUMENT_MAX, &bytes, ret_size, err);

	if (r >= 0)
		*ret = (char *)bytes;
	return r;
}

static int save_document(struct save *save, const struct msb_digest *digest, const char *bytes,
			 size_t size, struct msb_error *err)
{
	struct descriptor blob = {.digest = *digest, .size = size};
	int r = begin_blob(save, &blob, err);

	if (r <= 0)
		return r;
	r = write_out(save, bytes, size, err);
	return end_member(save, size, r, err);
}

static json_t *blob_path(const struct msb_digest *digest)
{
	char text[MSB_DIGEST_TEXT];

	msb_digest_format(digest, text);
	return json_sprintf("blobs/sha256/%s", text + 7);
}

/* The entry of manifest.json; of an image saved under several names the one that is there. */
static json_t *docker_entry(struct save *save, const struct msb_image *record,
			    const struct manifest *manifest)
{
	json_t *path = blob_path(&record->id), *layers = json_array(), *entry;
	json_auto_t *fresh = json_object();
	size_t i;

	json_array_foreach(save->docker, i, entry)
	{
		if (json_equal(json_object_get(entry, "Config"), path)) {
			json_decref(path);
			json_decref(layers);
			return entry;
		}
	}
	for (i = 0; layers && i < manifest->layer_count; i++)
		json_array_append_new(layers, blob_path(&manifest->layers[i].digest));
	if (json_array_size(layers) != manifest->layer_count || !json_put(fresh, "Config", path)) {
		json_decref(layers);
		return NULL;
	}
	if (!json_put(fresh, "Layers", layers) || !json_put(fresh, "RepoTags", json_array()) ||
	    json_array_append(save->docker, fresh) < 0)
		return NULL;
	return json_array_get(save->docker, json_array_size(save->docker) - 1);
}

/* Names with a digest are none that a load could give back. */
static bool is_tag(const char *name)
{
	return name && !strchr(name, '@');
}

static bool list_docker(struct save *save, const struct msb_image *record,
			const struct manifest *manifest)
{
	json_t *entry = docker_entry(save, record, manifest);
	autofree char *familiar = is_tag(record->name) ? reference_familiar(record->name) : NULL;

	if (!entry || (is_tag(record->name) && !familiar))
		return false;
	return !familiar || json_array_append_new(json_object_get(entry, "RepoTags"),
						  json_string(familiar)) == 0;
}

static bool list_index(struct save *save, const struct msb_image *record,
		       const struct manifest *manifest, size_t manifest_size)
{
	struct descriptor descriptor = {.digest = record->manifest, .size = manifest_size};
	json_auto_t *entry = NULL, *names = json_object();

	snprintf(descriptor.media_type, sizeof(descriptor.media_type), "%s",
		 *manifest->media_type ? manifest->media_type : MEDIA_MANIFEST);
	entry = descriptor_to_json(&descriptor);
	if (!entry || !names)
		return false;
	if (is_tag(record->name)) {
		const char *colon = strrchr(record->name, ':');

		if (!json_put_text(names, "io.containerd.image.name", record->name) ||
		    !json_put_text(names, "org.opencontainers.image.ref.name",
				   colon ? colon + 1 : "") ||
		    json_object_set(entry, "annotations", names) < 0)
			return false;
	}
	return json_array_append(save->index, entry) == 0;
}

static int save_record(struct save *save, const struct msb_image *record, struct msb_error *err)
{
	autofree char *config = NULL, *text = NULL;
	automanifest manifest = {0};
	autoimage image = {0};
	size_t config_size, size;
	int r = load_document(save, &record->manifest, &text, &size, err);

	if (r >= 0)
		r = load_document(save, &record->id, &config, &config_size, err);
	if (r >= 0)
		r = manifest_decode(text, size, &manifest, err);
	if (r >= 0)
		r = image_decode(config, config_size, &image, err);
	if (r >= 0)
		r = save_layers(save, &manifest, &image, &record->tree, err);
	if (r >= 0)
		r = save_document(save, &record->id, config, config_size, err);
	if (r >= 0)
		r = save_document(save, &record->manifest, text, size, err);
	if (r < 0)
		return r;
	if (!list_docker(save, record, &manifest) || !list_index(save, record, &manifest, size))
		return msb_error_memory(err);
	return 0;
}

/* By ID the image is saved without its names, as docker does. */
static int save_image(struct save *save, const char *name, struct msb_error *err)
{
	struct msb_image *record = NULL;
	autofree char *normalized = NULL;
	int r = image_find(save->store, name, &record, err);

	if (r < 0)
		return r;
	if (record->name && (reference_normalize(name, &normalized, NULL) < 0 ||
			     strcmp(normalized, record->name) != 0)) {
		free(record->name);
		record->name = NULL;
	}
	r = save_record(save, record, err);
	msb_images_free(record, 1);
	return r < 0 ? msb_error_prefix(err, r, "image '%s'", name) : 0;
}

static int save_json(struct save *save, const char *name, const json_t *json, struct msb_error *err)
{
	autofree char *text = NULL;
	int r = json_text(json, json != NULL, name, &text, err);

	return r < 0 ? r : write_document(save, name, text, strlen(text), err);
}

static int save_lists(struct save *save, struct msb_error *err)
{
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	json_auto_t *index = json_object();
	int r;

	if (!index || !json_put(index, "schemaVersion", json_integer(2)) ||
	    !json_put_text(index, "mediaType", MEDIA_INDEX) ||
	    json_object_set(index, "manifests", save->index) < 0)
		return msb_error_memory(err);
	r = write_document(save, "oci-layout", layout, strlen(layout), err);
	if (r >= 0)
		r = save_json(save, "index.json", index, err);
	if (r < 0 || save->directory >= 0)
		return r;
	r = save_json(save, "manifest.json", save->docker, err);
	return r < 0 ? r : layer_end_archive(&save->sink, err);
}

static int save_begin(struct save *save, struct store_writer *writer, int fd, struct msb_error *err)
{
	*save = (struct save){
		.writer = writer,
		.store = store_writer_store(writer),
		.fd = fd,
		.directory = -1,
		.index = json_array(),
		.docker = json_array(),
	};
	save->sink = (struct layer_sink){write_out, save};
	return save->index && save->docker ? 0 : msb_error_memory(err);
}

static void save_done(struct save *save)
{
	json_decref(save->index);
	json_decref(save->docker);
	strlist_done(&save->blobs);
}

int image_save(struct store_writer *writer, const char *const *names, size_t count, int fd,
	       struct msb_error *err)
{
	AUTO(save_done) struct save save;
	int r = save_begin(&save, writer, fd, err);

	for (size_t i = 0; r >= 0 && i < count; i++)
		r = save_image(&save, names[i], err);
	return r < 0 ? r : save_lists(&save, err);
}

static int save_under(struct save *save, const struct msb_image *image, const struct strlist *names,
		      struct msb_error *err)
{
	struct msb_image record = *image;
	int r = 0;

	record.name = NULL;
	if (names->count == 0)
		r = save_record(save, &record, err);
	for (size_t i = 0; r >= 0 && i < names->count; i++) {
		record.name = names->items[i];
		r = save_record(save, &record, err);
	}
	return r < 0 ? r : save_lists(save, err);
}

int image_save_as(struct store_writer *writer, const struct msb_image *image,
		  const struct strlist *names, int fd, struct msb_error *err)
{
	AUTO(save_done) struct save save;
	int r = save_begin(&save, writer, fd, err);

	return r < 0 ? r : save_under(&save, image, names, err);
}

int image_save_layout(struct store_writer *writer, const struct msb_image *image,
		      const struct strlist *names, int directory, struct msb_error *err)
{
	AUTO(save_done) struct save save;
	int r = save_begin(&save, writer, -1, err);

	save.directory = directory;
	if (r >= 0)
		r = io_make_dirs(directory, "blobs/sha256", 0755, err);
	return r < 0 ? r : save_under(&save, image, names, err);
}

/*
 * Images out of archives: OCI layouts (image-spec 1.1, image-layout.md) by their index.json, else
 * docker archives by their manifest.json. What carries both is read as a layout, which says more.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"
#include "reference.h"

#define MOST_IMAGES  10000
#define MOST_NESTING 4

struct load {
	struct store_writer *writer;
	struct archive *archive;
	int (*each)(void *context, const struct msb_image *image);
	void *context;
	size_t images;
	json_t *docker; /* owned; manifest.json, NULL: none */
};

/* One image on its way into the store. */
struct incoming {
	struct buffer config, manifest; /* the documents as they came; manifest may be empty */
	struct image image;
	struct layer_record *layers; /* owned; one a diff ID */
	bool *fresh;                 /* owned; not known to the store before */
	struct strlist names;        /* normalized; none: untagged */
};

static void incoming_done(struct incoming *incoming)
{
	buffer_done(&incoming->config);
	buffer_done(&incoming->manifest);
	image_done(&incoming->image);
	free(incoming->layers);
	free(incoming->fresh);
	strlist_done(&incoming->names);
}

/* Text of a document, which JSON wants. */
static const char *text_of(const struct buffer *document)
{
	return (const char *)document->bytes;
}

static int decode_config(struct incoming *incoming, struct msb_error *err)
{
	int r = image_decode(text_of(&incoming->config), incoming->config.size, &incoming->image,
			     err);

	if (r < 0)
		return r;
	incoming->layers = calloc(incoming->image.layer_count + 1, sizeof(*incoming->layers));
	incoming->fresh = calloc(incoming->image.layer_count + 1, sizeof(*incoming->fresh));
	return incoming->layers && incoming->fresh ? 0 : msb_error_memory(err);
}

/* The layer at index, from member `name` unless the store has it. descriptor NULL: nothing more is
 * known of it. */
static int load_layer(struct load *load, struct incoming *incoming, size_t index, const char *name,
		      const struct descriptor *descriptor, struct msb_error *err)
{
	static const struct msb_digest none;
	const struct msb_digest *parent = index > 0 ? &incoming->layers[index - 1].tree : NULL;
	struct layer_input input = {.diff_id = incoming->image.diff_ids[index]};
	automember member = {.own = -1};
	int r = store_layer_find_diff(load->writer, parent ? parent : &none, &input.diff_id,
				      &incoming->layers[index], err);

	if (r != -ENOENT)
		return r;
	r = archive_find(load->archive, name, &member, err);
	if (r < 0)
		return r;
	input.source = member_source(&member);
	input.size = member.size;
	if (descriptor) {
		if (member.size != descriptor->size)
			return msb_error_say(err, EBADMSG, "'%s' has another size than announced",
					     name);
		input.has_digest = true;
		input.digest = descriptor->digest;
		input.media_type = descriptor->media_type;
	}
	incoming->fresh[index] = true;
	return layer_load(load->writer, parent, &input, &incoming->layers[index], err);
}

static int tree_of(struct load *load, const struct incoming *incoming, struct msb_digest *ret,
		   struct msb_error *err)
{
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	int r;

	if (incoming->image.layer_count > 0) {
		*ret = incoming->layers[incoming->image.layer_count - 1].tree;
		return 0;
	}
	r = tree_edit_new(store_writer_store(load->writer), NULL, &edit, err);
	return r < 0 ? r : edit_commit(edit, load->writer, ret, err);
}

static int set_names(struct load *load, const struct incoming *incoming, struct msb_image *record,
		     struct msb_error *err)
{
	char *kept = record->name;
	int r = 0;

	if (incoming->names.count == 0)
		return store_set_image(load->writer, record, err);
	for (size_t i = 0; r >= 0 && i < incoming->names.count; i++) {
		record->name = incoming->names.items[i];
		r = store_set_image(load->writer, record, err);
	}
	record->name = kept;
	return r;
}

static int commit_image(struct load *load, const struct incoming *incoming,
			struct msb_image *record, struct msb_error *err)
{
	int r = store_begin(load->writer, err);

	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < incoming->image.layer_count; i++)
		if (incoming->fresh[i])
			r = store_layer_set(load->writer, &incoming->layers[i], err);
	if (r >= 0)
		r = set_names(load, incoming, record, err);
	if (r < 0) {
		store_rollback(load->writer);
		return r;
	}
	return store_commit(load->writer, err);
}

static int tell(struct load *load, const struct incoming *incoming, struct msb_image *record)
{
	char *kept = record->name;
	int r = 0;

	if (incoming->names.count == 0)
		return load->each ? load->each(load->context, record) : 0;
	for (size_t i = 0; r >= 0 && load->each && i < incoming->names.count; i++) {
		record->name = incoming->names.items[i];
		r = load->each(load->context, record);
	}
	record->name = kept;
	return r;
}

static int publish(struct load *load, struct incoming *incoming, struct msb_error *err)
{
	struct msb_image *record = NULL;
	bool has_manifest = incoming->manifest.size > 0;
	struct msb_digest tree;
	int r = tree_of(load, incoming, &tree, err);

	if (r >= 0)
		r = image_put_documents(
			load->writer, text_of(&incoming->config), incoming->config.size,
			has_manifest ? text_of(&incoming->manifest) : NULL, incoming->manifest.size,
			&incoming->image, incoming->layers, &tree, NULL, &record, err);
	if (r >= 0)
		r = commit_image(load, incoming, record, err);
	if (r >= 0)
		r = tell(load, incoming, record);
	msb_images_free(record, 1);
	return r;
}

static int add_name(struct incoming *incoming, const char *text, struct msb_error *err)
{
	autofree char *name = NULL;
	int r = reference_normalize(text, &name, err);

	if (r < 0)
		return r;
	if (strlist_has(&incoming->names, name))
		return 0;
	return strlist_add(&incoming->names, name) < 0 ? msb_error_memory(err) : 0;
}

static int add_repo_tags(struct incoming *incoming, json_t *entry, struct msb_error *err)
{
	autostrlist tags = {0};
	int r = json_take_strings(entry, "RepoTags", &tags, NULL, err);

	for (size_t i = 0; r >= 0 && i < tags.count; i++)
		r = add_name(incoming, tags.items[i], err);
	return r;
}

/* Docker archives. */

/* Names of configs are digests, with or without a suffix or a directory in front. */
static int check_config_name(const char *name, const struct buffer *config, struct msb_error *err)
{
	const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
	autofree char *hex = strndup(base, strcspn(base, "."));
	char text[MSB_DIGEST_TEXT];
	struct msb_digest want, got;

	if (!hex)
		return msb_error_memory(err);
	if (msb_digest_parse(hex, &want) < 0)
		return 0;
	msb_digest_of(config->bytes, config->size, &got);
	if (!msb_digest_equal(&want, &got))
		return msb_error_say(err, EBADMSG, "'%s' has digest %s", name,
				     msb_digest_format(&got, text));
	return 0;
}

static int load_docker_entry(struct load *load, json_t *entry, struct incoming *incoming,
			     struct msb_error *err)
{
	autofree char *config = NULL;
	autostrlist layers = {0};
	int r;

	if (!json_is_object(entry))
		return msb_error_say(err, EBADMSG, "manifest.json: an entry is no object");
	r = json_take_string(entry, "Config", &config, err);
	if (r >= 0)
		r = json_take_strings(entry, "Layers", &layers, NULL, err);
	if (r >= 0)
		r = add_repo_tags(incoming, entry, err);
	if (r >= 0 && !config)
		r = msb_error_say(err, EBADMSG, "an image without 'Config'");
	if (r < 0)
		return msb_error_prefix(err, r, "manifest.json");
	r = archive_read(load->archive, config, &incoming->config, err);
	if (r >= 0)
		r = check_config_name(config, &incoming->config, err);
	if (r >= 0)
		r = decode_config(incoming, err);
	if (r >= 0 && layers.count != incoming->image.layer_count)
		r = msb_error_say(err, EBADMSG, "'%s' has another number of layers than it names",
				  config);
	for (size_t i = 0; r >= 0 && i < layers.count; i++)
		r = load_layer(load, incoming, i, layers.items[i], NULL, err);
	return r < 0 ? r : publish(load, incoming, err);
}

static int load_docker(struct load *load, struct msb_error *err)
{
	json_t *entry;
	size_t i;

	if (!json_is_array(load->docker) || json_array_size(load->docker) > MOST_IMAGES)
		return msb_error_say(err, EBADMSG, "manifest.json is no list of images");
	json_array_foreach(load->docker, i, entry)
	{
		struct incoming incoming = {0};
		int r = load_docker_entry(load, entry, &incoming, err);

		incoming_done(&incoming);
		if (r < 0)
			return r;
	}
	return 0;
}

/* OCI layouts. */

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
		int r = name && strstr(name, text + 7) ? add_repo_tags(incoming, entry, err) : 0;

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
		r = manifest_decode(text_of(&incoming->manifest), incoming->manifest.size,
				    &manifest, err);
	if (r >= 0)
		r = read_blob(load, &manifest.config, &incoming->config, err);
	if (r >= 0)
		r = decode_config(incoming, err);
	if (r >= 0 && incoming->names.count == 0)
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
	return r < 0 ? r : publish(load, incoming, err);
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
		return add_name(ret, name, err);
	if (short_name && strpbrk(short_name, "/:"))
		return add_name(ret, short_name, err);
	return 0;
}

static int take_platform(json_t *json, bool *ret_said, bool *ret_fits, struct msb_error *err)
{
	autofree char *os = NULL, *architecture = NULL, *variant = NULL;
	json_t *platform;
	int r = json_take_object(json, "platform", &platform, err);

	if (r >= 0)
		r = json_take_string(platform, "os", &os, err);
	if (r >= 0)
		r = json_take_string(platform, "architecture", &architecture, err);
	if (r >= 0)
		r = json_take_string(platform, "variant", &variant, err);
	if (r < 0)
		return r;
	*ret_said = platform != NULL;
	*ret_fits = platform_fits(os, architecture, variant);
	return 0;
}

/* What builders attach to an image: provenance and the like. */
static bool is_attachment(json_t *json)
{
	json_t *platform = json_object_get(json, "platform");
	const char *os = json_string_value(json_object_get(platform, "os"));

	return json_object_get(json_object_get(json, "annotations"), "vnd.docker.reference.type") ||
	       (os && strcmp(os, "unknown") == 0);
}

static bool is_index(const char *media_type)
{
	return strcmp(media_type, MEDIA_INDEX) == 0 || strcmp(media_type, MEDIA_DOCKER_LIST) == 0;
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
		r = json_parse(text_of(&text), text.size, "an index", &index, err);
	return r < 0 ? r : load_index(load, index, names, depth + 1, err);
}

static int load_descriptor(struct load *load, json_t *json, const struct strlist *names,
			   unsigned depth, struct msb_error *err)
{
	struct incoming incoming = {0};
	struct descriptor descriptor;
	int r = descriptor_from_json(json, &descriptor, err);

	if (r >= 0)
		r = name_from_annotations(json, &incoming, err);
	if (r >= 0 && incoming.names.count == 0 && strlist_copy(&incoming.names, names) < 0)
		r = msb_error_memory(err);
	if (r >= 0 && ++load->images > MOST_IMAGES)
		r = msb_error_say(err, EBADMSG, "more than %d images", MOST_IMAGES);
	if (r >= 0 && is_index(descriptor.media_type))
		r = load_nested(load, &descriptor, &incoming.names, depth, err);
	else if (r >= 0)
		r = load_manifest(load, &descriptor, &incoming, err);
	incoming_done(&incoming);
	return r;
}

/* Of an image for several machines the one for this machine; an archive of one for another
 * machine alone is loaded all the same. */
static int load_index(struct load *load, json_t *index, const struct strlist *names, unsigned depth,
		      struct msb_error *err)
{
	json_t *list, *item;
	bool some_fit = false, said, fits;
	size_t i, count = 0;
	int r = json_take_array(index, "manifests", &list, err);

	json_array_foreach(list, i, item)
	{
		if (r >= 0)
			r = take_platform(item, &said, &fits, err);
		if (r >= 0 && !is_attachment(item)) {
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
			r = take_platform(item, &said, &fits, err);
		if (r < 0)
			return r;
		if (is_attachment(item) || (some_fit && said && !fits))
			continue;
		r = load_descriptor(load, item, names, depth, err);
		if (r >= 0 && depth > 0 && some_fit)
			return 0; /* one image, of which the first that fits */
	}
	return r;
}

/* -ENOENT, without a sentence that matters, when there is no such member. */
static int read_json(struct load *load, const char *name, json_t **ret, struct msb_error *err)
{
	autobuffer text = {0};
	int r = archive_read(load->archive, name, &text, err);

	return r < 0 ? r : json_parse(text_of(&text), text.size, name, ret, err);
}

static int load_all(struct load *load, struct msb_error *err)
{
	static const struct strlist no_names;
	json_auto_t *index = NULL;
	int r = read_json(load, "manifest.json", &load->docker, err);

	if (r < 0 && r != -ENOENT)
		return r;
	r = read_json(load, "index.json", &index, err);
	if (r >= 0)
		return load_index(load, index, &no_names, 0, err);
	if (r != -ENOENT)
		return r;
	if (!load->docker)
		return msb_error_say(err, EBADMSG,
				     "neither a docker archive nor an OCI layout: it has no"
				     " manifest.json and no index.json");
	return load_docker(load, err);
}

int image_load(struct msb_store *store __attribute__((unused)), struct store_writer *writer,
	       const char *path, int (*each)(void *context, const struct msb_image *image),
	       void *context, struct msb_error *err)
{
	struct load load = {.writer = writer, .each = each, .context = context};
	const char *shown = strcmp(path, "-") == 0 ? "standard input" : path;
	int r = archive_open(writer, path, &load.archive, err);

	if (r >= 0)
		r = load_all(&load, err);
	json_decref(load.docker);
	archive_close(load.archive);
	return r < 0 ? msb_error_prefix(err, r, "%s", shown) : 0;
}

/* Looking at images and taking them away. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "buffer.h"
#include "image.h"
#include "internal.h"
#include "reference.h"
#include "rfc3339.h"

/* --- inspect --- */

static void free_json(json_t **json)
{
	json_decref(*json);
}
#define autojson AUTO(free_json) json_t

/* Every name that this ID goes by, as people write them. */
static json_t *names_of(const struct msb_image *images, size_t count, const struct msb_digest *id)
{
	autojson *names = json_array();

	for (size_t i = 0; i < count; i++) {
		autofree char *name = NULL;

		if (!images[i].name || !msb_digest_equal(&images[i].id, id))
			continue;
		name = reference_familiar(images[i].name);
		if (!name || json_array_append_new(names, json_string(name)) < 0)
			return NULL;
	}
	return steal(&names);
}

/* Whether an image with this ID has a name in the repository, or no name at all. */
static bool goes_by(const struct msb_image *images, size_t count, const struct msb_digest *id,
		    const char *repository)
{
	size_t length = strlen(repository);
	bool named = false;

	for (size_t i = 0; i < count; i++) {
		const char *name = images[i].name;

		if (!name || !msb_digest_equal(&images[i].id, id))
			continue;
		named = true;
		if (strncmp(name, repository, length) == 0 &&
		    (name[length] == ':' || name[length] == '@'))
			return true;
	}
	return !named;
}

static int digests_of(struct msb_store *store, const struct msb_image *images, size_t count,
		      const struct msb_digest *id, json_t *ret, struct msb_error *err)
{
	struct msb_origin *origins = NULL;
	size_t origin_count = 0;
	int r = msb_records_origins(store, &origins, &origin_count, err);

	for (size_t i = 0; r >= 0 && i < origin_count; i++) {
		char text[MSB_DIGEST_TEXT];
		autofree char *name = NULL, *familiar = NULL;

		if (!msb_digest_equal(&origins[i].image, id) ||
		    !goes_by(images, count, id, origins[i].repository))
			continue;
		name = buffer_format("%s@%s", origins[i].repository,
				     msb_digest_format(&origins[i].digest, text));
		familiar = name ? reference_familiar(name) : NULL;
		if (!familiar || json_array_append_new(ret, json_string(familiar)) < 0)
			r = msb_error_memory(err);
	}
	msb_origins_free(origins, origin_count);
	return r;
}

static json_t *layers_of(const struct image *image)
{
	autojson *layers = json_array();
	char text[MSB_DIGEST_TEXT];

	for (size_t i = 0; i < image->layer_count; i++)
		if (json_array_append_new(
			    layers, json_string(msb_digest_format(&image->diff_ids[i], text))) < 0)
			return NULL;
	return json_pack("{s:s, s:O}", "Type", "layers", "Layers", layers);
}

static json_t *config_object(const struct config *config, struct msb_error *err)
{
	autofree char *text = NULL;

	if (config_encode(config, &text, err) < 0)
		return NULL;
	return json_loads(text, 0, NULL);
}

/* Docker's object; takes nothing, owns what it returns. */
static json_t *describe(const struct msb_image *record, const struct image *image, json_t *names,
			json_t *digests, struct msb_error *err)
{
	const char *author = image->config.author ? image->config.author : "";
	json_t *config = config_object(&image->config, err);
	char id[MSB_DIGEST_TEXT], tree[MSB_DIGEST_TEXT], created[TIME_TEXT];

	return json_pack(
		"{s:s, s:o, s:O, s:s, s:s, s:o, s:s, s:o, s:s, s:s, s:I, s:o, s:s}", "Id",
		msb_digest_format(&record->id, id), "RepoTags", names, "RepoDigests", digests,
		"Parent", "", "Comment", "", "Created",
		json_string(time_format(image->created_ns, created)), "Author", author, "Config",
		config, "Architecture", image->architecture ? image->architecture : "", "Os",
		image->os ? image->os : "linux", "Size", (json_int_t)record->size, "RootFS",
		layers_of(image), "Tree", msb_digest_format(&record->tree, tree));
}

int msb_image_inspect(const char *root, const char *name, char **ret, struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	struct msb_image *record = NULL, *all = NULL;
	autojson *object = NULL, *digests = json_array();
	autoimage image = {0};
	size_t count = 0;
	int r = open_store(root, &store, err);

	if (r >= 0)
		r = image_find(store, name, &record, err);
	if (r >= 0)
		r = image_get(store, record, &image, err);
	if (r >= 0)
		r = msb_records_images(store, &all, &count, err);
	if (r >= 0)
		r = digests ? digests_of(store, all, count, &record->id, digests, err)
			    : msb_error_memory(err);
	if (r >= 0) {
		object = describe(record, &image, names_of(all, count, &record->id), digests, err);
		*ret = object ? json_dumps(object, JSON_INDENT(4)) : NULL;
		if (!*ret)
			r = msb_error_memory(err);
	}
	msb_images_free(all, count);
	msb_images_free(record, record ? 1 : 0);
	return r;
}

/* --- history --- */

void msb_history_free(struct msb_history_line *lines, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(lines[i].created_by);
		free(lines[i].comment);
	}
	free(lines);
}

/* The layers on record, lowest first; those above one that is not are not, either. */
static int find_layers(const char *root, const struct image *image, const struct msb_digest *tree,
		       struct layer_record **ret, size_t *ret_count, struct msb_error *err)
{
	AUTO(workshop_done) struct workshop workshop;
	int r = workshop_open(root, &workshop, err);

	return r < 0 ? r : image_layers(workshop.writer, image, tree, ret, ret_count, err);
}

static int fill_lines(const struct image *image, const struct layer_record *layers, size_t known,
		      struct msb_history_line *lines, struct msb_error *err)
{
	size_t layer = 0;

	for (size_t i = 0; i < image->history_count; i++) {
		const struct history *entry = &image->history[i];
		struct msb_history_line *line = &lines[image->history_count - 1 - i];

		line->created_ns = entry->created_ns;
		line->empty_layer = entry->empty_layer;
		line->created_by = strdup(entry->created_by ? entry->created_by : "");
		line->comment = strdup(entry->comment ? entry->comment : "");
		if (!line->created_by || !line->comment)
			return msb_error_memory(err);
		layer += !entry->empty_layer;
		line->has_tree = layer > 0 && layer <= known;
		if (!line->has_tree)
			continue;
		line->tree = layers[layer - 1].tree;
		line->size = entry->empty_layer ? 0 : layers[layer - 1].size;
	}
	return 0;
}

int msb_image_history(const char *root, const char *name, struct msb_history_line **ret,
		      size_t *ret_count, struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	struct msb_history_line *lines = NULL;
	struct msb_image *record = NULL;
	autofree struct layer_record *layers = NULL;
	struct msb_digest tree = {0};
	size_t known = 0;
	autoimage image = {0};
	int r = open_store(root, &store, err);

	if (r >= 0)
		r = image_find(store, name, &record, err);
	if (r >= 0)
		r = image_get(store, record, &image, err);
	if (record)
		tree = record->tree;
	msb_images_free(record, record ? 1 : 0);
	if (r < 0)
		return r;
	lines = calloc(image.history_count + 1, sizeof(*lines));
	if (lines)
		r = find_layers(root, &image, &tree, &layers, &known, err);
	else
		r = msb_error_memory(err);
	if (r >= 0)
		r = fill_lines(&image, layers, known, lines, err);
	if (r < 0) {
		msb_history_free(lines, lines ? image.history_count : 0);
		return r;
	}
	*ret = lines;
	*ret_count = image.history_count;
	return 0;
}

/* --- rm --- */

static int count_names(struct msb_store *store, const struct msb_digest *id, size_t *ret,
		       struct msb_error *err)
{
	struct msb_image *images;
	size_t count;
	int r = msb_records_images(store, &images, &count, err);

	if (r < 0)
		return r;
	*ret = 0;
	for (size_t i = 0; i < count; i++)
		*ret += images[i].name && msb_digest_equal(&images[i].id, id);
	msb_images_free(images, count);
	return 0;
}

static int remove_record(struct workshop *workshop, const struct msb_image *image,
			 struct msb_error *err)
{
	int r = store_begin(workshop->writer, err);

	if (r < 0)
		return r;
	if (image->name)
		r = store_remove_image(workshop->writer, image->name, err);
	else
		r = store_remove_untagged_image(workshop->writer, &image->id, err);
	return store_end(workshop->writer, r, err);
}

/* By name: that name. By ID: the image, which must not have several names. */
int msb_image_remove(const char *root, const char *name, char **ret_said, struct msb_error *err)
{
	AUTO(workshop_done) struct workshop workshop;
	struct msb_image *image = NULL;
	autobuffer said = {0};
	char id[MSB_DIGEST_TEXT];
	size_t names = 0;
	int r = workshop_open(root, &workshop, err);

	if (r >= 0)
		r = image_find(workshop.store, name, &image, err);
	if (r >= 0)
		r = count_names(workshop.store, &image->id, &names, err);
	if (r >= 0 && !image->name && names > 1)
		r = msb_error_say(err, EBUSY, "image '%s' has %zu names: remove it by each of them",
				  name, names);
	if (r >= 0) {
		autofree char *familiar = image->name ? reference_familiar(image->name) : NULL;

		msb_digest_format(&image->id, id);
		r = remove_record(&workshop, image, err);
		if (familiar)
			buffer_printf(&said, "Untagged: %s\n", familiar);
		if (names <= 1)
			buffer_printf(&said, "Deleted: %s\n", id);
	}
	msb_images_free(image, image ? 1 : 0);
	if (r < 0)
		return r;
	*ret_said = buffer_text(&said);
	return *ret_said ? 0 : msb_error_memory(err);
}

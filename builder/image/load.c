/*
 * Images out of archives: OCI layouts (image-spec 1.1, image-layout.md) by their index.json, else
 * docker archives by their manifest.json. What carries both is read as a layout, which says more.
 */
#include <errno.h>
#include <string.h>

#include "load.h"
#include "reference.h"

int load_layer(struct load *load, struct incoming *incoming, size_t index, const char *name,
	       const struct descriptor *descriptor, struct msb_error *err)
{
	struct layer_input input = {0};
	automember member = {.own = -1};
	int r = incoming_find_layer(incoming, index, NULL, err);

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
	return incoming_load_layer(incoming, index, &input, err);
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

int load_publish(struct load *load, struct incoming *incoming, struct msb_error *err)
{
	struct msb_image *record = NULL;
	int r = incoming_publish(incoming, &record, err);

	if (r >= 0)
		r = tell(load, incoming, record);
	msb_images_free(record, record ? 1 : 0);
	return r;
}

int incoming_add_name(struct incoming *incoming, const char *text, struct msb_error *err)
{
	autofree char *name = NULL;
	int r = reference_normalize(text, &name, err);

	if (r < 0)
		return r;
	if (strlist_has(&incoming->names, name))
		return 0;
	return strlist_add(&incoming->names, name) < 0 ? msb_error_memory(err) : 0;
}

int incoming_add_tags(struct incoming *incoming, json_t *entry, struct msb_error *err)
{
	autostrlist tags = {0};
	int r = json_take_strings(entry, "RepoTags", &tags, NULL, err);

	for (size_t i = 0; r >= 0 && i < tags.count; i++)
		r = incoming_add_name(incoming, tags.items[i], err);
	return r;
}

/* -ENOENT, without a sentence that matters, when there is no such member. */
static int read_json(struct load *load, const char *name, json_t **ret, struct msb_error *err)
{
	autobuffer text = {0};
	int r = archive_read(load->archive, name, &text, err);

	return r < 0 ? r : json_parse(document_text(&text), text.size, name, ret, err);
}

static int load_all(struct load *load, struct msb_error *err)
{
	json_auto_t *index = NULL;
	int r = read_json(load, "manifest.json", &load->docker, err);

	if (r < 0 && r != -ENOENT)
		return r;
	r = read_json(load, "index.json", &index, err);
	if (r >= 0)
		return load_layout(load, index, err);
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

static int load_one(struct load *load, struct msb_error *err)
{
	json_auto_t *index = NULL;
	int r = read_json(load, "index.json", &index, err);

	if (r == -ENOENT)
		return msb_error_say(err, EBADMSG, "not an OCI layout: it has no index.json");
	return r < 0 ? r : load_layout_one(load, index, err);
}

static int take_id(void *context, const struct msb_image *image)
{
	struct msb_digest *id = context;

	*id = image->id;
	return 0;
}

int image_load_one(struct store_writer *writer, const char *path, const char *tag,
		   struct msb_digest *ret_id, struct msb_error *err)
{
	struct msb_digest id = {0};
	struct load load = {
		.writer = writer, .each = take_id, .context = &id, .one = true, .tag = tag};
	int r = archive_open(writer, path, &load.archive, err);

	if (r >= 0)
		r = load_one(&load, err);
	archive_close(load.archive);
	if (r < 0)
		return msb_error_prefix(err, r, "%s", path);
	*ret_id = id;
	return 0;
}

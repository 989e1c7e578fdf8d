/* An image out of a registry: its manifest, its config, then the layers that are not here. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fetch.h"
#include "internal.h"
#include "lazy.h"
#include "reference.h"
#include "registry.h"
#include "remote.h"

struct pull {
	struct store_writer *writer;
	struct msb_store *store;
	struct registries settings;
	struct http *http;
	struct remote *remote; /* owned; the one that has the image */
	char *name;            /* normalized; owned */
	struct reference_place place;
	struct platform platform;
	bool any_platform; /* nobody chose: an image that is no index is taken as it is */
	bool lazy;         /* layers stay where they are, if they can */
	struct teller teller;
	struct msb_pull_result *result;

	struct incoming incoming;
	struct manifest manifest;
	struct msb_digest manifest_digest;
};

static void pull_done(struct pull *pull)
{
	manifest_done(&pull->manifest);
	incoming_done(&pull->incoming);
	remote_close(pull->remote);
	http_free(pull->http);
	registries_done(&pull->settings);
	reference_place_done(&pull->place);
	teller_done(&pull->teller);
	free(pull->name);
}

/* --- Documents --- */

static int compare_digest(const struct buffer *document, const struct msb_digest *wanted,
			  const char *what, struct msb_error *err)
{
	char text[MSB_DIGEST_TEXT], other[MSB_DIGEST_TEXT];
	struct msb_digest got;

	msb_digest_of(document->bytes, document->size, &got);
	if (msb_digest_equal(&got, wanted))
		return 0;
	return msb_error_say(err, EBADMSG, "%s has digest %s, but %s was announced", what,
			     msb_digest_format(&got, text), msb_digest_format(wanted, other));
}

/* The type of a document, from itself where it says so: a header is easier to get wrong. */
static int type_of(const struct buffer *document, const char *header, char type[96],
		   struct msb_error *err)
{
	json_auto_t *json = NULL;
	autofree char *own = NULL;
	int r = json_parse((const char *)document->bytes, document->size, "the manifest", &json,
			   err);

	if (r >= 0)
		r = json_take_string(json, "mediaType", &own, err);
	if (r < 0)
		return r;
	if (json_integer_value(json_object_get(json, "schemaVersion")) == 1)
		return msb_error_say(
			err, EBADMSG,
			"the image has a manifest of schema 1, which nobody should use "
			"any more: push it anew");
	if (own)
		snprintf(type, 96, "%s", own);
	else if (header)
		snprintf(type, 96, "%.*s", (int)strcspn(header, "; "), header);
	else
		snprintf(type, 96, "%s",
			 json_object_get(json, "manifests") ? MEDIA_INDEX : MEDIA_MANIFEST);
	return 0;
}

/* version: tag or digest. The document's digest has been compared with all that is known of it. */
static int get_manifest(struct pull *pull, const char *version, struct buffer *ret, char type[96],
			struct msb_error *err)
{
	autoresponse response = {0};
	struct msb_digest digest;
	int r = manifest_get(pull->remote, version, &response, err);

	if (r >= 0 && response.status != 200)
		r = remote_refused(pull->remote, &response, "get the manifest", err);
	if (r >= 0 && msb_digest_parse(version, &digest) >= 0)
		r = compare_digest(&response.body, &digest, "the manifest", err);
	else if (r >= 0 && response.digest && msb_digest_parse(response.digest, &digest) >= 0)
		r = compare_digest(&response.body, &digest, "the manifest", err);
	if (r >= 0)
		r = type_of(&response.body, response.content_type, type, err);
	if (r < 0)
		return r;
	*ret = response.body;
	response.body = (struct buffer){0};
	return 0;
}

/* Of an index the image for the wanted machine takes its place. */
static int follow_index(struct pull *pull, struct buffer *document, char type[96],
			struct msb_error *err)
{
	char text[MSB_DIGEST_TEXT];
	struct descriptor chosen;
	json_auto_t *index = NULL;
	int r = json_parse((const char *)document->bytes, document->size, "the index", &index, err);

	if (r >= 0)
		r = index_choose(index, &pull->platform, &chosen, err);
	if (r < 0)
		return r;
	buffer_done(document);
	r = get_manifest(pull, msb_digest_format(&chosen.digest, text), document, type, err);
	if (r >= 0 && index_is(type))
		r = msb_error_say(err, EBADMSG, "an index in an index");
	return r;
}

static int get_image_manifest(struct pull *pull, struct msb_error *err)
{
	struct buffer *document = &pull->incoming.manifest;
	char type[96];
	int r;

	buffer_done(document);
	r = get_manifest(pull, pull->place.version, document, type, err);
	if (r < 0)
		return r;
	msb_digest_of(document->bytes, document->size, &pull->result->digest);
	pull->any_platform = pull->any_platform && !index_is(type);
	if (index_is(type))
		r = follow_index(pull, document, type, err);
	if (r >= 0 && strcmp(type, MEDIA_MANIFEST) != 0 && strcmp(type, MEDIA_DOCKER_IMAGE) != 0)
		r = msb_error_say(err, EBADMSG, "'%s' is no type of an image", type);
	if (r < 0)
		return r;
	msb_digest_of(document->bytes, document->size, &pull->manifest_digest);
	return manifest_decode((const char *)document->bytes, document->size, &pull->manifest, err);
}

/* --- Which registry --- */

static int try_place(struct pull *pull, const char *address, struct msb_error *err)
{
	int r;

	remote_close(pull->remote);
	pull->remote = NULL;
	r = remote_new(pull->http, &pull->settings, pull->place.domain, pull->place.repository,
		       address, &pull->remote, err);
	return r < 0 ? r : get_image_manifest(pull, err);
}

/* The mirrors first, in their order; the registry itself has the last word. */
static int find_image(struct pull *pull, struct msb_error *err)
{
	const struct strlist *mirrors = &pull->settings.mirrors;
	size_t length = strlen(pull->place.domain);

	for (size_t i = 0; i < mirrors->count; i++) {
		const char *mirror = mirrors->items[i];

		if (strncmp(mirror, pull->place.domain, length) == 0 && mirror[length] == '=' &&
		    try_place(pull, mirror + length + 1, err) >= 0)
			return 0;
	}
	return try_place(pull, NULL, err);
}

/* --- The config --- */

static int get_config(struct pull *pull, struct msb_error *err)
{
	const struct descriptor *config = &pull->manifest.config;
	char text[MSB_DIGEST_TEXT], path[16 + MSB_DIGEST_TEXT];
	autoresponse response = {0};
	const struct remote_request request = {.method = "GET", .path = path, .most = DOCUMENT_MAX};
	uint8_t *bytes;
	size_t size;
	int r;

	snprintf(path, sizeof(path), "blobs/%s", msb_digest_format(&config->digest, text));
	if (msb_store_load(pull->store, &config->digest, DOCUMENT_MAX, &bytes, &size, NULL) >= 0) {
		pull->incoming.config = (struct buffer){bytes, size, size, false};
		return 0;
	}
	r = remote_send(pull->remote, &request, &response, err);
	if (r >= 0 && response.status != 200)
		r = remote_refused(pull->remote, &response, "get the config", err);
	if (r >= 0)
		r = compare_digest(&response.body, &config->digest, "the config", err);
	if (r < 0)
		return r;
	pull->incoming.config = response.body;
	response.body = (struct buffer){0};
	return 0;
}

static int decode_config(struct pull *pull, struct msb_error *err)
{
	const struct image *image = &pull->incoming.image;
	char text[PLATFORM_TEXT];
	int r = incoming_decode(&pull->incoming, err);

	if (r < 0)
		return r;
	if (image->layer_count != pull->manifest.layer_count)
		return msb_error_say(err, EBADMSG,
				     "it is no image that can be run: its manifest and its config "
				     "disagree about the layers");
	if (!pull->any_platform &&
	    !platform_fits(&pull->platform, image->os, image->architecture, image->variant))
		return msb_error_say(err, ENOENT, "the image is not for %s",
				     platform_format(&pull->platform, text));
	return 0;
}

/* --- The layers --- */

/* What of the layers is on its way. */
struct coming {
	bool *whole, *left; /* one a layer: fetched, or only its table; owned */
	struct lazy_tables *tables;
	struct fetches *fetches;
};

static void coming_done(struct coming *coming)
{
	fetches_end(coming->fetches);
	lazy_tables_end(coming->tables);
	free(coming->whole);
	free(coming->left);
}

/* One layer, from the store as a blob that another image brought, or as it comes. */
static int take_layer(struct pull *pull, struct coming *coming, size_t index, struct msb_error *err)
{
	const struct descriptor *layer = &pull->manifest.layers[index];
	struct layer_input input = {
		.size = layer->size,
		.has_digest = true,
		.digest = layer->digest,
		.media_type = layer->media_type,
	};
	struct blob_source blob;
	int r;

	if (coming->whole[index]) {
		input.source = fetches_source(coming->fetches, index);
		input.file = fetches_file(coming->fetches, index);
	} else {
		r = blob_source_init(&blob, pull->store, &layer->digest, err);
		if (r < 0)
			return r;
		if (blob.location.size != layer->size)
			return msb_error_say(err, EBADMSG,
					     "a layer has another size than announced");
		input.source = blob_source(&blob);
	}
	r = incoming_load_layer(&pull->incoming, index, &input, err);
	return fetches_blame(coming->fetches, r, err);
}

static bool may_stay(const struct pull *pull, const struct descriptor *layer)
{
	return pull->lazy && lazy_can(layer) &&
	       msb_store_has(pull->store, &layer->digest, NULL, NULL) != MSB_HERE;
}

/* A layer that stays where it is: 1. 0: it has to be fetched. -EOPNOTSUPP: so have all. */
static int leave_layer(struct pull *pull, struct coming *coming, size_t index,
		       struct msb_error *err)
{
	const struct incoming *incoming = &pull->incoming;
	autofree char *place = buffer_format("%s/%s", pull->place.domain, pull->place.repository);
	const struct lazy_input input = {
		.tables = coming->tables,
		.index = index,
		.place = place,
		.layer = &pull->manifest.layers[index],
		.diff_id = incoming->image.diff_ids[index],
		.limit = incoming->limit,
	};
	int r;

	if (!coming->left[index])
		return 0;
	if (!place)
		return msb_error_memory(err);
	r = lazy_load(pull->writer, index > 0 ? &incoming->layers[index - 1].tree : NULL, &input,
		      &incoming->layers[index], err);
	incoming->fresh[index] = r >= 0;
	return r < 0 ? r : 1;
}

/* The table that a layer's tree may have been made of. */
static const struct msb_digest *table_of(const struct pull *pull, size_t index)
{
	const struct descriptor *layer = &pull->manifest.layers[index];

	return pull->lazy && lazy_can(layer) ? &layer->toc.digest : NULL;
}

/* A layer of this blob that was here keeps the manifest as it came true. */
static bool is_same_blob(const struct layer_record *record, const struct descriptor *layer)
{
	return record->has_blob && msb_digest_equal(&record->blob, &layer->digest);
}

static int take_layers(struct pull *pull, struct coming *coming, size_t first,
		       struct msb_error *err)
{
	struct incoming *incoming = &pull->incoming;
	bool same = true;
	int r = 0;

	for (size_t i = 0; i < first; i++)
		same = same && is_same_blob(&incoming->layers[i], &pull->manifest.layers[i]);
	for (size_t i = first; r >= 0 && i < pull->manifest.layer_count; i++) {
		const struct msb_digest *digest = &pull->manifest.layers[i].digest;

		r = incoming_find_layer(incoming, i, table_of(pull, i), err);
		if (r == -ENOENT) {
			r = leave_layer(pull, coming, i, err);
			pull->result->left += r == 1;
			pull->result->fetched += r == 0;
			if (r == 0)
				r = take_layer(pull, coming, i, err);
			pull->result->changed = true;
		}
		fetches_release(coming->fetches, i);
		if (r >= 0)
			teller_say(&pull->teller, MSB_TRANSFER_DONE, digest);
		same = same && is_same_blob(&incoming->layers[i], &pull->manifest.layers[i]);
	}
	/* A layer that is here in another form: a manifest that names this one. */
	if (!same)
		incoming->manifest.size = 0;
	return r;
}

/* How many of the lowest layers are here, on one another. */
static int count_known(struct pull *pull, size_t *ret, struct msb_error *err)
{
	size_t count = 0;
	int r = 0;

	while (count < pull->manifest.layer_count) {
		r = incoming_find_layer(&pull->incoming, count, table_of(pull, count), err);
		if (r < 0)
			break;
		teller_say(&pull->teller, MSB_TRANSFER_PRESENT,
			   &pull->manifest.layers[count++].digest);
	}
	*ret = count;
	return r == -ENOENT ? 0 : r;
}

/* A blob that occurs twice is fetched twice: empty layers do, and they are small. */
static int begin_coming(struct pull *pull, size_t known, struct coming *ret, struct msb_error *err)
{
	const struct manifest *manifest = &pull->manifest;
	size_t count = manifest->layer_count;
	int r;

	ret->whole = calloc(count + 1, sizeof(*ret->whole));
	ret->left = calloc(count + 1, sizeof(*ret->left));
	if (!ret->whole || !ret->left)
		return msb_error_memory(err);
	for (size_t i = known; i < count; i++) {
		const struct descriptor *layer = &manifest->layers[i];

		ret->left[i] = may_stay(pull, layer);
		ret->whole[i] = !ret->left[i] &&
				msb_store_has(pull->store, &layer->digest, NULL, NULL) != MSB_HERE;
		teller_say(&pull->teller, MSB_TRANSFER_WAITING, &layer->digest);
	}
	r = lazy_tables_begin(pull->remote, manifest->layers, ret->left, count, &ret->tables, err);
	return r < 0 ? r
		     : fetches_begin(pull->writer, pull->remote, manifest->layers, ret->whole,
				     count, &pull->teller, &ret->fetches, err);
}

static int try_layers(struct pull *pull, struct msb_error *err)
{
	AUTO(coming_done) struct coming coming = {0};
	size_t known = 0;
	int r = count_known(pull, &known, err);

	if (r >= 0)
		r = begin_coming(pull, known, &coming, err);
	/* The first bytes are on their way. */
	if (r >= 0 && known < pull->manifest.layer_count)
		layer_unpack_ready();
	if (r >= 0)
		r = take_layers(pull, &coming, known, err);
	/* Nobody waits for tables that nobody wants. */
	if (r < 0 && r != -EOPNOTSUPP)
		http_stop(pull->http);
	return r;
}

static int get_layers(struct pull *pull, struct msb_error *err)
{
	int r = try_layers(pull, err);

	if (r != -EOPNOTSUPP || !pull->lazy)
		return r;
	/* A table that nobody can go by: the image comes as any other. */
	pull->lazy = false;
	pull->result->left = pull->result->fetched = 0;
	for (size_t i = 0; i < pull->manifest.layer_count; i++)
		pull->incoming.fresh[i] = false;
	return try_layers(pull, err);
}

/* --- All of it --- */

/* True when the name stands for this very image already. */
static bool is_up_to_date(struct pull *pull)
{
	const struct manifest *manifest = &pull->manifest;
	struct msb_image *record = NULL;
	bool same;

	if (msb_records_image(pull->store, pull->name, &record, NULL) < 0)
		return false;
	same = msb_digest_equal(&record->id, &pull->manifest.config.digest);
	pull->result->image = record->id;
	same = same && msb_digest_equal(&record->manifest, &pull->manifest_digest);
	msb_images_free(record, 1);
	/* What was left where it is comes now. */
	for (size_t i = 0; same && !pull->lazy && i < manifest->layer_count; i++)
		same = msb_store_has(pull->store, &manifest->layers[i].digest, NULL, NULL) !=
		       MSB_REMOTE;
	return same;
}

static int had_image(struct pull *pull)
{
	struct msb_image *record = NULL;
	bool had = msb_records_image(pull->store, pull->name, &record, NULL) >= 0 &&
		   msb_digest_equal(&record->id, &pull->manifest.config.digest);

	msb_images_free(record, record ? 1 : 0);
	return had;
}

static int publish(struct pull *pull, struct msb_error *err)
{
	struct msb_image *record = NULL;
	int r;

	pull->result->changed = pull->result->changed || !had_image(pull);
	if (strlist_add(&pull->incoming.names, pull->name) < 0)
		return msb_error_memory(err);
	r = incoming_publish(&pull->incoming, &record, err);
	if (r >= 0)
		pull->result->image = record->id;
	msb_images_free(record, record ? 1 : 0);
	return r;
}

static int pull_image(struct pull *pull, struct msb_error *err)
{
	int r = http_new(pull->settings.timeout, &pull->http, err);

	if (r >= 0)
		r = find_image(pull, err);
	if (r < 0)
		return r;
	teller_say(&pull->teller, MSB_TRANSFER_BEGIN, NULL);
	if (is_up_to_date(pull))
		return 0;
	r = get_config(pull, err);
	if (r >= 0)
		r = decode_config(pull, err);
	if (r >= 0)
		r = get_layers(pull, err);
	return r < 0 ? r : publish(pull, err);
}

int image_pull(struct store_writer *writer, const struct msb_pull_options *options,
	       msb_transfer_fn tell, void *context, struct msb_pull_result *ret,
	       struct msb_error *err)
{
	struct msb_pull_result result = {0};
	AUTO(pull_done)
	struct pull pull = {
		.writer = writer,
		.store = store_writer_store(writer),
		.any_platform = options->platform == NULL,
		.platform = platform_here(),
		.result = &result,
		.incoming = {.writer = writer},
	};
	autofree char *familiar = NULL;
	int r = reference_normalize(options->name, &pull.name, err);

	teller_init(&pull.teller, tell, context, pull.name);
	if (r >= 0)
		r = reference_place(pull.name, &pull.place, err);
	if (r >= 0 && options->platform)
		r = platform_parse(options->platform, &pull.platform, err);
	if (r >= 0)
		r = registries_read(&pull.settings, err);
	if (r < 0)
		return r;
	if (options->hurried)
		registries_hurry(&pull.settings);
	pull.incoming.limit = pull.settings.unpack_limit;
	pull.lazy = options->lazy == MSB_LAZY_YES ||
		    (options->lazy == MSB_LAZY_AS_CONFIGURED && pull.settings.lazy);
	r = pull_image(&pull, err);
	if (r >= 0)
		r = image_note_origin(writer, &pull.place, &result.digest, &result.image, err);
	if (r < 0) {
		familiar = reference_familiar(pull.name);
		return msb_error_prefix(err, r, "pull %s", familiar ? familiar : options->name);
	}
	*ret = result;
	return 0;
}

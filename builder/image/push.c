/* An image to a registry: layers, config, records of what was compressed, and last the manifest. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "io.h"
#include "push.h"
#include "store_remote.h"
#include "upload.h"

#define WORKERS         4
#define MOST_NEIGHBOURS 100
#define ANSWER_MAX      ((uint64_t)1024 * 1024)

static void push_done(struct push *push)
{
	for (size_t i = 0; i < push->neighbour_count; i++) {
		free(push->neighbours[i].repository);
		manifest_done(&push->neighbours[i].manifest);
	}
	free(push->neighbours);
	for (size_t i = 0; push->layers && i < push->manifest.layer_count; i++)
		if (push->layers[i].fd > 0)
			close(push->layers[i].fd);
	free(push->layers);
	manifest_done(&push->manifest);
	buffer_done(&push->text);
	image_done(&push->image);
	msb_images_free(push->record, push->record ? 1 : 0);
	remote_close(push->remote);
	http_free(push->http);
	registries_done(&push->settings);
	reference_place_done(&push->place);
	teller_done(&push->teller);
	pthread_mutex_destroy(&push->lock);
	free(push->name);
}

/* --- What is to be sent --- */

static int load_manifest(struct msb_store *store, const struct msb_digest *digest,
			 struct buffer *ret_text, struct manifest *ret, struct msb_error *err)
{
	uint8_t *bytes;
	size_t size;
	int r = msb_store_load(store, digest, DOCUMENT_MAX, &bytes, &size, err);

	if (r < 0)
		return r;
	*ret_text = (struct buffer){bytes, size, size, false};
	return manifest_decode((const char *)bytes, size, ret, err);
}

static int find_layers(struct push *push, struct msb_error *err)
{
	autofree struct layer_record *layers = NULL;
	int r;

	if (push->manifest.layer_count != push->image.layer_count)
		return msb_error_say(err, EBADMSG, "the manifest and the config disagree");
	push->layers = calloc(push->image.layer_count + 1, sizeof(*push->layers));
	if (!push->layers)
		return msb_error_memory(err);
	r = image_all_layers(push->writer, &push->image, &push->record->tree, &layers, err);
	for (size_t i = 0; r >= 0 && i < push->image.layer_count; i++)
		push->layers[i].record = layers[i];
	return r;
}

static int find_image(struct push *push, struct msb_error *err)
{
	int r = msb_records_image(push->store, push->name, &push->record, err);

	if (r == -ENOENT)
		return msb_error_say(err, ENOENT,
				     "there is no image of this name in the store ('msb tag' gives "
				     "one that name, 'msb image ls' lists them)");
	if (r >= 0)
		r = image_get(push->store, push->record, &push->image, err);
	if (r >= 0)
		r = load_manifest(push->store, &push->record->manifest, &push->text,
				  &push->manifest, err);
	return r < 0 ? r : find_layers(push, err);
}

static int add_neighbour(struct push *push, const struct msb_image *record, struct msb_error *err)
{
	struct neighbour neighbour = {0};
	autoplace place = {0};
	autobuffer text = {0};
	struct neighbour *grown;

	if (!record->name || reference_place(record->name, &place, NULL) < 0 ||
	    strcmp(place.domain, push->place.domain) != 0 ||
	    strcmp(place.repository, push->place.repository) == 0 ||
	    load_manifest(push->store, &record->manifest, &text, &neighbour.manifest, NULL) < 0)
		return 0;
	grown = reallocarray(push->neighbours, push->neighbour_count + 1, sizeof(*grown));
	if (!grown) {
		manifest_done(&neighbour.manifest);
		return msb_error_memory(err);
	}
	neighbour.repository = place.repository;
	place.repository = NULL;
	push->neighbours = grown;
	grown[push->neighbour_count++] = neighbour;
	return 0;
}

/* Images with names at the same registry came from there or went there, more often than not; where
 * that is wrong, nothing is lost but a question. */
static int find_neighbours(struct push *push, struct msb_error *err)
{
	struct msb_image *images;
	size_t count;
	int r = msb_records_images(push->store, &images, &count, err);

	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < count && push->neighbour_count < MOST_NEIGHBOURS; i++)
		r = add_neighbour(push, &images[i], err);
	msb_images_free(images, count);
	return r;
}

/* --- The manifest --- */

static const char *manifest_type(const struct push *push)
{
	return *push->manifest.media_type ? push->manifest.media_type : MEDIA_MANIFEST;
}

/* The image's own manifest is what is wanted at the registry, unless the options say otherwise. */
static bool has_wanted_manifest(const struct push *push)
{
	if (push->options->docker_types &&
	    strcmp(push->manifest.media_type, MEDIA_DOCKER_IMAGE) != 0)
		return false;
	for (size_t i = 0; i < push->manifest.layer_count; i++)
		if (!push_may_send(push, push->manifest.layers[i].media_type) ||
		    (push->pieces && push->manifest.layers[i].toc.kind != push->pieces))
			return false;
	return true;
}

/* 1: the registry has this very manifest under this name, hence all of the image. */
static int is_there(struct push *push, struct msb_error *err)
{
	autofree char *path = buffer_format("manifests/%s", push->place.version);
	autostrlist headers = {0};
	const struct remote_request request = {.method = "HEAD",
					       .path = path,
					       .push = true,
					       .headers = &headers,
					       .most = ANSWER_MAX};
	autoresponse response = {0};
	struct msb_digest digest;
	int r;

	if (!path || strlist_addf(&headers, "Accept: %s", manifest_type(push)) < 0)
		return msb_error_memory(err);
	r = remote_send(push->remote, &request, &response, err);
	if (r < 0)
		return r;
	if (response.status == 401 || response.status == 403)
		return remote_refused(push->remote, &response, "push", err);
	return response.status == 200 && response.digest &&
	       msb_digest_parse(response.digest, &digest) >= 0 &&
	       msb_digest_equal(&digest, &push->record->manifest);
}

static int put_manifest(struct push *push, struct msb_error *err)
{
	struct memory_source text = {(const char *)push->text.bytes, push->text.size, 0};
	autoresponse response = {0};
	struct msb_digest digest;
	int r = manifest_put(push->remote, push->place.version, manifest_type(push), &text,
			     &response, err);

	if (r < 0)
		return r;
	if (response.digest && msb_digest_parse(response.digest, &digest) >= 0 &&
	    !msb_digest_equal(&digest, &push->record->manifest))
		return msb_error_say(err, EBADMSG, "registry '%s' keeps another manifest",
				     push->place.domain);
	return 0;
}

static bool differs(const struct push *push)
{
	if (!has_wanted_manifest(push))
		return true;
	for (size_t i = 0; i < push->manifest.layer_count; i++)
		if (!msb_digest_equal(&push->layers[i].blob.digest,
				      &push->manifest.layers[i].digest))
			return true;
	return false;
}

static int take_text(struct push *push, const char *text, struct msb_error *err)
{
	buffer_done(&push->text);
	buffer_string(&push->text, text);
	return buffer_ok(&push->text) ? 0 : msb_error_memory(err);
}

/* A manifest that names what is sent takes the place of the image's own. */
static int remake_manifest(struct push *push, struct msb_error *err)
{
	autofree char *text = NULL;
	bool docker = push->options->docker_types;
	int r;

	for (size_t i = 0; i < push->manifest.layer_count; i++)
		push->manifest.layers[i] = push->layers[i].blob;
	strcpy(push->manifest.media_type, docker ? MEDIA_DOCKER_IMAGE : MEDIA_MANIFEST);
	r = manifest_with_layers((const char *)push->text.bytes, push->text.size, docker,
				 push->manifest.layers, push->manifest.layer_count, &text, err);
	if (r >= 0)
		r = store_put(push->writer, text, strlen(text), &push->record->manifest, err);
	return r < 0 ? r : take_text(push, text, err);
}

/* What was compressed is worth keeping, also when it did not arrive. */
static int record(struct push *push, struct msb_error *err)
{
	bool whole = true;
	int r;

	for (size_t i = 0; i < push->manifest.layer_count; i++)
		whole = whole && push->layers[i].prepared;
	if (!whole || !differs(push))
		return 0;
	r = remake_manifest(push, err);
	if (r >= 0)
		r = store_begin(push->writer, err);
	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < push->manifest.layer_count; i++)
		if (push->layers[i].fresh)
			r = store_layer_set(push->writer, &push->layers[i].record, err);
	if (r >= 0)
		r = store_set_image(push->writer, push->record, err);
	return store_end(push->writer, r, err);
}

/* --- Sending --- */

static void note_failure(struct push *push, int r, const struct msb_error *err)
{
	pthread_mutex_lock(&push->lock);
	/* What was stopped because of another's failure is none. */
	if (push->result >= 0) {
		push->result = r;
		push->error = *err;
	}
	pthread_mutex_unlock(&push->lock);
	http_stop(push->http);
}

static void *work(void *context)
{
	struct push *push = context;

	for (;;) {
		struct msb_error err = {0};
		size_t index;
		int r;

		pthread_mutex_lock(&push->lock);
		index = push->result < 0 ? SIZE_MAX : push->next++;
		pthread_mutex_unlock(&push->lock);
		if (index >= push->manifest.layer_count)
			return NULL;
		r = push_one_layer(push, index, &err);
		if (r < 0)
			note_failure(push, r, &err);
	}
}

static int send_layers(struct push *push, struct msb_error *err)
{
	pthread_t workers[WORKERS];
	size_t count = 0;

	for (size_t i = 0; i < push->manifest.layer_count; i++)
		teller_say(&push->teller, MSB_TRANSFER_WAITING, &push->layers[i].record.diff_id);
	while (count < WORKERS && count < push->manifest.layer_count) {
		int r = pthread_create(&workers[count], NULL, work, push);

		if (r != 0 && count == 0)
			return msb_error_set(err, r, "start a thread");
		if (r != 0)
			break;
		count++;
	}
	while (count > 0)
		pthread_join(workers[--count], NULL);
	if (push->result < 0 && err)
		*err = push->error;
	return push->result;
}

static int send_config(struct push *push, struct msb_error *err)
{
	struct upload upload = {.digest = push->record->id};
	enum msb_transfer_state state;
	struct msb_location location;
	autoclose int fd = -1;
	int r = msb_store_open_blob(push->store, &push->record->id, &fd, &location, err);

	if (r < 0)
		return r;
	upload.fd = fd;
	upload.offset = location.offset;
	upload.size = location.size;
	return upload_blob(push->remote, &upload, &state, err);
}

static int send_text(struct push *push, const struct buffer *text, struct msb_error *err)
{
	autoclose int fd = openat(store_writer_scratch(push->writer), ".",
				  O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct upload upload = {.fd = fd, .size = text->size};
	enum msb_transfer_state state;
	int r = fd < 0 ? -errno : io_write(fd, text->bytes, text->size);

	if (r < 0)
		return msb_error_set(err, r, "make a file in '%s'",
				     store_writer_scratch_path(push->writer));
	msb_digest_of(text->bytes, text->size, &upload.digest);
	return upload_blob(push->remote, &upload, &state, err);
}

/* An eStargz layer's tar has its table in it, so that its diff ID and with it the image's ID are
 * others. */
static bool is_another_image(const struct push *push)
{
	for (size_t i = 0; i < push->manifest.layer_count; i++)
		if (!msb_digest_equal(&push->layers[i].diff_id, &push->layers[i].record.diff_id))
			return true;
	return false;
}

/* What was made to be read in parts is for the registry alone: the image stays here as it is. */
static int send_documents(struct push *push, struct msb_error *err)
{
	autofree char *text = NULL, *other = NULL;
	autobuffer config = {0};
	struct msb_digest digest;
	int r;

	for (size_t i = 0; i < push->manifest.layer_count; i++)
		push->manifest.layers[i] = push->layers[i].blob;
	strcpy(push->manifest.media_type, MEDIA_MANIFEST);
	r = manifest_with_layers((const char *)push->text.bytes, push->text.size, false,
				 push->manifest.layers, push->manifest.layer_count, &text, err);
	if (r >= 0 && is_another_image(push)) {
		r = push_make_config(push, &config, err);
		if (r >= 0)
			r = send_text(push, &config, err);
		msb_digest_of(config.bytes, config.size, &digest);
		if (r >= 0)
			r = manifest_with_config(text, strlen(text), &digest, config.size, &other,
						 err);
	} else if (r >= 0) {
		r = send_config(push, err);
	}
	if (r >= 0)
		r = take_text(push, other ? other : text, err);
	if (r < 0)
		return r;
	msb_digest_of(push->text.bytes, push->text.size, &push->record->manifest);
	return put_manifest(push, err);
}

static int send_all(struct push *push, struct msb_error *err)
{
	int r = send_layers(push, err), recorded;

	if (push->pieces)
		return r < 0 ? r : send_documents(push, err);
	recorded = record(push, r < 0 ? NULL : err);
	if (r >= 0)
		r = recorded;
	if (r >= 0)
		r = send_config(push, err);
	return r < 0 ? r : put_manifest(push, err);
}

static int push_image(struct push *push, struct msb_error *err)
{
	int r = find_image(push, err);

	if (r >= 0)
		r = http_new(push->settings.timeout, &push->http, err);
	if (r >= 0)
		r = remote_open(push->http, &push->settings, push->place.domain,
				push->place.repository, NULL, &push->remote, err);
	if (r >= 0)
		r = find_neighbours(push, err);
	if (r < 0)
		return r;
	teller_say(&push->teller, MSB_TRANSFER_BEGIN, NULL);
	r = has_wanted_manifest(push) ? is_there(push, err) : 0;
	if (r <= 0)
		return r < 0 ? r : send_all(push, err);
	for (size_t i = 0; i < push->manifest.layer_count; i++)
		teller_say(&push->teller, MSB_TRANSFER_PRESENT, &push->layers[i].record.diff_id);
	return 0;
}

/* Where its layers are now, for who wants to have them mounted elsewhere, and for shared caches. */
static int note_places(struct push *push, struct msb_error *err)
{
	autofree char *where = buffer_format("%s/%s", push->place.domain, push->place.repository);
	int r = where ? store_begin(push->writer, err) : msb_error_memory(err);

	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < push->manifest.layer_count; i++)
		r = store_origin_set(push->writer, &push->manifest.layers[i].digest, where, err);
	return store_end(push->writer, r, err);
}

static int take_options(struct push *push, struct msb_error *err)
{
	const char *how = push->options->compression;
	int r = reference_normalize(push->options->name, &push->name, err);

	push->teller.image = push->name;
	if (r >= 0)
		r = reference_place(push->name, &push->place, err);
	if (r >= 0 && push->place.by_digest)
		r = msb_error_say(err, EINVAL, "an image is pushed by a tag, not by a digest");
	if (r < 0)
		return r;
	push->compress = !how || (strcmp(how, "none") != 0 && strcmp(how, "uncompressed") != 0);
	if (how && strcmp(how, "estargz") == 0)
		push->pieces = TOC_ESTARGZ;
	else if (how && strcmp(how, "zstd:chunked") == 0)
		push->pieces = TOC_ZSTD;
	push->compression = push->pieces == TOC_ZSTD || (how && strcmp(how, "zstd") == 0)
				    ? LAYER_ZSTD
				    : LAYER_GZIP;
	if (how && push->compress && !push->pieces && strcmp(how, "zstd") != 0 &&
	    strcmp(how, "gzip") != 0)
		return msb_error_say(
			err, EINVAL,
			"'%s' is no compression (gzip, zstd, estargz, zstd:chunked and "
			"none are)",
			how);
	if (push->options->docker_types && push->pieces)
		return msb_error_say(err, EINVAL,
				     "Docker's manifests have no place for tables of "
				     "contents: use OCI's");
	if (push->options->docker_types && push->compress && push->compression == LAYER_ZSTD)
		return msb_error_say(err, EINVAL, "Docker's manifests know no zstd: use OCI's");
	return registries_read(&push->settings, err);
}

int image_push(struct store_writer *writer, const struct msb_push_options *options,
	       msb_transfer_fn tell, void *context, struct msb_push_result *ret,
	       struct msb_error *err)
{
	AUTO(push_done)
	struct push push = {
		.writer = writer,
		.store = store_writer_store(writer),
		.options = options,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	int r;

	teller_init(&push.teller, tell, context, NULL);
	r = take_options(&push, err);
	if (r >= 0)
		r = push_image(&push, err);
	if (r >= 0)
		r = note_places(&push, err);
	if (r >= 0)
		r = image_note_origin(writer, &push.place, &push.record->manifest, &push.record->id,
				      err);
	if (r < 0)
		return msb_error_prefix(err, r, "push %s", options->name);
	ret->digest = push.record->manifest;
	ret->size = push.text.size;
	return 0;
}

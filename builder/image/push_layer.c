/* One layer of an image to a registry: as the blob that it came as, or made from its two trees. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "io.h"
#include "push.h"
#include "store_remote.h"
#include "upload.h"

/* A layer's tar on its way into a file, perhaps compressed. */
struct making {
	int fd;
	struct layer_sink next; /* what the tar is written to */
	struct msb_hasher *hasher;
	uint64_t size; /* of the tar */
};

static int write_file(void *context, const void *bytes, size_t size, struct msb_error *err)
{
	int r = io_write(*(const int *)context, bytes, size);

	return r < 0 ? msb_error_set(err, r, "write the layer to the store") : 0;
}

static int pass_on(void *context, const void *bytes, size_t size, struct msb_error *err)
{
	struct making *making = context;

	msb_hasher_update(making->hasher, bytes, size);
	making->size += size;
	return making->next.write(making->next.context, bytes, size, err);
}

/* What is made must be what the image's config announces. */
static int write_tar(struct push *push, const struct layer_record *layer, struct making *making,
		     struct msb_error *err)
{
	static const struct msb_digest none;
	const struct layer_sink sink = {pass_on, making};
	bool lowest = msb_digest_equal(&layer->parent, &none);
	AUTO(msb_hasher_freep) struct msb_hasher *hasher = msb_hasher_new();
	struct msb_digest digest;
	int r;

	if (!hasher)
		return msb_error_memory(err);
	making->hasher = hasher;
	r = layer_write(push->store, lowest ? NULL : &layer->parent, &layer->tree, &sink, err);
	if (r < 0)
		return r;
	msb_hasher_finish(hasher, &digest);
	if (msb_digest_equal(&digest, &layer->diff_id))
		return 0;
	return msb_error_say(err, EBADMSG,
			     "its blob is not in the store any more and cannot be made again");
}

static int make_plain(struct push *push, const struct layer_record *layer, int fd,
		      struct msb_error *err)
{
	struct making making = {.fd = fd};

	making.next = (struct layer_sink){write_file, &making.fd};
	return write_tar(push, layer, &making, err);
}

static int make_compressed(struct push *push, const struct layer_record *layer, int fd,
			   struct msb_error *err)
{
	AUTO(layer_encoder_freep) struct layer_encoder *encoder = NULL;
	struct making making = {.fd = fd};
	const struct layer_sink file = {write_file, &making.fd};
	int r = layer_encoder_new(push->compression, push->options->level, &file, &encoder, err);

	if (r < 0)
		return r;
	making.next = layer_encoder_sink(encoder);
	r = write_tar(push, layer, &making, err);
	return r < 0 ? r : layer_encoder_finish(encoder, err);
}

/* Compresses the layer into a blob of the store. */
static int compress(struct push *push, size_t index, struct msb_error *err)
{
	struct push_layer *layer = &push->layers[index];
	int scratch = store_writer_scratch(push->writer);
	autoclose int fd = -1;
	char name[32];
	int r;

	snprintf(name, sizeof(name), "push-%zu", index);
	fd = openat(scratch, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return msb_error_set(err, errno, "make a file in '%s'",
				     store_writer_scratch_path(push->writer));
	r = make_compressed(push, &layer->record, fd, err);
	if (r >= 0)
		r = store_put_file(push->writer, scratch, name, &layer->blob.digest,
				   &layer->blob.size, err);
	unlinkat(scratch, name, 0);
	if (r < 0)
		return r;
	snprintf(layer->blob.media_type, sizeof(layer->blob.media_type), "%s",
		 push->compression == LAYER_GZIP ? MEDIA_LAYER_GZIP : MEDIA_LAYER_ZSTD);
	layer->record.has_blob = true;
	layer->record.blob = layer->blob.digest;
	memcpy(layer->record.media_type, layer->blob.media_type, sizeof(layer->record.media_type));
	layer->fresh = true;
	return 0;
}

/* Out of the layer's two trees. */
static int make(struct push *push, size_t index, struct msb_error *err)
{
	struct push_layer *layer = &push->layers[index];

	if (push->compress) {
		teller_say(&push->teller, MSB_TRANSFER_PREPARING, &layer->record.diff_id);
		return compress(push, index, err);
	}
	layer->blob.digest = layer->record.diff_id;
	layer->blob.size = layer->record.size;
	strcpy(layer->blob.media_type, MEDIA_LAYER);
	return 0;
}

/* Here, or in the registry that it came from. */
static bool is_stored(struct push *push, const struct msb_digest *blob, uint64_t *ret_size)
{
	return msb_store_has(push->store, blob, ret_size, NULL) > 0;
}

bool push_may_send(const struct push *push, const char *media_type)
{
	const char *wanted = !push->compress                   ? MEDIA_LAYER
			     : push->compression == LAYER_GZIP ? MEDIA_LAYER_GZIP
							       : MEDIA_LAYER_ZSTD;

	return !push->options->force || strcmp(media_type_of_oci(media_type), wanted) == 0;
}

/* The tar of a layer, from wherever it can be had, in a file without a name. */
static int open_tar(struct push *push, const struct push_layer *layer,
		    const struct descriptor *known, int *ret_fd, struct msb_error *err)
{
	const struct msb_digest *digest =
		layer->record.has_blob ? &layer->record.blob : &known->digest;
	struct blob_source blob;
	struct layer_source source;
	autoclose int fd = openat(store_writer_scratch(push->writer), ".",
				  O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return msb_error_set(err, errno, "make a file in '%s'",
				     store_writer_scratch_path(push->writer));
	if (blob_source_init(&blob, push->store, digest, NULL) >= 0) {
		source = blob_source(&blob);
		r = layer_decompress(&source, fd, push->settings.unpack_limit, err);
	} else {
		r = make_plain(push, &layer->record, fd, err);
	}
	if (r >= 0)
		*ret_fd = steal_fd(&fd);
	return r;
}

/* 1: it can be read in parts, 0: no such form of it can be made. */
static int prepare_pieces(struct push *push, size_t index, struct msb_error *err)
{
	struct push_layer *layer = &push->layers[index];
	const struct descriptor *known = &push->manifest.layers[index];
	struct msb_error why = {0};
	autoclose int tar = -1;
	uint64_t size;
	int r;

	layer->diff_id = layer->record.diff_id;
	if (known->toc.kind == push->pieces && is_stored(push, &known->digest, &size)) {
		layer->blob = *known;
		return 1;
	}
	teller_say(&push->teller, MSB_TRANSFER_PREPARING, &layer->record.diff_id);
	r = open_tar(push, layer, known, &tar, err);
	if (r >= 0)
		r = push_make_pieces(push, tar, layer, &why);
	if (r == -EOPNOTSUPP)
		return 0;
	if (r < 0 && why.code && err)
		*err = why;
	return r < 0 ? r : 1;
}

/* Decides what is sent. Of a blob that is here, nothing has to be made. */
static int prepare(struct push *push, size_t index, struct msb_error *err)
{
	struct push_layer *layer = &push->layers[index];
	const struct descriptor *known = &push->manifest.layers[index];
	uint64_t size;
	int r = push->pieces ? prepare_pieces(push, index, err) : 0;

	if (r != 0) {
		layer->prepared = r > 0;
		return r < 0 ? r : 0;
	}
	if (push_may_send(push, known->media_type) && is_stored(push, &known->digest, &size)) {
		layer->blob = *known;
	} else if (layer->record.has_blob && push_may_send(push, layer->record.media_type) &&
		   is_stored(push, &layer->record.blob, &size)) {
		layer->blob.digest = layer->record.blob;
		layer->blob.size = size;
		snprintf(layer->blob.media_type, sizeof(layer->blob.media_type), "%s",
			 media_type_of_oci(layer->record.media_type));
	} else {
		r = make(push, index, err);
	}
	layer->prepared = r >= 0;
	return r;
}

/* A plain layer is in no store: it is made once more, into a file without a name. */
static int open_blob(struct push *push, size_t index, struct upload *upload, int *ret_fd,
		     struct msb_error *err)
{
	struct push_layer *layer = &push->layers[index];
	struct msb_location location;
	autoclose int fd = -1;
	int r;

	if (layer->fd > 0) {
		upload->fd = layer->fd;
		upload->size = layer->blob.size;
		return 0;
	}
	r = msb_store_open_blob(push->store, &layer->blob.digest, ret_fd, &location, NULL);
	if (r >= 0) {
		upload->fd = *ret_fd;
		upload->offset = location.offset;
		upload->size = location.size;
		return 0;
	}
	if (!msb_digest_equal(&layer->blob.digest, &layer->record.diff_id))
		return msb_error_say(err, ENOENT, "its blob is not in the store any more");
	fd = openat(store_writer_scratch(push->writer), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return msb_error_set(err, errno, "make a file in '%s'",
				     store_writer_scratch_path(push->writer));
	r = make_plain(push, &layer->record, fd, err);
	if (r < 0)
		return r;
	upload->size = layer->blob.size;
	upload->fd = *ret_fd = steal_fd(&fd);
	return 0;
}

/* Of the places where the blob was seen, another repository of this registry; owned, or NULL. */
static char *find_seen(const struct push *push, const struct msb_digest *blob)
{
	size_t length = strlen(push->place.domain);
	autostrlist places = {0};

	if (store_origin_list(push->store, blob, &places, NULL) < 0)
		return NULL;
	for (size_t i = 0; i < places.count; i++) {
		const char *place = places.items[i];

		if (strncmp(place, push->place.domain, length) == 0 && place[length] == '/' &&
		    strcmp(place + length + 1, push->place.repository) != 0)
			return strdup(place + length + 1);
	}
	return NULL;
}

/* Where the registry may mount the blob from; owned, or NULL. */
static char *find_neighbour(const struct push *push, const struct msb_digest *blob)
{
	for (size_t i = 0; i < push->neighbour_count; i++)
		for (size_t j = 0; j < push->neighbours[i].manifest.layer_count; j++)
			if (msb_digest_equal(&push->neighbours[i].manifest.layers[j].digest, blob))
				return strdup(push->neighbours[i].repository);
	return find_seen(push, blob);
}

/* A blob that is here no more than its registry has it: perhaps nobody needs its bytes. What has no
 * other form than that is fetched for the purpose; else it is made where that fails. */
static int send_remote(struct push *push, size_t index, struct upload *upload,
		       enum msb_transfer_state *ret, int *ret_fd, struct msb_error *err)
{
	struct push_layer *layer = &push->layers[index];
	int r = upload_without_bytes(push->remote, upload, ret, err);

	if (r < 0 || *ret != MSB_TRANSFER_WAITING)
		return r;
	r = open_blob(push, index, upload, ret_fd, err);
	if (r < 0 && r != -ENOMEM && !layer->record.has_toc) {
		r = make(push, index, err);
		if (r >= 0)
			r = open_blob(push, index, upload, ret_fd, err);
		upload->digest = layer->blob.digest;
	}
	return r < 0 ? r : upload_blob(push->remote, upload, ret, err);
}

static int send_stored(struct push *push, size_t index, struct upload *upload,
		       enum msb_transfer_state *ret, int *ret_fd, struct msb_error *err)
{
	int r = open_blob(push, index, upload, ret_fd, err);

	return r < 0 ? r : upload_blob(push->remote, upload, ret, err);
}

int push_one_layer(struct push *push, size_t index, struct msb_error *err)
{
	struct push_layer *layer = &push->layers[index];
	const struct msb_digest *diff_id = &layer->record.diff_id;
	enum msb_transfer_state state;
	struct upload upload = {.teller = &push->teller, .layer = diff_id};
	char text[MSB_DIGEST_TEXT];
	autoclose int fd = -1;
	autofree char *from = NULL;
	int r = prepare(push, index, err);

	if (r >= 0) {
		const struct msb_digest *blob = &layer->blob.digest;
		bool remote = layer->fd <= 0 &&
			      msb_store_has(push->store, blob, NULL, NULL) == MSB_REMOTE;

		upload.digest = *blob;
		upload.from = from = find_neighbour(push, blob);
		r = remote ? send_remote(push, index, &upload, &state, &fd, err)
			   : send_stored(push, index, &upload, &state, &fd, err);
	}
	if (r < 0)
		return msb_error_prefix(err, r, "layer %s", msb_digest_format(diff_id, text));
	if (state == MSB_TRANSFER_MOUNTED)
		teller_mounted(&push->teller, diff_id, upload.from);
	else
		teller_say(&push->teller, state, diff_id);
	return 0;
}

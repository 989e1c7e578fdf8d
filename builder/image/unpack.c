/* A layer from outside: verified, kept as it came, unpacked onto the tree below. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

/* What one layer may unpack to. Larger images exist in nobody's registry; bombs do. */
#define LAYER_MAX ((uint64_t)1 << 40)

/* Passes a layer's bytes on to the unpacker and keeps a copy in the store. Runs in the unpacker's
 * reading thread. */
struct tee {
	struct layer_input *input;
	struct store_stream *blob;
	uint64_t left;
	uint8_t magic[4];
	size_t magic_size;
};

static ssize_t read_tee(void *context, void *bytes, size_t size, struct msb_error *err)
{
	struct tee *tee = context;
	struct layer_source *source = &tee->input->source;
	ssize_t n;
	int r;

	if (size > tee->left)
		size = (size_t)tee->left;
	if (size == 0)
		return 0;
	n = source->read(source->context, bytes, size, err);
	if (n < 0)
		return n;
	if (n == 0)
		return msb_error_say(err, EBADMSG, "the layer is cut short");
	if (tee->magic_size < sizeof(tee->magic)) {
		size_t want = sizeof(tee->magic) - tee->magic_size;
		size_t got = (size_t)n < want ? (size_t)n : want;

		memcpy(tee->magic + tee->magic_size, bytes, got);
		tee->magic_size += got;
	}
	r = store_stream_write(tee->blob, bytes, (size_t)n, err);
	if (r < 0)
		return r;
	tee->left -= (uint64_t)n;
	return n;
}

static const char *media_type_of(const struct tee *tee)
{
	if (tee->magic_size >= 2 && memcmp(tee->magic, "\x1f\x8b", 2) == 0)
		return MEDIA_LAYER_GZIP;
	if (tee->magic_size == 4 && memcmp(tee->magic, "\x28\xb5\x2f\xfd", 4) == 0)
		return MEDIA_LAYER_ZSTD;
	return MEDIA_LAYER;
}

static int mismatch(const char *what, const struct msb_digest *want, const struct msb_digest *got,
		    struct msb_error *err)
{
	char wanted[MSB_DIGEST_TEXT], found[MSB_DIGEST_TEXT];

	return msb_error_say(err, EBADMSG, "%s has digest %s, but %s was announced", what,
			     msb_digest_format(got, found), msb_digest_format(want, wanted));
}

/* Unpacks through the tee. The blob is whole afterwards: the unpacker reads to the last byte. */
static int unpack_tee(struct store_writer *writer, const struct msb_digest *parent, struct tee *tee,
		      struct msb_digest *ret_tree, struct layer_unpacked *ret,
		      struct msb_error *err)
{
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	struct layer_source source = {read_tee, tee};
	struct layer_unpack_options options = {
		.whiteouts = true,
		.inside = true,
		.limit = tee->input->limit ? tee->input->limit : LAYER_MAX,
		.want_diff_id = true,
	};
	int r = tree_edit_new(store_writer_store(writer), parent, &edit, err);

	if (r >= 0)
		r = layer_unpack(writer, edit, &source, &options, ret, err);
	if (r >= 0 && tee->left > 0)
		r = msb_error_say(err, EBADMSG, "something follows the compressed layer");
	if (r >= 0 && !msb_digest_equal(&ret->diff_id, &tee->input->diff_id))
		r = mismatch("the layer's content", &tee->input->diff_id, &ret->diff_id, err);
	return r < 0 ? r : edit_commit(edit, writer, ret_tree, err);
}

static int unpack_layer(struct store_writer *writer, const struct msb_digest *parent,
			struct layer_input *input, struct layer_record *ret, struct msb_error *err)
{
	struct tee tee = {.input = input, .left = input->size};
	struct layer_unpacked unpacked;
	const char *media_type;
	int r = input->file
			? store_stream_begin_file(writer, input->size, input->file, &tee.blob, err)
			: store_stream_begin(writer, input->size, &tee.blob, err);

	if (r < 0)
		return r;
	r = unpack_tee(writer, parent, &tee, &ret->tree, &unpacked, err);
	if (r < 0) {
		store_stream_abandon(tee.blob);
		return r;
	}
	r = store_stream_finish(tee.blob, &ret->blob, err);
	if (r < 0)
		return r;
	if (input->has_digest && !msb_digest_equal(&input->digest, &ret->blob))
		return mismatch("the layer", &input->digest, &ret->blob, err);
	media_type = input->media_type ? input->media_type : media_type_of(&tee);
	snprintf(ret->media_type, sizeof(ret->media_type), "%s", media_type);
	ret->has_blob = true;
	ret->diff_id = input->diff_id;
	ret->size = unpacked.size;
	return 0;
}

int layer_load(struct store_writer *writer, const struct msb_digest *parent,
	       struct layer_input *input, struct layer_record *ret, struct msb_error *err)
{
	static const struct msb_digest none;
	struct layer_record record = {.parent = parent ? *parent : none};
	char text[MSB_DIGEST_TEXT];
	int r = unpack_layer(writer, parent, input, &record, err);
	if (r < 0)
		return msb_error_prefix(err, r, "layer %s",
					msb_digest_format(&input->diff_id, text));
	*ret = record;
	return 0;
}

/* A shared cache as an OCI artifact, wherever it is. */
#include "shared_place.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "registries.h"
#include "shared_bundle.h"

struct cache_place {
	struct store_writer *writer;
	const struct shared_place_kind *kind;
	void *place;    /* owned */
	uint64_t limit; /* bytes a bundle may unpack to */
};

int cache_place_open(struct store_writer *writer, const char *reference, const char *directory,
		     struct cache_place **ret, struct msb_error *err)
{
	AUTO(cache_place_closep) struct cache_place *place = calloc(1, sizeof(*place));
	struct registries settings = {0};
	int r = place ? registries_read(&settings, err) : msb_error_memory(err);

	if (r < 0)
		return r;
	place->writer = writer;
	place->kind = directory ? &shared_in_layout : &shared_in_registry;
	place->limit = settings.unpack_limit;
	registries_done(&settings);
	r = directory ? shared_layout_open(directory, &place->place, err)
		      : shared_registry_open(writer, reference, &place->place, err);
	if (r >= 0)
		*ret = steal(&place);
	return r;
}

void cache_place_close(struct cache_place *place)
{
	if (!place)
		return;
	if (place->place)
		place->kind->close(place->place);
	free(place);
}

/* --- Reading --- */

static int read_all(const struct shared_reading *reading, struct buffer *ret, struct msb_error *err)
{
	struct msb_digest got;
	ssize_t n = 0;

	for (;;) {
		uint8_t *room = buffer_reserve(ret, 65536);

		if (!room)
			return msb_error_memory(err);
		n = reading->source.read(reading->source.context, room, 65536, err);
		if (n <= 0)
			break;
		ret->size += (size_t)n;
		if (ret->size > DOCUMENT_MAX)
			return msb_error_say(err, EFBIG, "the cache's document is too large");
	}
	if (n < 0)
		return (int)n;
	msb_digest_of(ret->bytes, ret->size, &got);
	if (!msb_digest_equal(&got, &reading->blob.digest))
		return msb_error_say(err, EBADMSG, "the cache's document is damaged");
	return 0;
}

static int read_document(struct cache_place *place, const struct manifest *manifest,
			 struct shared_document *ret, struct msb_error *err)
{
	struct shared_reading reading = {.fd = -1};
	autobuffer text = {0};
	int r;

	if (manifest->config.size > DOCUMENT_MAX)
		return msb_error_say(err, EFBIG, "the cache's document is too large");
	r = place->kind->begin_blob(place->place, &manifest->config, &reading, err);
	if (r < 0)
		return r;
	r = read_all(&reading, &text, err);
	place->kind->end_blob(&reading);
	return r < 0 ? r : shared_document_decode((const char *)text.bytes, text.size, ret, err);
}

int cache_place_read(struct cache_place *place, struct shared_document *ret, struct msb_error *err)
{
	automanifest manifest = {0};
	autobuffer text = {0};
	int r = place->kind->get_manifest(place->place, &text, err);

	if (r >= 0)
		r = manifest_decode((const char *)text.bytes, text.size, &manifest, err);
	if (r < 0)
		return r;
	if (strcmp(manifest.config.media_type, MEDIA_CACHE_CONFIG) != 0)
		return msb_error_say(err, EEXIST, "what is there is no cache of msb");
	return read_document(place, &manifest, ret, err);
}

static struct descriptor descriptor_of(const struct shared_bundle *bundle)
{
	return (struct descriptor){
		.digest = bundle->digest,
		.size = bundle->size,
		.media_type = MEDIA_CACHE_BUNDLE,
	};
}

int cache_place_fetch(struct cache_place *place, const struct shared_bundle *bundle,
		      struct msb_error *err)
{
	const struct descriptor blob = descriptor_of(bundle);
	struct shared_reading reading = {.fd = -1};
	uint64_t content = 0;
	int r;

	for (size_t i = 0; i < bundle->count; i++)
		content += bundle->blobs[i].size;
	if (place->limit > 0 && content > place->limit)
		return msb_error_say(err, EFBIG, "a bundle unpacks to more than %llu bytes",
				     (unsigned long long)place->limit);
	r = place->kind->begin_blob(place->place, &blob, &reading, err);
	if (r < 0)
		return r;
	r = shared_bundle_read(place->writer, bundle, &reading.source, err);
	place->kind->end_blob(&reading);
	return r;
}

/* --- Writing --- */

int cache_place_send(struct cache_place *place, struct shared_bundle *bundle, struct msb_error *err)
{
	struct descriptor blob;
	autoclose int fd = -1;
	int r = shared_scratch_file(place->writer, &fd, err);

	if (r >= 0)
		r = shared_bundle_write(store_writer_store(place->writer), bundle, fd, err);
	if (r < 0)
		return r;
	blob = descriptor_of(bundle);
	return place->kind->put_blob(place->place, fd, &blob, err);
}

static int put_document(struct cache_place *place, const char *text, struct descriptor *ret,
			struct msb_error *err)
{
	autoclose int fd = -1;
	int r = shared_scratch_file(place->writer, &fd, err);

	*ret = (struct descriptor){.size = strlen(text), .media_type = MEDIA_CACHE_CONFIG};
	if (r >= 0 && ret->size > DOCUMENT_MAX)
		r = msb_error_say(err, EFBIG, "the cache's document is too large");
	if (r < 0)
		return r;
	msb_digest_of(text, ret->size, &ret->digest);
	r = io_write(fd, text, ret->size);
	if (r < 0)
		return msb_error_set(err, r, "write the cache's document");
	return place->kind->put_blob(place->place, fd, ret, err);
}

int cache_place_write(struct cache_place *place, const struct shared_document *document,
		      struct msb_error *err)
{
	automanifest manifest = {.layer_count = document->bundle_count};
	autofree char *config = NULL, *text = NULL;
	int r = shared_document_encode(document, &config, err);

	if (r < 0)
		return r;
	manifest.layers = calloc(document->bundle_count + 1, sizeof(*manifest.layers));
	if (!manifest.layers)
		return msb_error_memory(err);
	for (size_t i = 0; i < document->bundle_count; i++)
		manifest.layers[i] = descriptor_of(&document->bundles[i]);
	r = put_document(place, config, &manifest.config, err);
	if (r >= 0)
		r = manifest_encode(&manifest, &text, err);
	return r < 0 ? r : place->kind->put_manifest(place->place, text, err);
}

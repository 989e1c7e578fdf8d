/* A shared cache as an OCI artifact, wherever it is. */
#include "shared_place.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "io.h"
#include "registries.h"
#include "remote.h"
#include "shared_bundle.h"
#include "store_remote.h"

#define MOST_SIDES 64
/* A writer that read the place longer ago than a side tag stays does not write it: see
 * ARCHITECTURE.md. */
#define SIDE_STAYS_S     3600
#define READING_LASTS_NS ((int64_t)600 * 1000000000)

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

static int read_one(struct cache_place *place, const struct msb_digest *side,
		    struct shared_document *ret, struct msb_digest *ret_digest,
		    struct msb_error *err)
{
	automanifest manifest = {0};
	autobuffer text = {0};
	int r = place->kind->get_manifest(place->place, side, &text, err);

	if (r >= 0)
		r = manifest_decode((const char *)text.bytes, text.size, &manifest, err);
	if (r < 0)
		return r;
	if (strcmp(manifest.config.media_type, MEDIA_CACHE_CONFIG) != 0)
		return msb_error_say(err, EEXIST, "what is there is no cache of msb");
	*ret_digest = manifest.config.digest;
	return read_document(place, &manifest, ret, err);
}

static bool has_fold(const struct shared_document *document, const struct msb_digest *side)
{
	for (size_t i = 0; i < document->fold_count; i++)
		if (msb_digest_equal(&document->folds[i].document, side))
			return true;
	return false;
}

/* What others wrote and the place's own document has not. One that cannot be read, because it was
 * folded and dropped just now or is damaged, is as if it were not there. */
static int read_side(struct cache_place *place, const struct msb_digest *side,
		     struct shared_document *ret, struct msb_error *err)
{
	const struct shared_fold fold = {*side, time(NULL)};
	autoshared other = {0};
	struct msb_digest digest;

	if (read_one(place, side, &other, &digest, NULL) < 0)
		return 0;
	return shared_document_merge(ret, &other) < 0 || shared_add_fold(ret, &fold) < 0
		       ? msb_error_memory(err)
		       : 1;
}

/* own: the digest of the place's own document, which is under a side tag, too. */
static int read_sides(struct cache_place *place, const struct msb_digest *own,
		      struct shared_document *ret, struct msb_error *err)
{
	struct digests sides = {0};
	int found = 0, r = place->kind->list_sides(place->place, &sides, err);

	for (size_t i = 0; r >= 0 && i < sides.count && found < MOST_SIDES; i++) {
		if (has_fold(ret, &sides.items[i]))
			continue;
		r = own && msb_digest_equal(&sides.items[i], own)
			    ? shared_add_fold(ret, &(struct shared_fold){*own, time(NULL)})
			    : read_side(place, &sides.items[i], ret, err);
		found += r > 0;
	}
	free(sides.items);
	return r < 0 ? r : found;
}

int cache_place_read(struct cache_place *place, struct shared_document *ret, struct msb_error *err)
{
	struct msb_digest own;
	int r = read_one(place, NULL, ret, &own, err), found = 0;

	if ((r >= 0 || r == -ENODATA) && place->kind->list_sides)
		found = read_sides(place, r >= 0 ? &own : NULL, ret, err);
	if (found < 0)
		return found;
	return r == -ENODATA && found > 0 ? 0 : r;
}

static struct descriptor descriptor_of(const struct shared_bundle *bundle)
{
	return (struct descriptor){
		.digest = bundle->digest,
		.size = bundle->size,
		.media_type = MEDIA_CACHE_BUNDLE,
	};
}

static int check_limit(const struct cache_place *place, const struct shared_bundle *bundle,
		       struct msb_error *err)
{
	uint64_t content = 0;

	for (size_t i = 0; i < bundle->count; i++)
		content += bundle->blobs[i].size;
	if (place->limit > 0 && content > place->limit)
		return msb_error_say(err, EFBIG, "a bundle unpacks to more than %llu bytes",
				     (unsigned long long)place->limit);
	return 0;
}

int cache_place_fetch(struct cache_place *place, const struct shared_bundle *bundle,
		      struct msb_error *err)
{
	const struct descriptor blob = descriptor_of(bundle);
	struct shared_reading reading = {.fd = -1};
	int r = check_limit(place, bundle, err);

	if (r >= 0)
		r = place->kind->begin_blob(place->place, &blob, &reading, err);
	if (r < 0)
		return r;
	r = shared_bundle_read(place->writer, bundle, &reading.source, err);
	place->kind->end_blob(&reading);
	return r;
}

/* --- Leaving where it is --- */

const char *cache_place_domain(const struct cache_place *place)
{
	return place->kind->name ? place->kind->name(place->place)->domain : NULL;
}

static int leave_blob(struct cache_place *place, const struct shared_bundle *bundle,
		      const struct shared_blob *blob, struct msb_error *err)
{
	struct store_part part = {blob->start, blob->stop, blob->skip, blob->size, blob->digest};
	const struct store_remote remote = {blob->digest, bundle->digest, blob->size, &part, 1};
	struct msb_digest empty;

	/* Nothing of an empty one is elsewhere. */
	if (blob->size == 0)
		return store_put(place->writer, "", 0, &empty, err);
	if (msb_store_has(store_writer_store(place->writer), &blob->digest, NULL, NULL) == MSB_HERE)
		return 0;
	return store_remote_set(place->writer, &remote, err);
}

int cache_place_leave(struct cache_place *place, const struct shared_bundle *bundle,
		      struct msb_error *err)
{
	const struct reference_place *name = place->kind->name(place->place);
	autofree char *where = buffer_format("%s/%s", name->domain, name->repository);
	char text[MSB_DIGEST_TEXT];
	int r = where ? check_limit(place, bundle, err) : msb_error_memory(err);

	if (r >= 0)
		r = place->kind->has_blob(place->place, &bundle->digest, err);
	if (r == 0)
		return msb_error_say(err, ENOENT, "bundle %s is not there any more",
				     msb_digest_format(&bundle->digest, text));
	if (r >= 0)
		r = store_begin(place->writer, err);
	if (r < 0)
		return r;
	r = store_origin_set(place->writer, &bundle->digest, where, err);
	for (size_t i = 0; r >= 0 && i < bundle->count; i++)
		r = leave_blob(place, bundle, &bundle->blobs[i], err);
	return store_end(place->writer, r, err);
}

/* "docker.io/library/node"; owned. NULL: it is no repository of the place's registry, or memory
 * runs out. */
static char *layer_place(const struct cache_place *place, const struct shared_layer *layer)
{
	const char *domain = cache_place_domain(place);
	autofree char *name = domain ? buffer_format("%s/%s:x", domain, layer->repository) : NULL;
	autofree char *normalized = NULL;
	autoplace parts = {0};

	if (!name || reference_normalize(name, &normalized, NULL) < 0 ||
	    reference_place(normalized, &parts, NULL) < 0 || strcmp(parts.domain, domain) != 0 ||
	    strcmp(parts.repository, layer->repository) != 0)
		return NULL;
	return buffer_format("%s/%s", domain, layer->repository);
}

int cache_place_leave_layer(struct cache_place *place, const struct shared_layer *layer,
			    struct msb_error *err)
{
	const struct store_remote remote = {
		.digest = layer->record.blob,
		.layer = layer->record.blob,
		.size = layer->blob_size,
	};
	const char *type = media_type_of_oci(layer->record.media_type);
	autofree char *where = layer_place(place, layer);
	int r;

	if (!where || (strcmp(type, MEDIA_LAYER_GZIP) != 0 && strcmp(type, MEDIA_LAYER_ZSTD) != 0))
		return msb_error_say(err, EBADMSG,
				     "a layer is said to be in no possible form or place");
	r = store_begin(place->writer, err);
	if (r < 0)
		return r;
	r = store_remote_set(place->writer, &remote, err);
	if (r >= 0)
		r = store_origin_set(place->writer, &layer->record.blob, where, err);
	return store_end(place->writer, r, err);
}

bool cache_place_find_layer(struct cache_place *place, struct shared_layer *layer)
{
	struct msb_store *store = store_writer_store(place->writer);
	const char *domain = cache_place_domain(place);
	size_t length = domain ? strlen(domain) : 0;
	autostrlist places = {0};

	if (!domain || !layer->record.has_blob ||
	    msb_store_has(store, &layer->record.blob, &layer->blob_size, NULL) <= 0 ||
	    store_origin_list(store, &layer->record.blob, &places, NULL) < 0)
		return false;
	for (size_t i = 0; i < places.count; i++) {
		const char *where = places.items[i];

		if (strncmp(where, domain, length) != 0 || where[length] != '/' ||
		    strlen(where + length + 1) >= sizeof(layer->repository))
			continue;
		strcpy(layer->repository, where + length + 1);
		return true;
	}
	return false;
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

/* What was written since the document's author looked. */
static int merge_news(struct cache_place *place, struct shared_document *document,
		      struct msb_error *err)
{
	autoshared now = {0};
	int r = cache_place_read(place, &now, err);

	if (r == -ENODATA || r == -EBADMSG || r == -EFBIG)
		return 0;
	if (r < 0)
		return r;
	free(document->folds);
	document->folds = now.folds;
	document->fold_count = now.fold_count;
	now.folds = NULL;
	if (!shared_document_is_full(&now) && shared_document_merge(document, &now) < 0)
		return msb_error_memory(err);
	return 0;
}

/* Side tags that were folded long ago are of no use to anybody; *ret takes them. */
static int take_old_folds(struct shared_document *document, struct digests *ret,
			  struct msb_error *err)
{
	int64_t limit = time(NULL) - SIDE_STAYS_S;
	size_t kept = 0;

	ret->items = calloc(document->fold_count + 1, sizeof(*ret->items));
	if (!ret->items)
		return msb_error_memory(err);
	for (size_t i = 0; i < document->fold_count; i++) {
		if (document->folds[i].since < limit)
			ret->items[ret->count++] = document->folds[i].document;
		else
			document->folds[kept++] = document->folds[i];
	}
	document->fold_count = kept;
	return 0;
}

static int put_manifests(struct cache_place *place, const struct shared_document *document,
			 const char *config, struct msb_error *err)
{
	autostrlist annotation = {0};
	automanifest manifest = {.layer_count = document->bundle_count};
	autofree char *text = NULL, *side = NULL;
	int r;

	manifest.layers = calloc(document->bundle_count + 1, sizeof(*manifest.layers));
	if (!manifest.layers || strlist_add(&annotation, "org.msb.cache.tag=beside") < 0)
		return msb_error_memory(err);
	for (size_t i = 0; i < document->bundle_count; i++)
		manifest.layers[i] = descriptor_of(&document->bundles[i]);
	r = put_document(place, config, &manifest.config, err);
	if (r >= 0)
		r = manifest_encode(&manifest, &text, err);
	/* Another digest than the other's: it is dropped by its own. */
	manifest.annotations = &annotation;
	if (r >= 0)
		r = manifest_encode(&manifest, &side, err);
	if (r >= 0 && place->kind->list_sides)
		r = place->kind->put_manifest(place->place, &manifest.config.digest, side, err);
	return r < 0 ? r : place->kind->put_manifest(place->place, NULL, text, err);
}

static int write_merged(struct cache_place *place, struct shared_document *document,
			struct msb_error *err)
{
	struct digests old = {0};
	autofree char *config = NULL;
	int64_t begun = remote_clock();
	int r = merge_news(place, document, err);

	if (r >= 0)
		r = take_old_folds(document, &old, err);
	if (r >= 0)
		r = shared_document_encode(document, &config, err);
	if (r >= 0 && remote_clock() - begun > READING_LASTS_NS)
		r = msb_error_say(err, ETIMEDOUT, "it is too slow to be written safely");
	if (r >= 0)
		r = put_manifests(place, document, config, err);
	for (size_t i = 0; r >= 0 && i < old.count && place->kind->drop_side; i++)
		place->kind->drop_side(place->place, &old.items[i]);
	free(old.items);
	return r;
}

int cache_place_write(struct cache_place *place, struct shared_document *document,
		      struct msb_error *err)
{
	int r = place->kind->lock ? place->kind->lock(place->place, err) : 0;

	if (r < 0)
		return r;
	r = write_merged(place, document, err);
	if (place->kind->unlock)
		place->kind->unlock(place->place);
	return r;
}

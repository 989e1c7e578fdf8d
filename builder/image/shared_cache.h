/*
 * A step cache that machines share: an OCI artifact in a registry or in a layout directory.
 *
 * Its config is a document that lists steps (key, tree, log, times), layers of images between
 * trees, and bundles; its own layers are the bundles: blobs of a store one behind the other, as
 * zstd. The document says which blobs are where in which bundle, so that a reader fetches only
 * what it needs. ARCHITECTURE.md gives both formats.
 */
#ifndef SHARED_CACHE_H
#define SHARED_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include <msb/cleanup.h>
#include <msb/digest.h>
#include <msb/error.h>

#include "store_writer.h"

struct shared_step {
	struct msb_digest key;
	struct cached_step step;
};

/* What lies between two of a store's trees is told, so that nobody has to read their files to
 * know it; and perhaps where a compressed form of it is. */
struct shared_layer {
	struct layer_record record;
	uint64_t blob_size;   /* of a record that has a blob: */
	char repository[256]; /* at the cache's own registry */
};

struct shared_blob {
	struct msb_digest digest;
	uint64_t size;
	/* In a bundle that has frames: of its frame, compressed; and before it in what that is
	 * unpacked. */
	uint64_t start, stop, skip;
};

struct shared_bundle {
	struct msb_digest digest; /* as it travels, compressed */
	uint64_t size;
	struct shared_blob *blobs; /* owned; in their order */
	size_t count;
	bool has_frames; /* blobs can be read one by one */
};

/* A further tag's document that this one has in it, and when it was found there. */
struct shared_fold {
	struct msb_digest document;
	int64_t since; /* seconds since 1970 */
};

/* A value that owns all it points to. */
struct shared_document {
	struct shared_step *steps;
	size_t step_count;
	struct shared_layer *layers;
	size_t layer_count;
	struct shared_bundle *bundles;
	size_t bundle_count;
	struct shared_fold *folds;
	size_t fold_count;
};
void shared_document_done(struct shared_document *document);
#define autoshared __attribute__((cleanup(shared_document_done))) struct shared_document

/* How much one cache may be; decode refuses more with -EFBIG. */
#define SHARED_STEPS   ((size_t)4096)
#define SHARED_LAYERS  ((size_t)4096)
#define SHARED_BUNDLES ((size_t)2048)
#define SHARED_BLOBS   ((size_t)160000)

/* Append; 0 or -ENOMEM. The bundle's blobs are taken over. */
int shared_add_step(struct shared_document *document, const struct shared_step *step);
int shared_add_layer(struct shared_document *document, const struct shared_layer *layer);
int shared_add_bundle(struct shared_document *document, const struct shared_bundle *bundle);
int shared_add_fold(struct shared_document *document, const struct shared_fold *fold);
/* By what a layer is known: a digest of its two trees. */
void shared_layer_key(const struct msb_digest *parent, const struct msb_digest *tree,
		      struct msb_digest *ret);
/* Steps, layers and bundles that `document` has not; of what both have its own stays. What is taken
 * is taken out of `other`. */
int shared_document_merge(struct shared_document *document, struct shared_document *other);
/* So large that it is time to begin anew. */
bool shared_document_is_full(const struct shared_document *document);

/* Canonical JSON, owned by the caller; and back, with -EBADMSG for what is wrong. */
int shared_document_encode(const struct shared_document *document, char **ret,
			   struct msb_error *err);
int shared_document_decode(const char *text, size_t size, struct shared_document *ret,
			   struct msb_error *err);

/* Where a cache is. */
struct cache_place;
/* A reference as users write it, or a directory; exactly one of them is not NULL. Nobody is asked
 * yet, and nothing made. */
int cache_place_open(struct store_writer *writer, const char *reference, const char *directory,
		     struct cache_place **ret, struct msb_error *err);
void cache_place_close(struct cache_place *place);
DEFINE_AUTO(struct cache_place, cache_place_close)

/* All that is there, whoever wrote it. -ENODATA, without a message: there is none yet. -EEXIST:
 * what is there is no cache. -EBADMSG: it is damaged. */
int cache_place_read(struct cache_place *place, struct shared_document *ret, struct msb_error *err);
/* Puts all blobs of the bundle into the store, each verified. */
int cache_place_fetch(struct cache_place *place, const struct shared_bundle *bundle,
		      struct msb_error *err);

/* The registry's domain; borrowed. NULL: the place is a directory, which may be gone tomorrow, so
 * that nothing is left there. */
const char *cache_place_domain(const struct cache_place *place);
/* Asks that the bundle, which has frames, is there, and puts on record that its blobs can be had
 * from it, each by itself, when somebody wants them. */
int cache_place_leave(struct cache_place *place, const struct shared_bundle *bundle,
		      struct msb_error *err);
/* The same of the compressed form of a layer that has one. Nobody is asked. */
int cache_place_leave_layer(struct cache_place *place, const struct shared_layer *layer,
			    struct msb_error *err);
/* Finds out whether that is at this place's registry, as far as the store knows: false, or true
 * with the rest of the layer filled in. */
bool cache_place_find_layer(struct cache_place *place, struct shared_layer *layer);

/* Makes the bundle of these blobs of the store, whose sizes are filled in, and sends it. */
int cache_place_send(struct cache_place *place, struct shared_bundle *bundle,
		     struct msb_error *err);
/* Last: from now on the cache has what the document says, and what others wrote meanwhile, which is
 * merged into it. */
int cache_place_write(struct cache_place *place, struct shared_document *document,
		      struct msb_error *err);

#endif

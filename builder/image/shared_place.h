/* For the files of this room: what the two kinds of places of a shared cache do. */
#ifndef SHARED_PLACE_H
#define SHARED_PLACE_H

#include "internal.h"
#include "reference.h"
#include "shared_cache.h"

#define MEDIA_CACHE_CONFIG "application/vnd.msb.cache.config.v1+json"
#define MEDIA_CACHE_BUNDLE "application/vnd.msb.cache.bundle.v1+zstd"

struct digests {
	struct msb_digest *items; /* owned */
	size_t count;
};

/* A blob that is read: whoever began it ends it. */
struct shared_reading {
	struct layer_source source;
	struct descriptor blob;
	void *own; /* the place's */
	int fd;
};

struct shared_place_kind {
	void (*close)(void *place);
	/* Until unlock nobody else changes the place. NULL both: it cannot be locked. */
	int (*lock)(void *place, struct msb_error *err);
	void (*unlock)(void *place);
	/* NULL, as the next: it is no registry's. Its place there, borrowed. */
	const struct reference_place *(*name)(const void *place);
	/* 1: that blob is there, 0: it is not. */
	int (*has_blob)(void *place, const struct msb_digest *digest, struct msb_error *err);
	/* Where it cannot, each writer puts his document under a tag of its own first, named by its
	 * digest, so that nothing is lost when another takes the place's own tag at the same time.
	 * Of those tags the digests. */
	int (*list_sides)(void *place, struct digests *ret, struct msb_error *err);
	/* May do nothing. */
	void (*drop_side)(void *place, const struct msb_digest *side);
	/* side NULL: the place's own. -ENODATA, without a message, where there is none yet. */
	int (*get_manifest)(void *place, const struct msb_digest *side, struct buffer *ret,
			    struct msb_error *err);
	int (*begin_blob)(void *place, const struct descriptor *blob, struct shared_reading *ret,
			  struct msb_error *err);
	void (*end_blob)(struct shared_reading *reading);
	/* The whole of fd. */
	int (*put_blob)(void *place, int fd, const struct descriptor *blob, struct msb_error *err);
	int (*put_manifest)(void *place, const struct msb_digest *side, const char *text,
			    struct msb_error *err);
};

extern const struct shared_place_kind shared_in_registry, shared_in_layout;

int shared_registry_open(struct store_writer *writer, const char *reference, void **ret,
			 struct msb_error *err);
int shared_layout_open(const char *directory, void **ret, struct msb_error *err);

#endif

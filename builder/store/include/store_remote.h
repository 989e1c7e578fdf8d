/*
 * Blobs that are not here and where they can be had: in layers that stayed in their registries.
 */
#ifndef STORE_REMOTE_H
#define STORE_REMOTE_H

#include <stddef.h>
#include <stdint.h>

#include <msb/digest.h>
#include <msb/error.h>
#include <msb/store.h>

#include "store_writer.h"
#include "strlist.h"

/* A piece of a file: what comes out of the compressed bytes [start, stop) of the layer, behind the
 * first `skip` ones. */
struct store_part {
	uint64_t start, stop;
	uint64_t skip, size;
	struct msb_digest digest;
};

/* A value; parts are owned by whoever made it. */
struct store_remote {
	struct msb_digest digest, layer; /* equal: the layer itself, which has no parts */
	uint64_t size;
	struct store_part *parts; /* in the file's order */
	size_t part_count;
};

/* Within a transaction: blob is somewhere in a layer, also when it is here. Replaces what was known
 * of it in this layer. */
int store_remote_set(struct store_writer *writer, const struct store_remote *remote,
		     struct msb_error *err);
/* Within a transaction: "docker.io/library/node" has this layer. */
int store_origin_set(struct store_writer *writer, const struct msb_digest *layer, const char *place,
		     struct msb_error *err);

/* Everywhere it is. The count may be 0. */
int store_remote_find(struct msb_store *store, const struct msb_digest *digest,
		      struct store_remote **ret, size_t *ret_count, struct msb_error *err);
/* What begins in this layer at `start` or behind it, in that order and not here; `most` at most. */
int store_remote_behind(struct msb_store *store, const struct msb_digest *layer, uint64_t start,
			size_t most, struct store_remote **ret, size_t *ret_count,
			struct msb_error *err);
void store_remotes_free(struct store_remote *remotes, size_t count);
/* Appends where a layer was seen, the newest first. */
int store_origin_list(struct msb_store *store, const struct msb_digest *layer, struct strlist *ret,
		      struct msb_error *err);

/* The bytes of a layer that a blob is in: [start, stop). */
void store_remote_range(const struct store_remote *remote, uint64_t *ret_start, uint64_t *ret_stop);

#endif

/*
 * Blobs that are not here and where they can be had: in layers that stayed in their registries.
 */
#ifndef STORE_REMOTE_H
#define STORE_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msb/digest.h>
#include <msb/error.h>
#include <msb/store.h>

#include "strlist.h"

struct store_writer;

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

/* --- Large files that come piece by piece -------------------------------------------------------
 *
 * Those that have come, each proved by its digest, are at their places in a sparse file of the
 * store, ROOT/partial/DIGEST-LAYER, and a map beside it says which they are, a byte a piece. The
 * map is written when the bytes are on the disk. Several processes may add to one.
 */

/* Does it come so? It is large, has pieces, and none that is. */
bool store_remote_has_pieces(const struct store_remote *remote);
/* The piece that holds this byte, which the file has, and where the piece begins. */
size_t store_remote_piece(const struct store_remote *remote, uint64_t offset, uint64_t *ret_begin);

/* For adding. remote is borrowed until close. */
struct store_partial;
int store_partial_open(struct store_writer *writer, const struct store_remote *remote,
		       struct store_partial **ret, struct msb_error *err);
bool store_partial_has(const struct store_partial *partial, size_t piece);
/* Its bytes, which have its digest; readers know nothing of it yet. */
int store_partial_put(struct store_partial *partial, size_t piece, const void *bytes,
		      struct msb_error *err);
/* Shows readers what was put. 1: that was the last piece, and the file is put, uncommitted; else 0.
 * -EBADMSG: the pieces do not make up the file; they are gone. */
int store_partial_show(struct store_partial *partial, struct msb_error *err);
void store_partial_close(struct store_partial *partial);
DEFINE_AUTO(struct store_partial, store_partial_close)

#endif

/*
 * Layers that stay in their registry: their trees are made of their tables of contents, and the
 * bytes of a file are fetched when somebody wants them.
 */
#ifndef LAZY_H
#define LAZY_H

#include "internal.h"
#include "remote.h"

/* True when the layer has a table that can be had by itself. */
bool lazy_can(const struct descriptor *layer);

/* The tables of those layers that are wanted, on their way, the first ones first. All but ret is
 * borrowed until the end, which waits for those that are on their way. */
struct lazy_tables;
int lazy_tables_begin(struct remote *remote, const struct descriptor *layers, const bool *wanted,
		      size_t count, struct lazy_tables **ret, struct msb_error *err);
/* That of a wanted layer, once, and in their order: *ret is owned by the caller. *ret_offset: where
 * it begins in the layer, behind all files. -EOPNOTSUPP for a layer that does not say so. */
int lazy_tables_take(struct lazy_tables *tables, size_t index, struct buffer *ret,
		     uint64_t *ret_offset, struct msb_error *err);
void lazy_tables_end(struct lazy_tables *tables);
DEFINE_AUTO(struct lazy_tables, lazy_tables_end)

struct lazy_input {
	struct lazy_tables *tables;
	size_t index;      /* of the layer, in tables */
	const char *place; /* "docker.io/library/node": where it can be had later */
	const struct descriptor *layer;
	struct msb_digest diff_id;
	uint64_t limit; /* bytes it may unpack to */
};

/*
 * The layer's tree on that of `parent` (NULL: none), out of its table, which is compared with the
 * digest that the manifest announces. Where its files can be had is on record on return.
 * -EOPNOTSUPP for a layer that has to be fetched whole.
 */
int lazy_load(struct store_writer *writer, const struct msb_digest *parent,
	      const struct lazy_input *input, struct layer_record *ret, struct msb_error *err);

/*
 * Brings what is known to be remote into the store. writer NULL: one is opened when there is
 * something to write, and not kept. To be given to msb_store_set_fetcher() with lazy_fetch() and
 * lazy_fetcher_free(), or to be called by itself.
 */
struct lazy_fetcher;
int lazy_fetcher_new(struct msb_store *store, struct store_writer *writer,
		     struct lazy_fetcher **ret, struct msb_error *err);
int lazy_fetch(void *fetcher, const struct msb_digest *digest, uint64_t offset,
	       struct msb_error *err);
void lazy_fetcher_free(void *fetcher);

#endif

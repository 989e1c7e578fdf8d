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

struct lazy_input {
	struct remote *remote; /* that has the layer */
	const char *place;     /* "docker.io/library/node": where it can be had later */
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
int lazy_fetch(void *fetcher, const struct msb_digest *digest, struct msb_error *err);
void lazy_fetcher_free(void *fetcher);

#endif

/*
 * Layers' digests, computed in the background while the next step runs. A layer is known by the
 * two trees it leads between; what the store has on record, or a shared cache tells, is not
 * computed again.
 */
#ifndef LAYER_DIGESTS_H
#define LAYER_DIGESTS_H

#include <stdbool.h>

#include <msb/cleanup.h>
#include <msb/digest.h>
#include <msb/error.h>

#include "store_writer.h"

struct layer_pair {
	struct msb_digest parent; /* all zero bytes: none */
	struct msb_digest tree;
};

struct layer_digests;
struct shared_caches;

int layer_digests_new(struct msb_store *store, struct store_writer *writer,
		      const struct shared_caches *caches, struct layer_digests **ret,
		      struct msb_error *err);
/* Waits for what is under way. */
void layer_digests_free(struct layer_digests *digests);
DEFINE_AUTO(struct layer_digests, layer_digests_free)

/* Starts one; both trees must be readable in the store. */
int layer_digests_begin(struct layer_digests *digests, const struct layer_pair *pair,
			struct msb_error *err);
/* Waits for it, beginning it where nobody has. ret->parent is as in pair; *ret_new says that the
 * store has no record of it yet; if it has a blob then, that is where a shared cache says. */
int layer_digests_wait(struct layer_digests *digests, const struct layer_pair *pair,
		       struct layer_record *ret, bool *ret_new, struct msb_error *err);

#endif

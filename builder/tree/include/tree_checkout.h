/* A tree, or a part of it, as files on disk. */
#ifndef TREE_CHECKOUT_H
#define TREE_CHECKOUT_H

#include <stdbool.h>

#include <msb/error.h>
#include <msb/store.h>
#include <msb/tree.h>

/*
 * Makes path, which must not exist, like entry with all that lies below it: content with its holes,
 * links, modes, times, extended attributes. owners: also owners and devices, which needs root.
 * A failure leaves what was made so far.
 */
int tree_checkout(struct msb_store *store, const struct msb_entry *entry, const char *path,
		  bool owners, struct msb_error *err);

#endif

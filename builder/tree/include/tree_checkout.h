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

/*
 * The same for what lies below a directory, into the directory at path, which is made where it is
 * missing and otherwise keeps its own metadata. What is there stays, unless an entry has its name:
 * a directory then joins a directory, and anything but a directory is replaced. No symlink there is
 * followed. -EISDIR for a directory in a file's place.
 */
int tree_checkout_into(struct msb_store *store, const struct msb_entry *directory, const char *path,
		       bool owners, struct msb_error *err);

#endif

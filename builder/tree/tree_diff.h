/* What differs between two trees, in time proportional to what differs. */
#ifndef TREE_DIFF_H
#define TREE_DIFF_H

#include <msb/digest.h>
#include <msb/error.h>
#include <msb/store.h>
#include <msb/tree.h>

enum tree_change {
	TREE_ADDED,   /* before is NULL */
	TREE_REMOVED, /* after is NULL; what lay below is not reported one by one */
	TREE_CHANGED, /* metadata or content; also a directory whose own metadata differ */
};

struct tree_difference {
	enum tree_change change;
	const char *path; /* absolute, as is the root: "/" */
	const struct msb_entry *before, *after;
};

typedef int (*tree_diff_fn)(void *context, const struct tree_difference *difference,
                            struct msb_error *err);

/*
 * Calls each in path order, a directory before what lies below it, every entry of an added
 * directory included. Where a directory is replaced by something else (or the reverse), it is
 * TREE_REMOVED first, then TREE_ADDED. NULL before: everything is added. A hard link whose
 * file was changed by another name is reported too. A negative return of each ends it.
 */
int tree_diff(struct msb_store *store, const struct msb_digest *before,
              const struct msb_digest *after, tree_diff_fn each, void *context,
              struct msb_error *err);

/* Calls each (change TREE_ADDED) for every entry of a tree in path order. */
int tree_walk(struct msb_store *store, const struct msb_digest *tree, tree_diff_fn each,
              void *context, struct msb_error *err);

#endif

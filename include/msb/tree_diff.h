/* What differs between two trees, in time proportional to what differs. */
#ifndef MSB_TREE_DIFF_H
#define MSB_TREE_DIFF_H

#include <msb/digest.h>
#include <msb/error.h>
#include <msb/store.h>
#include <msb/tree.h>

enum msb_change {
	MSB_ADDED,   /* before is NULL */
	MSB_REMOVED, /* after is NULL; what lay below is not reported one by one */
	MSB_CHANGED, /* metadata or content; also a directory whose own metadata differ */
};

struct msb_difference {
	enum msb_change change;
	const char *path; /* absolute, as is the root: "/" */
	const struct msb_entry *before, *after;
};

typedef int (*msb_diff_fn)(void *context, const struct msb_difference *difference,
			   struct msb_error *err);

/*
 * Calls each in path order, a directory before what lies below it, every entry of an added
 * directory included. Where a directory is replaced by something else (or the reverse), it is
 * MSB_REMOVED first, then MSB_ADDED. NULL before: everything is added. What
 * gained a hard link counts as changed, one that lost one does not. A negative return of each
 * ends it.
 */
int msb_tree_diff(struct msb_store *store, const struct msb_digest *before,
		  const struct msb_digest *after, msb_diff_fn each, void *context,
		  struct msb_error *err);

/* Of two entries of one type: true unless msb_tree_diff() would call b a changed a. What is in a
 * directory is not looked at. */
bool msb_entry_same(const struct msb_entry *a, const struct msb_entry *b);

/* Calls each (change MSB_ADDED) for every entry of a tree in path order. */
int msb_tree_walk(struct msb_store *store, const struct msb_digest *tree, msb_diff_fn each,
		  void *context, struct msb_error *err);

#endif

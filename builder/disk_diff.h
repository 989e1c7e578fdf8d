/* What differs where one of two trees, or both, are directories on disk. */
#ifndef DISK_DIFF_H
#define DISK_DIFF_H

#include <msb/digest.h>
#include <msb/error.h>
#include <msb/store.h>
#include <msb/tree_diff.h>

struct diff_side {
	const struct msb_digest *tree; /* NULL: the directory */
	const char *directory;
};

/*
 * As msb_tree_diff(), but in time proportional to the entries on disk. Contents on disk are read
 * only where the other side has a file of the same size; an entry's digest is zero otherwise. Hard
 * links and holes are not compared.
 */
int disk_diff(struct msb_store *store, const struct diff_side *before,
	      const struct diff_side *after, msb_diff_fn each, void *context,
	      struct msb_error *err);

#endif

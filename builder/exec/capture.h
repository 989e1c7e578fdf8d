/*
 * What a command changed: an overlay's upper directory as edits on the tree that was its lower
 * side. Whiteouts, opaque directories, and metadata-only and redirected copies
 * (Documentation/filesystems/overlayfs.rst) are understood; new contents go into the store, large
 * files by rename, so the upper directory is used up by it.
 */
#ifndef CAPTURE_H
#define CAPTURE_H

#include <msb/digest.h>
#include <msb/error.h>

#include "store_writer.h"
#include "tree_edit.h"

/* upper: descriptor of the directory. base: the tree below it. */
int capture_upper(struct msb_store *store, struct store_writer *writer, int upper,
		  const struct msb_digest *base, struct msb_digest *ret, struct msb_error *err);

#endif

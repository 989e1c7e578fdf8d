/*
 * Putting a selection into a tree, by COPY's rules: what becomes of destinations that exist, end in
 * a slash, or lead through symlinks; owners and modes. Subtrees are grafted whole wherever
 * nothing about them changes.
 */
#ifndef PLACING_H
#define PLACING_H

#include <stdbool.h>
#include <stdint.h>

#include <msb/digest.h>
#include <msb/error.h>

#include "mode_change.h"
#include "strlist.h"
#include "tree_edit.h"

struct placing {
	struct tree_edit *edit;      /* the tree that receives */
	struct tree_edit *from;      /* the selection: item i is "/i" */
	const struct strlist *names; /* their base names */
	const char *dest;            /* absolute; a trailing slash means a directory */
	bool several;                /* sources: none of them may become dest itself */
	bool set_owner;
	uint32_t uid, gid;
	const struct mode_change *mode; /* NULL: as they are */
	int64_t now;     /* nanoseconds: time of directories that are made or receive something */
	uint32_t origin; /* of the item being placed: those of one source may be linked */
};

int place_item(const struct placing *placing, size_t index, struct msb_error *err);

/* The literal path of the destination, its symlinks followed inside the tree, and whether it is a
 * directory (by its slash, or because it is there). Owned. */
int place_destination(const struct placing *placing, char **ret_path, bool *ret_directory,
		      struct msb_error *err);

/* Puts all of `from` over what edit has, as a layer over those below it: a directory joins a
 * directory and gives it its metadata (the root directory excepted), anything else replaces what is
 * in its place; no symlink is followed. */
int place_over(struct tree_edit *edit, struct tree_edit *from, struct msb_error *err);

/* Makes path and its missing parents: 0755, root's or --chown's. */
int place_directory(const struct placing *placing, const char *path, struct msb_error *err);
/* The directory at path has received something. */
int place_touch(const struct placing *placing, const char *path, struct msb_error *err);

#endif

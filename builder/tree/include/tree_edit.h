/*
 * A tree being changed. Directories are loaded when an edit reaches into them; all that was not
 * touched keeps its object, so an edit costs what it touches. Commit encodes the changed
 * directories bottom-up and gives the new tree's digest.
 *
 * Paths are taken literally: absolute or relative to the root, "/" separated, no "..", and no
 * symlink is followed (resolve first, with edit_resolve()).
 *
 * Hard links: entries put with the same non-zero link number into one edit are one file; commit
 * renumbers all links of the tree and counts them, so that edits that remove one of a pair, or
 * graft the same subtree twice, come out right.
 */
#ifndef TREE_EDIT_H
#define TREE_EDIT_H

#include <msb/digest.h>
#include <msb/error.h>
#include <msb/store.h>
#include <msb/tree.h>

#include "store_writer.h"

struct tree_edit;

/* base NULL: the empty tree, its root directory 0755, 0:0, time 0. */
int tree_edit_new(struct msb_store *store, const struct msb_digest *base, struct tree_edit **ret,
		  struct msb_error *err);
void tree_edit_free(struct tree_edit *edit);
DEFINE_AUTO(struct tree_edit, tree_edit_free)

/* What is at path now, changes included; pointers stay valid until the next change. The digest,
 * key and totals of a directory, and nlink, are those of the last commit. -ENOENT, -ENOTDIR,
 * without a message in err unless the store failed. */
int edit_get(struct tree_edit *edit, const char *path, struct msb_entry *ret,
	     struct msb_error *err);

/* Calls each for all names in the directory at path, in order. It must not change the tree; a
 * negative return ends it. */
int edit_list(struct tree_edit *edit, const char *path,
	      int (*each)(void *context, const struct msb_entry *entry), void *context,
	      struct msb_error *err);

/* Puts entry (its name is ignored) at path. Its parent must be a directory (-ENOENT, -ENOTDIR).
 * -EINVAL for what no tree can hold: a mode beyond 07777, an empty link target; -ENAMETOOLONG
 * below 2,047 levels.
 * - A directory put over a directory replaces its metadata alone and keeps its children; one with
 *   a zero digest is otherwise empty; one with a digest is grafted whole, replacing what was there.
 * - Anything else replaces what was there, a whole directory included.
 * Putting at "/" needs a directory. Link numbers are the caller's own, up to the next commit; or 0.
 */
int edit_put(struct tree_edit *edit, const char *path, const struct msb_entry *entry,
	     struct msb_error *err);

/* Something was put into the directory at path: it has pattern's time from now on. */
int edit_touch(struct tree_edit *edit, const char *path, const struct msb_entry *pattern,
	       struct msb_error *err);

/* Puts the entry found elsewhere, with all that lies below it, at path; no content is read. Its
 * hard links stay links among themselves but not with anything else in this tree. Calls with the
 * same non-zero origin share link numbers (several grafts of one copy). */
int edit_graft(struct tree_edit *edit, const char *path, const struct msb_entry *entry,
	       uint32_t origin, struct msb_error *err);

/* Makes link_path another name of the file at path. -ENOENT when path is no file. */
int edit_link(struct tree_edit *edit, const char *path, const char *link_path,
	      struct msb_error *err);

/* Removes what is at path with all below it; a missing one is fine. */
int edit_remove(struct tree_edit *edit, const char *path, struct msb_error *err);
/* Removes everything below the directory at path (an opaque whiteout). */
int edit_clear(struct tree_edit *edit, const char *path, struct msb_error *err);

/* Resolves symlinks of all components (of the last one too, unless MSB_NOFOLLOW) inside the tree,
 * as far as the path exists; the rest is appended as it is. *ret is absolute, cleaned, owned. */
int edit_resolve(struct tree_edit *edit, const char *path, unsigned flags, char **ret,
		 struct msb_error *err);

/* Directories missing on the way to path and path itself are made like pattern (its times, mode,
 * owner). -ENOTDIR where something else is in the way. */
int edit_make_dirs(struct tree_edit *edit, const char *path, const struct msb_entry *pattern,
		   struct msb_error *err);

/* Writes the changed objects; the edit may go on afterwards. */
int edit_commit(struct tree_edit *edit, struct store_writer *writer, struct msb_digest *ret,
		struct msb_error *err);

/* For filling in entries: the encoded form of extended attributes. names need not be sorted.
 * Appends to nothing: *ret is malloc'ed (NULL for none) and owned by the caller. */
struct tree_xattr {
	const char *name;
	const void *value;
	size_t size;
};
int tree_encode_xattrs(struct tree_xattr *xattrs, size_t count, uint8_t **ret, size_t *ret_size,
		       struct msb_error *err);

#endif

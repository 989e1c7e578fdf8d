/*
 * Looking after a store: what its records reach, whether all of that is sound, and taking away
 * what nothing reaches. The store knows no trees: whoever looks after it follows them, and says
 * here what it met.
 *
 * All of it is one transaction with temporary tables for what was met, so that neither the number
 * of blobs nor of trees has to fit into memory. One thread.
 */
#ifndef STORE_CARE_H
#define STORE_CARE_H

#include <stdbool.h>
#include <stdint.h>

#include <msb/digest.h>
#include <msb/error.h>
#include <msb/store.h>

#include "store_writer.h"

struct store_care;

/* alone: waits until nobody writes to the store, and keeps writers waiting until close; after
 * `seconds` -EBUSY, which says that a build is running. Not alone: nothing can be changed, writers
 * go on, and only a collection has to wait. */
int store_care_open(struct msb_store *store, bool alone, unsigned seconds, struct store_care **ret,
		    struct msb_error *err);
struct store_writer *store_care_writer(struct store_care *care); /* borrowed */
/* Makes the changes durable; no more can follow but store_compact(). */
int store_care_commit(struct store_care *care, struct msb_error *err);
void store_care_close(struct store_care *care); /* undoes what was not committed */
DEFINE_AUTO(struct store_care, store_care_close)

/* --- What the records name --------------------------------------------------------------- */

enum store_roots {
	STORE_ROOTS_LOGS,     /* of steps of builds */
	STORE_ROOTS_TAGGED,   /* images with a name */
	STORE_ROOTS_UNTAGGED, /* images without */
	STORE_ROOTS_BUILDS,   /* builds, stages and steps */
	STORE_ROOTS_CACHE,    /* the step cache */
	STORE_ROOTS_LAYERS,   /* blobs of layers that came from outside */
};

enum store_root_kind {
	STORE_ROOT_BLOB,
	STORE_ROOT_TREE,
	STORE_ROOT_IMAGE, /* an image's configuration document */
};

/* who: "build 7, stage build, step 2", "image docker.io/library/node:latest"; borrowed. */
typedef int (*store_root_fn)(void *context, const struct msb_digest *digest,
			     enum store_root_kind kind, const char *who, struct msb_error *err);

/* since: of builds the number, of the step cache the time from which on they count; of layers other
 * than 0: only those whose trees are marked. 0: all. */
int store_care_roots(struct store_care *care, enum store_roots which, int64_t since,
		     store_root_fn each, void *context, struct msb_error *err);

/* Of the image with this ID; all zero where there is none. */
int store_care_image_tree(struct store_care *care, const struct msb_digest *id,
			  struct msb_digest *ret, struct msb_error *err);

/* --- What was reached -------------------------------------------------------------------- */

/* Marks a blob as reached, at first with this grade; a tree object also waits to be followed.
 * 1: it was new (as a tree, or at all), 0: it was known, or a negative code. */
int store_mark(struct store_care *care, const struct msb_digest *digest, bool tree, int grade,
	       struct msb_error *err);
/* Was it reached as a tree? 1 or 0. */
int store_is_marked(struct store_care *care, const struct msb_digest *tree, struct msb_error *err);
/* A tree object that waits. 1, 0 when none does, or a negative code. */
int store_mark_next(struct store_care *care, struct msb_digest *ret, struct msb_error *err);
/* Count and bytes of the blobs that were marked with this grade. -1: that were not marked. */
int store_mark_sum(struct store_care *care, int grade, uint64_t *ret_count, uint64_t *ret_bytes,
		   struct msb_error *err);
/* Puts the marks aside under a number and begins anew: afterwards store_mark_own() tells how many
 * bytes were marked under this number, and how many of them under no other. */
int store_mark_keep(struct store_care *care, int64_t number, struct msb_error *err);
int store_mark_own(struct store_care *care, int64_t number, uint64_t *ret_bytes, uint64_t *ret_own,
		   struct msb_error *err);

/* --- Verification ------------------------------------------------------------------------ */

/* Compares every blob with its digest, in the order they lie on the disk, and notes those that
 * differ or cannot be read. */
int store_check_blobs(struct store_care *care, struct msb_error *err);
/* 1: SQLite finds its own file sound, 0: it does not and *ret_text says why; owned. */
int store_check_records(struct store_care *care, char **ret_text, struct msb_error *err);

/* Notes a blob as bad, for the reason given first. */
int store_note_bad(struct store_care *care, const struct msb_digest *digest, const char *why,
		   struct msb_error *err);
/* 1 or 0. */
int store_is_bad(struct store_care *care, const struct msb_digest *digest, struct msb_error *err);
/* Notes that `who` names the blob, or that the directory object parent does, as name. */
int store_note_root(struct store_care *care, const struct msb_digest *digest, const char *who,
		    struct msb_error *err);
int store_note_edge(struct store_care *care, const struct msb_digest *child,
		    const struct msb_digest *parent, const char *name, size_t length,
		    struct msb_error *err);

/* who: the record that leads to it, NULL for none; path: the way from there, "" where the record
 * names it directly. Borrowed. */
typedef int (*store_bad_fn)(void *context, const struct msb_digest *digest, const char *why,
			    const char *who, const char *path, struct msb_error *err);
int store_each_bad(struct store_care *care, store_bad_fn each, void *context,
		   struct msb_error *err);
/* Forgets where the bad blobs are, and the cached steps and layers that lead to one, so that they
 * are made anew. Alone; then commit. */
int store_repair(struct store_care *care, struct msb_error *err);

/* --- Collection. All of it alone, in this order, before commit. --------------------------- */

/* Removes the builds that are not among the newest `keep` and were begun before `until`. */
int store_forget_builds(struct store_care *care, size_t keep, int64_t until, uint64_t *ret_count,
			struct msb_error *err);
/* Removes images created before `until` that have no name; all: with names too, unless a build
 * that is still there shows its tree. */
int store_forget_images(struct store_care *care, bool all, int64_t until, uint64_t *ret_count,
			struct msb_error *err);
/* When all roots are marked: removes the cached steps and layers whose trees were not reached (of
 * the steps those made before `until`), and marks the blobs that the others name. */
int store_forget_unreached(struct store_care *care, int64_t until, uint64_t *ret_cached,
			   uint64_t *ret_layers, struct msb_error *err);
/* Removes what is not marked from the index. */
int store_sweep(struct store_care *care, uint64_t *ret_blobs, uint64_t *ret_bytes,
		struct msb_error *err);

/*
 * After commit: removes files that hold nothing any more, and copies what lives in packs with
 * much garbage to other packs. Readers go on reading: an old pack disappears when the index
 * has led elsewhere, and its number is never used again. *ret_freed: bytes on the disk.
 * *ret_crowded: there was no room for all of the copies; the next collection goes on.
 */
int store_compact(struct store_care *care, uint64_t *ret_freed, bool *ret_crowded,
		  struct msb_error *err);

#endif

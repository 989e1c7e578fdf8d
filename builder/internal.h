/* For the files of the façade: one screen per public call, each naming the rooms it uses. */
#ifndef BUILDER_INTERNAL_H
#define BUILDER_INTERNAL_H

#include <msb/builder.h>
#include <msb/store.h>
#include <msb/tree.h>

#include "store_writer.h"

/* An opened store with its writer, for calls that change something. */
struct workshop {
	struct msb_store *store;
	struct store_writer *writer;
};

/* Makes the store where it is missing. */
int workshop_open(const char *root, struct workshop *ret, struct msb_error *err);
void workshop_done(struct workshop *workshop);

/* Opens for reading; a missing store is an error that says what to do. */
int open_store(const char *root, struct msb_store **ret, struct msb_error *err);

/* refs.c: what a REF (builder.h) names. */
struct ref_place {
	struct msb_digest tree;
	int64_t build; /* 0: an image or a bare tree */
	size_t stage, step;
};
int find_place(struct msb_store *store, const char *ref, struct ref_place *ret,
	       struct msb_error *err);
/* Where path (MSB_NOFOLLOW in flags) leads in the tree that a REF names, and the store, opened for
 * reading, that both are in. */
int find_file(const char *root, const char *ref, const char *path, unsigned flags,
	      struct msb_store **ret_store, struct msb_found *ret, struct msb_error *err);
/* Steps of a build: all (stage SIZE_MAX), a stage's (step 0), or one. */
struct steps_ref {
	int64_t build;
	size_t stage;
	size_t step;
};

/* "7", "build", "7/build", "build@4"; NULL: the newest build. */
int find_steps(struct msb_store *store, const char *ref, struct steps_ref *ret,
	       struct msb_error *err);

/* The newest build that has any tree, as the mount's stages/ shows it. -ENOENT without a sentence
 * where there is none. */
int find_newest_build(struct msb_store *store, int64_t *ret, struct msb_error *err);

#endif

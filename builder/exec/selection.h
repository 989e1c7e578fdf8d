/*
 * What a COPY, an ADD or a bind mount takes: paths and patterns looked up in a source (the
 * context, a stage, an image), gathered into a tree of their own. The selection's digest without
 * times is what the step's key knows of the source; placing it reads no source any more.
 */
#ifndef SELECTION_H
#define SELECTION_H

#include <msb/cleanup.h>
#include <msb/error.h>
#include <msb/tree.h>

#include "context.h"
#include "ignore.h"
#include "store_writer.h"
#include "strlist.h"

struct selection;

int selection_new(struct msb_store *store, struct selection **ret, struct msb_error *err);
void selection_free(struct selection *selection);
DEFINE_AUTO(struct selection, selection_free)

/* Where the following paths are looked up. tree for anything but the context. exclude may be
 * NULL; its patterns are relative to each directory that is selected. */
struct selection_source {
	struct context *context;
	const struct msb_digest *tree;
	const struct ignore *exclude;
};

/*
 * Adds what pattern matches (Go's filepath.Match, component by component); a symlink in the last
 * place is followed inside the source. -ENOENT for a path without wildcards that is not there; a
 * pattern that matches nothing adds nothing.
 */
int selection_add(struct selection *selection, const struct selection_source *source,
		  const char *pattern, struct msb_error *err);

/*
 * COPY --parents: adds what pattern matches (patternmatcher's rules: "**" too, and what lies below
 * a match) with the directories above it, as one item that holds their paths; from "/./" in it on,
 * where it has one, else from the source's root. Symlinks on the way are not followed. exclude is
 * relative to the same place. -ENOENT for a path without wildcards that is not there.
 */
int selection_add_parents(struct selection *selection, const struct selection_source *source,
			  const char *pattern, struct msb_error *err);

/* Adds a file that stands in the Dockerfile. */
int selection_add_file(struct selection *selection, struct store_writer *writer, const char *name,
		       const void *bytes, size_t size, struct msb_error *err);

/* Adds a file that came from elsewhere: its content is in the store already. */
int selection_add_entry(struct selection *selection, const char *name,
			const struct msb_entry *entry, struct msb_error *err);

/* Writes the selection's tree; to be called once, when all is added. */
int selection_commit(struct selection *selection, struct store_writer *writer,
		     struct msb_digest *ret_tree, struct msb_error *err);

/* Items of one call of selection_add() have the same number, which is not 0: only among them can
 * there be hard links. */
uint32_t selection_origin(const struct selection *selection, size_t item);

/* The base names in the order of adding; in the tree, item i is "/i". */
const struct strlist *selection_names(const struct selection *selection);

#endif

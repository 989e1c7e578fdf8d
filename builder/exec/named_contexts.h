/* --build-context: names that stand for other things than the Dockerfile says. */
#ifndef NAMED_CONTEXTS_H
#define NAMED_CONTEXTS_H

#include <msb/error.h>

#include "origin.h"
#include "plan.h"

struct named_context {
	char *name;  /* as written, for messages; owned */
	char *key;   /* a reference in its normal form, or the lower-case name; owned */
	char *image; /* a reference, or "sha256:ID"; NULL: a directory; owned */
	struct origin origin;
};

struct named_contexts {
	struct named_context *items; /* owned */
	size_t count;
};

/*
 * "NAME=VALUE" words (NULL-terminated; NULL: none), of which later ones replace earlier ones. VALUE
 * is a directory, with a .dockerignore of its own; "docker-image://REFERENCE" or "image:REFERENCE";
 * "oci-layout://DIRECTORY[:TAG][@DIGEST]"; the URL of a repository. Layouts are loaded into the
 * store, repositories fetched.
 */
int named_contexts_open(const char *const *words, const struct lent *lent, struct msb_store *store,
			struct store_writer *writer, struct named_contexts *ret,
			struct msb_error *err);
void named_contexts_done(struct named_contexts *contexts);

/* 1 and *ret when name, a stage's or an image's, is one of them; 0. */
int named_contexts_find(const struct named_contexts *contexts, const char *name, struct source *ret,
			struct msb_error *err);

#endif

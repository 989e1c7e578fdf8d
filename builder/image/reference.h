/* Image references: "node", "node:alpine", "quay.io/a/b@sha256:…" (Docker Hub's naming rules). */
#ifndef REFERENCE_H
#define REFERENCE_H

#include <msb/error.h>

/* "node" to "docker.io/library/node:latest". Owned by the caller. -EINVAL with a sentence for
 * what is no reference. A digest is kept: "docker.io/library/node@sha256:…". */
int reference_normalize(const char *text, char **ret, struct msb_error *err);

/* The way back, as people write it: "node:latest". Owned; NULL: no memory. */
char *reference_familiar(const char *normalized);

/* Familiar repository and tag, "node" and "latest"; both owned. */
int reference_split(const char *normalized, char **ret_repository, char **ret_tag,
		    struct msb_error *err);

#endif

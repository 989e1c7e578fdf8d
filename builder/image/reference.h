/* Image references: "node", "node:alpine", "quay.io/a/b@sha256:…" (Docker Hub's naming rules). */
#ifndef REFERENCE_H
#define REFERENCE_H

#include <stdbool.h>

#include <msb/error.h>

/* "node" to "docker.io/library/node:latest". Owned by the caller. -EINVAL with a sentence for
 * what is no reference. A digest is kept: "docker.io/library/node@sha256:…". */
int reference_normalize(const char *text, char **ret, struct msb_error *err);

/* The way back, as people write it: "node:latest". Owned; NULL: no memory. */
char *reference_familiar(const char *normalized);

/* Familiar repository and tag, "node" and "latest"; both owned. */
int reference_split(const char *normalized, char **ret_repository, char **ret_tag,
		    struct msb_error *err);

/* The parts by which a registry is asked; all owned. */
struct reference_place {
	char *domain;     /* "docker.io" */
	char *repository; /* "library/node" */
	char *version;    /* "latest" or "sha256:…" */
	bool by_digest;
};
int reference_place(const char *normalized, struct reference_place *ret, struct msb_error *err);
void reference_place_done(struct reference_place *place);
#define autoplace __attribute__((cleanup(reference_place_done))) struct reference_place

#endif

/*
 * Where lazily pulled layers are: repositories at registries, and at mirrors of those. Each is
 * spoken to once, by several threads, and left alone for a while after it has failed.
 */
#ifndef LAZY_SOURCES_H
#define LAZY_SOURCES_H

#include "remote.h"

struct lazy_sources;

struct lazy_sources *lazy_sources_new(void); /* NULL: no memory */
void lazy_sources_free(struct lazy_sources *sources);

/* What is wanted of a remote; it may be called again, with another one, where it has failed. */
typedef int (*lazy_get_fn)(void *context, struct remote *remote, struct msb_error *err);

/* place: "docker.io/library/node". Its mirrors come first, as in a pull. */
int lazy_sources_get(struct lazy_sources *sources, const char *place, lazy_get_fn get,
		     void *context, struct msb_error *err);

#endif

/*
 * One request for a part of a layer: the bytes, and the files that they hold, each proved by its
 * digest. Knows a registry and a writer, and nothing of who else is fetching.
 */
#ifndef LAZY_REQUEST_H
#define LAZY_REQUEST_H

#include "internal.h"
#include "remote.h"

/* Larger ones go through a file of the writer's scratch directory. */
#define LAZY_REQUEST_MEMORY ((uint64_t)16 * 1024 * 1024)

struct lazy_request {
	struct store_writer *writer;
	struct store_remote *files; /* what it brings; owned. The first is what is wanted */
	size_t count;
	/* Not NULL: of the file, the only one, it brings the pieces [first, last). */
	struct store_partial *partial;
	size_t first, last;
	uint64_t start, stop; /* of the layer */
	uint8_t *bytes;       /* owned: allocated, or mapped where fd is a file */
	int fd;               /* -1 to begin with */
	uint64_t at;
};

/* Puts the first file (or piece), and whatever else is right, into the store; all of the layer
 * where that is what is wanted. 1: there is something to be committed, else 0. May be tried again,
 * with another remote. */
int lazy_request_get(struct lazy_request *request, struct remote *remote, struct msb_error *err);
void lazy_request_done(struct lazy_request *request);

#endif

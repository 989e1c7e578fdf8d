/*
 * Requests that have to wait for a registry: each gets a thread of its own, which answers it when
 * it can, so that nobody else waits.
 */
#ifndef WAITS_H
#define WAITS_H

#include <stdbool.h>

#include "fuse_ops.h"

struct waits;

/* A request with what is needed to answer it. Whoever gives up ends the request at any time: it is
 * touched by who has taken it alone. */
struct waiting {
	fuse_req_t request;
	struct core *core;
	fuse_ino_t id;
	size_t size; /* read and list */
	off_t offset;
	bool plus;        /* list */
	const char *name; /* lookup; copied */
};

/* Answers when waits_take() says so. */
typedef void (*waiting_fn)(struct waits *waits, const struct waiting *waiting);

struct waits *waits_new(void); /* NULL: no memory */
/* Waits until all are answered, which is soon when nothing is fetched any more. */
void waits_free(struct waits *waits);

/* From the request's own operation, which then must not answer: run does, in a thread that may wait
 * (fetch.h). Whoever gives up waiting gets EINTR before. False: no room, nothing was done. */
bool waits_add(struct waits *waits, const struct waiting *waiting, waiting_fn run);

/* In run: true when the request is still to be answered, and by the caller. */
bool waits_take(struct waits *waits, const struct waiting *waiting);

#endif

/*
 * Release: when a collection asks for trees that no record names any more, the kernel is told to
 * drop what it keeps of them and nobody uses. Its forgets then say what is left: what is open.
 */
#ifndef RELEASE_H
#define RELEASE_H

#include "core.h"

struct fuse_session;
struct release;

/* Starts a thread of its own: the kernel may keep it waiting for a directory whose LOOKUP another
 * thread has yet to answer. NULL: no memory, or no thread. */
struct release *release_new(struct core *core, struct fuse_session *session);
/* Ends the thread; while others still answer requests. */
void release_stop(struct release *release);
void release_free(struct release *release);

#endif

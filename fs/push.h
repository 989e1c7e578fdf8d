/*
 * Push: when the files of a directory are read one after the other, the next small ones are put
 * into the kernel's page cache before anybody asks. A request costs more than the bytes it brings.
 */
#ifndef PUSH_H
#define PUSH_H

#include "core.h"

struct fuse_session;
struct push;

/* Starts the thread that pushes. NULL: no memory, or no thread. */
struct push *push_new(struct core *core, struct fuse_session *session);

/* Somebody began to read this file. */
void push_saw_read(struct push *push, const struct core_place *place);

/* Ends the thread; it waits for whatever is under way, so that requests must still be answered. */
void push_stop(struct push *push);
void push_free(struct push *push);

#endif

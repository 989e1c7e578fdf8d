/*
 * Push: when the files of a directory are read one after the other, the next small ones are put
 * into the kernel's page cache before anybody asks. A request costs more than the bytes it brings.
 */
#ifndef PUSH_H
#define PUSH_H

#include "core.h"

struct fuse_session;
struct push;

/* NULL: no memory. */
struct push *push_new(struct core *core, struct fuse_session *session);
void push_free(struct push *push);

/* Somebody began to read this file, or came to the end of this directory's listing. Called before
 * the request is answered: while the reader waits anyway, what it wants next is pushed, and each
 * file saves it a wait. */
void push_saw_read(struct push *push, const struct core_place *place);
void push_saw_list(struct push *push, uint64_t directory);

/* Nothing is pushed any more. Waits for what is under way, so that other threads must still answer
 * requests. */
void push_stop(struct push *push);

#endif

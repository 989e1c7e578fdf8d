/*
 * Which trees the kernel has nodes of, told to collections (msb/held.h). Opens are not seen, but
 * lookups and forgets are: a tree with more lookups than forgets may be open somewhere, as a file,
 * as a mapping or as a current directory.
 *
 * A tree leaves the list only when a collection has asked for it, so that what is looked up again
 * and again costs one addition each time.
 */
#ifndef HELD_H
#define HELD_H

#include <msb/store.h>

#include "core.h"
#include "view.h"

struct held;

/* Where no list can be written the log is told so, and nothing is held. NULL: no memory. */
struct held *held_open(struct msb_store *store, core_log_fn log, void *log_context);
void held_close(struct held *held);
DEFINE_AUTO(struct held, held_close)

/* Before the kernel is answered so many nodes of a tree. -ESTALE: the tree is gone. */
int held_lend(struct held *held, struct shown_tree *tree, uint64_t lookups);
void held_forget(struct held *held, struct shown_tree *tree, uint64_t lookups);

/* Readable when a collection asks for trees; -1: none can. */
int held_asked_fd(const struct held *held);
/* Which ones; owned by the caller. */
int held_asked(struct held *held, struct msb_digest **ret, size_t *ret_count);
/* From now on the tree leaves the list when the kernel has forgotten all of it. */
void held_let_go(struct held *held, struct shown_tree *tree);

#endif

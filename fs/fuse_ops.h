/* FUSE requests turned into calls of the core, and its answers into replies. */
#ifndef FUSE_OPS_H
#define FUSE_OPS_H

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>

#include "core.h"

struct fuse_ops_context {
	struct core *core;
	struct transport *transport;
	struct push *push;   /* NULL: nothing is pushed */
	struct waits *waits; /* for what has to be fetched first; NULL: nothing is */
	/* File handles are answered. Off: Linux 6.16 and newer give what came from a handle no
	 * epoch, so an overlay above, which asks for copied-up files by handle, finds them stale.
	 */
	bool handles;
	bool no_xattrs;               /* the kernel is told never to ask again */
	uint64_t generation;          /* differs from daemon to daemon */
	void (*ready)(void *context); /* the kernel is being answered; once */
	void *ready_context;
};

/* For fuse_session_new(), with a struct fuse_ops_context as user data. */
extern const struct fuse_lowlevel_ops fuse_ops;

/* The largest read and read-ahead. */
#define FUSE_OPS_READ_MAX (1024 * 1024)
/* Reads that the kernel has under way at once. Who reads what is still in a registry counts as long
 * as he waits, and others must not wait for him. */
#define FUSE_OPS_BACKGROUND 240

#endif

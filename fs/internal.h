/* What the core's own files share. */
#ifndef INTERNAL_H
#define INTERNAL_H

#include <stdatomic.h>

#include <msb/store.h>

#include "core.h"

struct core {
	struct msb_store *store; /* owned, as all below */
	struct dircache *dirs;
	struct views *views;
	struct history *history;
	struct shelf *shelf;
	struct texts *texts;
	struct disk *disk; /* the ground of cache/ */
	struct held *held;
	bool verify;
	struct fetch *fetch;            /* NULL: nothing is fetched */
	struct autopull *autopull;      /* NULL: images are not pulled by their names */
	atomic_uint_fast64_t forgotten; /* nodes, since memory was given back */
	int64_t opened_ns;              /* since 1970 */
	core_log_fn log;
	void *log_context;
};

/* Tells the log what the store did wrong; returns -EIO, or -ENOMEM where that was all. */
int core_damaged(struct core *core, const struct msb_error *err, const char *what);

#endif

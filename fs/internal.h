/* What the core's own files share. */
#ifndef INTERNAL_H
#define INTERNAL_H

#include <msb/store.h>

#include "core.h"

struct core {
	struct msb_store *store; /* owned, as all below */
	struct dircache *dirs;
	struct views *views;
	struct history *history;
	struct shelf *shelf;
	struct texts *texts;
	int64_t opened_ns; /* since 1970 */
	core_log_fn log;
	void *log_context;
};

/* Tells the log what the store did wrong; returns -EIO, or -ENOMEM where that was all. */
int core_damaged(struct core *core, const struct msb_error *err, const char *what);

#endif

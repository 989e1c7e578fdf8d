/* Which system calls commands may make: the host's profile, or the one that --security-opt names.
 */
#ifndef COMMAND_FILTER_H
#define COMMAND_FILTER_H

#include <pthread.h>

#include <msb/error.h>
#include <msb/store.h>

#include "sandbox.h"

struct command_filter {
	const char *profile; /* borrowed; NULL: there is none */
	pthread_mutex_t lock;
	struct sandbox_filter *filter; /* guarded by lock; made for the first command */
};

/* security: "seccomp=FILE", "seccomp=unconfined", and what means nothing here; may be NULL. -EINVAL
 * for a file that cannot be read. */
int command_filter_init(struct command_filter *filter, const char *const *security,
			struct msb_error *err);
void command_filter_done(struct command_filter *filter);

/* *ret is borrowed; NULL: none. Kept in the store for the next time. Thread-safe. */
int command_filter_get(struct command_filter *filter, struct msb_store *store,
		       const struct sandbox_filter **ret, struct msb_error *err);

#endif

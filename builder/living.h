/* What builders that are alive keep in their scratch directories (exec/live_log.h). */
#ifndef BUILDER_LIVING_H
#define BUILDER_LIVING_H

#include <msb/error.h>
#include <msb/store.h>

/* dir: the scratch directory; name: of a file there, which may go at any moment. Negative values
 * end the walk. */
typedef int (*living_fn)(void *context, int dir, const char *name, struct msb_error *err);

int living_each(struct msb_store *store, living_fn each, void *context, struct msb_error *err);

#endif

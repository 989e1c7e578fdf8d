/* What the steps of a plan ask the caller for: told before any of them runs. */
#ifndef NEEDS_H
#define NEEDS_H

#include "internal.h"

/* That required secrets and agents were given, given secrets can be read, and images that COPY and
 * RUN --mount read from are here; of the stages that are wanted. "Dockerfile:7: …". */
int needs_check(struct build *build, struct msb_error *err);

#endif

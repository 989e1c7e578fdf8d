/* What RUN may ask for only where the caller grants it (--allow). */
#ifndef RIGHTS_H
#define RIGHTS_H

#include "internal.h"

/* Refuses the first step of a wanted stage that asks for more than was granted, before any runs.
 * -EPERM with "Dockerfile:3: …". */
int rights_check(const struct build *build, struct msb_error *err);

#endif

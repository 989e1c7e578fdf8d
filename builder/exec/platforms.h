/* Which machine each stage is for, and whether this one can run its commands. */
#ifndef PLATFORMS_H
#define PLATFORMS_H

#include "internal.h"

/* What --platform (else this machine) says, and this machine's own. -EINVAL for what is none. */
int platforms_read(struct build *build, struct msb_error *err);

/* As the stage's FROM says, or that of the stage it starts from; else the build's. Borrowed. */
const char *platforms_of_stage(const struct build *build, const struct plan_stage *stage);

/* Refuses commands of other machines that nothing here emulates, before any step runs.
 * -EOPNOTSUPP with "Dockerfile:3: …". */
int platforms_check(struct build *build, struct msb_error *err);

/* What the stage's image says of itself: as its base image, else as it was asked for. */
int platforms_name(struct build *build, const struct plan_stage *stage, struct image *image,
		   struct msb_error *err);

#endif

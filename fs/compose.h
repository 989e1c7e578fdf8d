/* The generated texts, from records to bytes. */
#ifndef COMPOSE_H
#define COMPOSE_H

#include "buffer.h"
#include "history.h"

/* info.json of a build. */
int compose_info(const struct told_build *told, struct buffer *ret, struct msb_error *err);
/* log of a build: its steps' logs, each under a heading. */
int compose_log(struct msb_store *store, const struct told_build *told, struct buffer *ret,
		struct msb_error *err);
/* instruction of a step: as written, and with values where that differs. */
int compose_instruction(const struct msb_step *step, struct buffer *ret, struct msb_error *err);
/* log of a step: each line with when and by which stream it came (step_log.h). */
int compose_step_log(struct msb_store *store, const struct msb_step *step, struct buffer *ret,
		     struct msb_error *err);
/* changes of a step: "A /path" added, "C /path" changed, "D /path" removed; behind a tab the bytes
 * of a file ("5 -> 12" where that changed), or of all files below what was removed. before is the
 * step below it; NULL: nothing. */
int compose_changes(struct msb_store *store, const struct msb_step *before,
		    const struct msb_step *step, struct buffer *ret, struct msb_error *err);

#endif

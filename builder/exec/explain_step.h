/* Why a step was not answered by the cache: its record beside the most similar earlier one's. */
#ifndef EXPLAIN_STEP_H
#define EXPLAIN_STEP_H

#include <msb/error.h>
#include <msb/records.h>

#include "explain.h"

/*
 * stage: the label (name or number) of the step's stage. Appends to ret one explanation a
 * difference, at least one; but none of a FROM that begins with what it began with before, nor of a
 * step that failed before it had a key.
 * *ret_build is the earlier build that it was compared with, 0 for none.
 */
int explain_step(struct msb_store *store, const struct msb_step *step, const char *stage,
		 int64_t *ret_build, struct explanations *ret, struct msb_error *err);

#endif

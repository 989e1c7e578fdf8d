/* Builds as they happen. */
#ifndef FOLLOW_H
#define FOLLOW_H

#include <stdbool.h>

#include <msb/records.h>

#include "command.h"

/* Prints a line, or an object, for each build that begins or ends and each of their steps that
 * ends. Returns when something went wrong, else never. */
int follow_builds(const struct session *session, bool json, struct msb_error *err);

/* "running", "done", "cached", "failed". */
const char *state_name(enum msb_state state);

#endif

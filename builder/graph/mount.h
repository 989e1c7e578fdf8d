/* One --mount=… of a RUN. */
#ifndef PLAN_MOUNT_H
#define PLAN_MOUNT_H

#include "internal.h"

/* text is a line of comma-separated key=value fields (RFC 4180). ret is zeroed by the caller, and
 * belongs to its step even when this fails. */
int mount_read(struct site *site, const char *text, struct run_mount *ret, struct msb_error *err);

/* Refuses what no value of a variable makes right: for stages that nobody wants. ret_from: where
 * the files come from, or NULL; owned by the caller, also when this fails. */
int mount_look(const char *text, char **ret_from, struct msb_error *err);

#endif

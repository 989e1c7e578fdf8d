/* Which mounts of msb's there are. */
#ifndef MOUNTS_H
#define MOUNTS_H

#include <stdbool.h>

#include <msb/error.h>

/*
 * The mount of msbfs that lies at directory: its path as the kernel has it (owned by the caller),
 * and whether its daemon is dead. -EINVAL with a sentence when none, or something else, is there.
 */
int mounts_find(const char *directory, char **ret, bool *ret_stale, struct msb_error *err);

#endif

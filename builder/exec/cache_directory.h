/* The directories of RUN --mount=type=cache: kept in the store beside the trees, never in them. */
#ifndef CACHE_DIRECTORY_H
#define CACHE_DIRECTORY_H

#include <msb/error.h>

#include "plan.h"
#include "store_writer.h"

/*
 * The directory for mount's id, made (0755, its owner and mode from mount, filled from the
 * directory `initial` unless NULL) when it is new. By its sharing: shared takes it as it is, locked
 * waits until nobody else has it, private takes another one while it is in use. *ret_lock keeps
 * it taken until it is closed. *ret_path is owned by the caller. Once stop_fd (0: none) is readable
 * nobody waits any more: -ECANCELED.
 */
int cache_directory_take(struct store_writer *writer, const struct run_mount *mount,
			 const char *initial, int stop_fd, char **ret_path, int *ret_lock,
			 struct msb_error *err);

#endif

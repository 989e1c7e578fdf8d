/* The directories of RUN --mount=type=cache as a whole: ROOT/caches/. */
#ifndef MOUNTED_H
#define MOUNTED_H

#include <msb/cache_names.h>
#include <msb/error.h>
#include <msb/store.h>

/* The bytes on the disk below a directory. */
int mounted_measure_one(int dir, const char *name, uint64_t *ret_bytes, struct msb_error *err);

/* How many there are, and the bytes on the disk below them. */
int mounted_measure(struct msb_store *store, uint64_t *ret_count, uint64_t *ret_bytes,
		    struct msb_error *err);
/* Removes them. Nobody may be building. */
int mounted_remove(struct msb_store *store, struct msb_error *err);

#endif

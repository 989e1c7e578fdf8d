/* How old a build context is: SOURCE_DATE_EPOCH=context. */
#ifndef ORIGIN_AGE_H
#define ORIGIN_AGE_H

#include <stdint.h>

#include "ignore.h"
#include "origin.h"

/*
 * *ret, in seconds since 1970: of a repository, when its commit was made; of anything else, when
 * the youngest of its files was changed last. What ignore (may be NULL) leaves out does not count,
 * nor do directories. -ENODATA for a context without files.
 */
int origin_age(const struct origin *origin, const struct ignore *ignore, struct msb_store *store,
	       int64_t *ret, struct msb_error *err);

#endif

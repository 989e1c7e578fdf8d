/*
 * Where the directories of RUN --mount=type=cache,id=ID are, and what the mounted tree calls them.
 * They lie in the store's directory beside the trees: caches/PLACE/, with the id in words in the
 * file "id" and the directories "0", "1"…, of which there are several only where sharing=private
 * met itself.
 */
#ifndef MSB_CACHE_NAMES_H
#define MSB_CACHE_NAMES_H

#include <stddef.h>

#define MSB_CACHES      "caches"
#define MSB_CACHE_PLACE (32 + 1)

/* The place of an id. Returns ret. */
char *msb_cache_place(const char *id, char ret[MSB_CACHE_PLACE]);

/*
 * The id as one name of a directory: '%XX' for a slash, a tilde, a percent sign, control characters
 * and the names "." and ".."; "~1" behind it for the directory 1. An id too long for that goes by
 * its place. Owned by the caller; NULL: no memory.
 */
char *msb_cache_shown(const char *id, unsigned number);
/* The other way, for all ids that are not too long; -ENOENT for what is no such name. */
int msb_cache_parse(const char *shown, char ret_place[MSB_CACHE_PLACE], unsigned *ret_number);

#endif

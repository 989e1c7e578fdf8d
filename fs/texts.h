/*
 * What the plain files below builds/ say. Some are blobs, some are generated; those are kept for a
 * while, so that the size a reader was told and the bytes it then gets agree.
 */
#ifndef TEXTS_H
#define TEXTS_H

#include "history.h"
#include "inode.h"
#include "internal.h"

struct texts *texts_new(void);
void texts_free(struct texts *texts);

/* The size of the file with this id, as of now. -ENOENT. */
int texts_size(struct core *core, uint64_t id, const struct told_build *told, uint64_t *ret);
/* As core_read(); of the text that texts_size() last spoke of, as far as it is still kept. */
ssize_t texts_read(struct core *core, uint64_t id, const struct told_build *told, void *bytes,
		   size_t size, uint64_t offset);

#endif

/* Parts of blobs: some of a blob's bytes from a remote (distribution-spec 1.1, "Pulling blobs"). */
#ifndef RANGE_H
#define RANGE_H

#include "internal.h"
#include "remote.h"

/* The blob's bytes [start, stop) to the sink. What breaks off goes on where it ended, where that
 * may help. Of a registry that knows no ranges, what comes before them is read past. */
int range_get(struct remote *remote, const struct msb_digest *blob, uint64_t start, uint64_t stop,
	      const struct layer_sink *sink, struct msb_error *err);
/* The same into memory. */
int range_read(struct remote *remote, const struct msb_digest *blob, uint64_t start, uint64_t stop,
	       struct buffer *ret, struct msb_error *err);

#endif

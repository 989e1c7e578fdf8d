/* For the files of this room: a shared cache's bundles as bytes. Each blob is 32 bytes of digest, 8
 * of size (little-endian), and its content; all of them together are one zstd stream. */
#ifndef SHARED_BUNDLE_H
#define SHARED_BUNDLE_H

#include "layer.h"
#include "shared_cache.h"

/* To fd, which is empty; fills in digest and size. */
int shared_bundle_write(struct msb_store *store, struct shared_bundle *bundle, int fd,
			struct msb_error *err);
/* Into the store. -EBADMSG for what is not as bundle says. */
int shared_bundle_read(struct store_writer *writer, const struct shared_bundle *bundle,
		       const struct layer_source *source, struct msb_error *err);

/* A file without a name in the writer's scratch directory; owned. */
int shared_scratch_file(struct store_writer *writer, int *ret_fd, struct msb_error *err);

#endif

/* For the files of this room: a shared cache's bundles as bytes. Each blob is 32 bytes of digest, 8
 * of size (little-endian), and its content. Some of them together are a frame of zstd, which
 * can be unpacked by itself, and the frames one behind the other are the bundle. */
#ifndef SHARED_BUNDLE_H
#define SHARED_BUNDLE_H

#include "layer.h"
#include "shared_cache.h"

/* To fd, which is empty; fills in digest, size and frames. */
int shared_bundle_write(struct msb_store *store, struct shared_bundle *bundle, int fd,
			struct msb_error *err);
/* Into the store. -EBADMSG for what is not as bundle says. */
int shared_bundle_read(struct store_writer *writer, const struct shared_bundle *bundle,
		       const struct layer_source *source, struct msb_error *err);

/* Behind the last blob of the frame that begins with the first one. */
size_t shared_frame_end(const struct shared_bundle *bundle, size_t first);
/* The next frame of a bundle whose other fields are there already, from blob first on. False: that
 * can be none. */
bool shared_add_frame(struct shared_bundle *bundle, size_t first, uint64_t bytes, uint64_t count);

/* A file without a name in the writer's scratch directory; owned. */
int shared_scratch_file(struct store_writer *writer, int *ret_fd, struct msb_error *err);

#endif

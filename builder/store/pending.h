/* Blobs that were put and not committed: in the order they came, and by digest. */
#ifndef PENDING_H
#define PENDING_H

#include <stddef.h>
#include <stdint.h>

#include <msb/digest.h>
#include <msb/store.h>

struct pending_blob {
	struct msb_digest digest;
	struct msb_location location;
};

struct pending {
	struct pending_blob *blobs; /* owned; in the order of pending_add() */
	size_t count, capacity;
	uint32_t *slots;   /* owned; hash table of index + 1, 0: empty; at most half full */
	size_t slot_count; /* a power of two, or 0 */
};

/* Borrowed until the next change; NULL: none. */
const struct pending_blob *pending_find(const struct pending *pending,
					const struct msb_digest *digest);
/* digest must not be there yet. 0 or -ENOMEM. */
int pending_add(struct pending *pending, const struct msb_digest *digest,
		const struct msb_location *location);
/* Removes the oldest count blobs. */
void pending_drop(struct pending *pending, size_t count);
void pending_done(struct pending *pending);

#endif

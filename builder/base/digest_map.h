/* What is known of digests, in memory: a number for each. Digests may come from hostile documents.
 */
#ifndef DIGEST_MAP_H
#define DIGEST_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msb/digest.h>

/* Zeros are an empty one. */
struct digest_map {
	struct digest_slot *slots; /* owned */
	size_t capacity;           /* a power of two, or 0 */
	size_t count;
	uint64_t seed;
};

/* Replaces what was there; 0 or -ENOMEM. */
int digest_map_set(struct digest_map *map, const struct msb_digest *digest, uint64_t value);
/* ret may be NULL. */
bool digest_map_find(const struct digest_map *map, const struct msb_digest *digest, uint64_t *ret);
void digest_map_done(struct digest_map *map); /* it is empty again */
#define autodigests __attribute__((cleanup(digest_map_done))) struct digest_map

#endif

/*
 * What lies behind the blobs that were loaded: a pack's records say what they are, and who walks a
 * tree wants its objects in the order in which they were put. So most are found without asking the
 * index. These are hints: the bytes found there must be compared with the digest.
 */
#ifndef STORE_NEARBY_H
#define STORE_NEARBY_H

#include <pthread.h>

#include <msb/store.h>

#include "packs.h"

#define NEARBY_SLOTS 512
struct nearby {
	pthread_mutex_t lock; /* guards all below */
	struct {
		struct msb_digest digest;
		struct msb_location location; /* pack 0: none */
	} slots[NEARBY_SLOTS];                /* by digest */
};

int nearby_init(struct nearby *nearby);
void nearby_done(struct nearby *nearby);

/* So many bytes hold the next record's header, wherever between two multiples of 8 a blob ends. */
#define NEARBY_BEHIND (7 + PACK_BLOB_HEADER)
/* The bytes right behind the blob at location, as many as there were. */
void nearby_note(struct nearby *nearby, const struct msb_location *location, const uint8_t *behind,
		 size_t size);
bool nearby_find(struct nearby *nearby, const struct msb_digest *digest, struct msb_location *ret);

#endif

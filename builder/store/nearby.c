#include <string.h>

#include "little_endian.h"
#include "nearby.h"

int nearby_init(struct nearby *nearby)
{
	return -pthread_mutex_init(&nearby->lock, NULL);
}

void nearby_done(struct nearby *nearby)
{
	pthread_mutex_destroy(&nearby->lock);
}

static size_t slot_of(const struct msb_digest *digest)
{
	return (digest->bytes[0] | (size_t)digest->bytes[1] << 8) % NEARBY_SLOTS;
}

void nearby_note(struct nearby *nearby, const struct msb_location *location, const uint8_t *behind,
		 size_t size)
{
	size_t padding = (size_t)-location->size & 7, slot;
	struct msb_location next = {.pack = location->pack};
	const uint8_t *header = behind + padding;
	struct msb_digest digest;

	if (size < padding + PACK_BLOB_HEADER || memcmp(header, PACK_BLOB_MAGIC, 4) != 0)
		return;
	next.size = le_get_u64(header + 8);
	next.offset = location->offset + location->size + padding + PACK_BLOB_HEADER;
	memcpy(digest.bytes, header + 16, sizeof(digest.bytes));
	slot = slot_of(&digest);
	pthread_mutex_lock(&nearby->lock);
	nearby->slots[slot].digest = digest;
	nearby->slots[slot].location = next;
	pthread_mutex_unlock(&nearby->lock);
}

bool nearby_find(struct nearby *nearby, const struct msb_digest *digest, struct msb_location *ret)
{
	size_t slot = slot_of(digest);
	bool found;

	pthread_mutex_lock(&nearby->lock);
	found = nearby->slots[slot].location.pack &&
		msb_digest_equal(&nearby->slots[slot].digest, digest);
	if (found)
		*ret = nearby->slots[slot].location;
	pthread_mutex_unlock(&nearby->lock);
	return found;
}

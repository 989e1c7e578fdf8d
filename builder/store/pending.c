#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pending.h"

/* Digests are as good as random: any eight bytes of one are a hash. */
static size_t first_slot(const struct pending *pending, const struct msb_digest *digest)
{
	uint64_t hash;

	memcpy(&hash, digest->bytes, sizeof(hash));
	return (size_t)hash & (pending->slot_count - 1);
}

const struct pending_blob *pending_find(const struct pending *pending,
					const struct msb_digest *digest)
{
	size_t slot;

	if (pending->count == 0)
		return NULL;
	slot = first_slot(pending, digest);
	while (pending->slots[slot]) {
		const struct pending_blob *blob = &pending->blobs[pending->slots[slot] - 1];

		if (msb_digest_equal(&blob->digest, digest))
			return blob;
		slot = (slot + 1) & (pending->slot_count - 1);
	}
	return NULL;
}

static void occupy_slot(struct pending *pending, size_t index)
{
	size_t slot = first_slot(pending, &pending->blobs[index].digest);

	while (pending->slots[slot])
		slot = (slot + 1) & (pending->slot_count - 1);
	pending->slots[slot] = (uint32_t)index + 1;
}

static void fill_slots(struct pending *pending)
{
	if (pending->slots)
		memset(pending->slots, 0, pending->slot_count * sizeof(*pending->slots));
	for (size_t i = 0; i < pending->count; i++)
		occupy_slot(pending, i);
}

static int grow(struct pending *pending)
{
	size_t capacity = pending->capacity ? pending->capacity * 2 : 256;
	struct pending_blob *blobs;
	uint32_t *slots;

	if (capacity > UINT32_MAX / 2)
		return -ENOMEM;
	blobs = reallocarray(pending->blobs, capacity, sizeof(*blobs));
	if (!blobs)
		return -ENOMEM;
	pending->blobs = blobs;
	slots = reallocarray(pending->slots, capacity * 2, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	pending->slots = slots;
	pending->slot_count = capacity * 2;
	pending->capacity = capacity;
	fill_slots(pending);
	return 0;
}

int pending_add(struct pending *pending, const struct msb_digest *digest,
		const struct msb_location *location)
{
	if (pending->count == pending->capacity) {
		int r = grow(pending);

		if (r < 0)
			return r;
	}
	pending->blobs[pending->count].digest = *digest;
	pending->blobs[pending->count].location = *location;
	occupy_slot(pending, pending->count);
	pending->count++;
	return 0;
}

void pending_drop(struct pending *pending, size_t count)
{
	if (count == 0)
		return;
	pending->count -= count;
	memmove(pending->blobs, pending->blobs + count, pending->count * sizeof(*pending->blobs));
	fill_slots(pending);
}

void pending_done(struct pending *pending)
{
	free(pending->blobs);
	free(pending->slots);
	*pending = (struct pending){0};
}

#include "digest_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct digest_slot {
	struct msb_digest digest;
	uint64_t value;
	bool used;
};

/* Seeded, so that nobody can write a document whose digests all meet in one place. */
static size_t place_of(const struct digest_map *map, const struct msb_digest *digest)
{
	uint64_t hash = map->seed, word;

	for (size_t i = 0; i < MSB_DIGEST_SIZE; i += sizeof(word)) {
		memcpy(&word, digest->bytes + i, sizeof(word));
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	return (size_t)hash & (map->capacity - 1);
}

/* The digest's own slot, or the free one where it belongs. */
static struct digest_slot *slot_of(const struct digest_map *map, const struct msb_digest *digest)
{
	size_t at = place_of(map, digest);

	while (map->slots[at].used && !msb_digest_equal(&map->slots[at].digest, digest))
		at = (at + 1) & (map->capacity - 1);
	return &map->slots[at];
}

static int grow(struct digest_map *map)
{
	struct digest_map bigger = {
		.capacity = map->capacity ? 2 * map->capacity : 64,
		.count = map->count,
		.seed = map->seed,
	};

	if (!map->capacity &&
	    getrandom(&bigger.seed, sizeof(bigger.seed), 0) != sizeof(bigger.seed))
		bigger.seed = (uint64_t)(uintptr_t)map;
	bigger.slots = calloc(bigger.capacity, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < map->capacity; i++)
		if (map->slots[i].used)
			*slot_of(&bigger, &map->slots[i].digest) = map->slots[i];
	free(map->slots);
	*map = bigger;
	return 0;
}

int digest_map_set(struct digest_map *map, const struct msb_digest *digest, uint64_t value)
{
	struct digest_slot *slot;

	if (map->count >= map->capacity / 2 && grow(map) < 0)
		return -ENOMEM;
	slot = slot_of(map, digest);
	map->count += !slot->used;
	*slot = (struct digest_slot){*digest, value, true};
	return 0;
}

bool digest_map_find(const struct digest_map *map, const struct msb_digest *digest, uint64_t *ret)
{
	const struct digest_slot *slot = map->capacity ? slot_of(map, digest) : NULL;

	if (!slot || !slot->used)
		return false;
	if (ret)
		*ret = slot->value;
	return true;
}

void digest_map_done(struct digest_map *map)
{
	free(map->slots);
	*map = (struct digest_map){0};
}

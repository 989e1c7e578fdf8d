#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "internal.h"

/* FNV-1a. */
static size_t hash_of(uint64_t seed, const uint8_t *key, size_t size)
{
	uint64_t hash = 14695981039346656037u ^ seed;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ key[i]) * 1099511628211u;
	return (size_t)(hash ^ hash >> 32);
}

/* The slot that holds the key, or the free one where it belongs. */
static struct name **slot_of(struct name **table, size_t capacity, uint64_t seed, const void *key,
			     size_t size)
{
	size_t at = hash_of(seed, key, size);

	for (;; at++) {
		struct name **slot = &table[at & (capacity - 1)];

		if (!*slot || ((*slot)->size == size && memcmp((*slot)->key, key, size) == 0))
			return slot;
	}
}

struct name *names_find(const struct names *names, const void *key, size_t size)
{
	return names->capacity ? *slot_of(names->table, names->capacity, names->seed, key, size)
			       : NULL;
}

static int grow(struct names *names)
{
	size_t capacity = names->capacity ? 2 * names->capacity : 256;
	struct name **table = calloc(capacity, sizeof(struct name *));

	if (!table)
		return -ENOMEM;
	if (names->capacity == 0 && getrandom(&names->seed, sizeof(names->seed), 0) < 0)
		names->seed = (uintptr_t)table;
	for (size_t i = 0; i < names->capacity; i++) {
		struct name *name = names->table[i];

		if (name)
			*slot_of(table, capacity, names->seed, name->key, name->size) = name;
	}
	free(names->table);
	names->table = table;
	names->capacity = capacity;
	return 0;
}

int names_add(struct names *names, const void *key, size_t size, const char *text)
{
	struct name **slot, *name;

	if (2 * names->count >= names->capacity && grow(names) < 0)
		return -ENOMEM;
	slot = slot_of(names->table, names->capacity, names->seed, key, size);
	if (*slot)
		return 0;
	name = malloc(sizeof(*name) + size);
	if (!name)
		return -ENOMEM;
	name->text = text ? strdup(text) : NULL;
	if (text && !name->text) {
		free(name);
		return -ENOMEM;
	}
	name->size = size;
	memcpy(name->key, key, size);
	*slot = name;
	names->count++;
	return 1;
}

void names_done(struct names *names)
{
	for (size_t i = 0; i < names->capacity; i++) {
		if (names->table[i])
			free(names->table[i]->text);
		free(names->table[i]);
	}
	free(names->table);
	*names = (struct names){0};
}

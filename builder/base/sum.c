#include "sum.h"

uint32_t sum_of(const void *bytes, size_t size)
{
	uint32_t sum = (uint32_t)XXH3_64bits(bytes, size);

	return sum ? sum : 1;
}

void sum_begin(struct sum *sum)
{
	XXH3_64bits_reset(&sum->state);
}

void sum_add(struct sum *sum, const void *bytes, size_t size)
{
	XXH3_64bits_update(&sum->state, bytes, size);
}

uint32_t sum_end(const struct sum *sum)
{
	uint32_t result = (uint32_t)XXH3_64bits_digest(&sum->state);

	return result ? result : 1;
}

uint64_t sum_seeded(uint64_t seed, const void *bytes, size_t size)
{
	return XXH3_64bits_withSeed(bytes, size, seed);
}

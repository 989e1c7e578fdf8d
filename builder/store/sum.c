#include <endian.h>
#include <string.h>

#include "sum.h"

#define PRIME UINT64_C(0x9e3779b185ebca87)

static uint64_t rotate(uint64_t value, unsigned bits)
{
	return value << bits | value >> (64 - bits);
}

/* One to one in each of its arguments: a change of a single word is never lost. */
static uint64_t mix(uint64_t state, uint64_t word)
{
	return rotate(state ^ word, 29) * PRIME;
}

static uint64_t word_at(const uint8_t *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return le64toh(word);
}

void sum_begin(struct sum *sum)
{
	*sum = (struct sum){.lanes = {1, 2, 3, 4}};
}

void sum_add(struct sum *sum, const void *bytes, size_t size)
{
	struct sum next = *sum; /* in registers */
	const uint8_t *at = bytes;
	uint8_t last[8] = {0};

	next.size += size;
	for (; size >= 8 * SUM_LANES; size -= 8 * SUM_LANES, at += 8 * SUM_LANES)
		for (size_t i = 0; i < SUM_LANES; i++)
			next.lanes[i] = mix(next.lanes[i], word_at(at + 8 * i));
	for (; size >= 8; size -= 8, at += 8)
		next.state = mix(next.state, word_at(at));
	memcpy(last, at, size);
	if (size)
		next.state = mix(next.state, word_at(last));
	*sum = next;
}

uint32_t sum_end(struct sum *sum)
{
	uint64_t state = mix(sum->state, sum->size);
	uint32_t result;

	for (size_t i = 0; i < SUM_LANES; i++)
		state = mix(state, sum->lanes[i]);
	state ^= state >> 32;
	result = (uint32_t)((state * PRIME) >> 32);
	return result ? result : 1;
}

uint32_t sum_of(const void *bytes, size_t size)
{
	struct sum sum;

	sum_begin(&sum);
	sum_add(&sum, bytes, size);
	return sum_end(&sum);
}

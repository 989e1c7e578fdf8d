/*
 * A sum by which damage is found at a tenth of what a digest costs: the lower half of XXH3 of 64
 * bits, or 1 where that is 0. It is no proof against anybody: where it disagrees, or was not kept,
 * the digest decides.
 */
#ifndef SUM_H
#define SUM_H

#include <stddef.h>
#include <stdint.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

uint32_t sum_of(const void *bytes, size_t size); /* never 0 */

/* The same of what comes in pieces. */
struct sum {
	XXH3_state_t state;
};
void sum_begin(struct sum *sum);
void sum_add(struct sum *sum, const void *bytes, size_t size);
uint32_t sum_end(const struct sum *sum);

/* All 64 bits, seeded: for numbers that stand for bytes, which nobody can foresee without the seed.
 */
uint64_t sum_seeded(uint64_t seed, const void *bytes, size_t size);

#endif

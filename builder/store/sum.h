/*
 * A sum by which damage is found at a twentieth of what a digest costs. It is no proof against
 * anybody: where it disagrees, or was not kept, the digest decides.
 */
#ifndef SUM_H
#define SUM_H

#include <stddef.h>
#include <stdint.h>

#define SUM_LANES 4

struct sum {
	uint64_t lanes[SUM_LANES], state, size;
};
void sum_begin(struct sum *sum);
/* Pieces are multiples of 32 bytes, but for the last. */
void sum_add(struct sum *sum, const void *bytes, size_t size);
/* Never 0. */
uint32_t sum_end(struct sum *sum);

/* Of what is in one piece. */
uint32_t sum_of(const void *bytes, size_t size);

#endif

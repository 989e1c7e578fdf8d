/* Sizes as people write them. */
#ifndef SIZE_H
#define SIZE_H

#include <stdbool.h>
#include <stdint.h>

/* "64m", "1.5 GiB", "1024": bytes, or powers of 1024 of them (go-units' RAMInBytes). False for
 * everything else and for more than 2^60. */
bool size_parse(const char *text, uint64_t *ret);

#endif

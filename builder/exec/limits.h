/* --ulimit and --shm-size: what commands may use. */
#ifndef LIMITS_H
#define LIMITS_H

#include <stddef.h>
#include <stdint.h>

#include <msb/error.h>

#include "buffer.h"
#include "sandbox.h"

struct limits {
	struct sandbox_limit *items; /* owned */
	size_t count;
	uint64_t shm_size; /* bytes; 0: the default */
};

/* ulimits: "NAME=SOFT[:HARD]" words (NULL-terminated, may be NULL), -1 for no limit, later ones
 * win. shm_size: "64m", NULL or 0 for the default. -EINVAL for others; -EPERM for what this process
 * itself is not allowed. */
int limits_parse(const char *const *ulimits, const char *shm_size, struct limits *ret,
		 struct msb_error *err);
void limits_done(struct limits *limits);

/* Their lines of a step's definition. */
void limits_define(const struct limits *limits, struct buffer *definition);

#endif

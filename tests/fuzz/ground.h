/* What fuzzers of layers unpack onto: one store for all inputs, in which nothing is ever published,
 * and a tree that has something to hide. */
#ifndef FUZZ_GROUND_H
#define FUZZ_GROUND_H

#include "store_writer.h"

struct ground {
	struct msb_store *store;
	struct store_writer *writer;
	struct msb_digest base; /* "/a/b", and "/l", which leads to "a" */
};

/* Made when it is asked for first; gone with the process. */
const struct ground *fuzz_ground(void);

/* What no input may make fail. */
void fuzz_must(int r, const struct msb_error *err);

#endif

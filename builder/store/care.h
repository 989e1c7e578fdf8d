/* A store's care, as the files of the write side see it. */
#ifndef STORE_CARE_INTERNAL_H
#define STORE_CARE_INTERNAL_H

#include "store_care.h"
#include "writer.h"

struct store_care {
	struct store_writer *writer;   /* owned */
	struct connection *connection; /* the writer's */
	bool alone;
};

/* Is there so much garbage in a pack (size) beside what lives (live.bytes) that copying the latter
 * is worth it: an eighth, or 256 MiB? */
#define CARE_WORTH_EMPTYING "pack.size - live.bytes > min(pack.size / 8, 268435456)"

/* Makes the sums over all blobs anew. */
int care_sum_blobs(struct store_care *care, struct msb_error *err);
/* records.h shows something else from now on. */
void care_changed(struct store_care *care);

#endif

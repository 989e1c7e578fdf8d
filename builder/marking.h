/* Following what the records name through trees and images, for all that looks after a store. */
#ifndef MARKING_H
#define MARKING_H

#include "store_care.h"

struct marking {
	struct msb_store *store;
	struct store_care *care;
	int grade; /* of what is met from now on */
	/* Notes for store_each_bad() who names what, and what is missing or damaged. */
	bool trace;
	/* Goes on below what is missing or damaged; otherwise damage ends it: what lies below a
	 * directory that cannot be read is not garbage. */
	bool tolerant;
	uint64_t remote; /* with trace: blobs that are not here, but can be had */
};

/* Marks what these records name, and all that lies below; since as store_care_roots(). */
int marking_roots(struct marking *marking, enum store_roots which, int64_t since,
		  struct msb_error *err);
/* Marks one tree and all that lies below. 1: it was new, 0: it was known, or a negative code. */
int marking_tree(struct marking *marking, const struct msb_digest *tree, struct msb_error *err);
/* Marks one image: its documents, its tree, its layers with the trees between them. */
int marking_image(struct marking *marking, const struct msb_image *image, struct msb_error *err);

#endif

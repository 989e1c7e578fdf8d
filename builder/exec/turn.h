/*
 * One at a time does what several would do alike. Builds of one store that come to the same step at
 * once, and equal stages of one build, wait for the first of them and take what it made from the
 * step cache. The lock goes with its process.
 */
#ifndef TURN_H
#define TURN_H

#include <stdbool.h>

#include <msb/digest.h>
#include <msb/error.h>
#include <msb/store.h>

struct turn {
	struct msb_store *store;
	const struct msb_digest *key;
	int stop_fd;                    /* readable: wait no more */
	void (*waiting)(void *context); /* called once if somebody else is at it */
	void *context;
};

/* A descriptor to close when the step is on record. Without patience -1 where another one has the
 * turn. -ECANCELED: stopped. */
int turn_take(const struct turn *turn, bool patient, int *ret_fd, struct msb_error *err);

#endif

/*
 * A writer's own directory for unfinished things: ROOT/tmp/NAME, and beside it ROOT/tmp/NAME.lock,
 * which its owner keeps locked. A directory whose lock is free has lost its owner.
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <msb/error.h>

struct scratch {
	int tmp; /* descriptor of ROOT/tmp */
	int dir; /* of ROOT/tmp/NAME */
	int lock;
	char name[20];
	char *path; /* of ROOT/tmp/NAME, absolute; owned */
};

#define SCRATCH_NONE                                                                               \
	{                                                                                          \
		.tmp = -1, .dir = -1, .lock = -1                                                   \
	}

int scratch_open(int root, const char *root_path, struct scratch *ret, struct msb_error *err);
/* Removes what dead owners left. What cannot be removed now stays for the next time. */
void scratch_sweep(const struct scratch *scratch);
/* Removes the directory and all in it. */
void scratch_close(struct scratch *scratch);

#endif

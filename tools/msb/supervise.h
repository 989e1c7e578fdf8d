/* Work that can be stopped: in a process of its own, so that it ends within a second whatever it is
 * at, and leaves nothing. */
#ifndef SUPERVISE_H
#define SUPERVISE_H

#include <stdbool.h>

/*
 * Runs work in a child, which neither keys nor signals reach: Ctrl-C, SIGTERM and SIGHUP make its
 * stop_fd readable, and so does this process's death. Work that has not ended soon after is killed,
 * and what it leaves in the store at root removed. Returns the status that work returned; but after
 * such a signal, unless that status has a meaning of its own, this process dies of it.
 */
int supervise(const char *root, bool own_status, int (*work)(void *context, int stop_fd),
	      void *context);

#endif

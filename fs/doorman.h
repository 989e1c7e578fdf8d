/*
 * Who waits for the next request. The kernel wakes those who wait for one in turn, so that with
 * several waiting each request goes to a thread that slept for longest, on a core that may sleep as
 * well: a walk through a tree takes half again as long as with one. So one thread alone waits at
 * the door and answers what comes; the others stand aside until they are needed: when it is about
 * to wait for the disk, when more requests are there already, and when it has not come back for a
 * while, which is looked after while requests come.
 */
#ifndef DOORMAN_H
#define DOORMAN_H

#include <stddef.h>
#include <sys/types.h>

struct doorman;

struct doorman *doorman_new(void); /* NULL: no memory */
/* Nobody may be at the door or stand aside. */
void doorman_free(struct doorman *doorman);

/* read(2) of a request, when it is this thread's turn. The thread may be cancelled meanwhile. */
ssize_t doorman_read(struct doorman *doorman, int fd, void *bytes, size_t size);

/* The thread that calls may be away for long: another one is to wait, if none does. */
void doorman_leave(struct doorman *doorman);

#endif

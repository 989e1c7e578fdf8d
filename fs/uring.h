/*
 * An io_uring of the kernel with entries of 128 bytes, for one thread: as much of it as FUSE needs.
 * See io_uring_setup(2) and io_uring_enter(2).
 */
#ifndef URING_H
#define URING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/io_uring.h>

struct uring {
	int fd;
	unsigned queued; /* taken by uring_next() and not submitted */
	uint8_t *sqes;   /* mapped, as all below */
	void *rings;
	size_t sqes_size, rings_size;
	unsigned *sq_head, *sq_tail, *cq_head, *cq_tail;
	unsigned sq_mask, cq_mask;
	struct io_uring_cqe *cqes;
};

/* To be called by the thread that uses it. A negative errno code where the kernel has or allows
 * none. */
int uring_init(struct uring *ring, unsigned entries);
void uring_done(struct uring *ring);

/* An empty entry, of 128 bytes, that goes with the next uring_enter(). The caller never has more
 * than entries of them on their way. */
struct io_uring_sqe *uring_next(struct uring *ring);
/* Submits, and waits until something is completed. -EINTR: a signal came. */
int uring_enter(struct uring *ring);
/* False: nothing is completed. */
bool uring_take(struct uring *ring, uint64_t *ret_user_data, int *ret_result);

#endif

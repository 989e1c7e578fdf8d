#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "uring.h"

#define SQE_SIZE 128

static int setup(unsigned entries, struct io_uring_params *params)
{
	/* What is completed is prepared when this thread asks for it, not whenever it enters the
	 * kernel. */
	params->flags =
		IORING_SETUP_SQE128 | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
	return (int)syscall(SYS_io_uring_setup, entries, params);
}

static void *map(const struct uring *ring, size_t size, uint64_t offset)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd,
			(off_t)offset);

	return at == MAP_FAILED ? NULL : at;
}

static unsigned *word(const struct uring *ring, uint32_t offset)
{
	return (unsigned *)(void *)((uint8_t *)ring->rings + offset);
}

int uring_init(struct uring *ring, unsigned entries)
{
	struct io_uring_params params = {0};
	size_t sq_size, cq_size;
	unsigned *array;

	*ring = (struct uring){.fd = setup(entries, &params)};
	if (ring->fd < 0)
		return -errno;
	sq_size = params.sq_off.array + params.sq_entries * sizeof(unsigned);
	cq_size = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
	ring->rings_size = sq_size > cq_size ? sq_size : cq_size;
	ring->sqes_size = (size_t)params.sq_entries * SQE_SIZE;
	/* Both rings are one mapping since 5.4. */
	ring->rings = map(ring, ring->rings_size, IORING_OFF_SQ_RING);
	ring->sqes = map(ring, ring->sqes_size, IORING_OFF_SQES);
	if (!ring->rings || !ring->sqes) {
		uring_done(ring);
		return -ENOMEM;
	}
	ring->sq_head = word(ring, params.sq_off.head);
	ring->sq_tail = word(ring, params.sq_off.tail);
	ring->sq_mask = *word(ring, params.sq_off.ring_mask);
	ring->cq_head = word(ring, params.cq_off.head);
	ring->cq_tail = word(ring, params.cq_off.tail);
	ring->cq_mask = *word(ring, params.cq_off.ring_mask);
	ring->cqes = (void *)word(ring, params.cq_off.cqes);
	array = word(ring, params.sq_off.array);
	for (unsigned i = 0; i < params.sq_entries; i++)
		array[i] = i;
	return 0;
}

void uring_done(struct uring *ring)
{
	if (ring->rings)
		munmap(ring->rings, ring->rings_size);
	if (ring->sqes)
		munmap(ring->sqes, ring->sqes_size);
	if (ring->fd >= 0)
		close(ring->fd);
	*ring = (struct uring){.fd = -1};
}

struct io_uring_sqe *uring_next(struct uring *ring)
{
	unsigned at = (*ring->sq_tail + ring->queued++) & ring->sq_mask;
	void *sqe = ring->sqes + (size_t)at * SQE_SIZE;

	memset(sqe, 0, SQE_SIZE);
	return sqe;
}

int uring_enter(struct uring *ring)
{
	unsigned tail = *ring->sq_tail + ring->queued, waiting;
	long n;

	__atomic_store_n(ring->sq_tail, tail, __ATOMIC_RELEASE);
	ring->queued = 0;
	/* Exactly as many as there are: after fewer the kernel would not wait. */
	waiting = tail - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE);
	n = syscall(SYS_io_uring_enter, ring->fd, waiting, 1, IORING_ENTER_GETEVENTS, NULL, 0);
	return n < 0 ? -errno : 0;
}

bool uring_take(struct uring *ring, uint64_t *ret_user_data, int *ret_result)
{
	unsigned head = *ring->cq_head;
	const struct io_uring_cqe *cqe = &ring->cqes[head & ring->cq_mask];

	if (head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE))
		return false;
	*ret_user_data = cqe->user_data;
	*ret_result = cqe->res;
	__atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
	return true;
}

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>

#include <linux/fuse.h>

#include <msb/cleanup.h>

#include "doorman.h"
#include "fuse_ops.h"
#include "transport.h"
#include "uring.h"

/* linux/fuse.h of 6.14 and newer; the names there begin with FUSE_. */
#define INIT_FLAGS2_RING (1U << (41 - 32)) /* FUSE_OVER_IO_URING */
enum ring_command {
	RING_REGISTER = 1, /* here is an entry: fill it with a request */
	RING_COMMIT = 2,   /* this entry holds the answer: fill it with the next request */
};

struct ring_command_data { /* in an SQE's 80 bytes for commands */
	uint64_t flags;
	uint64_t commit_id;
	uint16_t queue;
	uint8_t padding[6];
};

struct ring_header {
	uint8_t in_out[128]; /* a struct fuse_in_header, then a struct fuse_out_header */
	uint8_t op_in[128];  /* the request's first argument */
	uint64_t flags;
	uint64_t commit_id;
	uint32_t payload_size;
	uint32_t padding;
	uint64_t reserved;
};

/* Requests that one core can have under way; more wait in the kernel. What waits for a registry
 * keeps its exchange, so that they are as many as the kernel reads ahead, and some. */
#define DEPTH (FUSE_OPS_BACKGROUND + 16)
/* The number of what is no exchange: the queue was woken. */
#define WOKEN DEPTH
/* Beyond it every request would go the old way. */
#define CORES_MAX 256
#define PAYLOAD   FUSE_OPS_READ_MAX
/* Before the payload: the header, and room to put a request together. */
#define FRONT 4096
#define ROOM  ((size_t)FRONT + PAYLOAD)

/* A request on its way through: the kernel's buffers and what is known about it. */
struct exchange {
	uint8_t *front; /* FRONT, then PAYLOAD bytes, touched when used; the queue's */
	struct iovec parts[2];
	uint64_t unique;
	bool answered;
	/* Of one that another thread answers. Guarded by the queue's lock, as the next one; between
	 * the two moments it is nobody's. */
	bool deferred;
	bool ready; /* answered: to be given to the kernel */
};

struct queue {
	struct transport *transport;
	unsigned core;
	pthread_t thread;
	bool started;
	atomic_bool ended;
	struct uring ring;
	void *buffers; /* of all exchanges; mapped */
	struct exchange exchanges[DEPTH];
	unsigned live; /* exchanges that the kernel knows */
	pthread_mutex_t lock;
	int woken;      /* an eventfd: some exchange is ready */
	uint64_t wakes; /* read from it */
};

struct transport {
	struct fuse_session *session;
	struct doorman *doorman; /* owned */
	bool rings;              /* wanted where they can be had */
	int signal;
	int fd;               /* /dev/fuse; the session's */
	uint64_t init_unique; /* of INIT; 0: it has been answered */
	bool offers_rings, offers_parallel;
	struct queue *queues; /* one a core; NULL: the old way; owned */
	unsigned count;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t changed;
	unsigned prepared, failed; /* queues */
	enum { WAIT, GO, STOP } state;
	atomic_bool stopping;
	atomic_uint serving; /* queues that are, from some moment on */
};

static _Thread_local struct exchange *current;
static _Thread_local struct queue *current_queue;
static _Thread_local bool in_ring;

bool transport_is_ring(void)
{
	return in_ring;
}

char *transport_reply_buffer(size_t size)
{
	return current && size <= PAYLOAD ? (char *)current->front + FRONT : NULL;
}

static struct ring_header *header_of(const struct exchange *exchange)
{
	return (struct ring_header *)(void *)exchange->front;
}

/* --- one core's thread ---------------------------------------------------------------------- */

static void submit(struct queue *queue, unsigned index, enum ring_command command)
{
	struct exchange *exchange = &queue->exchanges[index];
	struct io_uring_sqe *sqe = uring_next(&queue->ring);
	struct ring_command_data data = {.queue = (uint16_t)queue->core};

	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = queue->transport->fd;
	sqe->user_data = index;
	sqe->cmd_op = command;
	if (command == RING_REGISTER) {
		sqe->addr = (uintptr_t)exchange->parts;
		sqe->len = 2;
	} else {
		data.commit_id = header_of(exchange)->commit_id;
	}
	memcpy(sqe->cmd, &data, sizeof(data));
}

/* libfuse's answer to the exchange under way, on its way to the kernel. */
static ssize_t answer(struct exchange *exchange, const struct iovec *iov, int count)
{
	uint8_t *payload = exchange->front + FRONT;
	struct fuse_out_header out;
	size_t size = 0;

	memcpy(&out, iov[0].iov_base, sizeof(out));
	for (int i = 1; i < count; i++) {
		if (iov[i].iov_len > PAYLOAD - size) {
			errno = EMSGSIZE;
			return -1;
		}
		if (iov[i].iov_base != payload + size)
			memmove(payload + size, iov[i].iov_base, iov[i].iov_len);
		size += iov[i].iov_len;
	}
	memcpy(header_of(exchange)->in_out, &out, sizeof(out));
	header_of(exchange)->payload_size = (uint32_t)size;
	exchange->answered = true;
	return (ssize_t)(sizeof(out) + size);
}

/* The request as /dev/fuse would have given it, in one piece before and in the payload. NULL for
 * what cannot be. */
static void *assemble(struct exchange *exchange, size_t *ret_size)
{
	const struct ring_header *header = header_of(exchange);
	uint8_t *payload = exchange->front + FRONT;
	struct fuse_in_header in;
	size_t first;

	memcpy(&in, header->in_out, sizeof(in));
	exchange->unique = in.unique;
	if (header->payload_size > PAYLOAD || in.len < sizeof(in) + header->payload_size)
		return NULL;
	first = in.len - sizeof(in) - header->payload_size;
	if (first > sizeof(header->op_in))
		return NULL;
	memcpy(payload - first, header->op_in, first);
	memcpy(payload - first - sizeof(in), &in, sizeof(in));
	*ret_size = in.len;
	return payload - first - sizeof(in);
}

static void refuse(struct exchange *exchange)
{
	struct fuse_out_header out = {sizeof(out), -EIO, exchange->unique};
	struct iovec iov = {&out, sizeof(out)};

	answer(exchange, &iov, 1);
}

void transport_defer(void)
{
	if (!current)
		return;
	pthread_mutex_lock(&current_queue->lock);
	current->deferred = true;
	pthread_mutex_unlock(&current_queue->lock);
	current = NULL;
}

/* The answer to a deferred exchange of this queue, if it is one; from any thread. False: it is not.
 */
static bool answer_deferred(struct queue *queue, uint64_t unique, const struct iovec *iov,
			    int count, ssize_t *ret)
{
	const uint64_t one = 1;
	bool found = false;

	pthread_mutex_lock(&queue->lock);
	for (unsigned i = 0; i < DEPTH && !found; i++) {
		struct exchange *exchange = &queue->exchanges[i];

		if (!exchange->deferred || exchange->ready || exchange->unique != unique)
			continue;
		found = exchange->ready = true;
		*ret = answer(exchange, iov, count);
	}
	pthread_mutex_unlock(&queue->lock);
	if (found && write(queue->woken, &one, sizeof(one)) < 0)
		*ret = -1;
	return found;
}

static void await_waking(struct queue *queue)
{
	struct io_uring_sqe *sqe = uring_next(&queue->ring);

	sqe->opcode = IORING_OP_READ;
	sqe->fd = queue->woken;
	sqe->addr = (uintptr_t)&queue->wakes;
	sqe->len = sizeof(queue->wakes);
	sqe->user_data = WOKEN;
}

static void submit_ready(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	for (unsigned i = 0; i < DEPTH; i++) {
		struct exchange *exchange = &queue->exchanges[i];

		if (!exchange->ready)
			continue;
		exchange->deferred = exchange->ready = false;
		submit(queue, i, RING_COMMIT);
	}
	pthread_mutex_unlock(&queue->lock);
	await_waking(queue);
}

/* True when another thread answers. */
static bool is_deferred(struct queue *queue, const struct exchange *exchange)
{
	bool deferred;

	pthread_mutex_lock(&queue->lock);
	deferred = exchange->deferred;
	pthread_mutex_unlock(&queue->lock);
	return deferred;
}

static void serve_one(struct queue *queue, unsigned index)
{
	struct exchange *exchange = &queue->exchanges[index];
	struct fuse_buf request = {0};
	bool gone = false;

	exchange->answered = false;
	request.mem = assemble(exchange, &request.size);
	if (request.mem) {
		current = exchange;
		current_queue = queue;
		fuse_session_process_buf(queue->transport->session, &request);
		gone = !current && is_deferred(queue, exchange);
		current = NULL;
	}
	if (gone)
		return;
	/* All other answers are given before their operation returns. */
	if (!exchange->answered)
		refuse(exchange);
	submit(queue, index, RING_COMMIT);
}

static void serve_queue(struct queue *queue)
{
	uint64_t index;
	int result, r = 0;

	for (unsigned i = 0; i < DEPTH; i++)
		submit(queue, i, RING_REGISTER);
	await_waking(queue);
	queue->live = DEPTH;
	while (queue->live && !atomic_load(&queue->transport->stopping)) {
		r = uring_enter(&queue->ring);
		if (r < 0 && r != -EINTR && r != -EAGAIN && r != -EBUSY)
			break;
		while (uring_take(&queue->ring, &index, &result)) {
			if (index == WOKEN)
				submit_ready(queue);
			else if (result < 0) /* unmounted, or refused: the old way goes on */
				queue->live--;
			else
				serve_one(queue, (unsigned)index);
		}
	}
}

static void stay_on_core(unsigned core)
{
	cpu_set_t set;

	if (core >= CPU_SETSIZE)
		return;
	CPU_ZERO(&set);
	CPU_SET(core, &set);
	/* Faster where it is allowed and the core is there. */
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

/* Tells whether this queue is prepared, and waits until all are. */
static bool may_go(struct transport *transport, bool prepared)
{
	bool go;

	pthread_mutex_lock(&transport->lock);
	transport->prepared += prepared;
	transport->failed += !prepared;
	pthread_cond_broadcast(&transport->changed);
	while (transport->state == WAIT)
		pthread_cond_wait(&transport->changed, &transport->lock);
	go = transport->state == GO;
	pthread_mutex_unlock(&transport->lock);
	return go;
}

static void *run_queue(void *context)
{
	struct queue *queue = context;
	bool prepared;

	in_ring = true;
	stay_on_core(queue->core);
	queue->woken = eventfd(0, EFD_CLOEXEC);
	prepared = queue->woken >= 0 && uring_init(&queue->ring, 2 * DEPTH) == 0;
	if (may_go(queue->transport, prepared) && prepared)
		serve_queue(queue);
	/* What the ring still holds is given up with it. */
	uring_done(&queue->ring);
	atomic_store(&queue->ended, true);
	return NULL;
}

/* --- all of them ---------------------------------------------------------------------------- */

/* The kernel wants a queue for every core that may ever be there. 0: not known. */
static unsigned count_cores(void)
{
	autofclose FILE *file = fopen("/sys/devices/system/cpu/possible", "re");
	unsigned first, last;
	int n;

	if (!file)
		return 0;
	n = fscanf(file, "%u-%u", &first, &last);
	if (n < 1 || first != 0 || fgetc(file) != '\n')
		return 0;
	return n == 1 ? 1 : last < CORES_MAX ? last + 1 : 0;
}

static bool make_exchanges(struct queue *queue)
{
	void *at = mmap(NULL, DEPTH * ROOM, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return false;
	queue->buffers = at;
	for (unsigned i = 0; i < DEPTH; i++) {
		struct exchange *exchange = &queue->exchanges[i];

		exchange->front = (uint8_t *)at + i * ROOM;
		exchange->parts[0] = (struct iovec){exchange->front, sizeof(struct ring_header)};
		exchange->parts[1] = (struct iovec){exchange->front + FRONT, PAYLOAD};
	}
	return true;
}

static void set_state(struct transport *transport, int state)
{
	pthread_mutex_lock(&transport->lock);
	transport->state = state;
	pthread_cond_broadcast(&transport->changed);
	pthread_mutex_unlock(&transport->lock);
}

/* A signal may come just before the thread falls asleep, so that they come until it has ended. */
static void end_queue(struct queue *queue)
{
	struct timespec pause = {.tv_nsec = 1000000};

	while (queue->started && !atomic_load(&queue->ended)) {
		pthread_kill(queue->thread, queue->transport->signal);
		nanosleep(&pause, NULL);
	}
	if (queue->started) {
		pthread_join(queue->thread, NULL);
		pthread_mutex_destroy(&queue->lock);
		close(queue->woken);
	}
	if (queue->buffers)
		munmap(queue->buffers, DEPTH * ROOM);
}

static void end_queues(struct transport *transport)
{
	atomic_store(&transport->serving, 0);
	atomic_store(&transport->stopping, true);
	set_state(transport, STOP);
	for (unsigned i = 0; transport->queues && i < transport->count; i++)
		end_queue(&transport->queues[i]);
	free(transport->queues);
	transport->queues = NULL;
}

static bool start_queue(struct transport *transport, unsigned core)
{
	struct queue *queue = &transport->queues[core];

	queue->transport = transport;
	queue->core = core;
	queue->ring.fd = -1;
	pthread_mutex_init(&queue->lock, NULL);
	if (!make_exchanges(queue))
		return false;
	queue->started = pthread_create(&queue->thread, NULL, run_queue, queue) == 0;
	return queue->started;
}

/* All rings or none, before the kernel is told: it then waits for every one of them. */
static bool start_queues(struct transport *transport)
{
	bool good = true;

	transport->count = count_cores();
	transport->queues = calloc(transport->count + 1, sizeof(*transport->queues));
	if (!transport->queues || transport->count == 0)
		good = false;
	for (unsigned i = 0; good && i < transport->count; i++)
		good = start_queue(transport, i);
	pthread_mutex_lock(&transport->lock);
	while (good && transport->prepared + transport->failed < transport->count)
		pthread_cond_wait(&transport->changed, &transport->lock);
	good = good && transport->failed == 0;
	pthread_mutex_unlock(&transport->lock);
	if (!good)
		end_queues(transport);
	return good;
}

/* --- between libfuse and /dev/fuse ---------------------------------------------------------- */

static void see_request(struct transport *transport, const void *bytes, size_t size)
{
	struct fuse_in_header in;
	struct fuse_init_in init;

	if (size < sizeof(in) + sizeof(init))
		return;
	memcpy(&in, bytes, sizeof(in));
	memcpy(&init, (const uint8_t *)bytes + sizeof(in), sizeof(init));
	if (in.opcode != FUSE_INIT)
		return;
	transport->init_unique = in.unique;
	transport->offers_parallel = init.flags & FUSE_PARALLEL_DIROPS;
	transport->offers_rings =
		transport->rings && init.flags & FUSE_INIT_EXT && init.flags2 & INIT_FLAGS2_RING;
}

static ssize_t hook_read(int fd, void *bytes, size_t size, void *user_data)
{
	struct transport *transport = ((struct fuse_ops_context *)user_data)->transport;
	ssize_t n = doorman_read(transport->doorman, fd, bytes, size);

	if (n > 0)
		see_request(transport, bytes, (size_t)n);
	return n;
}

/* libfuse's answer to INIT, and in it what libfuse does not say: that there are rings, and (3.14
 * has the flag and forgets it) that lookups in one directory need not wait for each other. */
static ssize_t answer_init(struct transport *transport, int fd, struct iovec *iov, int count)
{
	struct fuse_init_out out;
	struct iovec ours[2] = {iov[0], {&out, sizeof(out)}};
	ssize_t n;

	transport->init_unique = 0;
	if (count != 2 || iov[1].iov_len != sizeof(out))
		return writev(fd, iov, count);
	memcpy(&out, iov[1].iov_base, sizeof(out));
	if (transport->offers_parallel)
		out.flags |= FUSE_PARALLEL_DIROPS;
	if (!transport->offers_rings || out.max_write > PAYLOAD || !start_queues(transport))
		return writev(fd, ours, 2);
	out.flags |= FUSE_INIT_EXT;
	out.flags2 |= INIT_FLAGS2_RING;
	n = writev(fd, ours, 2);
	if (n >= 0)
		atomic_store(&transport->serving, transport->count);
	set_state(transport, n < 0 ? STOP : GO);
	return n;
}

static ssize_t hook_writev(int fd, struct iovec *iov, int count, void *user_data)
{
	struct transport *transport = ((struct fuse_ops_context *)user_data)->transport;
	struct fuse_out_header out;
	ssize_t n;

	memcpy(&out, iov[0].iov_base, sizeof(out));
	/* Notifications, which have no number, go the old way. */
	if (current && out.unique && out.unique == current->unique)
		return answer(current, iov, count);
	for (unsigned i = 0; !current && out.unique && i < transport->serving; i++)
		if (answer_deferred(&transport->queues[i], out.unique, iov, count, &n))
			return n;
	if (out.unique && out.unique == transport->init_unique)
		return answer_init(transport, fd, iov, count);
	return writev(fd, iov, count);
}

void transport_leave(struct transport *transport)
{
	if (!in_ring)
		doorman_leave(transport->doorman);
}

struct transport *transport_new(struct fuse_session *session, bool rings, int signal)
{
	static const struct fuse_custom_io io = {.read = hook_read, .writev = hook_writev};
	struct transport *transport = calloc(1, sizeof(*transport));

	if (!transport)
		return NULL;
	transport->session = session;
	transport->rings = rings;
	transport->signal = signal;
	transport->fd = fuse_session_fd(session);
	pthread_mutex_init(&transport->lock, NULL);
	pthread_cond_init(&transport->changed, NULL);
	transport->doorman = doorman_new();
	if (transport->doorman && fuse_session_custom_io(session, &io, transport->fd) == 0)
		return transport;
	transport_free(transport);
	return NULL;
}

void transport_free(struct transport *transport)
{
	if (!transport)
		return;
	end_queues(transport);
	doorman_free(transport->doorman);
	pthread_cond_destroy(&transport->changed);
	pthread_mutex_destroy(&transport->lock);
	free(transport);
}

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "doorman.h"

/* While requests come, one of those who stand aside looks so often whether the door is open and the
 * one who went away is still at the same request. */
#define LOOK_NS 2000000
/* So many looks without a request, and nobody looks any more. */
#define LOOKS_IDLE 3

struct doorman {
	pthread_mutex_t lock;  /* guards all below */
	pthread_cond_t called; /* wanted or appointed */
	bool taken;            /* somebody waits at the door */
	bool wanted;           /* somebody should */
	unsigned aside;
	bool looking;      /* one of those aside looks, or was appointed to */
	bool appointed;    /* whoever wakes next is to look */
	uint64_t requests; /* that came */
};

struct doorman *doorman_new(void)
{
	struct doorman *doorman = calloc(1, sizeof(*doorman));
	pthread_condattr_t attributes;

	if (!doorman)
		return NULL;
	pthread_mutex_init(&doorman->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&doorman->called, &attributes);
	pthread_condattr_destroy(&attributes);
	return doorman;
}

void doorman_free(struct doorman *doorman)
{
	if (!doorman)
		return;
	pthread_cond_destroy(&doorman->called);
	pthread_mutex_destroy(&doorman->lock);
	free(doorman);
}

static void let_go(void *lock)
{
	pthread_mutex_unlock(lock);
}

static void wait_for_look(struct doorman *doorman)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += LOOK_NS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_cond_timedwait(&doorman->called, &doorman->lock, &until);
}

/* Until somebody is wanted at the door, or nothing has come for a while. */
static void look_after(struct doorman *doorman)
{
	uint64_t seen = doorman->requests;

	for (unsigned idle = 0; idle < LOOKS_IDLE && (doorman->taken || !doorman->wanted);) {
		wait_for_look(doorman);
		idle = seen == doorman->requests ? idle + 1 : 0;
		if (idle > 0 && !doorman->taken)
			doorman->wanted = true;
		seen = doorman->requests;
	}
	doorman->looking = false;
}

static void stand_aside(struct doorman *doorman)
{
	doorman->aside++;
	while (doorman->taken || !doorman->wanted) {
		if (!doorman->appointed) {
			pthread_cond_wait(&doorman->called, &doorman->lock);
			continue;
		}
		doorman->appointed = false;
		look_after(doorman);
	}
	doorman->aside--;
}

static void go_to_door(struct doorman *doorman)
{
	pthread_mutex_lock(&doorman->lock);
	pthread_cleanup_push(let_go, &doorman->lock);
	if (doorman->taken)
		stand_aside(doorman);
	doorman->taken = true;
	doorman->wanted = false;
	pthread_cleanup_pop(1);
}

static void come_back(struct doorman *doorman, bool request)
{
	pthread_mutex_lock(&doorman->lock);
	doorman->taken = false;
	doorman->requests += request;
	if (request && doorman->aside && !doorman->looking) {
		doorman->looking = doorman->appointed = true;
		pthread_cond_signal(&doorman->called);
	}
	pthread_mutex_unlock(&doorman->lock);
}

ssize_t doorman_read(struct doorman *doorman, int fd, void *bytes, size_t size)
{
	struct pollfd more = {.fd = fd, .events = POLLIN};
	int error;
	ssize_t n;

	go_to_door(doorman);
	n = read(fd, bytes, size);
	error = errno;
	come_back(doorman, n > 0);
	if (n > 0 && poll(&more, 1, 0) > 0)
		doorman_leave(doorman);
	errno = error;
	return n;
}

void doorman_leave(struct doorman *doorman)
{
	pthread_mutex_lock(&doorman->lock);
	if (!doorman->taken && !doorman->wanted && doorman->aside) {
		doorman->wanted = true;
		pthread_cond_signal(&doorman->called);
	}
	pthread_mutex_unlock(&doorman->lock);
}

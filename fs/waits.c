#include "waits.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "asker.h"
#include "fetch.h"
#include "transport.h"

/* As many as the kernel sends ahead (max_background), and some. */
#define THREADS_MAX 256
#define STACK_SIZE  ((size_t)512 * 1024)

struct job {
	struct job *next;
	struct waits *waits;
	uint64_t number;
	struct waiting waiting;
	char *name; /* owned */
	waiting_fn run;
	bool held; /* nobody may answer yet: who gives up is noted */
	bool given_up, running, answered;
};

struct waits {
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t changed;
	struct job *jobs;
	uint64_t last_number;
	unsigned threads;
	unsigned held;
};

struct waits *waits_new(void)
{
	struct waits *waits = calloc(1, sizeof(*waits));

	if (!waits)
		return NULL;
	pthread_mutex_init(&waits->lock, NULL);
	pthread_cond_init(&waits->changed, NULL);
	return waits;
}

static struct job *next_job(struct waits *waits)
{
	struct job *oldest = NULL;

	for (struct job *job = waits->jobs; job; job = job->next)
		if (!job->running && !job->held)
			oldest = job;
	return oldest;
}

static void end_job(struct waits *waits, struct job *job)
{
	struct job **at = &waits->jobs;

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	free(job->name);
	free(job);
}

/* Ends when there is nothing to do: a mount that waits for nothing has none of them. */
static void *work(void *context)
{
	struct waits *waits = context;
	struct job *job;

	fetch_allow_waiting(true);
	pthread_mutex_lock(&waits->lock);
	while ((job = next_job(waits)) || waits->held > 0) {
		if (!job) {
			pthread_cond_wait(&waits->changed, &waits->lock);
			continue;
		}
		job->running = true;
		if (!job->answered) {
			pthread_mutex_unlock(&waits->lock);
			job->run(waits, &job->waiting);
			pthread_mutex_lock(&waits->lock);
		}
		end_job(waits, job);
	}
	waits->threads--;
	pthread_cond_broadcast(&waits->changed);
	pthread_mutex_unlock(&waits->lock);
	return NULL;
}

static bool start_thread(struct waits *waits)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int r;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	r = pthread_create(&thread, &attributes, work, waits);
	pthread_attr_destroy(&attributes);
	waits->threads += r == 0;
	return r == 0;
}

static bool take(struct waits *waits, uint64_t number)
{
	bool mine = false;

	pthread_mutex_lock(&waits->lock);
	for (struct job *job = waits->jobs; job; job = job->next) {
		if (job->number != number || job->answered)
			continue;
		if (job->held)
			job->given_up = true;
		else
			mine = job->answered = true;
	}
	pthread_mutex_unlock(&waits->lock);
	return mine;
}

bool waits_take(struct waits *waits, const struct waiting *waiting)
{
	const struct job *job =
		(const struct job *)((const char *)waiting - offsetof(struct job, waiting));

	return take(waits, job->number);
}

/* Whoever asked was sent a signal. The job may be gone already: it is known by its number. */
static void on_interrupt(fuse_req_t request, void *number)
{
	const struct fuse_ops_context *context = fuse_req_userdata(request);

	if (take(context->waits, (uint64_t)(uintptr_t)number))
		fuse_reply_err(request, EINTR);
}

/* With the lock held. */
static bool add_held(struct waits *waits, struct job *job)
{
	if (waits->threads < THREADS_MAX && !start_thread(waits) && waits->threads == 0)
		return false;
	job->number = ++waits->last_number;
	job->held = true;
	job->next = waits->jobs;
	waits->jobs = job;
	waits->held++;
	return true;
}

/* From here on other threads may answer, and end the job. */
static void let_go(struct waits *waits, struct job *job)
{
	fuse_req_t request = job->waiting.request;
	bool given_up;

	pthread_mutex_lock(&waits->lock);
	given_up = job->answered = job->given_up;
	job->held = false;
	waits->held--;
	pthread_cond_broadcast(&waits->changed);
	pthread_mutex_unlock(&waits->lock);
	if (given_up)
		fuse_reply_err(request, EINTR);
}

/* Of a request that comes by a ring, Linux (6.18) tells no more that its asker gives up once he did
 * so before it was taken from there. Those who waited for another's request, and were sent a signal
 * meanwhile, all do. */
static bool gave_up_before(fuse_req_t request)
{
	return transport_is_ring() && asker_is_called(fuse_req_ctx(request)->pid);
}

bool waits_add(struct waits *waits, const struct waiting *waiting, waiting_fn run)
{
	struct job *job;
	bool good;

	if (gave_up_before(waiting->request)) {
		fuse_reply_err(waiting->request, EINTR);
		return true;
	}
	job = calloc(1, sizeof(*job));
	if (!job)
		return false;
	job->waits = waits;
	job->waiting = *waiting;
	job->run = run;
	job->name = waiting->name ? strdup(waiting->name) : NULL;
	job->waiting.name = job->name;
	if (waiting->name && !job->name) {
		free(job);
		return false;
	}
	pthread_mutex_lock(&waits->lock);
	good = add_held(waits, job);
	pthread_mutex_unlock(&waits->lock);
	if (!good) {
		free(job->name);
		free(job);
		return false;
	}
	transport_defer();
	/* Calls at once where the signal was faster; to answer there would free what it holds. */
	fuse_req_interrupt_func(job->waiting.request, on_interrupt, (void *)(uintptr_t)job->number);
	let_go(waits, job);
	return true;
}

void waits_free(struct waits *waits)
{
	if (!waits)
		return;
	pthread_mutex_lock(&waits->lock);
	while (waits->threads > 0)
		pthread_cond_wait(&waits->changed, &waits->lock);
	pthread_mutex_unlock(&waits->lock);
	pthread_cond_destroy(&waits->changed);
	pthread_mutex_destroy(&waits->lock);
	free(waits);
}

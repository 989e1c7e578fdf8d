#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "layer.h"
#include "layer_digests.h"
#include "shared_caches.h"

struct job {
	struct layer_record layer;
	enum { QUEUED, READY, FAILED } state;
	bool is_new;
	struct msb_error error;
	struct job *next;
};

struct layer_digests {
	struct msb_store *store;
	struct store_writer *writer;
	const struct shared_caches *caches; /* borrowed */
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct job *jobs; /* newest last; guarded by lock, as all below */
	bool stop;
};

static const struct msb_digest none;

static void compute(struct layer_digests *digests, struct job *job)
{
	struct layer_record *layer = &job->layer;
	const struct msb_digest *parent =
		msb_digest_equal(&layer->parent, &none) ? NULL : &layer->parent;
	int r;

	r = layer_digest(digests->store, parent, &layer->tree, &layer->diff_id, &layer->size,
			 &job->error);
	pthread_mutex_lock(&digests->lock);
	job->is_new = true;
	job->state = r < 0 ? FAILED : READY;
	pthread_cond_broadcast(&digests->changed);
	pthread_mutex_unlock(&digests->lock);
}

static void *work(void *argument)
{
	struct layer_digests *digests = argument;

	pthread_mutex_lock(&digests->lock);
	while (!digests->stop) {
		struct job *job = digests->jobs;

		while (job && job->state != QUEUED)
			job = job->next;
		if (!job) {
			pthread_cond_wait(&digests->changed, &digests->lock);
			continue;
		}
		pthread_mutex_unlock(&digests->lock);
		compute(digests, job);
		pthread_mutex_lock(&digests->lock);
	}
	pthread_mutex_unlock(&digests->lock);
	return NULL;
}

int layer_digests_new(struct msb_store *store, struct store_writer *writer,
		      const struct shared_caches *caches, struct layer_digests **ret,
		      struct msb_error *err)
{
	struct layer_digests *digests = calloc(1, sizeof(*digests));

	if (!digests)
		return msb_error_memory(err);
	digests->store = store;
	digests->writer = writer;
	digests->caches = caches;
	pthread_mutex_init(&digests->lock, NULL);
	pthread_cond_init(&digests->changed, NULL);
	*ret = digests;
	return 0;
}

void layer_digests_free(struct layer_digests *digests)
{
	if (!digests)
		return;
	pthread_mutex_lock(&digests->lock);
	digests->stop = true;
	pthread_cond_broadcast(&digests->changed);
	pthread_mutex_unlock(&digests->lock);
	if (digests->has_thread)
		pthread_join(digests->thread, NULL);
	while (digests->jobs) {
		struct job *job = digests->jobs;

		digests->jobs = job->next;
		free(job);
	}
	pthread_cond_destroy(&digests->changed);
	pthread_mutex_destroy(&digests->lock);
	free(digests);
}

static struct job *find(struct layer_digests *digests, const struct layer_pair *pair)
{
	struct job *job = digests->jobs;

	while (job && !(msb_digest_equal(&job->layer.parent, &pair->parent) &&
			msb_digest_equal(&job->layer.tree, &pair->tree)))
		job = job->next;
	return job;
}

/* Answers from the records and caches where they know it; the thread starts with the first real
 * work. */
static int add_job(struct layer_digests *digests, const struct layer_pair *pair, struct job **ret,
		   struct msb_error *err)
{
	struct job *job = calloc(1, sizeof(*job)), **end = &digests->jobs;
	int r;

	if (!job)
		return msb_error_memory(err);
	job->layer.parent = pair->parent;
	job->layer.tree = pair->tree;
	r = store_layer_find(digests->writer, &pair->parent, &pair->tree, &job->layer, err);
	if (r < 0 && r != -ENOENT) {
		free(job);
		return r;
	}
	if (r == -ENOENT) {
		r = shared_caches_find_layer(digests->caches, &pair->parent, &pair->tree,
					     &job->layer);
		job->is_new = r >= 0;
	}
	job->state = r < 0 ? QUEUED : READY;
	if (r < 0 && !digests->has_thread) {
		r = pthread_create(&digests->thread, NULL, work, digests);
		if (r != 0) {
			free(job);
			return msb_error_set(err, r, "start a thread");
		}
		digests->has_thread = true;
	}
	while (*end)
		end = &(*end)->next;
	*end = job;
	*ret = job;
	pthread_cond_broadcast(&digests->changed);
	return 0;
}

/* With the lock held: the job for pair, begun if nobody has. */
static int find_or_add(struct layer_digests *digests, const struct layer_pair *pair,
		       struct job **ret, struct msb_error *err)
{
	*ret = find(digests, pair);
	return *ret ? 0 : add_job(digests, pair, ret, err);
}

int layer_digests_begin(struct layer_digests *digests, const struct layer_pair *pair,
			struct msb_error *err)
{
	struct job *job;
	int r;

	pthread_mutex_lock(&digests->lock);
	r = find_or_add(digests, pair, &job, err);
	pthread_mutex_unlock(&digests->lock);
	return r;
}

int layer_digests_wait(struct layer_digests *digests, const struct layer_pair *pair,
		       struct layer_record *ret, bool *ret_new, struct msb_error *err)
{
	struct job *job;
	int r;

	pthread_mutex_lock(&digests->lock);
	r = find_or_add(digests, pair, &job, err);
	while (r >= 0 && job->state == QUEUED)
		pthread_cond_wait(&digests->changed, &digests->lock);
	if (r >= 0 && job->state == FAILED) {
		r = job->error.code;
		if (err)
			*err = job->error;
	} else if (r >= 0) {
		*ret = job->layer;
		*ret_new = job->is_new;
		job->is_new = false; /* whoever asked first records it */
	}
	pthread_mutex_unlock(&digests->lock);
	return r;
}

#include "fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "io.h"
#include "range.h"

#define WORKERS 4

struct fetch {
	struct fetches *fetches;
	const struct descriptor *blob;
	enum { UNWANTED, QUEUED, RUNNING, ENDED } state; /* guarded by lock, as the next three */
	uint64_t written;
	int result;
	struct msb_error error;
	int fd;        /* owned; -1: none */
	char name[24]; /* of its file; "": none */
	uint64_t read;

	/* The worker's own. */
	struct range_answer answer; /* under way */
	int64_t told_ns;
};

struct fetches {
	struct store_writer *writer;
	struct remote *remote;
	struct teller *teller;
	struct fetch *items; /* owned */
	size_t count;
	pthread_t workers[WORKERS];
	size_t worker_count;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stop; /* guarded by lock */
};

static int take_bytes(void *context, const void *bytes, size_t size, struct msb_error *err)
{
	struct fetch *fetch = context;
	struct fetches *fetches = fetch->fetches;
	const uint8_t *from = bytes;
	int r = range_place(&fetch->answer, fetch->written, &from, &size, err);

	if (r < 0)
		return r;
	if (size > fetch->blob->size - fetch->written)
		return msb_error_say(err, EBADMSG, "more bytes come than the %llu announced",
				     (unsigned long long)fetch->blob->size);
	r = io_pwrite(fetch->fd, from, size, fetch->written);
	if (r < 0)
		return msb_error_set(err, r, "write to '%s'",
				     store_writer_scratch_path(fetches->writer));
	pthread_mutex_lock(&fetches->lock);
	fetch->written += size;
	pthread_cond_broadcast(&fetches->changed);
	pthread_mutex_unlock(&fetches->lock);
	teller_move(fetches->teller, &fetch->blob->digest, fetch->written, fetch->blob->size,
		    &fetch->told_ns);
	return 0;
}

static int try_once(struct fetch *fetch, struct http_response *response, struct msb_error *err)
{
	const struct layer_sink sink = {take_bytes, fetch};

	fetch->answer = (struct range_answer){.response = response};
	return range_ask(fetch->fetches->remote, &fetch->blob->digest, fetch->written, 0, &sink,
			 response, err);
}

static int judge(struct fetch *fetch, int r, struct http_response *response, struct msb_error *err)
{
	if (r < 0)
		return r;
	if (response->status != 200 && response->status != 206)
		return remote_refused(fetch->fetches->remote, response, "get the layer", err);
	if (fetch->written < fetch->blob->size)
		return msb_error_say(err, ECONNRESET, "only %llu of %llu bytes came",
				     (unsigned long long)fetch->written,
				     (unsigned long long)fetch->blob->size);
	return 0;
}

/* A large one gets a name, so that the store can take the file over as it is. */
static int make_file(struct fetch *fetch)
{
	static atomic_uint last;
	int scratch = store_writer_scratch(fetch->fetches->writer);

	if (fetch->blob->size < STORE_LARGE)
		return openat(scratch, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	snprintf(fetch->name, sizeof(fetch->name), "fetch-%u", atomic_fetch_add(&last, 1));
	return openat(scratch, fetch->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

static void drop_file(struct fetch *fetch)
{
	if (fetch->fd < 0)
		return;
	close(fetch->fd);
	fetch->fd = -1;
	/* It may have gone into the store. */
	if (*fetch->name)
		unlinkat(store_writer_scratch(fetch->fetches->writer), fetch->name, 0);
}

static int download(struct fetch *fetch, struct msb_error *err)
{
	struct store_writer *writer = fetch->fetches->writer;
	char text[MSB_DIGEST_TEXT];
	struct retry retry = {0};
	int r = 0;

	fetch->fd = make_file(fetch);
	if (fetch->fd < 0)
		return msb_error_set(err, errno, "make a temporary file in '%s'",
				     store_writer_scratch_path(writer));
	while (fetch->written < fetch->blob->size) {
		autoresponse response = {0};
		uint64_t before = fetch->written;

		r = judge(fetch, try_once(fetch, &response, err), &response, err);
		if (r >= 0)
			break;
		if (!range_again(fetch->fetches->remote, &retry, fetch->written - before, r,
				 &response))
			break;
	}
	return r < 0 ? msb_error_prefix(err, r, "layer %s",
					msb_digest_format(&fetch->blob->digest, text))
		     : 0;
}

static struct fetch *next_queued(struct fetches *fetches)
{
	for (size_t i = 0; i < fetches->count && !fetches->stop; i++)
		if (fetches->items[i].state == QUEUED)
			return &fetches->items[i];
	return NULL;
}

static void *work(void *context)
{
	struct fetches *fetches = context;
	struct fetch *fetch;

	pthread_mutex_lock(&fetches->lock);
	while ((fetch = next_queued(fetches))) {
		struct msb_error err = {0};
		int r;

		fetch->state = RUNNING;
		pthread_mutex_unlock(&fetches->lock);
		r = download(fetch, &err);
		if (r >= 0)
			teller_say(fetches->teller, MSB_TRANSFER_FETCHED, &fetch->blob->digest);
		pthread_mutex_lock(&fetches->lock);
		fetch->state = ENDED;
		fetch->result = r;
		fetch->error = err;
		fetches->stop = fetches->stop || r < 0;
		pthread_cond_broadcast(&fetches->changed);
	}
	pthread_mutex_unlock(&fetches->lock);
	return NULL;
}

int fetches_begin(struct store_writer *writer, struct remote *remote,
		  const struct descriptor *blobs, const bool *wanted, size_t count,
		  struct teller *teller, struct fetches **ret, struct msb_error *err)
{
	AUTO(fetches_endp) struct fetches *fetches = calloc(1, sizeof(*fetches));
	size_t queued = 0;

	if (!fetches)
		return msb_error_memory(err);
	pthread_mutex_init(&fetches->lock, NULL);
	pthread_cond_init(&fetches->changed, NULL);
	fetches->writer = writer;
	fetches->remote = remote;
	fetches->teller = teller;
	fetches->items = calloc(count + 1, sizeof(*fetches->items));
	if (!fetches->items)
		return msb_error_memory(err);
	fetches->count = count;
	for (size_t i = 0; i < count; i++) {
		fetches->items[i].fetches = fetches;
		fetches->items[i].blob = &blobs[i];
		fetches->items[i].fd = -1;
		fetches->items[i].state = wanted[i] ? QUEUED : UNWANTED;
		queued += wanted[i];
	}
	while (fetches->worker_count < WORKERS && fetches->worker_count < queued) {
		int r = pthread_create(&fetches->workers[fetches->worker_count], NULL, work,
				       fetches);

		if (r != 0)
			return msb_error_set(err, r, "start a thread");
		fetches->worker_count++;
	}
	*ret = steal(&fetches);
	return 0;
}

static ssize_t read_growing(void *context, void *bytes, size_t size, struct msb_error *err)
{
	struct fetch *fetch = context;
	struct fetches *fetches = fetch->fetches;
	uint64_t there;
	ssize_t n;
	int r = 0;

	pthread_mutex_lock(&fetches->lock);
	/* After a failure those that were not begun never will be. */
	while (fetch->written == fetch->read && fetch->state != ENDED &&
	       !(fetch->state != RUNNING && fetches->stop))
		pthread_cond_wait(&fetches->changed, &fetches->lock);
	there = fetch->written - fetch->read;
	if (there == 0 && fetch->state != ENDED) {
		r = msb_error_say(err, ECANCELED, "another layer could not be fetched");
	} else if (there == 0 && fetch->result < 0) {
		r = fetch->result;
		if (err)
			*err = fetch->error;
	}
	pthread_mutex_unlock(&fetches->lock);
	if (r < 0 || there == 0)
		return r;
	n = io_pread(fetch->fd, bytes, size < there ? size : (size_t)there, fetch->read);
	if (n < 0)
		return msb_error_set(err, (int)n, "read a fetched layer");
	fetch->read += (uint64_t)n;
	return n;
}

struct layer_source fetches_source(struct fetches *fetches, size_t index)
{
	return (struct layer_source){read_growing, &fetches->items[index]};
}

const char *fetches_file(struct fetches *fetches, size_t index)
{
	/* The worker names it after the reader may have begun: what is wanted is known before. */
	struct fetch *fetch = &fetches->items[index];
	const char *name = NULL;

	pthread_mutex_lock(&fetches->lock);
	while (fetch->written == 0 && fetch->state != ENDED &&
	       !(fetch->state != RUNNING && fetches->stop))
		pthread_cond_wait(&fetches->changed, &fetches->lock);
	if (fetch->written > 0 && *fetch->name)
		name = fetch->name;
	pthread_mutex_unlock(&fetches->lock);
	return name;
}

int fetches_blame(struct fetches *fetches, int code, struct msb_error *err)
{
	if (code != -ECANCELED)
		return code;
	pthread_mutex_lock(&fetches->lock);
	for (size_t i = 0; i < fetches->count; i++) {
		const struct fetch *fetch = &fetches->items[i];

		if (fetch->state != ENDED || fetch->result >= 0)
			continue;
		code = fetch->result;
		if (err)
			*err = fetch->error;
		break;
	}
	pthread_mutex_unlock(&fetches->lock);
	return code;
}

void fetches_release(struct fetches *fetches, size_t index)
{
	struct fetch *fetch = &fetches->items[index];

	pthread_mutex_lock(&fetches->lock);
	if (fetch->state == QUEUED)
		fetch->state = UNWANTED;
	if (fetch->state == ENDED)
		drop_file(fetch);
	pthread_mutex_unlock(&fetches->lock);
}

static bool any_running(struct fetches *fetches)
{
	bool running = false;

	pthread_mutex_lock(&fetches->lock);
	fetches->stop = true;
	for (size_t i = 0; i < fetches->count; i++)
		running = running || fetches->items[i].state == RUNNING;
	pthread_mutex_unlock(&fetches->lock);
	return running;
}

void fetches_end(struct fetches *fetches)
{
	if (!fetches)
		return;
	if (any_running(fetches))
		http_stop(fetches->remote->http);
	for (size_t i = 0; i < fetches->worker_count; i++)
		pthread_join(fetches->workers[i], NULL);
	for (size_t i = 0; i < fetches->count; i++)
		drop_file(&fetches->items[i]);
	free(fetches->items);
	pthread_cond_destroy(&fetches->changed);
	pthread_mutex_destroy(&fetches->lock);
	free(fetches);
}

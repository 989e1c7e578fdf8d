/* Serving a mount: what it asks for over a socket is brought into the store. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "internal.h"
#include "lazy.h"
#include "registry.h"

/* Questions that are answered at once; a mount has not many more readers. */
#define THREADS_MAX 256
#define STACK_SIZE  ((size_t)2 * 1024 * 1024)
#define TEXT_MAX    1024

enum { ASK_BLOB = 1, ASK_IMAGE = 2 };

/* fs/fetch.h: a question, or its answer, whose kind is a code. */
struct packet {
	uint64_t id;
	int32_t kind;
	char text[TEXT_MAX];
};
#define PACKET_HEAD (sizeof(uint64_t) + sizeof(int32_t))

struct server {
	const char *root;
	int socket;
	struct lazy_fetcher *fetcher;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t changed;
	unsigned threads;
};

struct question {
	struct server *server;
	struct packet packet;
};

static int fetch_blob(struct server *server, const char *text, struct msb_error *err)
{
	size_t length = strcspn(text, " ");
	autofree char *name = strndup(text, length);
	struct msb_digest digest;

	if (!name)
		return msb_error_memory(err);
	if (msb_digest_parse(name, &digest) < 0)
		return msb_error_say(err, EINVAL, "'%s' is no digest", name);
	return lazy_fetch(server->fetcher, &digest,
			  text[length] ? strtoull(text + length, NULL, 10) : MSB_WHOLE, err);
}

static int fetch_image(struct server *server, const char *text, struct msb_error *err)
{
	const struct msb_pull_options options = {
		.name = text,
		.lazy = MSB_LAZY_YES,
		.hurried = true,
	};
	struct msb_pull_result result;

	return msb_image_pull(server->root, &options, NULL, NULL, &result, err);
}

static void end_thread(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	server->threads--;
	pthread_cond_broadcast(&server->changed);
	pthread_mutex_unlock(&server->lock);
}

static void *answer(void *context)
{
	struct question *question = context;
	struct server *server = question->server;
	struct packet *packet = &question->packet;
	struct msb_error err = {0};
	int r = -EINVAL;

	if (packet->kind == ASK_BLOB)
		r = fetch_blob(server, packet->text, &err);
	else if (packet->kind == ASK_IMAGE)
		r = fetch_image(server, packet->text, &err);
	packet->kind = r < 0 ? r : 0;
	snprintf(packet->text, sizeof(packet->text), "%.*s", TEXT_MAX - 1, err.text);
	/* Where nobody listens any more, this program is about to end. */
	(void)!send(server->socket, packet, PACKET_HEAD + strnlen(packet->text, TEXT_MAX - 1),
		    MSG_NOSIGNAL);
	free(question);
	end_thread(server);
	return NULL;
}

static int begin(struct server *server, struct question *question, struct msb_error *err)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int r;

	pthread_mutex_lock(&server->lock);
	while (server->threads >= THREADS_MAX)
		pthread_cond_wait(&server->changed, &server->lock);
	server->threads++;
	pthread_mutex_unlock(&server->lock);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	r = pthread_create(&thread, &attributes, answer, question);
	pthread_attr_destroy(&attributes);
	if (r == 0)
		return 0;
	end_thread(server);
	return msb_error_set(err, r, "start a thread");
}

static int serve(struct server *server, struct msb_error *err)
{
	for (;;) {
		autofree struct question *question = calloc(1, sizeof(*question));
		ssize_t n;
		int r;

		if (!question)
			return msb_error_memory(err);
		question->server = server;
		do
			n = recv(server->socket, &question->packet, PACKET_HEAD + TEXT_MAX - 1, 0);
		while (n < 0 && errno == EINTR);
		if (n == 0)
			return 0;
		if (n < (ssize_t)PACKET_HEAD)
			return msb_error_set(err, n < 0 ? errno : EPROTO, "read a question");
		r = begin(server, question, err);
		if (r < 0)
			return r;
		steal(&question);
	}
}

int msb_serve_fetches(const char *root, int fd, struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	struct server server = {
		.root = root,
		.socket = fd,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
	};
	int r = open_store(root, &store, err);

	if (r >= 0)
		r = lazy_fetcher_new(store, NULL, &server.fetcher, err);
	if (r >= 0)
		r = serve(&server, err);
	/* What is under way has nobody who waits for it. */
	pthread_mutex_lock(&server.lock);
	while (server.threads > 0)
		pthread_cond_wait(&server.changed, &server.lock);
	pthread_mutex_unlock(&server.lock);
	lazy_fetcher_free(server.fetcher);
	return r;
}

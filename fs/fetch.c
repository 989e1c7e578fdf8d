#include "fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <msb/store.h>

#include "process.h"

/* The helper has limits of its own; this one is for a helper that was stopped. */
#define PATIENCE_SECONDS 900
#define TEXT_MAX         1024

/* A packet: a question from here, an answer back. */
struct packet {
	uint64_t id;
	int32_t kind; /* of an answer: 0 or a negative code */
	char text[TEXT_MAX];
};
#define PACKET_HEAD (sizeof(uint64_t) + sizeof(int32_t))

/* What may be read of one: a byte less than there is room for, so that its text ends. Not the size
 * of the struct, which has padding behind. */
#define PACKET_MAX (PACKET_HEAD + TEXT_MAX - 1)

/* Somebody who waits. */
struct question {
	struct question *next;
	uint64_t id;
	bool answered;
	int code;
	char text[TEXT_MAX];
};

struct fetch {
	char *program, *store; /* owned */
	pthread_mutex_t lock;  /* guards all below */
	pthread_cond_t changed;
	struct question *questions;
	uint64_t last_id;
	int socket; /* -1: there is no helper */
	pid_t pid;
	bool has_listener; /* a thread to be joined */
	pthread_t listener;
	bool stopping;
};

static _Thread_local bool may_wait;

void fetch_allow_waiting(bool allowed)
{
	may_wait = allowed;
}

bool fetch_may_wait(void)
{
	return may_wait;
}

struct fetch *fetch_new(const char *program, const char *store)
{
	AUTO(fetch_freep) struct fetch *fetch = calloc(1, sizeof(*fetch));
	pthread_condattr_t attributes;

	if (!fetch)
		return NULL;
	fetch->socket = -1;
	pthread_mutex_init(&fetch->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&fetch->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	fetch->program = strdup(program);
	fetch->store = strdup(store);
	return fetch->program && fetch->store ? steal(&fetch) : NULL;
}

/* --- Answers --- */

/* With the lock held. */
static void answer(struct fetch *fetch, const struct packet *packet)
{
	for (struct question *question = fetch->questions; question; question = question->next) {
		if (question->id != packet->id)
			continue;
		question->answered = true;
		question->code = packet->kind > 0 ? -EIO : packet->kind;
		memcpy(question->text, packet->text, sizeof(question->text));
	}
	pthread_cond_broadcast(&fetch->changed);
}

/* With the lock held: the helper has ended, and nobody gets an answer any more. */
static void answer_all(struct fetch *fetch)
{
	struct packet packet = {.kind = -EIO, .text = "msb fetch, which brings it, has ended"};

	for (struct question *question = fetch->questions; question; question = question->next) {
		packet.id = question->id;
		if (!question->answered)
			answer(fetch, &packet);
	}
	pthread_cond_broadcast(&fetch->changed);
}

static void end_helper(const struct fetch *fetch)
{
	int status;

	kill(fetch->pid, SIGKILL);
	process_wait(fetch->pid, &status, NULL);
}

static void *listen_for_answers(void *context)
{
	struct fetch *fetch = context;
	struct packet packet;
	ssize_t n;
	int from;

	pthread_mutex_lock(&fetch->lock);
	from = fetch->socket;
	pthread_mutex_unlock(&fetch->lock);
	for (;;) {
		memset(&packet, 0, sizeof(packet));
		n = recv(from, &packet, PACKET_MAX, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < (ssize_t)PACKET_HEAD)
			break;
		pthread_mutex_lock(&fetch->lock);
		answer(fetch, &packet);
		pthread_mutex_unlock(&fetch->lock);
	}
	pthread_mutex_lock(&fetch->lock);
	close(steal_fd(&fetch->socket));
	answer_all(fetch);
	pthread_mutex_unlock(&fetch->lock);
	/* Whoever does not listen any more is of no use. */
	end_helper(fetch);
	return NULL;
}

/* --- The helper. With the lock held. --- */

static int spawn(struct fetch *fetch, int ends[2], struct msb_error *err)
{
	const char *const argv[] = {fetch->program, "fetch",      "--serve",
				    "--root",       fetch->store, NULL};
	struct process_options options = {0};

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return msb_error_set(err, errno, "create a socket pair");
	options.stdin_fd = ends[1];
	fetch->pid = process_spawn(argv, &options, err);
	close(ends[1]);
	if (fetch->pid < 0)
		close(ends[0]);
	return fetch->pid < 0 ? (int)fetch->pid : 0;
}

static int start(struct fetch *fetch, struct msb_error *err)
{
	int ends[2], r;

	if (fetch->stopping)
		return msb_error_say(err, EIO, "the mount ends");
	if (fetch->socket >= 0)
		return 0;
	if (fetch->has_listener)
		pthread_join(fetch->listener, NULL);
	fetch->has_listener = false;
	r = spawn(fetch, ends, err);
	if (r < 0)
		return r;
	fetch->socket = ends[0];
	r = pthread_create(&fetch->listener, NULL, listen_for_answers, fetch);
	fetch->has_listener = r == 0;
	if (r == 0)
		return 0;
	close(steal_fd(&fetch->socket));
	end_helper(fetch);
	return msb_error_set(err, r, "start a thread");
}

static void forget(struct fetch *fetch, const struct question *question)
{
	struct question **at = &fetch->questions;

	while (*at != question)
		at = &(*at)->next;
	*at = question->next;
}

static int wait_for_answer(struct fetch *fetch, const struct question *question)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += PATIENCE_SECONDS;
	while (!question->answered && r == 0)
		r = pthread_cond_timedwait(&fetch->changed, &fetch->lock, &until);
	return question->answered ? 0 : -ETIMEDOUT;
}

static int ask(struct fetch *fetch, enum fetch_kind kind, const char *text, struct msb_error *err)
{
	struct question question = {0};
	struct packet packet = {.kind = kind};
	size_t length = strlen(text);
	int r;

	if (length >= sizeof(packet.text))
		return msb_error_say(err, ENAMETOOLONG, "the name is too long");
	memcpy(packet.text, text, length + 1);
	pthread_mutex_lock(&fetch->lock);
	r = start(fetch, err);
	if (r >= 0) {
		question.id = packet.id = ++fetch->last_id;
		question.next = fetch->questions;
		fetch->questions = &question;
		if (send(fetch->socket, &packet, PACKET_HEAD + length, MSG_NOSIGNAL) < 0)
			r = msb_error_set(err, errno, "ask msb fetch");
		else if (wait_for_answer(fetch, &question) < 0)
			r = msb_error_say(err, EIO, "msb fetch does not answer");
		else if (question.code < 0)
			r = msb_error_say(err, question.code, "%s", question.text);
		forget(fetch, &question);
	}
	pthread_mutex_unlock(&fetch->lock);
	return r;
}

int fetch_blob(void *context, const struct msb_digest *digest, uint64_t offset,
	       struct msb_error *err)
{
	char text[MSB_DIGEST_TEXT], place[MSB_DIGEST_TEXT + 24];

	if (!may_wait)
		return msb_error_say(err, EREMOTE, "it is still in its registry");
	msb_digest_format(digest, text);
	if (offset == MSB_WHOLE)
		return ask(context, FETCH_BLOB, text, err);
	snprintf(place, sizeof(place), "%s %" PRIu64, text, offset);
	return ask(context, FETCH_BLOB, place, err);
}

int fetch_image(struct fetch *fetch, const char *reference, struct msb_error *err)
{
	return ask(fetch, FETCH_IMAGE, reference, err);
}

void fetch_stop(struct fetch *fetch)
{
	if (!fetch)
		return;
	pthread_mutex_lock(&fetch->lock);
	fetch->stopping = true;
	if (fetch->socket >= 0) {
		kill(fetch->pid, SIGKILL);
		shutdown(fetch->socket, SHUT_RDWR);
	}
	pthread_mutex_unlock(&fetch->lock);
}

void fetch_free(struct fetch *fetch)
{
	if (!fetch)
		return;
	fetch_stop(fetch);
	if (fetch->has_listener)
		pthread_join(fetch->listener, NULL);
	pthread_cond_destroy(&fetch->changed);
	pthread_mutex_destroy(&fetch->lock);
	free(fetch->program);
	free(fetch->store);
	free(fetch);
}

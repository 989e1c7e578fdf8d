#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent_relay.h"

#define CONNECTIONS_MAX 32
#define CHUNK           16384

/* What of relay->polled stands where: the two at the start, then two a connection. */
enum { AT_STOP, AT_LISTENER, AT_CONNECTIONS };

struct agent_relay {
	struct sockaddr_un agent;
	int listener, stop; /* stop: an eventfd */
	pthread_t thread;
	bool has_thread;

	/* the thread's own while it runs */
	struct pollfd polled[AT_CONNECTIONS + 2 * CONNECTIONS_MAX];
	size_t count;
};

static int connect_agent(const struct sockaddr_un *agent)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)agent, sizeof(*agent)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Neither side may hold the other one up for long by not reading. */
static void limit_patience(int fd)
{
	const struct timeval patience = {.tv_sec = 5};

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

static void take_connection(struct agent_relay *relay)
{
	int client = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC), agent;

	if (client < 0)
		return;
	agent = relay->count + 2 <= sizeof(relay->polled) / sizeof(*relay->polled)
			? connect_agent(&relay->agent)
			: -1;
	if (agent < 0) {
		close(client);
		return;
	}
	limit_patience(client);
	limit_patience(agent);
	relay->polled[relay->count++] = (struct pollfd){.fd = client, .events = POLLIN};
	relay->polled[relay->count++] = (struct pollfd){.fd = agent, .events = POLLIN};
}

/* Passes on what there is; false when a side is at its end. */
static bool pass_on(int from, int to)
{
	char bytes[CHUNK];
	ssize_t size = recv(from, bytes, sizeof(bytes), 0), sent = 0;

	if (size <= 0)
		return size < 0 && errno == EINTR;
	while (sent < size) {
		ssize_t n = send(to, bytes + sent, (size_t)(size - sent), MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return false;
		sent += n > 0 ? n : 0;
	}
	return true;
}

static void end_connection(struct agent_relay *relay, size_t at)
{
	close(relay->polled[at].fd);
	close(relay->polled[at + 1].fd);
	relay->count -= 2;
	relay->polled[at] = relay->polled[relay->count];
	relay->polled[at + 1] = relay->polled[relay->count + 1];
}

static void serve_connections(struct agent_relay *relay)
{
	/* Backwards: the last one takes the place of one that ended. */
	for (size_t at = relay->count; at > AT_CONNECTIONS; at -= 2) {
		const struct pollfd *pair = &relay->polled[at - 2];
		bool lives = true;

		if (pair[0].revents)
			lives = pass_on(pair[0].fd, pair[1].fd);
		if (lives && pair[1].revents)
			lives = pass_on(pair[1].fd, pair[0].fd);
		if (!lives)
			end_connection(relay, at - 2);
	}
}

static void *serve(void *argument)
{
	struct agent_relay *relay = argument;

	for (;;) {
		int n = poll(relay->polled, relay->count, -1);

		if ((n < 0 && errno != EINTR) || (n > 0 && relay->polled[AT_STOP].revents))
			return NULL;
		if (n <= 0)
			continue;
		serve_connections(relay);
		if (relay->polled[AT_LISTENER].revents)
			take_connection(relay);
	}
}

/* A socket's path is short, a directory's need not be: the name is reached by descriptor. */
static int listen_at(int directory, const char *name, uid_t uid, gid_t gid, mode_t mode)
{
	struct sockaddr_un place = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), code;

	snprintf(place.sun_path, sizeof(place.sun_path), "/proc/self/fd/%d/%.32s", directory, name);
	if (fd >= 0 && bind(fd, (const struct sockaddr *)&place, sizeof(place)) == 0 &&
	    listen(fd, 16) == 0 && fchownat(directory, name, uid, gid, 0) == 0 &&
	    fchmodat(directory, name, mode, 0) == 0)
		return fd;
	code = errno;
	if (fd >= 0)
		close(fd);
	return -code;
}

static int start(struct agent_relay *relay)
{
	int r;

	relay->stop = eventfd(0, EFD_CLOEXEC);
	if (relay->stop < 0)
		return -errno;
	relay->polled[AT_STOP] = (struct pollfd){.fd = relay->stop, .events = POLLIN};
	relay->polled[AT_LISTENER] = (struct pollfd){.fd = relay->listener, .events = POLLIN};
	relay->count = AT_CONNECTIONS;
	r = pthread_create(&relay->thread, NULL, serve, relay);
	relay->has_thread = r == 0;
	return -r;
}

int agent_relay_new(const char *agent, const char *directory, const char *name, uid_t uid,
		    gid_t gid, mode_t mode, struct agent_relay **ret, struct msb_error *err)
{
	AUTO(agent_relay_freep) struct agent_relay *relay = calloc(1, sizeof(*relay));
	autoclose int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (!relay)
		return msb_error_memory(err);
	relay->listener = relay->stop = -1;
	relay->agent.sun_family = AF_UNIX;
	if (strlen(agent) >= sizeof(relay->agent.sun_path))
		return msb_error_set(err, ENAMETOOLONG, "reach the agent at '%s'", agent);
	strcpy(relay->agent.sun_path, agent);
	if (fd < 0)
		return msb_error_set(err, errno, "open directory '%s'", directory);
	r = listen_at(fd, name, uid, gid, mode);
	if (r >= 0) {
		relay->listener = r;
		r = start(relay);
	}
	if (r < 0)
		return msb_error_set(err, -r, "make a socket for the agent at '%s'", agent);
	*ret = steal(&relay);
	return 0;
}

void agent_relay_free(struct agent_relay *relay)
{
	if (!relay)
		return;
	if (relay->has_thread) {
		eventfd_write(relay->stop, 1);
		pthread_join(relay->thread, NULL);
	}
	for (size_t at = AT_CONNECTIONS; at < relay->count; at++)
		close(relay->polled[at].fd);
	if (relay->listener >= 0)
		close(relay->listener);
	if (relay->stop >= 0)
		close(relay->stop);
	free(relay);
}

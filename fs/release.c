#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fuse_ops.h"
#include "release.h"

struct release {
	struct core *core;
	struct fuse_session *session;
	int stop; /* an eventfd */
	atomic_bool stopping;
	bool started;
	pthread_t thread;
	uint64_t *directories; /* that are still to be visited; owned */
	size_t count, capacity;
};

/* Where there is no memory for it the kernel keeps what lies below, and so does a collection. */
static void add_directory(struct release *release, uint64_t id)
{
	size_t capacity = release->capacity ? release->capacity * 2 : 256;
	uint64_t *larger;

	if (release->count == release->capacity) {
		larger = realloc(release->directories, capacity * sizeof(*larger));
		if (!larger)
			return;
		release->directories = larger;
		release->capacity = capacity;
	}
	release->directories[release->count++] = id;
}

struct visit {
	struct release *release;
	uint64_t directory;
};

static bool drop_entry(void *context, const char *name, const struct core_node *node, uint64_t next)
{
	const struct visit *visit = context;
	struct release *release = visit->release;

	(void)next;
	if (!node->id) /* "." and ".." */
		return true;
	fuse_lowlevel_notify_inval_entry(release->session, visit->directory, name, strlen(name));
	if (S_ISDIR(node->st.st_mode))
		add_directory(release, node->id);
	return !atomic_load(&release->stopping);
}

/*
 * A name that is dropped takes all below with it that is in no use. What was in use stays below
 * names that are gone already, so that next time it is reached from its directory alone: each
 * directory that the kernel still has is told to drop each of its names.
 */
static void visit_all(struct release *release)
{
	struct visit visit = {release, 0};

	while (release->count && !atomic_load(&release->stopping)) {
		visit.directory = release->directories[--release->count];
		/* A question more than an order: does the kernel have it at all? */
		if (fuse_lowlevel_notify_inval_inode(release->session, visit.directory, -1, 0) == 0)
			core_list(release->core, visit.directory, 0, drop_entry, &visit);
	}
	release->count = 0;
}

static void let_go(void *context, uint64_t above, const char *name, uint64_t root)
{
	struct release *release = context;

	if (atomic_load(&release->stopping))
		return;
	if (name)
		fuse_lowlevel_notify_inval_entry(release->session, above, name, strlen(name));
	add_directory(release, root);
	visit_all(release);
}

static void *run(void *context)
{
	struct release *release = context;
	struct pollfd polled[] = {
		{.fd = release->stop, .events = POLLIN},
		{.fd = core_asked_fd(release->core), .events = POLLIN},
	};

	while (!atomic_load(&release->stopping)) {
		if (poll(polled, 2, -1) < 0 && errno != EINTR)
			break;
		if (polled[1].revents & POLLIN)
			core_asked(release->core, let_go, release);
	}
	return NULL;
}

struct release *release_new(struct core *core, struct fuse_session *session)
{
	struct release *release = calloc(1, sizeof(*release));

	if (!release)
		return NULL;
	release->core = core;
	release->session = session;
	release->stop = eventfd(0, EFD_CLOEXEC);
	if (release->stop >= 0 && core_asked_fd(core) >= 0)
		release->started = pthread_create(&release->thread, NULL, run, release) == 0;
	if (!release->started && core_asked_fd(core) >= 0) {
		release_free(release);
		return NULL;
	}
	return release;
}

void release_stop(struct release *release)
{
	if (!release || !release->started)
		return;
	atomic_store(&release->stopping, true);
	eventfd_write(release->stop, 1);
	pthread_join(release->thread, NULL);
	release->started = false;
}

void release_free(struct release *release)
{
	if (!release)
		return;
	release_stop(release);
	if (release->stop >= 0)
		close(release->stop);
	free(release->directories);
	free(release);
}

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <msb/held.h>

#include "held.h"
#include "io.h"

#define SLOT MSB_DIGEST_SIZE
/* Room for as many trees is taken at once: a disk that is full later cannot keep them out. */
#define RESERVED ((off_t)512 * SLOT)
#define PAUSE_NS 10000000

struct held {
	struct msb_store *store;
	core_log_fn log;
	void *log_context;
	int directory, list, asked; /* list < 0: nothing is held */
	char name[32];
	pthread_mutex_t lock; /* guards all below, and each tree's slot */
	uint32_t *free;       /* slots that were used before; owned */
	size_t free_count, free_capacity;
	uint32_t next;
	bool failed; /* and the log was told */
};

static void say(struct held *held, const char *what, int r)
{
	char sentence[256];

	snprintf(sentence, sizeof(sentence),
		 "%s: %s; 'msb prune' may remove what this mount has open", what, strerror(-r));
	if (held->log)
		held->log(held->log_context, sentence);
}

/* Who serves somebody else's store gives the directory to its owner. */
static int make_directory(int store)
{
	struct stat st;
	bool made = mkdirat(store, MSB_HELD, 0755) == 0;
	int fd;

	if (!made && errno != EEXIST)
		return -errno;
	fd = openat(store, MSB_HELD, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (made && fstat(store, &st) == 0 && st.st_uid != geteuid() &&
	    fchown(fd, st.st_uid, st.st_gid) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	return fd;
}

/* A collection that finds the list before its lock removes it: then another. */
static int make_list(struct held *held)
{
	struct stat st;
	uint64_t number;
	int fd;

	for (unsigned try = 0; try < 16; try++) {
		if (getrandom(&number, sizeof(number), 0) != sizeof(number))
			return -EIO;
		snprintf(held->name, sizeof(held->name), MSB_HELD_LIST "%016llx",
			 (unsigned long long)number);
		fd = openat(held->directory, held->name,
			    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
		if (fd < 0 && errno != EEXIST)
			return -errno;
		if (fd >= 0 && fchmod(fd, 0644) == 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
		    fstat(fd, &st) == 0 && st.st_nlink > 0)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -EBUSY;
}

static int listen_for_asks(struct held *held)
{
	char path[32];
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", held->directory);
	if (inotify_add_watch(fd, path, IN_MOVED_TO | IN_ONLYDIR) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	return fd;
}

struct held *held_open(struct msb_store *store, core_log_fn log, void *log_context)
{
	struct held *held = calloc(1, sizeof(*held));

	if (!held)
		return NULL;
	*held = (struct held){store, log, log_context, .list = -1, .asked = -1};
	pthread_mutex_init(&held->lock, NULL);
	held->directory = make_directory(msb_store_directory(store));
	if (held->directory >= 0)
		held->list = make_list(held);
	if (held->directory < 0 || held->list < 0) {
		say(held, "list of what is open",
		    held->directory < 0 ? held->directory : held->list);
		return held;
	}
	/* Where this fails, what is written later may, and is told then. */
	if (posix_fallocate(held->list, 0, RESERVED) != 0)
		held->next = 0;
	held->asked = listen_for_asks(held);
	return held;
}

void held_close(struct held *held)
{
	if (!held)
		return;
	if (held->list >= 0) {
		unlinkat(held->directory, held->name, 0);
		close(held->list);
	}
	if (held->asked >= 0)
		close(held->asked);
	if (held->directory >= 0)
		close(held->directory);
	pthread_mutex_destroy(&held->lock);
	free(held->free);
	free(held);
}

/* Waits while a collection takes away what stands in no list, which is short. */
static int enter(struct held *held)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};

	for (int64_t until = io_now() + MSB_HELD_PATIENCE * INT64_C(1000000000);;) {
		if (flock(held->directory, LOCK_SH | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (io_now() > until)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
}

static int write_slot(struct held *held, uint32_t slot, const struct msb_digest *digest)
{
	return io_pwrite(held->list, digest->bytes, SLOT, (uint64_t)slot * SLOT);
}

/* With the lock held. What cannot be written down is shown all the same: a full disk must not make
 * a mount useless. */
static int publish(struct held *held, struct shown_tree *tree)
{
	struct msb_location location;
	struct msb_error err = {0};
	uint32_t slot = held->free_count ? held->free[held->free_count - 1] : held->next;
	int r = enter(held);

	if (r == 0) {
		r = write_slot(held, slot, &tree->digest);
		flock(held->directory, LOCK_UN);
	}
	if (r < 0) {
		if (!held->failed)
			say(held, "list of what is open", r);
		held->failed = true;
		return 0;
	}
	if (held->free_count)
		held->free_count--;
	else
		held->next++;
	tree->slot = slot;
	atomic_store(&tree->asked, false);
	atomic_store(&tree->published, true);
	return msb_store_locate(held->store, &tree->digest, &location, &err) == -ENOENT ? -ESTALE
											: 0;
}

/* With the lock held. A slot for which there is no memory is used no more. */
static void note_free(struct held *held, uint32_t slot)
{
	size_t capacity = held->free_capacity ? held->free_capacity * 2 : 64;
	uint32_t *larger;

	if (held->free_count == held->free_capacity) {
		larger = realloc(held->free, capacity * sizeof(*larger));
		if (!larger)
			return;
		held->free = larger;
		held->free_capacity = capacity;
	}
	held->free[held->free_count++] = slot;
}

/* Who lends counts first and looks at `published` then, and this does it the other way round: one
 * of both sees the other. */
static void withdraw(struct held *held, struct shown_tree *tree)
{
	static const struct msb_digest none;

	pthread_mutex_lock(&held->lock);
	if (atomic_exchange(&tree->published, false)) {
		if (atomic_load(&tree->lookups) || write_slot(held, tree->slot, &none) < 0)
			atomic_store(&tree->published, true);
		else
			note_free(held, tree->slot);
	}
	pthread_mutex_unlock(&held->lock);
}

int held_lend(struct held *held, struct shown_tree *tree, uint64_t lookups)
{
	int r = 0;

	if (held->list < 0)
		return 0;
	atomic_fetch_add(&tree->lookups, lookups);
	if (atomic_load(&tree->published))
		return 0;
	pthread_mutex_lock(&held->lock);
	if (!atomic_load(&tree->published))
		r = publish(held, tree);
	pthread_mutex_unlock(&held->lock);
	if (r < 0) {
		atomic_store(&tree->asked, true);
		held_forget(held, tree, lookups);
	}
	return r;
}

void held_forget(struct held *held, struct shown_tree *tree, uint64_t lookups)
{
	if (held->list < 0)
		return;
	if (atomic_fetch_sub(&tree->lookups, lookups) == lookups && atomic_load(&tree->asked))
		withdraw(held, tree);
}

int held_asked_fd(const struct held *held)
{
	return held->asked;
}

int held_asked(struct held *held, struct msb_digest **ret, size_t *ret_count)
{
	char events[4096];
	autofree struct msb_digest *digests = NULL;
	autoclose int fd = -1;
	struct stat st;
	ssize_t n;

	while (read(held->asked, events, sizeof(events)) > 0)
		;
	fd = openat(held->directory, MSB_HELD_ASK, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > (off_t)MSB_HELD_ASK_MAX * SLOT)
		return -EINVAL;
	digests = malloc((size_t)st.st_size + 1);
	if (!digests)
		return -ENOMEM;
	n = io_pread(fd, digests, (size_t)st.st_size, 0);
	if (n < 0)
		return (int)n;
	*ret_count = (size_t)n / SLOT;
	*ret = steal(&digests);
	return 0;
}

void held_let_go(struct held *held, struct shown_tree *tree)
{
	atomic_store(&tree->asked, true);
	if (atomic_load(&tree->lookups) == 0)
		withdraw(held, tree);
}

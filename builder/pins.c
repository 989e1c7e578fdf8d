#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <msb/cleanup.h>
#include <msb/held.h>

#include "io.h"
#include "pins.h"

/* Trees that are read at a time. */
#define BATCH    256
#define PAUSE_NS 10000000

int pins_open(struct msb_store *store, struct pins *ret, struct msb_error *err)
{
	int fd = openat(msb_store_directory(store), MSB_HELD,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno != ENOENT)
		return msb_error_set(err, errno, "open '%s/" MSB_HELD "'", msb_store_path(store));
	*ret = (struct pins){.directory = fd};
	return 0;
}

void pins_done(struct pins *pins)
{
	if (pins->directory >= 0)
		close(pins->directory); /* and with it its lock */
	*pins = (struct pins){.directory = -1};
}

/* 1: a daemon lives and has this list. 0: it died, or ended just now. */
static int open_list(struct pins *pins, const char *name, int *ret)
{
	autoclose int fd =
		openat(pins->directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (flock(fd, LOCK_SH | LOCK_NB) == 0) {
		unlinkat(pins->directory, name, 0);
		return 0;
	}
	if (errno != EWOULDBLOCK)
		return -errno;
	*ret = fd;
	fd = -1;
	return 1;
}

static int read_list(int list, pins_fn each, void *context, struct msb_error *err)
{
	static const struct msb_digest none;
	struct msb_digest trees[BATCH];
	uint64_t offset = 0;
	ssize_t n;
	int r = 0;

	do {
		n = io_pread(list, trees, sizeof(trees), offset);
		if (n < 0)
			return msb_error_set(err, (int)n, "read what a mount has open");
		for (size_t i = 0; r == 0 && i < (size_t)n / sizeof(*trees); i++)
			if (!msb_digest_equal(&trees[i], &none))
				r = each(context, &trees[i], err);
		offset += (uint64_t)n;
	} while (r == 0 && n == sizeof(trees));
	return r;
}

int pins_each(struct pins *pins, pins_fn each, void *context, struct msb_error *err)
{
	autoclosedir DIR *dir = NULL;
	const struct dirent *entry;
	int r = 0;

	if (pins->directory < 0)
		return 0;
	dir = io_open_directory(pins->directory, ".");
	if (!dir)
		return msb_error_set(err, errno, "read '" MSB_HELD "'");
	while (r >= 0 && (entry = readdir(dir))) {
		autoclose int list = -1;

		if (strncmp(entry->d_name, MSB_HELD_LIST, strlen(MSB_HELD_LIST)) != 0)
			continue;
		r = open_list(pins, entry->d_name, &list);
		if (r < 0)
			return msb_error_set(err, r, "open '" MSB_HELD "/%s'", entry->d_name);
		if (r == 1)
			r = read_list(list, each, context, err);
	}
	return r < 0 ? r : 0;
}

int pins_ask(struct pins *pins, const struct msb_digest *trees, size_t count, struct msb_error *err)
{
	static const char name[] = MSB_HELD_ASK ".new";
	int r;

	if (count > MSB_HELD_ASK_MAX)
		count = MSB_HELD_ASK_MAX;
	unlinkat(pins->directory, name, 0);
	r = io_write_file(pins->directory, name, trees, count * sizeof(*trees), 0644, err);
	if (r == 0 && renameat(pins->directory, name, pins->directory, MSB_HELD_ASK) < 0)
		r = msb_error_set(err, errno, "rename '" MSB_HELD "/%s'", name);
	return r;
}

int pins_lock(struct pins *pins, struct msb_error *err)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};

	if (pins->directory < 0)
		return 0;
	for (int64_t until = io_now() + MSB_HELD_PATIENCE * INT64_C(1000000000);;) {
		if (flock(pins->directory, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return msb_error_set(err, errno, "lock '" MSB_HELD "'");
		if (io_now() > until)
			return msb_error_say(err, EBUSY,
					     "a mount keeps the store's '" MSB_HELD "' locked");
		nanosleep(&pause, NULL);
	}
}

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <msb/cache_names.h>

#include "cache_directory.h"
#include "io.h"
#include "path.h"
#include "process.h"

#define MAX_PRIVATE 1000
#define WAIT_MS     20

/* With the id in words beside the directories. */
static int open_place(struct msb_store *store, const char *id, char **ret_path,
		      struct msb_error *err)
{
	autoclose int fd = -1;
	char place[MSB_CACHE_PLACE], name[sizeof(MSB_CACHES "/") + MSB_CACHE_PLACE];
	int r;

	snprintf(name, sizeof(name), MSB_CACHES "/%s", msb_cache_place(id, place));
	r = io_make_dirs(msb_store_directory(store), name, 0700, err);
	if (r < 0)
		return r;
	fd = openat(msb_store_directory(store), name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return msb_error_set(err, errno, "open '%s'", name);
	r = io_write_file(fd, "id", id, strlen(id), 0600, err);
	if (r < 0)
		return r;
	*ret_path = path_join(msb_store_path(store), name);
	return *ret_path ? 0 : msb_error_memory(err);
}

/* 0 with the lock, or -EWOULDBLOCK. */
static int try_lock(int fd, int operation)
{
	while (flock(fd, operation | LOCK_NB) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* Nothing wakes who waits for a lock but the lock, so that is asked again and again. */
static int wait_lock(int fd, int operation, int stop_fd)
{
	struct pollfd stop = {stop_fd > 0 ? stop_fd : -1, POLLIN, 0};
	int r;

	while ((r = try_lock(fd, operation)) == -EWOULDBLOCK) {
		poll(&stop, 1, WAIT_MS);
		if (stop.revents)
			return -ECANCELED;
	}
	return r;
}

static int open_lock(const char *place, unsigned number, struct msb_error *err)
{
	autofree char *name = buffer_format("%s/%u.lock", place, number);
	int fd;

	if (!name)
		return msb_error_memory(err);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return fd < 0 ? msb_error_set(err, errno, "open '%s'", name) : fd;
}

/* The first that is free. */
static int take_private(const char *place, unsigned *ret_number, int *ret_lock,
			struct msb_error *err)
{
	for (unsigned number = 0; number < MAX_PRIVATE; number++) {
		autoclose int fd = open_lock(place, number, err);
		int r = fd < 0 ? fd : try_lock(fd, LOCK_EX);

		if (r == -EWOULDBLOCK)
			continue;
		if (r < 0)
			return fd < 0 ? fd : msb_error_set(err, r, "lock '%s'", place);
		*ret_number = number;
		*ret_lock = steal_fd(&fd);
		return 0;
	}
	return msb_error_say(err, EBUSY, "too many in use");
}

static int take_common(const char *place, int operation, int stop_fd, int *ret_lock,
		       struct msb_error *err)
{
	autoclose int fd = open_lock(place, 0, err);
	int r = fd < 0 ? fd : wait_lock(fd, operation, stop_fd);

	if (r < 0)
		return fd < 0 ? fd : msb_error_set(err, r, "lock '%s'", place);
	*ret_lock = steal_fd(&fd);
	return 0;
}

static int copy_initial(const char *initial, const char *path, struct msb_error *err)
{
	autofree char *content = NULL;
	struct process_options options = {0};
	int status;
	pid_t pid;

	content = buffer_format("%s/.", initial);
	if (!content)
		return msb_error_memory(err);
	{
		const char *const argv[] = {"cp", "-a", "--", content, path, NULL};

		pid = process_spawn(argv, &options, err);
	}
	if (pid < 0)
		return pid;
	if (process_wait(pid, &status, err) < 0)
		return err ? err->code : -EIO;
	return status == 0 ? 0
			   : msb_error_say(err, EIO, "copy the initial content of a cache mount");
}

/* Under a name of its own until it is complete. */
static int make_directory(const char *path, const struct run_mount *mount, const char *initial,
			  struct msb_error *err)
{
	autofree char *unfinished = NULL;
	struct stat st;
	int r = 0;

	if (lstat(path, &st) == 0)
		return 0;
	unfinished = buffer_format("%s.%d", path, (int)getpid());
	if (!unfinished)
		return msb_error_memory(err);
	if (mkdir(unfinished, 0700) < 0)
		return msb_error_set(err, errno, "create '%s'", unfinished);
	if (initial)
		r = copy_initial(initial, unfinished, err);
	if (r >= 0 && (chown(unfinished, mount->uid, mount->gid) < 0 ||
		       chmod(unfinished, mount->has_mode ? mount->mode : 0755) < 0))
		r = msb_error_set(err, errno, "prepare '%s'", unfinished);
	if (r >= 0 && rename(unfinished, path) < 0 && errno != EEXIST && errno != ENOTEMPTY)
		r = msb_error_set(err, errno, "name '%s'", path);
	io_remove_tree(AT_FDCWD, unfinished, NULL);
	return r;
}

int cache_directory_take(struct msb_store *store, const struct run_mount *mount,
			 const char *initial, int stop_fd, char **ret_path, int *ret_lock,
			 struct msb_error *err)
{
	autofree char *place = NULL;
	autofree char *path = NULL;
	autoclose int lock = -1;
	unsigned number = 0;
	int r = open_place(store, mount->id, &place, err);

	if (r < 0)
		return r;
	if (mount->sharing == SHARING_PRIVATE)
		r = take_private(place, &number, &lock, err);
	else
		r = take_common(place, mount->sharing == SHARING_LOCKED ? LOCK_EX : LOCK_SH,
				stop_fd, &lock, err);
	if (r < 0)
		return msb_error_prefix(err, r, "cache mount '%s'", mount->id);
	path = buffer_format("%s/%u", place, number);
	if (!path)
		return msb_error_memory(err);
	r = make_directory(path, mount, initial, err);
	if (r < 0)
		return r;
	*ret_path = steal(&path);
	*ret_lock = steal_fd(&lock);
	return 0;
}

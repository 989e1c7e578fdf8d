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

/* Of something unfinished, for mkdtemp() and the like: in the writer's scratch directory, so that
 * what a killed build leaves goes with it. Owned. */
static char *unfinished_name(struct store_writer *writer)
{
	return path_join(store_writer_scratch_path(writer), "cache-XXXXXX");
}

/* Under its name when it is whole: who lists the caches may read it at any moment. By paths, as the
 * store's own descriptors are of the mounts before sandbox_enter(). */
static int write_id(struct store_writer *writer, const char *path, const char *id,
		    struct msb_error *err)
{
	autofree char *unfinished = unfinished_name(writer);
	autoclose int fd = unfinished ? mkostemp(unfinished, O_CLOEXEC) : -1;
	int r;

	if (!unfinished)
		return msb_error_memory(err);
	if (fd < 0)
		return msb_error_set(err, errno, "create '%s'", unfinished);
	r = io_write(fd, id, strlen(id));
	if (r >= 0 && rename(unfinished, path) < 0)
		r = -errno;
	if (r < 0)
		unlink(unfinished);
	return r < 0 ? msb_error_set(err, r, "write '%s'", path) : 0;
}

/* The id in words beside the directories; its time says when they were used last. */
static int keep_id(struct store_writer *writer, const char *place, const char *id,
		   struct msb_error *err)
{
	autofree char *path = path_join(place, "id");
	struct stat st;

	if (!path)
		return msb_error_memory(err);
	if (lstat(path, &st) < 0 || (size_t)st.st_size != strlen(id))
		return write_id(writer, path, id, err);
	return utimensat(AT_FDCWD, path, NULL, 0) < 0
		       ? msb_error_set(err, errno, "touch '%s'", path)
		       : 0;
}

static int open_place(struct store_writer *writer, const char *id, char **ret_path,
		      struct msb_error *err)
{
	struct msb_store *store = store_writer_store(writer);
	autofree char *path = NULL;
	char place[MSB_CACHE_PLACE], name[sizeof(MSB_CACHES "/") + MSB_CACHE_PLACE];
	int r;

	snprintf(name, sizeof(name), MSB_CACHES "/%s", msb_cache_place(id, place));
	path = path_join(msb_store_path(store), name);
	if (!path)
		return msb_error_memory(err);
	r = io_make_dirs(msb_store_directory(store), name, 0700, err);
	if (r >= 0)
		r = keep_id(writer, path, id, err);
	if (r >= 0)
		*ret_path = steal(&path);
	return r;
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
	autofree char *content = buffer_format("%s/.", initial);
	const char *const argv[] = {"cp", "-a", "--", content, path, NULL};
	const struct process_options options = {0};
	int status, r;
	pid_t pid;

	if (!content)
		return msb_error_memory(err);
	pid = process_spawn(argv, &options, err);
	if (pid < 0)
		return (int)pid;
	r = process_wait(pid, &status, err);
	if (r >= 0 && status != 0)
		r = msb_error_say(err, EIO, "copy the initial content of a cache mount");
	return r;
}

static int fill(const char *unfinished, const struct run_mount *mount, const char *initial,
		struct msb_error *err)
{
	int r = initial ? copy_initial(initial, unfinished, err) : 0;

	if (r >= 0 && (chown(unfinished, mount->uid, mount->gid) < 0 ||
		       chmod(unfinished, mount->has_mode ? mount->mode : 0755) < 0))
		r = msb_error_set(err, errno, "prepare '%s'", unfinished);
	return r;
}

/* Under a name of its own until it is complete. Others that share it may make it at the same time:
 * the first one's stays. */
static int make_directory(struct store_writer *writer, const char *path,
			  const struct run_mount *mount, const char *initial, struct msb_error *err)
{
	autofree char *unfinished = NULL;
	struct stat st;
	int r;

	if (lstat(path, &st) == 0)
		return 0;
	unfinished = unfinished_name(writer);
	if (!unfinished)
		return msb_error_memory(err);
	if (!mkdtemp(unfinished))
		return msb_error_set(err, errno, "create '%s'", unfinished);
	r = fill(unfinished, mount, initial, err);
	if (r >= 0) {
		r = io_rename_new(AT_FDCWD, unfinished, AT_FDCWD, path);
		r = r == -EEXIST || r == -ENOTEMPTY ? 0 : r;
		if (r < 0)
			msb_error_set(err, r, "name '%s'", path);
	}
	io_remove_tree(AT_FDCWD, unfinished, NULL);
	return r;
}

int cache_directory_take(struct store_writer *writer, const struct run_mount *mount,
			 const char *initial, int stop_fd, char **ret_path, int *ret_lock,
			 struct msb_error *err)
{
	autofree char *place = NULL;
	autofree char *path = NULL;
	autoclose int lock = -1;
	unsigned number = 0;
	int r = open_place(writer, mount->id, &place, err);

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
	r = make_directory(writer, path, mount, initial, err);
	if (r < 0)
		return r;
	*ret_path = steal(&path);
	*ret_lock = steal_fd(&lock);
	return 0;
}

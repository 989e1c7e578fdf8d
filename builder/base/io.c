#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <msb/cleanup.h>

#include "io.h"

int io_write(int fd, const void *bytes, size_t size)
{
	const uint8_t *rest = bytes;

	while (size > 0) {
		ssize_t n = write(fd, rest, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		rest += n;
		size -= (size_t)n;
	}
	return 0;
}

int io_pwrite(int fd, const void *bytes, size_t size, uint64_t offset)
{
	const uint8_t *rest = bytes;

	while (size > 0) {
		ssize_t n = pwrite(fd, rest, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		rest += n;
		size -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

ssize_t io_read(int fd, void *bytes, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = read(fd, (uint8_t *)bytes + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

ssize_t io_pread(int fd, void *bytes, size_t size, uint64_t offset)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, (uint8_t *)bytes + done, size - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int io_read_file(int dir, const char *name, size_t max, struct buffer *ret, struct msb_error *err)
{
	autoclose int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return msb_error_set(err, errno, "open '%s'", name);
	for (size_t total = 0;;) {
		uint8_t *room = buffer_reserve(ret, 65536);
		ssize_t n;

		if (!room)
			return msb_error_memory(err);
		n = io_read(fd, room, 65536);
		if (n < 0)
			return msb_error_set(err, (int)n, "read '%s'", name);
		ret->size += (size_t)n;
		total += (size_t)n;
		if (total > max)
			return msb_error_say(err, EFBIG, "'%s' is larger than %zu bytes", name,
					     max);
		if (n < 65536)
			return 0;
	}
}

int io_write_file(int dir, const char *name, const void *bytes, size_t size, mode_t mode,
		  struct msb_error *err)
{
	autoclose int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	int r;

	if (fd < 0)
		return msb_error_set(err, errno, "create '%s'", name);
	r = io_write(fd, bytes, size);
	if (r < 0)
		return msb_error_set(err, r, "write '%s'", name);
	return 0;
}

int io_rename_new(int from_dir, const char *from, int to_dir, const char *to)
{
	int r = renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE);

	if (r < 0 && errno == EINVAL)
		r = renameat(from_dir, from, to_dir, to);
	return r < 0 ? -errno : 0;
}

int io_open_in_root(int root, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	do
		fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
	while (fd < 0 && (errno == EAGAIN || errno == EINTR));
	return fd < 0 ? -errno : (int)fd;
}

DIR *io_open_directory(int dir, const char *name)
{
	autoclose int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);

	if (listing)
		steal_fd(&fd);
	return listing;
}

int io_make_dirs(int dir, const char *path, mode_t mode, struct msb_error *err)
{
	autofree char *copy = strdup(path);
	char *slash;

	if (!copy)
		return msb_error_memory(err);
	slash = copy;
	do {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = '\0';
		if (*copy && mkdirat(dir, copy, mode) < 0 && errno != EEXIST)
			return msb_error_set(err, errno, "create directory '%s'", copy);
		if (slash)
			*slash = '/';
	} while (slash);
	return 0;
}

/* A directory at this depth is renamed to the top and removed from there: a command may have nested
 * more of them than there are descriptors, or room on the stack. */
#define REMOVE_DEPTH 128

struct removal {
	int top; /* the directory to be emptied */
	dev_t device;
	unsigned long moved; /* to the top, so far */
};

static int move_to_top(struct removal *removal, int parent, const char *name, struct msb_error *err)
{
	char moved[32];
	int r;

	do {
		snprintf(moved, sizeof(moved), "deep-%lu", removal->moved++);
		r = io_rename_new(parent, name, removal->top, moved);
	} while (r == -EEXIST);
	return r < 0 ? msb_error_set(err, r, "move '%s'", name) : 0;
}

static int remove_children(struct removal *removal, int parent, const char *name, unsigned depth,
			   struct msb_error *err);

static int remove_child(struct removal *removal, int parent, const char *name, unsigned depth,
			struct msb_error *err)
{
	struct stat st;
	int r;

	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return msb_error_set(err, errno, "stat '%s'", name);
	if (S_ISDIR(st.st_mode)) {
		if (st.st_dev != removal->device)
			return msb_error_say(err, EBUSY, "'%s' is a mount point", name);
		if (depth == REMOVE_DEPTH)
			return move_to_top(removal, parent, name, err);
		r = remove_children(removal, parent, name, depth + 1, err);
		if (r < 0)
			return r;
	}
	if (unlinkat(parent, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0)
		return msb_error_set(err, errno, "remove '%s'", name);
	return 0;
}

static int remove_children(struct removal *removal, int parent, const char *name, unsigned depth,
			   struct msb_error *err)
{
	autoclosedir DIR *dir = io_open_directory(parent, name);
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return msb_error_set(err, errno, "open directory '%s'", name);
	while (r >= 0 && (errno = 0, entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = remove_child(removal, dirfd(dir), entry->d_name, depth, err);
	if (r >= 0 && errno)
		r = msb_error_set(err, errno, "read directory '%s'", name);
	return r;
}

int io_remove_tree(int dir, const char *name, struct msb_error *err)
{
	autoclose int top = -1;
	struct removal removal;
	unsigned long moved;
	struct stat st;
	int r = 0;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : msb_error_set(err, errno, "stat '%s'", name);
	if (S_ISDIR(st.st_mode)) {
		top = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (top < 0)
			return msb_error_set(err, errno, "open directory '%s'", name);
		removal = (struct removal){.top = top, .device = st.st_dev};
		do {
			moved = removal.moved;
			r = remove_children(&removal, top, ".", 0, err);
		} while (r >= 0 && removal.moved > moved);
	}
	if (r < 0)
		return r;
	if (unlinkat(dir, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0)
		return msb_error_set(err, errno, "remove '%s'", name);
	return 0;
}

int64_t io_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

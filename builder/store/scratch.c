#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <msb/cleanup.h>

#include "io.h"
#include "scratch.h"

#define LOCK_SUFFIX ".lock"

/* Locks the file. False when somebody else has it, or when it has lost its name meanwhile. */
static bool own(int fd)
{
	struct stat st;

	return flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink > 0;
}

/* -EAGAIN: a sweeper was faster, try another name. */
static int make_lock(struct scratch *scratch, struct msb_error *err)
{
	char lock_name[sizeof(scratch->name) + sizeof(LOCK_SUFFIX)];
	uint64_t random;
	autoclose int fd = -1;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return msb_error_set(err, errno, "get a random number");
	snprintf(scratch->name, sizeof(scratch->name), "%016llx", (unsigned long long)random);
	snprintf(lock_name, sizeof(lock_name), "%s" LOCK_SUFFIX, scratch->name);
	fd = openat(scratch->tmp, lock_name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST)
		return -EAGAIN;
	if (fd < 0)
		return msb_error_set(err, errno, "create 'tmp/%s'", lock_name);
	if (!own(fd))
		return -EAGAIN;
	scratch->lock = steal_fd(&fd);
	return 0;
}

int scratch_open(int root, const char *root_path, struct scratch *ret, struct msb_error *err)
{
	struct scratch scratch = SCRATCH_NONE;
	int r;

	scratch.tmp = openat(root, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (scratch.tmp < 0)
		return msb_error_set(err, errno, "open 'tmp'");
	do
		r = make_lock(&scratch, err);
	while (r == -EAGAIN);
	if (r == 0 && asprintf(&scratch.path, "%s/tmp/%s", root_path, scratch.name) < 0) {
		scratch.path = NULL;
		r = msb_error_memory(err);
	}
	if (r == 0 && mkdirat(scratch.tmp, scratch.name, 0700) < 0)
		r = msb_error_set(err, errno, "create 'tmp/%s'", scratch.name);
	if (r == 0) {
		scratch.dir = openat(scratch.tmp, scratch.name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (scratch.dir < 0)
			r = msb_error_set(err, errno, "open 'tmp/%s'", scratch.name);
	}
	if (r < 0) {
		scratch_close(&scratch);
		return r;
	}
	*ret = scratch;
	return 0;
}

/* The directory first, the lock's name last: as long as the name is there, it is locked. */
static void remove_scratch(int tmp, const char *name)
{
	char lock_name[NAME_MAX + sizeof(LOCK_SUFFIX)];

	if (io_remove_tree(tmp, name, NULL) < 0)
		return;
	snprintf(lock_name, sizeof(lock_name), "%s" LOCK_SUFFIX, name);
	unlinkat(tmp, lock_name, 0);
}

static void sweep_one(int tmp, const char *lock_name)
{
	size_t length = strlen(lock_name);
	char name[NAME_MAX + 1];
	autoclose int fd = -1;

	if (length <= strlen(LOCK_SUFFIX) || length >= sizeof(name) ||
	    strcmp(lock_name + length - strlen(LOCK_SUFFIX), LOCK_SUFFIX) != 0)
		return;
	fd = openat(tmp, lock_name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || !own(fd))
		return;
	memcpy(name, lock_name, length);
	name[length - strlen(LOCK_SUFFIX)] = '\0';
	remove_scratch(tmp, name);
}

void scratch_sweep(const struct scratch *scratch)
{
	autoclosedir DIR *dir = io_open_directory(scratch->tmp, ".");
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		sweep_one(scratch->tmp, entry->d_name);
}

void scratch_close(struct scratch *scratch)
{
	if (scratch->dir >= 0)
		close(scratch->dir);
	if (scratch->lock >= 0) {
		remove_scratch(scratch->tmp, scratch->name);
		close(scratch->lock);
	}
	if (scratch->tmp >= 0)
		close(scratch->tmp);
	free(scratch->path);
	*scratch = (struct scratch)SCRATCH_NONE;
}

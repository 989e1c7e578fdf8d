#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <msb/cleanup.h>

#include "mountpoint.h"
#include "process.h"

/* How many dead mounts on top of each other are taken away. */
#define STALE_MAX 16

#define TYPE      "fuse.msbfs"

/* What /proc/self/mountinfo says of the topmost mount on a path. */
struct mounted {
	bool found;
	bool ours;
	unsigned major, minor;
};

/* Blanks, tabs, newlines and backslashes are written as \ooo there. */
static void unescape(char *text)
{
	char *to = text;
	unsigned value;

	for (; *text; text++) {
		if (text[0] == '\\' && sscanf(text + 1, "%3o", &value) == 1) {
			*to++ = (char)value;
			text += 3;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

static void look_at_line(char *line, const char *path, struct mounted *ret)
{
	unsigned major, minor;
	int start = 0, end = 0;
	const char *type = strstr(line, " - ");

	if (sscanf(line, "%*d %*d %u:%u %*s %n%*s%n", &major, &minor, &start, &end) != 2 || !end)
		return;
	line[end] = '\0';
	unescape(line + start);
	if (strcmp(line + start, path) != 0)
		return;
	/* Later lines lie on top of earlier ones. */
	*ret = (struct mounted){true, type && strncmp(type + 3, TYPE " ", sizeof(TYPE)) == 0, major,
				minor};
}

static struct mounted find_mount(const char *path)
{
	autofclose FILE *file = fopen("/proc/self/mountinfo", "re");
	struct mounted found = {0};
	autofree char *line = NULL;
	size_t size = 0;

	while (file && getline(&line, &size, file) > 0)
		look_at_line(line, path, &found);
	return found;
}

static int detach(const char *path, struct msb_error *err)
{
	static const struct process_options options = {.stderr_fd = STDERR_FILENO};
	const char *const argv[] = {"fusermount3", "-u", "-z", "--", path, NULL};
	int status;
	pid_t pid;

	if (umount2(path, MNT_DETACH) == 0)
		return 0;
	if (errno != EPERM)
		return msb_error_set(err, errno, "detach the dead mount on '%s'", path);
	pid = process_spawn(argv, &options, err);
	if (pid < 0)
		return (int)pid;
	return process_wait(pid, &status, err);
}

/* A daemon that was killed leaves a mount that answers nothing but ENOTCONN. */
static int detach_stale(const char *path, struct msb_error *err)
{
	struct statfs fs;
	int r;

	/* Attributes may be kept by the kernel: statfs always asks. */
	for (int i = 0; i < STALE_MAX; i++) {
		if (statfs(path, &fs) == 0 || (errno != ENOTCONN && errno != ECONNABORTED))
			return 0;
		r = detach(path, err);
		if (r < 0)
			return r;
	}
	return msb_error_say(err, EBUSY, "the dead mounts on '%s' cannot be detached", path);
}

static bool lies_in(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	if (strcmp(directory, "/") == 0)
		return true;
	return strncmp(path, directory, length) == 0 &&
	       (path[length] == '/' || path[length] == '\0');
}

int mountpoint_prepare(const char *path, const char *store, char **ret, struct msb_error *err)
{
	autofree char *absolute = NULL;
	struct stat st;
	int r = detach_stale(path, err);

	if (r < 0)
		return r;
	absolute = realpath(path, NULL);
	if (!absolute && errno == ENOENT)
		return msb_error_say(err, ENOENT,
				     "mount point '%s' does not exist (make it first: mkdir -p %s)",
				     path, path);
	if (!absolute || stat(absolute, &st) < 0)
		return msb_error_set(err, errno, "mount point '%s'", path);
	if (!S_ISDIR(st.st_mode))
		return msb_error_say(err, ENOTDIR, "mount point '%s' is not a directory", path);
	if (find_mount(absolute).ours)
		return msb_error_say(err, EBUSY,
				     "'%s' is mounted already (unmount it first: umount %s)",
				     absolute, absolute);
	/* The daemon would wait for itself. */
	if (lies_in(store, absolute))
		return msb_error_say(err, EINVAL, "the store '%s' lies in the mount point '%s'",
				     store, absolute);
	*ret = steal(&absolute);
	return 0;
}

void mountpoint_read_ahead(const char *path, unsigned bytes)
{
	struct mounted mounted = find_mount(path);
	char name[64];
	autofclose FILE *file = NULL;

	if (!mounted.ours)
		return;
	snprintf(name, sizeof(name), "/sys/class/bdi/%u:%u/read_ahead_kb", mounted.major,
		 mounted.minor);
	file = fopen(name, "we");
	/* A hint: who may not give it reads in smaller pieces. */
	if (file)
		fprintf(file, "%u\n", bytes / 1024);
}

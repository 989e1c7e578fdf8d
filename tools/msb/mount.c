/* msb mount, msb umount. The mount itself is msbfs's work: it is found and started here. */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <msb/builder.h>

#include "command.h"
#include "mounts.h"

extern char **environ;

struct mount {
	struct words operands;
	struct words options; /* of -o, as given */
	bool foreground;
	bool lazy;
};

enum { KEY_ALLOW_OTHER = 0x100 };

static error_t parse_mount(int key, char *arg, struct argp_state *state)
{
	struct mount *mount = state->input;

	switch (key) {
	case 'f':
		mount->foreground = true;
		return 0;
	case 'o':
		return words_add(&mount->options, arg) < 0 ? ENOMEM : 0;
	case KEY_ALLOW_OTHER:
		return words_add(&mount->options, "allow_other") < 0 ? ENOMEM : 0;
	case 'l':
		mount->lazy = true;
		return 0;
	case ARGP_KEY_ARGS:
		operands_take(state, &mount->operands);
		return 0;
	case ARGP_KEY_END:
		operands_check(state, &mount->operands, 1, 1, "the directory");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void mount_done(struct mount *mount)
{
	words_done(&mount->operands);
	words_done(&mount->options);
}

/* msbfs's place: told by $MSB_FS; installed beside this program; where a build tree has it; in
 * PATH. Owned by the caller; NULL: no memory. */
static char *find_msbfs(void)
{
	static const char *const places[] = {"msbfs", "../../fs/msbfs"};
	const char *told = getenv("MSB_FS");
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (told && *told)
		return strdup(told);
	if (length > 0) {
		self[length] = '\0';
		*strrchr(self, '/') = '\0';
		for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
			char *path;

			if (asprintf(&path, "%s/%s", self, places[i]) < 0)
				return NULL;
			if (access(path, X_OK) == 0)
				return path;
			free(path);
		}
	}
	return strdup("msbfs");
}

/* This program, for msbfs to fetch by what lazily pulled images left in registries; owned. NULL:
 * somebody said which, or its name cannot be said among options, or it is not msb. */
static char *find_self(const struct mount *mount)
{
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	for (size_t i = 0; i < mount->options.count; i++)
		if (strstr(mount->options.items[i], "fetch="))
			return NULL;
	if (length <= 0)
		return NULL;
	self[length] = '\0';
	if (strpbrk(self, ",\\") || strcmp(strrchr(self, '/'), "/msb") != 0)
		return NULL;
	return strdup(self);
}

/* "a,b" of all -o, and msb's own path; NULL: no memory. */
static char *join(const struct words *words, const char *self)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (size_t i = 0; i < words->count; i++)
		fprintf(out, "%s%s", i ? "," : "", words->items[i]);
	if (self)
		fprintf(out, "%sfetch=%s", words->count ? "," : "", self);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static int check_directory(const char *directory, struct msb_error *err)
{
	struct stat st;

	if (stat(directory, &st) < 0 && errno == ENOENT)
		return msb_error_say(err, ENOENT, "there is no directory '%s': mkdir -p %s",
				     directory, directory);
	if (stat(directory, &st) < 0 && errno == ENOTCONN)
		return msb_error_say(err, ENOTCONN, "a dead mount is left on '%s': msb umount %s",
				     directory, directory);
	if (stat(directory, &st) < 0)
		return msb_error_set(err, errno, "%s", directory);
	if (!S_ISDIR(st.st_mode))
		return msb_error_say(err, ENOTDIR, "'%s' is not a directory", directory);
	return 0;
}

/* Becomes msbfs, which returns to the shell when the mount is ready; comes back on failure only. */
static int become_msbfs(const char *root, const char *directory, const struct mount *mount,
			struct msb_error *err)
{
	autofree char *program = find_msbfs();
	autofree char *self = find_self(mount);
	autofree char *options = join(&mount->options, self);
	autowords words = {0};
	int r = 0;

	if (!program || !options)
		return msb_error_memory(err);
	r |= words_add(&words, program);
	if (mount->foreground)
		r |= words_add(&words, "-f");
	if (*options) {
		r |= words_add(&words, "-o");
		r |= words_add(&words, options);
	}
	r |= words_add(&words, root);
	r |= words_add(&words, directory);
	if (r < 0)
		return msb_error_memory(err);
	execvp(program, (char **)(uintptr_t)words.items);
	if (errno == ENOENT)
		return msb_error_say(err, ENOENT,
				     "msbfs, which serves the mount, is not installed: it belongs "
				     "beside msb or into PATH, or set MSB_FS");
	return msb_error_set(err, errno, "start %s", program);
}

int run_mount(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"foreground", 'f', NULL, 0, "Stay in front until it is unmounted"},
		{"options", 'o', "OPTIONS", 0, "Mount options, as of mount(8)"},
		{"allow-other", KEY_ALLOW_OTHER, NULL, 0, "Let other users in: -o allow_other"},
		{0},
	};
	static const struct argp argp = {
		options, parse_mount, "DIR",
		"Show all stages, images and builds of the store as directories below DIR. "
		"Returns when the mount is ready; new builds and images appear by themselves."};
	struct mount mount = {0};
	struct msb_error err = {0};
	autofree char *directory = NULL;
	autofree char *root = NULL;
	int status = command_parse(session, &argp, argc, argv, &mount);
	int r;

	if (status) {
		mount_done(&mount);
		return status;
	}
	r = check_directory(mount.operands.items[0], &err);
	if (r >= 0)
		r = msb_store_make(session->root, &err);
	if (r >= 0) {
		/* Absolute, so that nothing begins with a dash and nothing depends on where the
		 * daemon stands. */
		directory = realpath(mount.operands.items[0], NULL);
		root = realpath(session->root, NULL);
		r = directory && root
			    ? become_msbfs(root, directory, &mount, &err)
			    : msb_error_set(&err, errno, "%s",
					    directory ? session->root : mount.operands.items[0]);
	}
	mount_done(&mount);
	return r < 0 ? fail(&err) : STATUS_DONE;
}

/* An ordinary user's way to unmount what is theirs. */
static int unmount_by_helper(const char *directory, bool lazy, struct msb_error *err)
{
	const char *words[] = {"fusermount3", "-u", lazy ? "-z" : "--", directory, NULL};
	pid_t pid;
	int status = 0;
	int r;

	r = posix_spawnp(&pid, words[0], NULL, NULL, (char **)(uintptr_t)words, environ);
	if (r)
		return msb_error_set(err, r, "start fusermount3 (of the package fuse3)");
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return msb_error_set(err, errno, "wait for fusermount3");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	/* What bare roots lack, fusermount3 cannot do without. */
	if (access("/etc/mtab", F_OK) < 0)
		return msb_error_say(err, ENOENT,
				     "fusermount3 wants /etc/mtab, which is not there (as root: ln "
				     "-s /proc/self/mounts /etc/mtab)");
	return msb_error_say(
		err, EBUSY,
		"'%s' stays mounted: if it is in use, leave it (fuser -vm %s shows who "
		"is there), or: msb umount --lazy %s",
		directory, directory, directory);
}

static int unmount(const char *directory, bool lazy, struct msb_error *err)
{
	if (geteuid() != 0)
		return unmount_by_helper(directory, lazy, err);
	if (umount2(directory, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0)
		return 0;
	if (errno == EBUSY)
		return msb_error_say(err, EBUSY,
				     "'%s' is in use: leave it (fuser -vm %s shows who is there), "
				     "or: msb umount --lazy %s",
				     directory, directory, directory);
	if (errno == EPERM)
		return unmount_by_helper(directory, lazy, err);
	return msb_error_set(err, errno, "unmount %s", directory);
}

int run_umount(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"lazy", 'l', NULL, 0, "Take it out of sight now, end it when nobody uses it"},
		{0},
	};
	static const struct argp argp = {options, parse_mount, "DIR",
					 "Take a mount of msb's away."};
	struct mount mount = {0};
	struct msb_error err = {0};
	autofree char *directory = NULL;
	bool stale = false;
	int status = command_parse(session, &argp, argc, argv, &mount);
	int r;

	if (status) {
		mount_done(&mount);
		return status;
	}
	r = mounts_find(mount.operands.items[0], &directory, &stale, &err);
	/* Whoever is still in a dead mount gets nothing out of it: it need not wait for them. */
	if (r >= 0)
		r = unmount(directory, mount.lazy || stale, &err);
	mount_done(&mount);
	return r < 0 ? fail(&err) : STATUS_DONE;
}

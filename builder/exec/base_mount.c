#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <msb/tree.h>

#include "base_mount.h"
#include "io.h"
#include "process.h"
#include "tree_checkout.h"

#define READY_MS 10000
#define MAX_SAID 4096

/* A tree without any extended attribute is shown by a daemon that refuses to be asked for them:
 * the overlay above asks on every lookup, and one refusal ends that for the whole mount. */
enum flavour { PLAIN, WITH_XATTRS, FLAVOURS };

struct daemon {
	bool running;
	pid_t pid;
	int control; /* closing it ends the daemon */
	int log;     /* what it wrote to its standard error */
	char *path;  /* owned */
};

struct base_mount {
	struct msb_store *store;
	char *scratch;
	char *program, *fetch; /* msbfs, and its option */
	int watch; /* an epoll: ready when the other end of a control descriptor has gone */
	pthread_mutex_t lock;
	struct daemon daemons[FLAVOURS]; /* guarded by lock */
};

static bool usable(const char *path)
{
	return path && access(path, X_OK) == 0;
}

/* $MSB_FS, else beside this program, else where the build tree has it, else PATH. */
static char *find_program(void)
{
	const char *named = getenv("MSB_FS");
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	static const char *const places[] = {"msbfs", "../../fs/msbfs", "../fs/msbfs"};

	if (named)
		return strdup(named);
	self[length > 0 ? length : 0] = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		autofree char *path = NULL;
		char *slash = strrchr(self, '/');

		if (slash)
			path = buffer_format("%.*s/%s", (int)(slash - self), self, places[i]);
		if (usable(path))
			return steal(&path);
	}
	return strdup("msbfs");
}

/* ",fetch=" and this program, if it is msb, by which msbfs fetches what the base left in its
 * registry; owned. */
static char *fetch_option(void)
{
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *slash;

	self[length > 0 ? length : 0] = '\0';
	slash = strrchr(self, '/');
	if (!slash || strcmp(slash, "/msb") != 0 || strpbrk(self, ",\\"))
		return strdup("");
	return buffer_format(",fetch=%s", self);
}

int base_mount_new(struct msb_store *store, const char *scratch, struct base_mount **ret,
		   struct msb_error *err)
{
	AUTO(base_mount_freep) struct base_mount *mount = calloc(1, sizeof(*mount));

	if (!mount)
		return msb_error_memory(err);
	pthread_mutex_init(&mount->lock, NULL);
	mount->store = store;
	mount->scratch = strdup(scratch);
	mount->program = find_program();
	mount->fetch = fetch_option();
	mount->watch = epoll_create1(EPOLL_CLOEXEC);
	if (!mount->scratch || !mount->program || !mount->fetch)
		return msb_error_memory(err);
	if (mount->watch < 0)
		return msb_error_set(err, errno, "watch over msbfs");
	*ret = steal(&mount);
	return 0;
}

static void stop(struct daemon *daemon)
{
	int status;

	if (!daemon->running)
		return;
	/* Detached first: the daemon then ends whatever else happens. */
	umount2(daemon->path, MNT_DETACH);
	close(daemon->control);
	process_wait(daemon->pid, &status, NULL);
	rmdir(daemon->path);
	daemon->running = false;
}

void base_mount_free(struct base_mount *mount)
{
	if (!mount)
		return;
	for (size_t i = 0; i < FLAVOURS; i++) {
		stop(&mount->daemons[i]);
		if (mount->daemons[i].log > 0)
			close(mount->daemons[i].log);
		free(mount->daemons[i].path);
	}
	if (mount->watch >= 0)
		close(mount->watch);
	pthread_mutex_destroy(&mount->lock);
	free(mount->program);
	free(mount->fetch);
	free(mount->scratch);
	free(mount);
}

int base_mount_watch(const struct base_mount *mount)
{
	return mount->watch;
}

/* What the daemons wrote to their log so far; "" for nothing. */
static void read_log(const struct daemon *daemon, char text[MAX_SAID + 1])
{
	ssize_t n = daemon->log > 0 ? io_pread(daemon->log, text, MAX_SAID, 0) : 0;

	text[n > 0 ? n : 0] = '\0';
}

/* One byte means ready; anything else that comes, or nothing in time, means it is not. */
static int wait_ready(struct daemon *daemon, int control, struct msb_error *err)
{
	struct pollfd poll_control = {control, POLLIN, 0};
	char ready, text[MAX_SAID + 1];
	int r;

	do
		r = poll(&poll_control, 1, READY_MS);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return msb_error_say(err, ETIMEDOUT, "msbfs was not ready within %d s",
				     READY_MS / 1000);
	if (r > 0 && recv(control, &ready, 1, MSG_DONTWAIT) == 1)
		return 0;
	read_log(daemon, text);
	text[strcspn(text, "\n")] = '\0';
	return msb_error_say(err, EIO, "show the step's base as a directory: %s",
			     *text ? text : "msbfs ended at once");
}

/* Makes the mount point and the log. */
static int prepare(struct base_mount *mount, enum flavour flavour, struct msb_error *err)
{
	struct daemon *daemon = &mount->daemons[flavour];
	autofree char *log = buffer_format("%s/base%d.log", mount->scratch, flavour);

	if (!daemon->path)
		daemon->path = buffer_format("%s/base%d", mount->scratch, flavour);
	if (!log || !daemon->path)
		return msb_error_memory(err);
	if (mkdir(daemon->path, 0700) < 0 && errno != EEXIST)
		return msb_error_set(err, errno, "create directory '%s'", daemon->path);
	if (daemon->log > 0)
		close(daemon->log);
	daemon->log = open(log, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	return daemon->log < 0 ? msb_error_set(err, errno, "create '%s'", log) : 0;
}

static pid_t spawn(struct base_mount *mount, enum flavour flavour, int control,
		   struct msb_error *err)
{
	const struct daemon *daemon = &mount->daemons[flavour];
	/* Commands of other users see it through bind mounts; nobody else sees it at all. */
	autofree char *options = buffer_format("control=%d,suid,dev,allow_other%s%s", control,
					       flavour == PLAIN ? ",noxattr" : "", mount->fetch);
	const char *const argv[] = {
		mount->program, "-f", "-o", options, msb_store_path(mount->store),
		daemon->path,   NULL};
	const int keep[] = {control, -1};
	struct process_options process = {
		.stderr_fd = daemon->log, .keep = keep, .own_group = true};

	if (!options)
		return msb_error_memory(err);
	return process_spawn(argv, &process, err);
}

static int start(struct base_mount *mount, enum flavour flavour, struct msb_error *err)
{
	struct daemon *daemon = &mount->daemons[flavour];
	int control[2], status, r = prepare(mount, flavour, err);

	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) < 0)
		return msb_error_set(err, errno, "create a socket pair");
	daemon->pid = spawn(mount, flavour, control[1], err);
	close(control[1]);
	r = daemon->pid < 0 ? (int)daemon->pid : wait_ready(daemon, control[0], err);
	if (r < 0) {
		close(control[0]);
		if (daemon->pid > 0) {
			kill(daemon->pid, SIGKILL);
			process_wait(daemon->pid, &status, NULL);
		}
		return r;
	}
	daemon->control = control[0];
	daemon->running = true;
	/* Without this a command whose files are gone comes to its own end. */
	epoll_ctl(mount->watch, EPOLL_CTL_ADD, control[0], &(struct epoll_event){EPOLLRDHUP, {0}});
	return 0;
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid != 0;
}

char *base_mount_complaints(struct base_mount *mount)
{
	autobuffer said = {0};
	char text[MAX_SAID + 1];

	pthread_mutex_lock(&mount->lock);
	for (size_t i = 0; i < FLAVOURS; i++) {
		if (!mount->daemons[i].running)
			continue;
		read_log(&mount->daemons[i], text);
		buffer_string(&said, text);
		if (has_ended(mount->daemons[i].pid))
			buffer_string(&said, "msbfs: ended before its time\n");
	}
	pthread_mutex_unlock(&mount->lock);
	return buffer_text(&said);
}

/* A plain copy of the tree, made once a build, under another name until it is whole. With the lock
 * held. */
static int check_out(struct base_mount *mount, const struct msb_digest *tree,
		     const struct msb_entry *entry, char **ret, struct msb_error *err)
{
	autofree char *path = NULL;
	autofree char *unfinished = NULL;
	char text[MSB_DIGEST_TEXT];
	int r = 0;

	msb_digest_format(tree, text);
	path = buffer_format("%s/tree-%s", mount->scratch, text + strlen("sha256:"));
	unfinished = path ? buffer_format("%s.part", path) : NULL;
	if (!unfinished)
		return msb_error_memory(err);
	if (access(path, F_OK) < 0) {
		r = tree_checkout(mount->store, entry, unfinished, true, err);
		if (r >= 0 && rename(unfinished, path) < 0)
			r = msb_error_set(err, errno, "name '%s'", path);
	}
	if (r < 0)
		return msb_error_prefix(err, r, "unpack the step's base");
	*ret = steal(&path);
	return 0;
}

int base_mount_path(struct base_mount *mount, const struct msb_digest *tree, char **ret,
		    struct msb_error *err)
{
	char text[MSB_DIGEST_TEXT];
	struct msb_found root;
	enum flavour flavour;
	int r = msb_tree_find(mount->store, tree, "/", 0, &root, err);

	if (r < 0)
		return r;
	if (access("/dev/fuse", R_OK | W_OK) < 0) {
		pthread_mutex_lock(&mount->lock);
		r = check_out(mount, tree, &root.entry, ret, err);
		pthread_mutex_unlock(&mount->lock);
		msb_found_done(&root);
		return r;
	}
	flavour = root.entry.below & MSB_BELOW_XATTRS ? WITH_XATTRS : PLAIN;
	msb_found_done(&root);
	pthread_mutex_lock(&mount->lock);
	if (!mount->daemons[flavour].running)
		r = start(mount, flavour, err);
	pthread_mutex_unlock(&mount->lock);
	if (r < 0)
		return r;
	*ret = buffer_format("%s/.trees/%s", mount->daemons[flavour].path,
			     msb_digest_format(tree, text) + strlen("sha256:"));
	return *ret ? 0 : msb_error_memory(err);
}

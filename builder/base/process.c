#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <msb/cleanup.h>

#include "process.h"

/* Everything below runs between fork and exec: no allocation, no locks. */

static int place_fd(int fd, int target)
{
	if (fd == 0)
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	return fd == target ? fcntl(fd, F_SETFD, 0) : dup2(fd, target);
}

static int place_standard_fds(const struct process_options *options)
{
	/* Out of the way first, so that one of the three never overwrites another. */
	int out = options->stdout_fd ? fcntl(options->stdout_fd, F_DUPFD_CLOEXEC, 3) : 0;
	int errors = options->stderr_fd ? fcntl(options->stderr_fd, F_DUPFD_CLOEXEC, 3) : 0;

	if (out < 0 || errors < 0)
		return -1;
	if (place_fd(options->stdin_fd, 0) < 0 || place_fd(out, 1) < 0 || place_fd(errors, 2) < 0)
		return -1;
	return 0;
}

/* Whoever holds the other end of report is the caller: without it there is nobody to die with,
 * and the signal that would have said so was sent before it was asked for. */
static int die_with_caller(int report)
{
	struct pollfd caller = {.fd = report};

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -1;
	if (poll(&caller, 1, 0) > 0 && caller.revents & POLLERR)
		_exit(128 + SIGKILL);
	return 0;
}

static int prepare(const struct process_options *options)
{
	int r = options->prepare ? options->prepare() : 0;

	if (r < 0)
		errno = -r;
	return r;
}

static void become(const char *const *argv, const struct process_options *options, int report)
{
	sigset_t none;
	int failure;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (options->own_group)
		setpgid(0, 0);
	if (options->dies_with_caller && die_with_caller(report) < 0)
		goto failed;
	if (place_standard_fds(options) < 0)
		goto failed;
	for (const int *fd = options->keep; fd && *fd >= 0; fd++)
		if (fcntl(*fd, F_SETFD, 0) < 0)
			goto failed;
	if (options->directory && chdir(options->directory) < 0)
		goto failed;
	if (prepare(options) < 0)
		goto failed;
	if (options->env)
		execvpe(argv[0], (char *const *)(uintptr_t)argv,
			(char *const *)(uintptr_t)options->env);
	else
		execvp(argv[0], (char *const *)(uintptr_t)argv);
failed:
	failure = errno;
	if (write(report, &failure, sizeof(failure)) < 0)
		_exit(126);
	_exit(127);
}

/* fork, into new namespaces if need be: unshare would move the calling thread's later children
 * as well. */
static pid_t fork_into(int namespaces, int cgroup)
{
	struct clone_args arguments = {.flags = (uint64_t)namespaces, .exit_signal = SIGCHLD};

	if (namespaces == 0 && cgroup == 0)
		return fork();
	if (cgroup == 0)
		return (pid_t)syscall(SYS_clone, (unsigned long)(namespaces | SIGCHLD), NULL, NULL,
				      NULL, NULL);
	arguments.flags |= CLONE_INTO_CGROUP;
	arguments.cgroup = (uint64_t)cgroup;
	return (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
}

pid_t process_spawn(const char *const *argv, const struct process_options *options,
		    struct msb_error *err)
{
	int ends[2], failure = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return msb_error_set(err, errno, "create a pipe");
	pid = fork_into(options->namespaces, options->cgroup_fd);
	if (pid == 0) {
		close(ends[0]);
		become(argv, options, ends[1]);
		_exit(127);
	}
	failure = errno;
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return msb_error_set(err, failure, "start '%s'", argv[0]);
	}
	/* The pipe closes by itself when exec succeeds. */
	do
		n = read(ends[0], &failure, sizeof(failure));
	while (n < 0 && errno == EINTR);
	close(ends[0]);
	if (n == (ssize_t)sizeof(failure)) {
		waitpid(pid, NULL, 0);
		return msb_error_set(err, failure, "run '%s'", argv[0]);
	}
	return pid;
}

int process_wait(pid_t pid, int *ret_status, struct msb_error *err)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return msb_error_set(err, errno, "wait for process %d", (int)pid);
	*ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return 0;
}

bool process_in_path(const char *name)
{
	const char *path = getenv("PATH");
	autofree char *copy = strdup(path ? path : "/usr/sbin:/usr/bin:/sbin:/bin");
	char *rest = copy;
	const char *directory;

	while (copy && (directory = strsep(&rest, ":"))) {
		autoclose int fd =
			open(*directory ? directory : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd >= 0 && faccessat(fd, name, X_OK, 0) == 0)
			return true;
	}
	return false;
}

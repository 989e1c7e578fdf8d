/* Running other programs. */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include <msb/error.h>

struct process_options {
	const char *const *env; /* NULL: this process's own */
	const char *directory;  /* NULL: stay */
	int stdin_fd;           /* 0 in any of the three: /dev/null */
	int stdout_fd;
	int stderr_fd;
	const int *keep; /* further descriptors that stay open, ended by -1; NULL: none */
	/* SIGKILL for the program as soon as the thread that spawned it is gone, which is also
	 * when its whole process was killed. That thread has to stay until process_wait. */
	bool dies_with_caller;
	bool own_group; /* what is typed at the caller's terminal sends it no signals */
	int namespaces; /* CLONE_NEW* to start in; with CLONE_NEWPID it is init there, so that all
			 * it ever starts ends with it */
	int cgroup_fd;  /* a directory of cgroup2 to start in; 0: the caller's */
	/* Called in the child before exec; like everything between fork and exec it may neither
	 * allocate nor lock. 0 or a negative errno code, with which process_spawn then fails. */
	int (*prepare)(void);
};

/* Starts argv[0] (looked up in PATH) with exactly the descriptors named in options. When the
 * program cannot be executed the error says so here, not later by an exit status.
 * The pid, or a negative code. */
pid_t process_spawn(const char *const *argv, const struct process_options *options,
		    struct msb_error *err);

/* Waits. *ret_status is 0…255, or 128 + the signal that ended it. */
int process_wait(pid_t pid, int *ret_status, struct msb_error *err);

/* True when name is an executable in PATH. */
bool process_in_path(const char *name);

#endif

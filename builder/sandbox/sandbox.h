/*
 * One command in one root directory: namespaces, the overlay below it, and the OCI runtime that
 * starts it. Knows no images and no store: it is given directories, words and numbers.
 *
 * The runtime (crun, else runc) is driven through its OCI command line with a bundle written for
 * each command (OCI runtime-spec 1.0, config.md).
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <msb/cleanup.h>
#include <msb/error.h>

/*
 * Moves this process into a mount namespace of its own, where nothing it mounts is seen outside
 * and everything vanishes with its last process. For an ordinary user this is also a user
 * namespace, in which the caller is uid 0 and the subordinate ids of /etc/subuid and
 * /etc/subgid follow. Where /sys/fs/cgroup is not a plain cgroup2 one is mounted over it.
 * Must be called while the process has one thread; a second call does nothing.
 */
int sandbox_enter(struct msb_error *err);

/* crun, else runc; the one that MSB_RUNTIME names where that is set. -ENOENT with a remedy where
 * none is found. The name is a constant string. */
int sandbox_find_runtime(const char **ret_name, struct msb_error *err);

/* True when programs for that architecture, in OCI's words, run on this machine: by itself, or by
 * an emulator that binfmt_misc knows and that is found from any root. handlers: where that is
 * mounted; NULL: where it always is. */
bool sandbox_can_run(const char *handlers, const char *architecture);

/* Which system calls a command may make (seccomp(2)). Used by any number of threads at once. */
struct sandbox_filter;

/* The profile that this host's packages bring for containers; NULL where there is none. */
const char *sandbox_filter_default(void);
/*
 * profile: a file as for docker's --security-opt seccomp=. The filter is the one for commands that
 * are not privileged. kept: a directory where the result is looked for and left, which saves some
 * 20 ms next time; -1: none. -EINVAL for what is no profile.
 */
int sandbox_filter_open(const char *profile, int kept, struct sandbox_filter **ret,
			struct msb_error *err);
void sandbox_filter_free(struct sandbox_filter *filter);
DEFINE_AUTO(struct sandbox_filter, sandbox_filter_free)

struct sandbox_overlay {
	const char *const *lower; /* directories, uppermost first, NULL-terminated */
	const char *upper;        /* empty directory, filled by what the command changes */
	const char *work;         /* empty directory beside upper */
	const char *target;       /* where the merged tree appears */
};

/*
 * Mounts with volatile (no fsync of the command reaches the disk: the caller makes what it keeps
 * durable itself) and, where the kernel allows them, redirect_dir, metacopy and xino; so the
 * upper directory may hold trusted.overlay.{redirect,metacopy,opaque} (user.overlay.* in a user
 * namespace), and whiteouts as character devices 0:0.
 */
int sandbox_overlay_mount(const struct sandbox_overlay *overlay, struct msb_error *err);
int sandbox_overlay_unmount(const char *target, struct msb_error *err);

struct sandbox_mount {
	const char *source; /* a file or directory outside; NULL: a tmpfs */
	const char *target; /* absolute, inside the root; exists there */
	bool read_only;
	uint64_t size; /* of a tmpfs, bytes; 0: the system's default */
};

struct sandbox_limit {
	const char *name;    /* "RLIMIT_NOFILE" */
	uint64_t soft, hard; /* RLIM_INFINITY: none. Not above this process's own */
};

struct sandbox_command {
	const char *root;    /* directory that becomes "/" */
	const char *scratch; /* empty directory for the bundle and the runtime's state */
	const char *hostname;
	const char *const *argv; /* NULL-terminated, as env */
	const char *const *env;
	const char *directory; /* absolute, inside the root */
	uid_t uid;
	gid_t gid;
	const gid_t *groups; /* supplementary */
	size_t group_count;
	const struct sandbox_mount *mounts; /* a later one covers those before it */
	size_t mount_count;
	uint64_t shm_size; /* bytes of /dev/shm; 0: 64 MiB */
	const struct sandbox_limit *limits;
	size_t limit_count;                  /* of others, the command has what this process has */
	bool own_network;                    /* only a loopback; else the caller's network */
	bool privileged;                     /* all capabilities, nothing masked, no filter */
	const struct sandbox_filter *filter; /* NULL: all system calls that the kernel lets it */
	int stdin_fd;                        /* 0: /dev/null */
	int stdout_fd;                       /* 0: /dev/null */
	int stderr_fd;
	/* stdin_fd and stdout_fd are a terminal: the command gets one of its own, of the same
	 * size, through which all three of its streams go to and from that one. */
	bool terminal;
	const char *typed; /* stands behind the terminal's first prompt as if it had been typed,
			      where the runtime lets us; NULL: nothing */
	/* Once there is something to read, the command is ended: with a moment's time where it
	 * catches SIGTERM. 0: nobody will ask for that. */
	int stop_fd;
};

/* The directories and files that must exist in the root before sandbox_run: "/proc", "/sys",
 * "/dev". NULL-terminated, constant. */
const char *const *sandbox_mount_points(void);

/*
 * Runs to the end. *ret_status is the command's own, 0…255: 128 + signal; 127 for a program that
 * is not in the root and 126 for one that may not be executed, as a shell has them, after a
 * sentence on stderr_fd. (A program that the kernel itself refuses, for want of its interpreter or
 * being made for another machine, is the runtime's 1.) The return value is negative only when the
 * command could not be run at all; the runtime's own words are then in err. Words and names must
 * be UTF-8: -EILSEQ. A command that stop_fd ended is -ECANCELED.
 *
 * The command and all it has started are gone on return, and soon after the calling thread or
 * process dies. Thread-safe; needs sandbox_enter.
 */
int sandbox_run(const struct sandbox_command *command, int *ret_status, struct msb_error *err);

#endif

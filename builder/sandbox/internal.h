/* What the files of the sandbox share. */
#ifndef SANDBOX_INTERNAL_H
#define SANDBOX_INTERNAL_H

#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

#include <jansson.h>

#include "buffer.h"
#include "sandbox.h"

/* True inside any user namespace but the host's first, whoever made it. */
bool idmap_in_user_namespace(void);
/* True when this process's user namespace has a name for the id. */
bool idmap_has_uid(uid_t uid);
bool idmap_has_gid(gid_t gid);
/* Whether a process in this user namespace may have supplementary groups. */
bool idmap_sets_groups(void);

/*
 * Maps the ids of a process that is about to enter a user namespace: the caller becomes 0, and the
 * subordinate ids of /etc/subuid and /etc/subgid follow by newuidmap and newgidmap; without any,
 * the caller is alone. idmap_prepare comes before the unshare and leaves a child outside, which
 * idmap_finish sets to work.
 */
struct idmap {
	pid_t child; /* 0: nobody to ask, the caller maps itself */
	int go;      /* owned; closing it tells the child that the namespace is there */
	int answer;  /* owned; the child's struct msb_error, or nothing when it went well */
	uid_t uid;
	gid_t gid;
};

int idmap_prepare(struct idmap *ret, struct msb_error *err);
int idmap_finish(struct idmap *idmap, struct msb_error *err);
void idmap_done(struct idmap *idmap);

struct sandbox_filter {
	json_t *rules; /* linux.seccomp of OCI runtime-spec 1.0; owned, as is the next */
	char *program; /* the same compiled (struct sock_filter), in base64 */
};

/* The names of those that a command has, as far as this process has them. Owned; NULL: memory. */
json_t *bundle_capabilities(bool privileged);

/* This machine's, in OCI's words; "" for one that nobody here knows. Constant. */
const char *emulator_own_architecture(void);

/* A cgroup2 whose processes may open no devices but the usual ones: its directory's descriptor,
 * which the caller owns; 0 where there can be none. After sandbox_enter() has settled cgroups. */
int devices_confine(void);

/* Writes config.json (OCI runtime-spec 1.0, config.md) into command->scratch. */
int bundle_write(const struct sandbox_command *command, struct msb_error *err);

struct runtime {
	const char *name;
	const char *options[4]; /* before the subcommand; NULL-terminated */
	bool sends_terminal;    /* when told where; else it serves its caller's by itself */
	/* What it says in its log of having failed; NULL when it does not. The caller owns it. */
	char *(*find_failure)(const struct buffer *log);
};

/* namespace.c: what devices_confine() gave when the sandbox was entered. */
int namespace_cgroup(void);

int runtime_find(const struct runtime **ret, struct msb_error *err);
/*
 * Tells from the runtime's log what its exit status means. 0: the command's own, or 127 or 126
 * because the program could not be executed, which the runtime has said on its stderr. Negative:
 * the runtime failed, with its words in err.
 */
int runtime_judge(const struct runtime *runtime, const char *log, int status, int *ret_status,
		  struct msb_error *err);
/* The name of the socket, in the directory that the runtime is started in. */
#define TERMINAL_SOCKET "console"

/* The socket on which the runtime sends the command's terminal. The descriptor, or a negative code.
 */
int terminal_listen(const char *directory, struct msb_error *err);
/* Serves the command's terminal to its end, for a runtime that was just started; 0 also when that
 * ended without one. The caller's terminal is left in raw mode. */
int terminal_join(int listener, pid_t pid, const struct sandbox_command *command,
		  struct msb_error *err);

/* Waits for the runtime's end, or for the word to end its command: -ECANCELED. */
int ending_wait(pid_t runtime, int stop_fd, int *ret_status, struct msb_error *err);

/* How a terminal was before somebody else had it. */
struct terminal_state {
	int fd;
	struct termios modes;
};
void terminal_keep(int fd, struct terminal_state *ret);
void terminal_restore(const struct terminal_state *state);

#endif

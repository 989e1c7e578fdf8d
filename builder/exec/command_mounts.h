/* RUN --mount: what a command sees and its layer does not keep. */
#ifndef COMMAND_MOUNTS_H
#define COMMAND_MOUNTS_H

#include <msb/error.h>

#include "command_root.h"
#include "sandbox.h"
#include "strlist.h"

struct step_run;
struct run_mount;

struct command_mounts {
	struct sandbox_mount *list; /* strings owned */
	size_t count;
	struct strlist env; /* NAME=VALUE to be added */
	struct strlist own; /* mounted for this command: what lies over writable binds, secrets */
	int *locks;         /* of cache directories */
	size_t lock_count;
	struct agent_relay **agents; /* owned, as each of them */
	size_t agent_count;
};

/*
 * Selects what the bind mounts show, and adds its keys to the run's definition; secrets, agents and
 * the contents of cache directories never count. *ret_trees has one tree a mount (zero for
 * those that select nothing) and is owned by the caller.
 */
int command_mounts_select(struct step_run *run, struct msb_digest **ret_trees,
			  struct msb_error *err);

/* msbfs is another process: it sees what was selected only when it is published. */
int command_mounts_publish(const struct step_run *run, struct msb_error *err);

struct mount_request {
	const struct run_mount *mounts;
	size_t count;
	const struct msb_digest *trees; /* one a mount; published */
	const char *const *secrets;     /* as struct msb_build_options has them */
	const struct agents *agents;
	int stop_fd; /* readable: nobody waits for a cache directory any more; 0: none */
};

/* Makes it all ready to be mounted, outer ones before inner ones; between command_root_init() and
 * command_root_mount(). */
int command_mounts_attach(struct command_mounts *mounts, struct command_root *root,
			  const struct mount_request *request, struct msb_error *err);
/* After the command: lets go of everything. NULL-safe on a zeroed value. */
void command_mounts_done(struct command_mounts *mounts);

/* A file of the step's own directory, bound read-only at a path of the root. */
int command_mounts_add_file(struct command_mounts *mounts, struct command_root *root,
			    const char *name, const void *bytes, size_t size, mode_t mode,
			    const char *target, bool needs_stub, struct msb_error *err);

/* Something of the host's at a path of the root: a directory to write to, or a file to read. */
int command_mounts_bind(struct command_mounts *mounts, struct command_root *root,
			const char *source, const char *target, bool directory,
			struct msb_error *err);

#endif

/*
 * Running one command.
 *
 * calling thread ──► runtime, init of a pid namespace ──► command, init of the container's own
 *
 * The runtime dies with the calling thread (a parent-death signal), and with an init its whole
 * pid namespace: that is how a command cannot outlive a builder that was killed, whatever the
 * runtime did to be rid of such signals.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <msb/cleanup.h>

#include "internal.h"
#include "process.h"
#include "strlist.h"

/* Between fork and exec, in the namespaces of the runtime. */
static int prepare(void)
{
	/* Mounts of the builder go away here too, instead of being held until the command ends. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return -errno;
	/* runc reads of its children in /proc. Where a container around us hides parts of /proc,
	 * the kernel refuses a second one: crun can do without. */
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 &&
	    errno != EPERM)
		return -errno;
	/* No runtime shall make cgroups; without a cgroup2 there (crun's hosts have one) nothing
	 * is lost. */
	if (mount(NULL, "/sys/fs/cgroup", NULL,
		  MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 &&
	    errno != EINVAL && errno != EPERM && errno != ENOENT)
		return -errno;
	return 0;
}

static int make_words(const struct runtime *runtime, const struct sandbox_command *command,
		      bool sends_terminal, struct strlist *ret)
{
	static atomic_uint count;
	int r = strlist_add(ret, runtime->name);

	for (const char *const *option = runtime->options; r == 0 && *option; option++)
		r = strlist_add(ret, *option);
	r = r < 0 ? r : strlist_addf(ret, "--root=%s/state", command->scratch);
	r = r < 0 ? r : strlist_addf(ret, "--log=%s/log", command->scratch);
	r = r < 0 ? r : strlist_add(ret, "run");
	r = r < 0 ? r : strlist_addf(ret, "--bundle=%s", command->scratch);
	if (r == 0 && sends_terminal)
		r = strlist_add(ret, "--console-socket=" TERMINAL_SOCKET);
	r = r < 0 ? r : strlist_addf(ret, "msb-%d-%u", getpid(), atomic_fetch_add(&count, 1));
	return r;
}

/* Of what makes runtimes fail, the one thing that users of user namespaces can mend. */
static int check_ids(const struct sandbox_command *command, struct msb_error *err)
{
	bool known = idmap_has_uid(command->uid) && idmap_has_gid(command->gid);

	for (size_t i = 0; known && i < command->group_count; i++)
		known = idmap_has_gid(command->groups[i]);
	if (known)
		return 0;
	return msb_error_say(err, EINVAL,
			     "user %u:%u (with its groups) has no id in this user namespace; give "
			     "the builder's user a larger range in /etc/subuid and /etc/subgid",
			     command->uid, command->gid);
}

/* Starts the runtime and stays until it ends. listener: the console socket, or -1. */
static int run_runtime(const struct sandbox_command *command, const struct strlist *words,
		       int listener, int *ret_status, struct msb_error *err)
{
	struct process_options options = {
		.directory = listener < 0 ? NULL : command->scratch,
		.stdin_fd = listener < 0 ? command->stdin_fd : 0,
		.stdout_fd = command->stdout_fd,
		.stderr_fd = command->stderr_fd,
		.dies_with_caller = true,
		/* runc serves the caller's terminal itself, from the foreground. */
		.own_group = !command->terminal,
		.namespaces = CLONE_NEWPID | CLONE_NEWNS,
		.cgroup_fd = command->privileged ? 0 : namespace_cgroup(),
		.prepare = prepare,
	};
	struct terminal_state state = {.fd = -1};
	pid_t pid = process_spawn((const char *const *)words->items, &options, err);
	int joined = 0, r;

	if (pid < 0)
		return pid;
	if (command->terminal)
		terminal_keep(command->stdin_fd, &state);
	if (listener >= 0)
		joined = terminal_join(listener, pid, command, err);
	if (joined < 0)
		kill(pid, SIGKILL);
	r = ending_wait(pid, command->stop_fd, ret_status, joined < 0 ? NULL : err);
	terminal_restore(&state);
	return joined < 0 ? joined : r;
}

int sandbox_run(const struct sandbox_command *command, int *ret_status, struct msb_error *err)
{
	const struct runtime *runtime;
	autostrlist words = {0};
	autoclose int listener = -1;
	char log[4096];
	int status, r;

	if (snprintf(log, sizeof(log), "%s/log", command->scratch) >= (int)sizeof(log))
		return msb_error_set(err, ENAMETOOLONG, "'%s'", command->scratch);
	r = runtime_find(&runtime, err);
	r = r < 0 ? r : check_ids(command, err);
	r = r < 0 ? r : bundle_write(command, err);
	if (r >= 0 && command->terminal && runtime->sends_terminal)
		r = listener = terminal_listen(command->scratch, err);
	if (r < 0)
		return r;
	if (make_words(runtime, command, listener >= 0, &words) < 0)
		return msb_error_memory(err);
	r = run_runtime(command, &words, listener, &status, err);
	return r < 0 ? r : runtime_judge(runtime, log, status, ret_status, err);
}

/* A command, or a shell, in a copy of a tree that nobody keeps. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <msb/tree.h>

#include "agents.h"
#include "command_filter.h"
#include "command_setting.h"
#include "debug_shell.h"
#include "exec.h"
#include "hosts.h"
#include "path.h"
#include "secrets.h"

static int make_words(const struct exec_debug *debug, struct strlist *ret, struct msb_error *err)
{
	const char *const *words = debug->options->argv;

	if (!words || !*words)
		return debug_shell_words(debug, ret, err);
	for (; *words; words++)
		if (strlist_add(ret, *words) < 0)
			return msb_error_memory(err);
	return 0;
}

static int make_env(const struct exec_debug *debug, const struct command_mounts *mounts,
		    const struct account *user, struct strlist *ret, struct msb_error *err)
{
	const char *term = getenv("TERM");

	if (strlist_copy(ret, &debug->config->env) < 0 ||
	    command_setting_env(ret, mounts, user) < 0)
		return msb_error_memory(err);
	if (!strlist_get_env(ret, "PATH") && strlist_set_env(ret, "PATH", DEBUG_PATH) < 0)
		return msb_error_memory(err);
	if (debug->options->terminal && !strlist_get_env(ret, "TERM") &&
	    strlist_set_env(ret, "TERM", term ? term : "xterm") < 0)
		return msb_error_memory(err);
	return 0;
}

/* The caller's own three streams, out of the way of the numbers that mean something else. */
struct streams {
	int fds[3];
};

static void streams_done(struct streams *streams)
{
	for (int i = 0; i < 3; i++)
		if (streams->fds[i] > 0)
			close(streams->fds[i]);
}

/* One that the caller does not have stays 0, which the sandbox takes for /dev/null. */
static void streams_take(struct streams *streams)
{
	for (int i = 0; i < 3; i++) {
		int fd = fcntl(i, F_DUPFD_CLOEXEC, 3);

		streams->fds[i] = fd < 0 ? 0 : fd;
	}
}

/* What is decided before anything is mounted. */
struct visit {
	struct account user;
	struct strlist argv, env;
	struct agents agents;
	struct buffer hosts;
	struct command_filter filter;
	struct streams streams;
	char *typed;
};

static void visit_done(struct visit *visit)
{
	strlist_done(&visit->argv);
	strlist_done(&visit->env);
	agents_done(&visit->agents);
	buffer_done(&visit->hosts);
	command_filter_done(&visit->filter);
	streams_done(&visit->streams);
	free(visit->typed);
}

static int prepare(const struct exec_debug *debug, struct visit *visit, struct msb_error *err)
{
	const struct msb_debug_options *options = debug->options;
	const char *wanted = options->user ? options->user : debug->config->user;
	autostrlist empty = {0}; /* secrets: who looks at them sees it */
	int r = command_filter_init(&visit->filter, NULL, err);

	if (r >= 0)
		r = account_find(debug->store, debug->tree, wanted && *wanted ? wanted : NULL,
				 &visit->user, err);
	if (r >= 0)
		r = make_words(debug, &visit->argv, err);
	if (r >= 0)
		r = secrets_check(options->secrets, &empty, err);
	if (r >= 0)
		r = agents_open(options->agents, store_writer_scratch_path(debug->writer),
				&visit->agents, err);
	if (r >= 0)
		r = hosts_write(NULL, HOSTS_NAME, &visit->hosts, err);
	return r;
}

/* In this order: a mount over /etc covers the files there. */
static int attach(const struct exec_debug *debug, struct visit *visit, struct command_root *root,
		  struct command_mounts *mounts, struct msb_error *err)
{
	const struct mount_request request = {
		.mounts = debug->mounts,
		.count = debug->mount_count,
		.trees = debug->mounted,
		.secrets = debug->options->secrets,
		.agents = &visit->agents,
		.stop_fd = debug->options->stop_fd,
	};
	int r = command_setting_network(mounts, root, &visit->hosts, err);

	if (r >= 0)
		r = command_mounts_attach(mounts, root, &request, err);
	if (r >= 0)
		r = debug_shell_prepare(debug, &visit->argv, &visit->user, root, mounts,
					&visit->typed, err);
	return r < 0 ? r : command_root_mount(root, err);
}

static int run(const struct exec_debug *debug, struct visit *visit, const struct command_root *root,
	       const struct command_mounts *mounts, int *ret_status, struct msb_error *err)
{
	const struct config *config = debug->config;
	autofree char *directory = path_join("/", config->working_dir ? config->working_dir : "/");
	struct sandbox_command command = command_setting_fill(root, mounts, &visit->user);
	int r = make_env(debug, mounts, &visit->user, &visit->env, err);

	if (r >= 0)
		r = command_filter_get(&visit->filter, debug->store, &command.filter, err);
	if (r < 0)
		return r;
	if (!directory)
		return msb_error_memory(err);
	streams_take(&visit->streams);
	command.argv = (const char *const *)visit->argv.items;
	command.env = (const char *const *)visit->env.items;
	command.directory = directory;
	command.own_network = debug->own_network;
	command.privileged = debug->insecure;
	command.stdin_fd = visit->streams.fds[0];
	command.stdout_fd = visit->streams.fds[1];
	command.stderr_fd = visit->streams.fds[2];
	command.terminal = debug->options->terminal;
	command.typed = visit->typed;
	command.stop_fd = debug->options->stop_fd;
	r = sandbox_run(&command, ret_status, err);
	if (r != -ECANCELED)
		return r;
	*ret_status = 128 + SIGKILL;
	return 0;
}

int exec_debug(const struct exec_debug *debug, struct msb_digest *ret_kept, int *ret_status,
	       struct msb_error *err)
{
	AUTO(base_mount_freep) struct base_mount *mount = NULL;
	AUTO(command_root_done) struct command_root root = {.fd = -1};
	AUTO(command_mounts_done) struct command_mounts mounts = {0};
	AUTO(visit_done) struct visit visit = {.agents = {.directory = -1}};
	struct command_ground ground = {debug->store, debug->writer, NULL};
	int r = prepare(debug, &visit, err);

	if (r >= 0)
		r = base_mount_new(debug->store, store_writer_scratch_path(debug->writer), &mount,
				   err);
	if (r >= 0)
		r = sandbox_enter(err);
	ground.mount = mount;
	if (r >= 0)
		r = command_root_init(&root, &ground, debug->tree, "debug", err);
	if (r >= 0)
		r = attach(debug, &visit, &root, &mounts, err);
	if (r >= 0)
		r = run(debug, &visit, &root, &mounts, ret_status, err);
	if (r >= 0 && debug->options->keep)
		r = command_root_capture(&root, ret_kept, err);
	return r;
}

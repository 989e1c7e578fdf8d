/* A command, or a shell, in a copy of a tree that nobody keeps. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <msb/tree.h>

#include "command_setting.h"
#include "exec.h"
#include "hosts.h"
#include "path.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define OWN_BUSYBOX  "/.msb/busybox"

static bool is_file(struct msb_store *store, const struct msb_digest *tree, const char *path)
{
	struct msb_found found;
	bool is;

	if (path[0] != '/' || msb_tree_find(store, tree, path, 0, &found, NULL) < 0)
		return false;
	is = found.entry.type == MSB_FILE;
	msb_found_done(&found);
	return is;
}

/* SHELL's own first, then what there mostly is. */
static int add_shell(const struct exec_debug *debug, struct strlist *ret, struct msb_error *err)
{
	const struct strlist *shell = &debug->config->shell;
	const char *const usual[] = {shell->count > 0 ? shell->items[0] : "", "/bin/bash",
				     "/bin/sh"};

	for (size_t i = 0; i < sizeof(usual) / sizeof(*usual); i++) {
		if (!is_file(debug->store, debug->tree, usual[i]))
			continue;
		return strlist_add(ret, usual[i]) < 0 ? msb_error_memory(err) : 0;
	}
	return msb_error_say(err, ENOENT,
			     "this tree has no shell (neither /bin/bash nor /bin/sh): lend it one "
			     "with --with busybox, or name a command of its own after --");
}

static int make_words(const struct exec_debug *debug, struct strlist *ret, struct msb_error *err)
{
	if (debug->argv && *debug->argv) {
		for (const char *const *word = debug->argv; *word; word++)
			if (strlist_add(ret, *word) < 0)
				return msb_error_memory(err);
		return 0;
	}
	if (!debug->busybox)
		return add_shell(debug, ret, err);
	return strlist_add(ret, OWN_BUSYBOX) < 0 || strlist_add(ret, "sh") < 0
		       ? msb_error_memory(err)
		       : 0;
}

static int make_env(const struct exec_debug *debug, const struct command_mounts *mounts,
		    const struct account *user, struct strlist *ret, struct msb_error *err)
{
	const char *term = getenv("TERM");

	if (strlist_copy(ret, &debug->config->env) < 0 ||
	    command_setting_env(ret, mounts, user) < 0)
		return msb_error_memory(err);
	if (!strlist_get_env(ret, "PATH") && strlist_set_env(ret, "PATH", DEFAULT_PATH) < 0)
		return msb_error_memory(err);
	if (debug->terminal && !strlist_get_env(ret, "TERM") &&
	    strlist_set_env(ret, "TERM", term ? term : "xterm") < 0)
		return msb_error_memory(err);
	return 0;
}

/* The host's busybox, which in Debian is static, bound where no tree has anything. */
static int lend_busybox(struct command_mounts *mounts, struct command_root *root,
			struct msb_error *err)
{
	static const char *const places[] = {"/bin/busybox", "/usr/bin/busybox"};

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (access(places[i], X_OK) == 0)
			return command_mounts_bind(mounts, root, places[i], OWN_BUSYBOX, err);
	return msb_error_say(err, ENOENT,
			     "--with busybox: this host has no /bin/busybox to lend (Debian's "
			     "package is 'busybox-static')");
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

static int run(const struct exec_debug *debug, const struct command_root *root,
	       const struct command_mounts *mounts, int *ret_status, struct msb_error *err)
{
	const struct config *config = debug->config;
	const char *wanted = debug->user ? debug->user : config->user;
	__attribute__((cleanup(streams_done))) struct streams streams = {{0}};
	autofree char *directory = path_join("/", config->working_dir ? config->working_dir : "/");
	struct sandbox_command command;
	autostrlist argv = {0};
	autostrlist env = {0};
	struct account user;
	int r = account_find(debug->store, debug->tree, wanted && *wanted ? wanted : NULL, &user,
			     err);

	if (r >= 0)
		r = make_words(debug, &argv, err);
	if (r >= 0)
		r = make_env(debug, mounts, &user, &env, err);
	if (r < 0)
		return r;
	if (!directory)
		return msb_error_memory(err);
	streams_take(&streams);
	command = command_setting_fill(root, mounts, &user);
	command.argv = (const char *const *)argv.items;
	command.env = (const char *const *)env.items;
	command.directory = directory;
	command.own_network = debug->own_network;
	command.stdin_fd = streams.fds[0];
	command.stdout_fd = streams.fds[1];
	command.stderr_fd = streams.fds[2];
	command.terminal = debug->terminal;
	return sandbox_run(&command, ret_status, err);
}

int exec_debug(const struct exec_debug *debug, int *ret_status, struct msb_error *err)
{
	AUTO(base_mount_freep) struct base_mount *mount = NULL;
	AUTO(command_root_done) struct command_root root = {.fd = -1};
	AUTO(command_mounts_done) struct command_mounts mounts = {0};
	autobuffer hosts = {0};
	struct command_ground ground = {debug->store, debug->writer, NULL};
	int r = sandbox_enter(err);

	if (r >= 0)
		r = base_mount_new(debug->store, store_writer_scratch_path(debug->writer), &mount,
				   err);
	ground.mount = mount;
	if (r >= 0)
		r = command_root_init(&root, &ground, debug->tree, "debug", err);
	if (r >= 0)
		r = hosts_write(NULL, HOSTS_NAME, &hosts, err);
	if (r >= 0)
		r = command_setting_network(&mounts, &root, &hosts, err);
	if (r >= 0 && debug->busybox)
		r = lend_busybox(&mounts, &root, err);
	if (r >= 0)
		r = command_root_mount(&root, err);
	return r < 0 ? r : run(debug, &root, &mounts, ret_status, err);
}

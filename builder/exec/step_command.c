/* RUN: one command in a root of its own; what it changed becomes the step's tree. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "accounts.h"
#include "command_mounts.h"
#include "command_output.h"
#include "command_root.h"
#include "internal.h"
#include "io.h"
#include "path.h"

static int write_hosts(const char *const *given, struct buffer *ret, struct msb_error *err)
{
	buffer_string(ret, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
	for (; given && *given; given++) {
		size_t name = strcspn(*given, "=:");

		if (name == 0 || !(*given)[name] || !(*given)[name + 1])
			return msb_error_say(err, EINVAL, "--add-host '%s': expected HOST:ADDRESS",
					     *given);
		buffer_printf(ret, "%s\t%.*s\n", *given + name + 1, (int)name, *given);
	}
	return buffer_ok(ret) ? 0 : msb_error_memory(err);
}

/* The network's files as the command sees them, and the script that stands in the Dockerfile. */
static int add_files(struct command_mounts *mounts, struct command_root *root,
		     struct msb_error *err)
{
	const struct inline_file *script = root->run->step->run.script;
	autobuffer resolv = {0};
	autobuffer hosts = {0};
	autofree char *target = NULL;
	int r;

	/* A host without name servers gives its commands none. */
	if (io_read_file(AT_FDCWD, "/etc/resolv.conf", 1024 * 1024, &resolv, NULL) < 0)
		resolv.size = 0;
	r = command_mounts_add_file(mounts, root, "resolv.conf",
				    resolv.bytes ? resolv.bytes : (const void *)"", resolv.size,
				    0644, "/etc/resolv.conf", true, err);
	if (r >= 0)
		r = write_hosts(root->run->build->options->hosts, &hosts, err);
	if (r >= 0)
		r = command_mounts_add_file(mounts, root, "hosts", hosts.bytes, hosts.size, 0644,
					    "/etc/hosts", true, err);
	if (r < 0 || !script)
		return r;
	/* /dev is a file system of the runtime's own: no stub is needed there. */
	target = path_join("/dev/pipes", script->name);
	if (!target)
		return msb_error_memory(err);
	return command_mounts_add_file(mounts, root, "script", script->content, script->size, 0755,
				       target, false, err);
}

static int environment(const struct step_run *run, const struct account *user,
		       const struct command_mounts *mounts, struct strlist *ret)
{
	const struct run_step *command = &run->step->run;

	if (strlist_copy(ret, &command->env) < 0 || strlist_copy(ret, &command->hidden_env) < 0 ||
	    strlist_copy(ret, &mounts->env) < 0)
		return -ENOMEM;
	if (!strlist_get_env(ret, "HOME"))
		return strlist_set_env(ret, "HOME", user->home);
	return 0;
}

static int run_command(struct command_root *root, const struct command_mounts *mounts,
		       struct msb_error *err)
{
	struct step_run *run = root->run;
	const struct step *step = run->step;
	autofree char *bundle = path_join(root->path, "bundle");
	autostrlist env = {0};
	struct account user;
	int r = account_find(run->build->store, &run->before, step->user, &user, err);

	if (r < 0)
		return r;
	if (!bundle || environment(run, &user, mounts, &env) < 0)
		return msb_error_memory(err);
	r = io_make_dirs(AT_FDCWD, bundle, 0700, err);
	if (r < 0)
		return r;
	{
		struct sandbox_command command = {
			.root = root->root,
			.scratch = bundle,
			.hostname = "buildkitsandbox",
			.argv = (const char *const *)step->run.argv.items,
			.env = (const char *const *)env.items,
			.directory = step->directory,
			.uid = user.uid,
			.gid = user.gid,
			.groups = user.groups,
			.group_count = user.group_count,
			.binds = mounts->binds,
			.bind_count = mounts->bind_count,
			.tmpfs = mounts->tmpfs,
			.tmpfs_count = mounts->tmpfs_count,
			.own_network = step->run.network == NETWORK_NONE,
			.privileged = step->run.insecure,
		};

		return command_run(run, &command, err);
	}
}

/* A command may have failed because its base could not be read: the log then says so. */
static void tell_complaints(struct step_run *run)
{
	autofree char *said = base_mount_complaints(run->build->mount);

	if (said && *said)
		buffer_string(&run->log, said);
}

static int execute(struct step_run *run, struct msb_error *err)
{
	AUTO(command_root_done) struct command_root root;
	AUTO(command_mounts_done) struct command_mounts mounts = {0};
	int r = command_root_init(&root, run, err);

	for (const char *const *point = sandbox_mount_points(); r >= 0 && *point; point++)
		r = command_root_stub(&root, *point, true, NULL, err);
	if (r >= 0)
		r = command_mounts_attach(&mounts, &root, run->prepared, err);
	if (r >= 0)
		r = add_files(&mounts, &root, err);
	if (r >= 0)
		r = command_root_mount(&root, err);
	if (r >= 0)
		r = run_command(&root, &mounts, err);
	if (r >= 0)
		r = command_root_capture(&root, err);
	if (r < 0)
		return r;
	if (run->exit_status == 0)
		return 0;
	tell_complaints(run);
	return msb_error_say(err, EPROTO, "the command did not succeed: exit code: %d",
			     run->exit_status);
}

static int prepare(struct step_run *run, struct msb_error *err)
{
	struct msb_digest *trees = NULL;
	int r = command_mounts_select(run, &trees, err);

	run->prepared = trees;
	return r;
}

static void release(struct step_run *run)
{
	free(run->prepared);
}

const struct step_operation step_command = {
	.prepare = prepare,
	.execute = execute,
	.release = release,
	.cached = true,
};

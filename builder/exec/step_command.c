/* RUN: one command in a root of its own; what it changed becomes the step's tree. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "accounts.h"
#include "command_mounts.h"
#include "command_output.h"
#include "command_root.h"
#include "command_setting.h"
#include "hosts.h"
#include "internal.h"
#include "path.h"

/* The script that stands in the Dockerfile. */
static int add_script(struct command_mounts *mounts, struct command_root *root,
		      const struct inline_file *script, struct msb_error *err)
{
	/* /dev is a file system of the runtime's own: no stub is needed there. */
	autofree char *target = path_join("/dev/pipes", script->name);

	if (!target)
		return msb_error_memory(err);
	return command_mounts_add_file(mounts, root, "script", script->content, script->size, 0755,
				       target, false, err);
}

static int run_command(struct step_run *run, const struct command_root *root,
		       const struct command_mounts *mounts, struct msb_error *err)
{
	const struct step *step = run->step;
	struct sandbox_command command;
	autostrlist env = {0};
	struct account user;
	int r = account_find(run->build->store, &run->before, step->user, &user, err);

	if (r < 0)
		return r;
	if (strlist_copy(&env, &step->run.env) < 0 ||
	    strlist_copy(&env, &step->run.hidden_env) < 0 ||
	    command_setting_env(&env, mounts, &user) < 0)
		return msb_error_memory(err);
	command = command_setting_fill(root, mounts, &user);
	command.argv = (const char *const *)step->run.argv.items;
	command.env = (const char *const *)env.items;
	command.directory = step->directory;
	command.own_network = step->run.network == NETWORK_NONE;
	command.hostname = run->build->hostname;
	command.privileged = step->run.insecure;
	command.stop_fd = run->build->stopped;
	r = command_filter_get(&run->build->filter, run->build->store, &command.filter, err);
	if (r < 0)
		return r;
	command.shm_size = run->build->limits.shm_size;
	command.limits = run->build->limits.items;
	command.limit_count = run->build->limits.count;
	return command_run(run, &command, err);
}

static int attach_mounts(const struct step_run *run, struct command_root *root,
			 struct command_mounts *mounts, struct msb_error *err)
{
	const struct msb_build_options *options = run->build->options;
	const struct mount_request request = {
		.mounts = run->step->run.mounts,
		.count = run->step->run.mount_count,
		.trees = run->prepared,
		.secrets = options->secrets,
		.agents = &run->build->agents,
		.stop_fd = run->build->stopped,
	};
	int r = command_mounts_publish(run, err);

	return r < 0 ? r : command_mounts_attach(mounts, root, &request, err);
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
	const struct command_ground ground = {run->build->store, run->build->writer,
					      run->build->mount};
	AUTO(command_root_done) struct command_root root;
	AUTO(command_mounts_done) struct command_mounts mounts = {0};
	char name[64];
	int r;

	snprintf(name, sizeof(name), "run-%zu-%zu", run->stage->plan->index, run->step->number);
	r = command_root_init(&root, &ground, &run->before, name, err);
	/* In this order: a mount over /etc covers the files there. */
	if (r >= 0)
		r = command_setting_network(&mounts, &root, &run->build->hosts, err);
	if (r >= 0 && run->step->run.script)
		r = add_script(&mounts, &root, run->step->run.script, err);
	if (r >= 0)
		r = attach_mounts(run, &root, &mounts, err);
	if (r >= 0)
		r = command_root_mount(&root, err);
	if (r >= 0)
		r = run_command(run, &root, &mounts, err);
	if (r >= 0)
		r = command_root_capture(&root, &run->after, err);
	if (r < 0)
		return r;
	run->has_after = true;
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
	limits_define(&run->build->limits, &run->definition);
	if (strcmp(run->build->hostname, HOSTS_NAME) != 0)
		buffer_printf(&run->definition, "hostname %s\n", run->build->hostname);
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
	.takes_time = true,
};

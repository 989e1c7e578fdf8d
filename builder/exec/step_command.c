/* RUN: one command on an overlay whose lower side is the base tree, never unpacked. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accounts.h"
#include "capture.h"
#include "internal.h"
#include "io.h"
#include "path.h"
#include "sandbox.h"

#define MAX_LOG (64u * 1024 * 1024)

/*
 * The directories of one command. `stubs` is a second lower layer, below the base: it lends
 * mount points that the base lacks, so that none of them is ever made in the upper side and
 * nothing needs to be taken out of the layer afterwards.
 */
struct work {
	struct step_run *run;
	char *path; /* of the step's own directory; owned */
	int fd;
	struct tree_edit *base; /* for looking things up; nothing is committed */
	char *resolv_conf;      /* where it is mounted in the root; owned */
	char *hosts;
	bool mounted;
};

static int make_work(struct work *work, struct step_run *run, struct msb_error *err)
{
	static const char *const parts[] = {"upper", "work", "root", "stubs", "bundle"};
	struct build *build = run->build;
	int scratch = store_writer_scratch(build->writer);
	char name[64];
	int r;

	*work = (struct work){.run = run, .fd = -1};
	snprintf(name, sizeof(name), "run-%zu-%zu", run->stage->plan->index, run->step->number);
	if (asprintf(&work->path, "%s/%s", store_writer_scratch_path(build->writer), name) < 0) {
		work->path = NULL;
		return msb_error_memory(err);
	}
	if (mkdirat(scratch, name, 0700) < 0)
		return msb_error_set(err, errno, "create directory '%s'", work->path);
	work->fd = openat(scratch, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (work->fd < 0)
		return msb_error_set(err, errno, "open directory '%s'", work->path);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (mkdirat(work->fd, parts[i], 0755) < 0)
			return msb_error_set(err, errno, "create directory '%s/%s'", work->path,
					     parts[i]);
	r = tree_edit_new(build->store, &run->before, &work->base, err);
	return r;
}

static void drop_work(struct work *work)
{
	struct msb_error ignored;

	if (work->mounted) {
		autofree char *root = path_join(work->path, "root");

		if (root)
			sandbox_overlay_unmount(root, &ignored);
	}
	tree_edit_free(work->base);
	free(work->resolv_conf);
	free(work->hosts);
	if (work->fd >= 0)
		close(work->fd);
	/* What cannot be removed now goes with the writer's scratch directory. */
	if (work->path)
		io_remove_tree(AT_FDCWD, work->path, &ignored);
	free(work->path);
}

/* The path in the root where a file of /etc is to be mounted, with a stub to mount on. */
static int make_stub(struct work *work, const char *path, bool directory, char **ret,
		     struct msb_error *err)
{
	autofree char *resolved = NULL;
	autofree char *stub = NULL;
	char *slash;
	int r = edit_resolve(work->base, path, 0, &resolved, err);

	if (r < 0)
		return r;
	if (asprintf(&stub, "stubs%s", resolved) < 0) {
		stub = NULL;
		return msb_error_memory(err);
	}
	slash = strrchr(stub, '/');
	*slash = '\0';
	r = io_make_dirs(work->fd, stub, 0755, err);
	*slash = '/';
	if (r >= 0 && directory)
		r = io_make_dirs(work->fd, stub, 0755, err);
	else if (r >= 0)
		r = io_write_file(work->fd, stub, "", 0, 0644, err);
	if (r >= 0 && ret)
		*ret = steal(&resolved);
	return r;
}

static int make_stubs(struct work *work, struct msb_error *err)
{
	static const char hosts[] = "127.0.0.1\tlocalhost\n"
				    "::1\tlocalhost ip6-localhost ip6-loopback\n";
	autobuffer resolv = {0};
	int r = 0;

	for (const char *const *point = sandbox_mount_points(); r >= 0 && *point; point++)
		r = make_stub(work, *point, true, NULL, err);
	if (r >= 0)
		r = make_stub(work, "/etc/resolv.conf", false, &work->resolv_conf, err);
	if (r >= 0)
		r = make_stub(work, "/etc/hosts", false, &work->hosts, err);
	if (r < 0)
		return r;
	/* A host without name servers gives its commands none. */
	if (io_read_file(AT_FDCWD, "/etc/resolv.conf", 1024 * 1024, &resolv, NULL) < 0)
		resolv.size = 0;
	r = io_write_file(work->fd, "resolv.conf", resolv.bytes ? resolv.bytes : (const void *)"",
			  resolv.size, 0644, err);
	if (r >= 0)
		r = io_write_file(work->fd, "hosts", hosts, strlen(hosts), 0644, err);
	return r;
}

/* The merged root directory takes its metadata from the upper one. */
static int dress_upper(struct work *work, struct msb_error *err)
{
	struct msb_entry root;
	struct timespec times[2];
	int r = edit_get(work->base, "/", &root, err);

	if (r < 0)
		return r;
	times[0].tv_sec = times[1].tv_sec = root.mtime_sec;
	times[0].tv_nsec = times[1].tv_nsec = root.mtime_nsec;
	if (fchownat(work->fd, "upper", root.uid, root.gid, 0) < 0 ||
	    fchmodat(work->fd, "upper", root.mode, 0) < 0 ||
	    utimensat(work->fd, "upper", times, 0) < 0)
		return msb_error_set(err, errno, "prepare the upper directory");
	return 0;
}

static int mount_root(struct work *work, struct msb_error *err)
{
	autofree char *base = NULL;
	autofree char *stubs = path_join(work->path, "stubs");
	autofree char *upper = path_join(work->path, "upper");
	autofree char *workdir = path_join(work->path, "work");
	autofree char *target = path_join(work->path, "root");
	int r = base_mount_path(work->run->build->mount, &work->run->before, &base, err);

	if (r < 0)
		return r;
	if (!stubs || !upper || !workdir || !target)
		return msb_error_memory(err);
	{
		const char *const lower[] = {base, stubs, NULL};
		const struct sandbox_overlay overlay = {lower, upper, workdir, target};

		r = sandbox_overlay_mount(&overlay, err);
	}
	work->mounted = r >= 0;
	return r;
}

/* Reads what the command prints until both pipes are closed. */
struct listener {
	struct step_run *run;
	int fds[2]; /* stdout, stderr */
	pthread_t thread;
};

static void heard(struct listener *listener, int index, const char *bytes, size_t size)
{
	struct step_run *run = listener->run;
	struct msb_event event = {
		.kind = MSB_EVENT_OUTPUT,
		.vertex = run->vertex,
		.stage = run->stage->plan->label,
		.step = run->step->number,
		.steps = run->stage->plan->step_count,
		.text = run->step->expanded,
		.output = bytes,
		.output_size = size,
		.output_fd = index + 1,
	};

	if (run->log.size + size <= MAX_LOG)
		buffer_append(&run->log, bytes, size);
	events_tell(&run->build->events, &event);
}

static void *listen(void *argument)
{
	struct listener *listener = argument;
	struct pollfd polls[2] = {{listener->fds[0], POLLIN, 0}, {listener->fds[1], POLLIN, 0}};
	char bytes[16384];
	size_t open_ends = 2;

	while (open_ends > 0) {
		if (poll(polls, 2, -1) < 0 && errno != EINTR)
			break;
		for (int i = 0; i < 2; i++) {
			ssize_t n;

			if (polls[i].fd < 0 || !polls[i].revents)
				continue;
			n = read(polls[i].fd, bytes, sizeof(bytes));
			if (n > 0) {
				heard(listener, i, bytes, (size_t)n);
			} else if (n == 0 || errno != EINTR) {
				polls[i].fd = -1;
				open_ends--;
			}
		}
	}
	return NULL;
}

static int command_environment(const struct step_run *run, const struct account *user,
			       struct strlist *ret)
{
	const struct run_step *command = &run->step->run;

	if (strlist_copy(ret, &command->env) < 0 || strlist_copy(ret, &command->hidden_env) < 0)
		return -ENOMEM;
	if (!strlist_get_env(ret, "HOME"))
		return strlist_set_env(ret, "HOME", user->home);
	return 0;
}

/* Starts the command with its output going to the listener, and waits for both. */
static int run_and_listen(struct step_run *run, struct sandbox_command *command,
			  struct msb_error *err)
{
	struct listener listener = {.run = run};
	int out[2], errors[2], r;
	bool listening;

	if (pipe2(out, O_CLOEXEC) < 0)
		return msb_error_set(err, errno, "create a pipe");
	if (pipe2(errors, O_CLOEXEC) < 0) {
		close(out[0]);
		close(out[1]);
		return msb_error_set(err, errno, "create a pipe");
	}
	listener.fds[0] = out[0];
	listener.fds[1] = errors[0];
	command->stdout_fd = out[1];
	command->stderr_fd = errors[1];
	r = pthread_create(&listener.thread, NULL, listen, &listener);
	listening = r == 0;
	if (listening)
		r = sandbox_run(command, &run->exit_status, err);
	else
		r = msb_error_set(err, r, "start a thread");
	close(out[1]);
	close(errors[1]);
	if (listening)
		pthread_join(listener.thread, NULL);
	close(out[0]);
	close(errors[0]);
	return r;
}

static int run_command(struct work *work, struct msb_error *err)
{
	struct step_run *run = work->run;
	const struct step *step = run->step;
	autofree char *root = path_join(work->path, "root");
	autofree char *bundle = path_join(work->path, "bundle");
	autofree char *resolv = path_join(work->path, "resolv.conf");
	autofree char *hosts = path_join(work->path, "hosts");
	autostrlist env = {0};
	struct account user;
	int r = account_find(run->build->store, &run->before, step->user, &user, err);

	if (r < 0)
		return r;
	if (!root || !bundle || !resolv || !hosts || command_environment(run, &user, &env) < 0)
		return msb_error_memory(err);
	{
		const struct sandbox_bind binds[] = {
			{resolv, work->resolv_conf, true},
			{hosts, work->hosts, true},
		};
		struct sandbox_command command = {
			.root = root,
			.scratch = bundle,
			.hostname = "buildkitsandbox",
			.argv = (const char *const *)step->run.argv.items,
			.env = (const char *const *)env.items,
			.directory = step->directory,
			.uid = user.uid,
			.gid = user.gid,
			.groups = user.groups,
			.group_count = user.group_count,
			.binds = binds,
			.bind_count = 2,
			.own_network = step->run.network == NETWORK_NONE,
			.privileged = step->run.insecure,
		};

		return run_and_listen(run, &command, err);
	}
}

static int finish(struct work *work, struct msb_error *err)
{
	struct step_run *run = work->run;
	autofree char *root = path_join(work->path, "root");
	autoclose int upper = -1;
	int r;

	if (!root)
		return msb_error_memory(err);
	r = sandbox_overlay_unmount(root, err);
	if (r < 0)
		return r;
	work->mounted = false;
	upper = openat(work->fd, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (upper < 0)
		return msb_error_set(err, errno, "open the upper directory");
	r = capture_upper(run->build->store, run->build->writer, upper, &run->before, &run->after,
			  err);
	if (r < 0)
		return msb_error_prefix(err, r, "keep what the command changed");
	run->has_after = true;
	return 0;
}

static int execute(struct step_run *run, struct msb_error *err)
{
	AUTO(drop_work) struct work work;
	int r = make_work(&work, run, err);

	if (r >= 0)
		r = make_stubs(&work, err);
	if (r >= 0)
		r = dress_upper(&work, err);
	if (r >= 0)
		r = mount_root(&work, err);
	if (r >= 0)
		r = run_command(&work, err);
	if (r >= 0)
		r = finish(&work, err);
	if (r < 0)
		return r;
	if (run->exit_status != 0)
		return msb_error_say(err, EPROTO, "the command did not succeed: exit code: %d",
				     run->exit_status);
	return 0;
}

/* What is parsed but not executed must not be ignored. */
static int prepare(struct step_run *run, struct msb_error *err)
{
	if (run->step->run.mount_count > 0)
		return msb_error_say(err, EOPNOTSUPP, "RUN --mount is not supported yet");
	if (run->step->run.script)
		return msb_error_say(err, EOPNOTSUPP,
				     "RUN with a '#!' heredoc is not supported yet");
	return 0;
}

const struct step_operation step_command = {
	.prepare = prepare,
	.execute = execute,
	.cached = true,
};

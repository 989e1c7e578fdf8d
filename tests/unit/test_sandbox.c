/*
 * The sandbox with a real runtime and a busybox root. The first argument says as whom:
 *   (none)  whoever runs it
 *   user    an ordinary user who has subordinate ids
 *   alone   an ordinary user who has none
 * Root takes the part of such a user by a passwd and a subuid of its own making.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <msb/cleanup.h>

#include "buffer.h"
#include "io.h"
#include "sandbox.h"

#define TEST(name)    static void name(void **state __attribute__((unused)))

#define TEST_UID      54321

#define WORDS(...)    ((const char *const[]){__VA_ARGS__, NULL})
#define SHELL(script) WORDS("sh", "-c", script)

static char base[] = "/var/tmp/msb-sandbox-XXXXXX";
static char root[64];
static bool ordinary_user;
static pid_t outside; /* a process that stays in the first mount namespace */

static const char *const environment[] = {"PATH=/bin", "COLOUR=deep blue", NULL};

/* What a command said and how it ended. */
struct outcome {
	int code; /* of sandbox_run */
	int status;
	char *out; /* owned */
	char *errors;
	struct msb_error err;
};

static void outcome_done(struct outcome *outcome)
{
	free(outcome->out);
	free(outcome->errors);
}

#define autooutcome AUTO(outcome_done) struct outcome

static char *path_of(char text[128], const char *name)
{
	snprintf(text, 128, "%s/%s", base, name);
	return text;
}

static void make_dir(const char *name)
{
	char path[128];

	assert_int_equal(mkdir(path_of(path, name), 0755), 0);
}

static int capture_file(const char *scratch, const char *name)
{
	autofree char *path = NULL;
	int fd;

	assert_true(asprintf(&path, "%s.%s", scratch, name) > 0);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	return fd;
}

static char *captured(int fd)
{
	char *text = calloc(1, 65536);

	assert_non_null(text);
	assert_true(io_pread(fd, text, 65535, 0) >= 0);
	return text;
}

static struct sandbox_command command_of(const char *const *argv)
{
	return (struct sandbox_command){
		.root = root,
		.hostname = "buildhost",
		.argv = argv,
		.env = environment,
		.directory = "/",
	};
}

static void run(struct sandbox_command *command, struct outcome *ret)
{
	char scratch[] = "/var/tmp/msb-scratch-XXXXXX";
	autoclose int out = -1;
	autoclose int errors = -1;

	assert_non_null(mkdtemp(scratch));
	out = capture_file(scratch, "out");
	errors = capture_file(scratch, "err");
	command->scratch = scratch;
	command->stdout_fd = out;
	command->stderr_fd = errors;
	ret->code = sandbox_run(command, &ret->status, &ret->err);
	ret->out = captured(out);
	ret->errors = captured(errors);
	assert_int_equal(io_remove_tree(AT_FDCWD, scratch, NULL), 0);
	for (int i = 0; i < 2; i++) {
		autofree char *path = NULL;

		assert_true(asprintf(&path, "%s.%s", scratch, i ? "out" : "err") > 0);
		assert_int_equal(unlink(path), 0);
	}
}

static void assert_ran(const struct outcome *outcome)
{
	if (outcome->code < 0)
		fail_msg("%s", outcome->err.text);
}

static void run_shell(const char *script, struct outcome *ret)
{
	struct sandbox_command command = command_of(SHELL(script));

	run(&command, ret);
	assert_ran(ret);
}

static void assert_says(const char *script, const char *expected)
{
	autooutcome outcome = {0};

	run_shell(script, &outcome);
	assert_string_equal(outcome.errors, "");
	assert_string_equal(outcome.out, expected);
	assert_int_equal(outcome.status, 0);
}

TEST(a_command_says_what_it_says_and_ends_with_zero)
{
	assert_says("echo hello", "hello\n");
}

TEST(a_command_gets_exactly_its_environment_directory_and_hostname)
{
	struct sandbox_command command =
		command_of(SHELL("env | grep -v -e SHLVL -e PWD | sort; pwd; hostname"));
	autooutcome outcome = {0};

	command.directory = "/tmp";
	command.env = WORDS("PATH=/bin", "COLOUR=deep \"blue\"", "HOME=/nowhere");
	run(&command, &outcome);
	assert_string_equal(outcome.out,
			    "COLOUR=deep \"blue\"\nHOME=/nowhere\nPATH=/bin\n/tmp\nbuildhost\n");
}

TEST(a_command_runs_as_the_user_and_groups_it_is_given)
{
	struct sandbox_command command = command_of(SHELL("id -u; id -g; id -G"));
	const gid_t groups[] = {7, 4242};
	autooutcome outcome = {0};

	command.uid = 1000;
	command.gid = 100;
	command.groups = groups;
	command.group_count = 2;
	run(&command, &outcome);
	assert_ran(&outcome);
	assert_string_equal(outcome.out, "1000\n100\n100 7 4242\n");
}

TEST(exit_statuses_come_through)
{
	autooutcome three = {0}, top = {0};

	run_shell("exit 3", &three);
	assert_int_equal(three.status, 3);
	run_shell("exit 255", &top);
	assert_int_equal(top.status, 255);
}

TEST(a_signal_is_128_and_its_number)
{
	autooutcome outcome = {0};

	/* As an init it cannot be killed from inside, but by the kernel. */
	run_shell("ulimit -t 1; while :; do :; done", &outcome);
	assert_int_equal(outcome.status, 128 + SIGKILL);
}

TEST(a_missing_program_is_127_and_named_on_stderr)
{
	struct sandbox_command by_name = command_of(WORDS("frobnicate", "now"));
	struct sandbox_command by_path = command_of(WORDS("/opt/frobnicate"));
	autooutcome first = {0}, second = {0};

	run(&by_name, &first);
	assert_ran(&first);
	assert_int_equal(first.status, 127);
	assert_non_null(strstr(first.errors, "frobnicate"));
	run(&by_path, &second);
	assert_ran(&second);
	assert_int_equal(second.status, 127);
	assert_non_null(strstr(second.errors, "/opt/frobnicate"));
}

TEST(a_program_that_is_not_executable_is_126)
{
	struct sandbox_command plain = command_of(WORDS("/bin/plain"));
	struct sandbox_command directory = command_of(WORDS("/tmp"));
	autooutcome first = {0}, second = {0};

	run(&plain, &first);
	assert_ran(&first);
	assert_int_equal(first.status, 126);
	assert_true(strlen(first.errors) > 0);
	run(&directory, &second);
	assert_ran(&second);
	assert_int_equal(second.status, 126);
}

TEST(a_script_whose_interpreter_is_missing_fails_and_says_so_on_stderr)
{
	struct sandbox_command command = command_of(WORDS("orphan"));
	autooutcome outcome = {0};

	run(&command, &outcome);
	assert_ran(&outcome);
	assert_int_equal(outcome.status, 1);
	assert_int_equal(strncmp(outcome.errors, "exec ", 5), 0);
	assert_non_null(strstr(outcome.errors, "/bin/orphan"));
}

TEST(a_failure_of_the_runtime_itself_is_an_error_with_its_words)
{
	struct sandbox_command command = command_of(WORDS("true"));
	struct sandbox_mount bind = {"/nowhere/at/all", "/tmp", true, 0};
	const char *name;
	autooutcome outcome = {0};

	command.mounts = &bind;
	command.mount_count = 1;
	run(&command, &outcome);
	assert_true(outcome.code < 0);
	assert_int_equal(sandbox_find_runtime(&name, NULL), 0);
	assert_int_equal(strncmp(outcome.err.text, name, strlen(name)), 0);
	assert_non_null(strstr(outcome.err.text, "/nowhere/at/all"));
}

TEST(an_argument_that_is_not_utf8_is_refused)
{
	struct sandbox_command command = command_of(WORDS("echo", "caf\xe9"));
	autooutcome outcome = {0};

	run(&command, &outcome);
	assert_int_equal(outcome.code, -EILSEQ);
	assert_non_null(strstr(outcome.err.text, "UTF-8"));
}

TEST(stdout_and_stderr_stay_apart_and_stdin_is_empty)
{
	autooutcome outcome = {0};

	run_shell("cat; echo one; echo two >&2", &outcome);
	assert_string_equal(outcome.out, "one\n");
	assert_string_equal(outcome.errors, "two\n");
}

TEST(proc_sys_and_dev_are_there)
{
	assert_says("echo $$; grep -c processor /proc/cpuinfo >/dev/null && echo proc;"
		    "echo gone >/dev/null; head -c 4 /dev/zero | wc -c; "
		    "test -c /dev/urandom && test -d /dev/pts && test -c /dev/ptmx && echo dev;"
		    "echo x > /dev/shm/x && cat /dev/shm/x; test -d /dev/mqueue && echo mq;"
		    "test -d /sys/kernel && echo sys; touch /sys/x 2>/dev/null || echo ro;"
		    "echo y | tee /dev/stdout /dev/fd/1 | wc -l",
		    "1\nproc\n4\ndev\nx\nmq\nsys\nro\n3\n");
}

TEST(kernel_settings_are_masked_or_read_only)
{
	assert_says("(echo 1 > /proc/sys/kernel/panic) 2>/dev/null || echo ro;"
		    "(echo b > /proc/sysrq-trigger) 2>/dev/null || echo ro; wc -c < /proc/keys",
		    "ro\nro\n0\n");
}

TEST(a_command_has_dockers_capabilities_and_privileged_ones_have_all)
{
	struct sandbox_command command = command_of(SHELL("grep -e CapEff /proc/self/status"));
	autooutcome usual = {0}, full = {0};
	char *end;
	unsigned long long all;

	run(&command, &usual);
	assert_string_equal(usual.out, "CapEff:\t00000000a80425fb\n");
	command.privileged = true;
	run(&command, &full);
	all = strtoull(full.out + strlen("CapEff:\t"), &end, 16);
	assert_true(all >> 21 & 1); /* CAP_SYS_ADMIN */
}

TEST(a_users_command_has_no_capabilities_but_may_get_them_by_sudo)
{
	struct sandbox_command command = command_of(
		SHELL("grep -e CapEff -e CapPrm -e CapBnd -e NoNewPrivs /proc/self/status"));
	autooutcome outcome = {0};

	command.uid = 1000;
	command.gid = 1000;
	run(&command, &outcome);
	assert_string_equal(outcome.out, "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
					 "CapBnd:\t00000000a80425fb\nNoNewPrivs:\t0\n");
}

TEST(a_network_of_its_own_has_a_loopback_and_nothing_else)
{
	struct sandbox_command command =
		command_of(SHELL("tail -n +3 /proc/net/dev | cut -d: -f1; ls /sys/class/net"));
	autooutcome outcome = {0};

	command.own_network = true;
	run(&command, &outcome);
	assert_ran(&outcome);
	assert_string_equal(outcome.out, "    lo\nlo\n");
}

TEST(the_network_is_the_callers_otherwise)
{
	char path[64], link[64] = "";
	char expected[80];

	snprintf(path, sizeof(path), "/proc/self/ns/net");
	assert_true(readlink(path, link, sizeof(link) - 1) > 0);
	snprintf(expected, sizeof(expected), "%s\n", link);
	assert_says("readlink /proc/self/ns/net", expected);
}

TEST(a_read_only_bind_refuses_to_be_written_and_a_writable_one_keeps_it)
{
	char ro[128], rw[128], file[128];
	struct sandbox_command command =
		command_of(SHELL("cat /mnt/ro/given; (echo x > /mnt/ro/new) 2>/dev/null;"
				 "echo $?; echo kept > /mnt/rw/new"));
	struct sandbox_mount binds[] = {
		{path_of(ro, "ro"), "/mnt/ro", true, 0},
		{path_of(rw, "rw"), "/mnt/rw", false, 0},
	};
	autobuffer text = {0};
	autooutcome outcome = {0};

	make_dir("ro");
	make_dir("rw");
	assert_int_equal(
		io_write_file(AT_FDCWD, path_of(file, "ro/given"), "given\n", 6, 0644, NULL), 0);
	command.mounts = binds;
	command.mount_count = 2;
	run(&command, &outcome);
	assert_ran(&outcome);
	assert_string_equal(outcome.out, "given\n1\n");
	assert_int_equal(io_read_file(AT_FDCWD, path_of(file, "rw/new"), 100, &text, NULL), 0);
	assert_int_equal(text.size, 5);
}

TEST(a_tmpfs_has_the_size_it_is_given)
{
	struct sandbox_command command =
		command_of(SHELL("df -k /mnt/ro | tail -1 | awk '{print $2}'"));
	struct sandbox_mount tmpfs = {.target = "/mnt/ro", .size = 1 << 20};
	autooutcome outcome = {0};

	command.mounts = &tmpfs;
	command.mount_count = 1;
	run(&command, &outcome);
	assert_string_equal(outcome.out, "1024\n");
}

static bool has_xattr(const char *path, const char *name)
{
	char full[64];

	snprintf(full, sizeof(full), "trusted.overlay.%s", name);
	if (lgetxattr(path, full, NULL, 0) >= 0)
		return true;
	snprintf(full, sizeof(full), "user.overlay.%s", name);
	return lgetxattr(path, full, NULL, 0) >= 0;
}

TEST(the_upper_directory_holds_what_a_command_changed)
{
	char upper[128], work[128], target[128], name[128], odd[128];
	struct sandbox_overlay overlay = {WORDS(path_of(odd, "o:d\\d,"), root),
					  path_of(upper, "up,per"), path_of(work, "work"),
					  path_of(target, "merged")};
	struct sandbox_command command = command_of(
		SHELL("rm /bin/plain; echo new > /new; rm -r /tmp; mkdir /tmp; echo $(ls /)"));
	struct msb_error err = {0};
	autooutcome outcome = {0};
	struct stat st;
	int r;

	make_dir("up,per");
	make_dir("o:d\\d,");
	make_dir("o:d\\d,/opt");
	make_dir("work");
	make_dir("merged");
	r = sandbox_overlay_mount(&overlay, &err);
	if (r < 0)
		fail_msg("%s", err.text);
	command.root = target;
	run(&command, &outcome);
	assert_ran(&outcome);
	assert_string_equal(outcome.out, "bin dev mnt new opt proc sys tmp\n");
	assert_int_equal(sandbox_overlay_unmount(target, &err), 0);

	assert_int_equal(lstat(path_of(name, "up,per/new"), &st), 0);
	assert_int_equal(st.st_size, 4);
	assert_int_equal(lstat(path_of(name, "up,per/bin/plain"), &st), 0);
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0));
	assert_true(has_xattr(path_of(name, "up,per/tmp"), "opaque"));
	assert_int_equal(lstat(path_of(name, "up,per/mnt"), &st), -1);
	assert_int_equal(lstat(path_of(name, "merged/bin"), &st), -1);
	assert_int_equal(lstat(path_of(name, "root/bin/plain"), &st), 0);
}

/* Root's overlays alone have it; others copy, which is slower and never different. */
TEST(a_change_of_mode_copies_no_content_where_the_kernel_allows_that)
{
	char upper[128], work[128], target[128], name[128];
	struct sandbox_overlay overlay = {WORDS(root), path_of(upper, "up2"),
					  path_of(work, "work2"), path_of(target, "merged2")};
	struct sandbox_command command =
		command_of(SHELL("chmod 700 /bin/busybox; mv /mnt /moved"));
	struct msb_error err = {0};
	autooutcome outcome = {0};
	struct stat st;

	make_dir("up2");
	make_dir("work2");
	make_dir("merged2");
	assert_int_equal(sandbox_overlay_mount(&overlay, &err), 0);
	command.root = target;
	run(&command, &outcome);
	assert_ran(&outcome);
	assert_int_equal(sandbox_overlay_unmount(target, &err), 0);
	assert_int_equal(lstat(path_of(name, "up2/bin/busybox"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	if (!ordinary_user) {
		assert_true(has_xattr(name, "metacopy"));
		assert_true(st.st_blocks < 64);
		assert_true(has_xattr(path_of(name, "up2/moved"), "redirect"));
	}
	assert_int_equal(lstat(path_of(name, "up2/moved"), &st), 0);
}

TEST(an_overlay_without_its_directories_names_the_target)
{
	struct sandbox_overlay overlay = {WORDS("/nowhere"), "/nowhere", "/nowhere", "/nowhere/m"};
	struct msb_error err = {0};

	assert_int_equal(sandbox_overlay_mount(&overlay, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nowhere/m"));
	assert_true(sandbox_overlay_unmount("/nowhere/m", &err) < 0);
}

TEST(mounts_are_not_seen_outside)
{
	char path[64], dir[128];
	autobuffer table = {0};

	make_dir("private");
	assert_int_equal(mount("none", path_of(dir, "private"), "tmpfs", 0, NULL), 0);
	snprintf(path, sizeof(path), "/proc/%d/mountinfo", outside);
	assert_int_equal(io_read_file(AT_FDCWD, path, 1 << 20, &table, NULL), 0);
	assert_null(memmem(table.bytes, table.size, dir, strlen(dir)));
	buffer_done(&table);
	assert_int_equal(io_read_file(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &table, NULL), 0);
	assert_non_null(memmem(table.bytes, table.size, dir, strlen(dir)));
	assert_int_equal(umount2(dir, 0), 0);
}

TEST(entering_twice_does_nothing_more)
{
	char before[64] = "", after[64] = "";

	assert_true(readlink("/proc/self/ns/mnt", before, sizeof(before) - 1) > 0);
	assert_int_equal(sandbox_enter(NULL), 0);
	assert_true(readlink("/proc/self/ns/mnt", after, sizeof(after) - 1) > 0);
	assert_string_equal(before, after);
}

static void *run_a_second(void *outcome)
{
	/* Meets the other one by a file: either alone would wait in vain. */
	static const char script[] = "touch /mnt/rw/$COLOUR; i=0; while [ $i -lt 100 ]; do "
				     "[ $(ls /mnt/rw | wc -l) = 2 ] && exit 5; "
				     "usleep 50000; i=$((i + 1)); done";
	static const char *const environments[2][3] = {{"PATH=/bin", "COLOUR=red"},
						       {"PATH=/bin", "COLOUR=green"}};
	static int turn;
	struct sandbox_command command = command_of(SHELL(script));
	char meeting[128];
	struct sandbox_mount bind = {path_of(meeting, "meeting"), "/mnt/rw", false, 0};

	command.env = environments[__atomic_fetch_add(&turn, 1, __ATOMIC_RELAXED)];
	command.mounts = &bind;
	command.mount_count = 1;
	run(&command, outcome);
	return NULL;
}

TEST(two_threads_run_commands_at_once)
{
	struct outcome outcomes[2] = {0};
	pthread_t threads[2];

	make_dir("meeting");
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_a_second, &outcomes[i]), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_ran(&outcomes[i]);
		assert_int_equal(outcomes[i].status, 5);
		outcome_done(&outcomes[i]);
	}
}

/* True when all writers of the pipe are gone within ten seconds. */
static bool ends_soon(int fd)
{
	struct pollfd end = {.fd = fd, .events = POLLIN};
	char byte;

	while (poll(&end, 1, 10000) > 0)
		if (read(fd, &byte, 1) == 0)
			return true;
	return false;
}

TEST(the_command_ends_when_its_caller_is_killed)
{
	char scratch[128], byte;
	struct sandbox_command command =
		command_of(SHELL("(trap '' TERM HUP INT; sleep 1000) & trap '' TERM HUP INT;"
				 "echo started; sleep 1000; echo survived"));
	int ends[2];
	pid_t caller;

	make_dir("killed");
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	caller = fork();
	if (caller == 0) {
		command.scratch = path_of(scratch, "killed");
		command.stdout_fd = ends[1];
		_exit(sandbox_run(&command, &(int){0}, NULL) < 0);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 1); /* the command holds the pipe by now */
	assert_int_equal(kill(caller, SIGKILL), 0);
	assert_int_equal(waitpid(caller, NULL, 0), caller);
	assert_true(ends_soon(ends[0]));
	close(ends[0]);
}

TEST(what_a_command_leaves_running_ends_with_it)
{
	char scratch[128];
	struct sandbox_command command = command_of(SHELL("sleep 1000 & echo done"));
	int ends[2], status;

	make_dir("left");
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	command.scratch = path_of(scratch, "left");
	command.stdout_fd = ends[1];
	assert_int_equal(sandbox_run(&command, &status, NULL), 0);
	close(ends[1]);
	assert_true(ends_soon(ends[0]));
	close(ends[0]);
}

TEST(a_runtime_that_is_not_known_is_refused)
{
	autofree char *kept = getenv("MSB_RUNTIME") ? strdup(getenv("MSB_RUNTIME")) : NULL;
	struct msb_error err = {0};
	const char *name;

	setenv("MSB_RUNTIME", "containerd", 1);
	assert_int_equal(sandbox_find_runtime(&name, &err), -EINVAL);
	assert_non_null(strstr(err.text, "crun or runc"));
	if (kept)
		setenv("MSB_RUNTIME", kept, 1);
	else
		unsetenv("MSB_RUNTIME");
}

TEST(a_host_without_a_runtime_is_told_what_to_install)
{
	autofree char *path = strdup(getenv("PATH"));
	autofree char *kept = getenv("MSB_RUNTIME") ? strdup(getenv("MSB_RUNTIME")) : NULL;
	struct msb_error err = {0};
	const char *name;

	unsetenv("MSB_RUNTIME");
	setenv("PATH", "/nowhere", 1);
	assert_int_equal(sandbox_find_runtime(&name, &err), -ENOENT);
	setenv("PATH", path, 1);
	assert_non_null(strstr(err.text, "install"));
	if (kept)
		setenv("MSB_RUNTIME", kept, 1);
}

TEST(a_user_without_subordinate_ids_is_told_where_they_are_given)
{
	struct sandbox_command command = command_of(WORDS("true"));
	autooutcome outcome = {0};

	command.uid = 1000;
	run(&command, &outcome);
	assert_int_equal(outcome.code, -EINVAL);
	assert_non_null(strstr(outcome.err.text, "/etc/subuid"));
}

static void install_busybox(void)
{
	static const char *const applets[] = {
		"sh",   "awk",  "cat",      "cut",  "df",    "echo",  "env",      "grep", "chmod",
		"mv",   "head", "hostname", "id",   "ls",    "mkdir", "readlink", "rm",   "sleep",
		"sort", "tail", "tee",      "test", "touch", "true",  "usleep",   "wc",
	};
	static const char *const directories[] = {
		"root",     "root/bin", "root/proc",   "root/sys",    "root/dev",
		"root/tmp", "root/mnt", "root/mnt/ro", "root/mnt/rw",
	};
	autobuffer program = {0};
	char path[128];

	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
		make_dir(directories[i]);
	assert_int_equal(io_read_file(AT_FDCWD, "/bin/busybox", 16 << 20, &program, NULL), 0);
	assert_int_equal(io_write_file(AT_FDCWD, path_of(path, "root/bin/busybox"), program.bytes,
				       program.size, 0755, NULL),
			 0);
	for (size_t i = 0; i < sizeof(applets) / sizeof(applets[0]); i++) {
		char name[64];

		snprintf(name, sizeof(name), "root/bin/%s", applets[i]);
		assert_int_equal(symlink("busybox", path_of(path, name)), 0);
	}
	assert_int_equal(
		io_write_file(AT_FDCWD, path_of(path, "root/bin/plain"), "x\n", 2, 0644, NULL), 0);
	assert_int_equal(io_write_file(AT_FDCWD, path_of(path, "root/bin/orphan"),
				       "#!/no/such/shell\n", 17, 0755, NULL),
			 0);
}

static int enter(void **state __attribute__((unused)))
{
	struct msb_error err = {0};

	outside = fork();
	if (outside == 0)
		for (;;)
			pause();
	if (!mkdtemp(base) || chmod(base, 0755) < 0)
		return -1;
	snprintf(root, sizeof(root), "%s/root", base);
	if (sandbox_enter(&err) < 0) {
		print_message("# %s\n", err.text);
		return -1;
	}
	install_busybox();
	return 0;
}

static int leave(void **state __attribute__((unused)))
{
	kill(outside, SIGKILL);
	waitpid(outside, NULL, 0);
	return io_remove_tree(AT_FDCWD, base, NULL);
}

static int cover(const char *file, const char *text)
{
	char copy[] = "/tmp/msb-etc-XXXXXX";
	autoclose int fd = mkstemp(copy);
	int r = fd < 0 || io_write(fd, text, strlen(text)) < 0 || fchmod(fd, 0644) < 0 ||
		mount(copy, file, NULL, MS_BIND, NULL) < 0;

	unlink(copy);
	return r ? -1 : 0;
}

/* Root becomes a user whom only the mounts of this process know. */
static int become_user(bool with_ids)
{
	const char *ids = with_ids ? "somebody:300000:65536\n" : "\n";

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	if (cover("/etc/passwd", "root:x:0:0::/root:/bin/sh\nsomebody:x:54321:54321::/:/bin/sh\n") <
		    0 ||
	    cover("/etc/subuid", ids) < 0 || cover("/etc/subgid", ids) < 0)
		return -1;
	if (setgroups(0, NULL) < 0 || setresgid(TEST_UID, TEST_UID, TEST_UID) < 0 ||
	    setresuid(TEST_UID, TEST_UID, TEST_UID) < 0)
		return -1;
	/* After a change of user /proc/self belongs to root, which no login's process has to bear.
	 */
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(a_command_says_what_it_says_and_ends_with_zero),
		cmocka_unit_test(a_command_gets_exactly_its_environment_directory_and_hostname),
		cmocka_unit_test(a_command_runs_as_the_user_and_groups_it_is_given),
		cmocka_unit_test(exit_statuses_come_through),
		cmocka_unit_test(a_signal_is_128_and_its_number),
		cmocka_unit_test(a_missing_program_is_127_and_named_on_stderr),
		cmocka_unit_test(a_program_that_is_not_executable_is_126),
		cmocka_unit_test(a_script_whose_interpreter_is_missing_fails_and_says_so_on_stderr),
		cmocka_unit_test(a_failure_of_the_runtime_itself_is_an_error_with_its_words),
		cmocka_unit_test(an_argument_that_is_not_utf8_is_refused),
		cmocka_unit_test(stdout_and_stderr_stay_apart_and_stdin_is_empty),
		cmocka_unit_test(proc_sys_and_dev_are_there),
		cmocka_unit_test(kernel_settings_are_masked_or_read_only),
		cmocka_unit_test(a_command_has_dockers_capabilities_and_privileged_ones_have_all),
		cmocka_unit_test(a_users_command_has_no_capabilities_but_may_get_them_by_sudo),
		cmocka_unit_test(a_network_of_its_own_has_a_loopback_and_nothing_else),
		cmocka_unit_test(the_network_is_the_callers_otherwise),
		cmocka_unit_test(
			a_read_only_bind_refuses_to_be_written_and_a_writable_one_keeps_it),
		cmocka_unit_test(a_tmpfs_has_the_size_it_is_given),
		cmocka_unit_test(the_upper_directory_holds_what_a_command_changed),
		cmocka_unit_test(a_change_of_mode_copies_no_content_where_the_kernel_allows_that),
		cmocka_unit_test(an_overlay_without_its_directories_names_the_target),
		cmocka_unit_test(mounts_are_not_seen_outside),
		cmocka_unit_test(entering_twice_does_nothing_more),
		cmocka_unit_test(two_threads_run_commands_at_once),
		cmocka_unit_test(the_command_ends_when_its_caller_is_killed),
		cmocka_unit_test(what_a_command_leaves_running_ends_with_it),
		cmocka_unit_test(a_runtime_that_is_not_known_is_refused),
		cmocka_unit_test(a_host_without_a_runtime_is_told_what_to_install),
	};
	const struct CMUnitTest without_ids[] = {
		cmocka_unit_test(a_command_says_what_it_says_and_ends_with_zero),
		cmocka_unit_test(exit_statuses_come_through),
		cmocka_unit_test(a_missing_program_is_127_and_named_on_stderr),
		cmocka_unit_test(proc_sys_and_dev_are_there),
		cmocka_unit_test(a_network_of_its_own_has_a_loopback_and_nothing_else),
		cmocka_unit_test(
			a_read_only_bind_refuses_to_be_written_and_a_writable_one_keeps_it),
		cmocka_unit_test(the_upper_directory_holds_what_a_command_changed),
		cmocka_unit_test(the_command_ends_when_its_caller_is_killed),
		cmocka_unit_test(a_user_without_subordinate_ids_is_told_where_they_are_given),
	};
	const char *part = argc > 1 ? argv[1] : "";
	bool alone = strcmp(part, "alone") == 0;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	ordinary_user = *part || getuid() != 0;
	if (*part && getuid() == 0 && become_user(!alone) < 0) {
		perror("become an ordinary user");
		return 1;
	}
	return alone ? cmocka_run_group_tests_name("sandbox, alone", without_ids, enter, leave)
		     : cmocka_run_group_tests_name("sandbox", all, enter, leave);
}

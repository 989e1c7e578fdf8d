#include "sandbox_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buffer.h"
#include "io.h"

#define TEST_UID 54321

static char base[] = "/var/tmp/msb-sandbox-XXXXXX";
char root[64];
bool ordinary_user;
pid_t outside;

static const char *const environment[] = {"PATH=/bin", "COLOUR=deep blue", NULL};

void outcome_done(struct outcome *outcome)
{
	free(outcome->out);
	free(outcome->errors);
}

char *path_of(char text[128], const char *name)
{
	snprintf(text, 128, "%s/%s", base, name);
	return text;
}

void make_dir(const char *name)
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

struct sandbox_command command_of(const char *const *argv)
{
	return (struct sandbox_command){
		.root = root,
		.hostname = "buildhost",
		.argv = argv,
		.env = environment,
		.directory = "/",
	};
}

void run(struct sandbox_command *command, struct outcome *ret)
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

void assert_ran(const struct outcome *outcome)
{
	if (outcome->code < 0)
		fail_msg("%s", outcome->err.text);
}

void run_shell(const char *script, struct outcome *ret)
{
	struct sandbox_command command = command_of(SHELL(script));

	run(&command, ret);
	assert_ran(ret);
}

void assert_says(const char *script, const char *expected)
{
	autooutcome outcome = {0};

	run_shell(script, &outcome);
	assert_string_equal(outcome.errors, "");
	assert_string_equal(outcome.out, expected);
	assert_int_equal(outcome.status, 0);
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

int sandbox_enter_fixture(void **state __attribute__((unused)))
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

int sandbox_leave_fixture(void **state __attribute__((unused)))
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

int sandbox_part(int argc, char **argv)
{
	const char *part = argc > 1 ? argv[1] : "";
	bool alone = strcmp(part, "alone") == 0;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	ordinary_user = *part || getuid() != 0;
	if (*part && getuid() == 0 && become_user(!alone) < 0) {
		perror("become an ordinary user");
		return -1;
	}
	return alone;
}

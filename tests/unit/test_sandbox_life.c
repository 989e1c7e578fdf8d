/* Who lives how long: commands at once, killed callers, and hosts where none can run. */
#include "sandbox_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_threads_run_commands_at_once),
		cmocka_unit_test(the_command_ends_when_its_caller_is_killed),
		cmocka_unit_test(what_a_command_leaves_running_ends_with_it),
		cmocka_unit_test(a_runtime_that_is_not_known_is_refused),
		cmocka_unit_test(a_host_without_a_runtime_is_told_what_to_install),
	};
	const struct CMUnitTest alone[] = {
		cmocka_unit_test(the_command_ends_when_its_caller_is_killed),
		cmocka_unit_test(a_user_without_subordinate_ids_is_told_where_they_are_given),
	};
	int part = sandbox_part(argc, argv);

	return SANDBOX_RUN(part, tests, alone);
}

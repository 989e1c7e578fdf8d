/* A command in the sandbox: what it sees, what it may, how it ends. */
#include "sandbox_fixture.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
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
	};
	const struct CMUnitTest alone[] = {
		cmocka_unit_test(a_command_says_what_it_says_and_ends_with_zero),
		cmocka_unit_test(exit_statuses_come_through),
		cmocka_unit_test(a_missing_program_is_127_and_named_on_stderr),
		cmocka_unit_test(proc_sys_and_dev_are_there),
		cmocka_unit_test(a_network_of_its_own_has_a_loopback_and_nothing_else),
	};
	int part = sandbox_part(argc, argv);

	return SANDBOX_RUN(part, tests, alone);
}

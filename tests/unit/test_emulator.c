/* What binfmt_misc says about programs of other machines, in a directory of our own making. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "sandbox.h"

#define ARM64                                                                                      \
	"enabled\ninterpreter /usr/bin/qemu\nflags: POF\noffset 0\n"                               \
	"magic 7f454c460201010000000000000000000200b700\n"                                         \
	"mask ffffffffffffff00fffffffffffffffffeffffff\n"
#define S390X                                                                                      \
	"enabled\ninterpreter /usr/bin/qemu\nflags: F\noffset 0\n"                                 \
	"magic 7f454c4602020100000000000000000000020016\n"                                         \
	"mask ffffffffffffff00fffffffffffffffffffeffff\n"

/* The answer for an architecture where one handler is registered. */
static bool can_run(const char *status, const char *handler, const char *architecture)
{
	char directory[] = "/tmp/msb-emulator.XXXXXX";
	bool answer;
	int fd;

	assert_non_null(mkdtemp(directory));
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	if (status)
		assert_int_equal(io_write_file(fd, "status", status, strlen(status), 0644, NULL),
				 0);
	assert_int_equal(io_write_file(fd, "any-name", handler, strlen(handler), 0644, NULL), 0);
	answer = sandbox_can_run(directory, architecture);
	close(fd);
	assert_int_equal(io_remove_tree(AT_FDCWD, directory, NULL), 0);
	return answer;
}

#define ON "enabled\n"

/* One that this machine is not. */
static const char *other(void)
{
	return sandbox_can_run("/nowhere", "arm64") ? "s390x" : "arm64";
}

static const char *other_handler(void)
{
	return strcmp(other(), "arm64") == 0 ? ARM64 : S390X;
}

static void a_handler_is_known_by_what_it_takes_not_by_its_name(void **state)
{
	(void)state;
	assert_true(can_run(ON, other_handler(), other()));
	assert_false(can_run(ON, other_handler(), "riscv64"));
	assert_true(can_run(ON, S390X, "s390x"));
}

static void what_is_switched_off_runs_nothing(void **state)
{
	char off[512];

	(void)state;
	snprintf(off, sizeof(off), "disabled%s", other_handler() + strlen("enabled"));
	assert_false(can_run(ON, off, other()));
	assert_false(can_run("disabled\n", other_handler(), other()));
	assert_false(can_run(NULL, other_handler(), other()));
	assert_false(sandbox_can_run("/nowhere", other()));
}

static void an_emulator_that_is_looked_for_in_the_root_of_the_command_is_none(void **state)
{
	char text[512];
	char *flags;

	(void)state;
	snprintf(text, sizeof(text), "%s", other_handler());
	flags = strchr(strstr(text, "flags: "), 'F');
	*flags = 'C';
	assert_false(can_run(ON, text, other()));
}

static void what_is_malformed_runs_nothing(void **state)
{
	static const char *const cases[] = {
		"",
		"enabled",
		"enabled\nflags: F\noffset 0\n",
		"enabled\nflags: F\noffset 4\nmagic 7f454c46\n",
		"enabled\nflags: F\noffset 0\nmagic \n",
		"enabled\nflags: F\noffset 0\nmagic 7f454c4\n",
		"enabled\nflags: F\noffset 0\nmagic 7f454c4g\n",
		"enabled\nflags: F\noffset 0\nmagic 7f454c46\nmask ff\n",
		"enabled\nflags: F\noffset 0\nmagic "
		"7f454c460201010000000000000000000200b700000000000000\n",
		"enabled\nflags: F\nextension .exe\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_false(can_run(ON, cases[i], other()));
	assert_false(can_run(ON, other_handler(), "pdp11"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_handler_is_known_by_what_it_takes_not_by_its_name),
		cmocka_unit_test(what_is_switched_off_runs_nothing),
		cmocka_unit_test(an_emulator_that_is_looked_for_in_the_root_of_the_command_is_none),
		cmocka_unit_test(what_is_malformed_runs_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

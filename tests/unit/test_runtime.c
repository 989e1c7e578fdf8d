/* What the OCI runtimes mean by what they say, in the words of several releases: the host has one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"
#include "io.h"

#define RUNC(message) "{\"level\":\"error\",\"msg\":\"runc run failed: " message "\"}\n"

/* The command's status, or a negative code, when the runtime ended with status 1 and this log. */
static int judge(const char *name, const char *log)
{
	char path[] = "/tmp/msb-runtime.XXXXXX";
	const struct runtime *runtime;
	struct msb_error err = {0};
	int fd = mkstemp(path), status = -1, r;

	assert_true(fd >= 0);
	assert_int_equal(io_pwrite(fd, log, strlen(log), 0), 0);
	close(fd);
	assert_int_equal(setenv("MSB_RUNTIME", name, 1), 0);
	assert_int_equal(runtime_find(&runtime, &err), 0);
	r = runtime_judge(runtime, path, 1, &status, &err);
	unlink(path);
	if (r < 0)
		assert_non_null(strstr(err.text, name));
	return r < 0 ? r : status;
}

static void a_missing_program_is_127(void **state)
{
	(void)state;
	assert_int_equal(judge("crun", "executable file `frobnicate` not found in $PATH: "
				       "No such file or directory\n"),
			 127);
	assert_int_equal(
		judge("runc", RUNC("unable to start container process: exec: "
				   "\\\"frobnicate\\\": executable file not found in $PATH")),
		127);
}

static void what_cannot_be_executed_is_126(void **state)
{
	static const char *const said[] = {
		"open executable: Permission denied\n", /* crun 1.8 */
		"the path `/bin/plain` exists but it is not executable: Operation not permitted\n",
		"the path `/tmp` is not a regular file: Operation not permitted\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
		assert_int_equal(judge("crun", said[i]), 126);
	assert_int_equal(judge("runc", RUNC("unable to start container process: exec: "
					    "\\\"/tmp\\\": permission denied")),
			 126);
}

static void a_runtime_that_said_nothing_passes_the_commands_status_on(void **state)
{
	(void)state;
	assert_int_equal(judge("crun", ""), 1);
	assert_int_equal(judge("runc", ""), 1);
	assert_int_equal(judge("runc", "{\"level\":\"warning\",\"msg\":\"a word of caution\"}\n"),
			 1);
}

static void any_other_failure_is_the_runtimes_own(void **state)
{
	(void)state;
	assert_int_equal(judge("crun", "mount `/nowhere` to `tmp`: No such file or directory\n"),
			 -EIO);
	assert_int_equal(judge("runc", RUNC("unable to start container process: error mounting "
					    "\\\"/nowhere\\\": no such file or directory")),
			 -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_missing_program_is_127),
		cmocka_unit_test(what_cannot_be_executed_is_126),
		cmocka_unit_test(a_runtime_that_said_nothing_passes_the_commands_status_on),
		cmocka_unit_test(any_other_failure_is_the_runtimes_own),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

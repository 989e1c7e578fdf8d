/* Shared libraries that are loaded when they are needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "library.h"

static double (*cosine)(double x);
static void (*nothing)(void);
static const struct library_function cosine_row[] = {{"cos", &cosine}};
static const struct library_function unknown_row[] = {{"no_such_function_at_all", &nothing}};

static struct library make(const char *const *files, const struct library_function *functions)
{
	return (struct library){
		.name = "libtest",
		.files = files,
		.functions = functions,
		.count = 1,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
}

static void the_first_file_that_is_there_is_taken(void **state)
{
	const char *const files[] = {"libno-such-library.so.1", "libm.so.6", NULL};
	struct library library = make(files, cosine_row);
	struct msb_error err = {0};

	(void)state;
	assert_int_equal(library_load(&library, &err), 0);
	assert_true(cosine(0) == 1);
	assert_int_equal(library_load(&library, &err), 0);
}

static void a_missing_library_is_named(void **state)
{
	const char *const files[] = {"libno-such-library.so.1", NULL};
	struct library library = make(files, cosine_row);
	struct msb_error err = {0};

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(library_load(&library, &err), -ELIBACC);
		assert_non_null(strstr(err.text, "libtest is needed for this"));
		assert_non_null(strstr(err.text, "libno-such-library.so.1"));
	}
}

static void a_library_without_the_function_is_refused(void **state)
{
	const char *const files[] = {"libm.so.6", NULL};
	struct library library = make(files, unknown_row);
	struct msb_error err = {0};

	(void)state;
	assert_int_equal(library_load(&library, &err), -ELIBACC);
	assert_non_null(strstr(err.text, "no_such_function_at_all"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_file_that_is_there_is_taken),
		cmocka_unit_test(a_missing_library_is_named),
		cmocka_unit_test(a_library_without_the_function_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

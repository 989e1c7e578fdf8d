/* The variable language and ignore patterns, where a table row cannot say it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <msb/cleanup.h>

#include "buffer.h"
#include "ignore.h"
#include "suggest.h"
#include "words.h"

static const char *count_calls(void *context, const char *name)
{
	++*(int *)context;
	return strcmp(name, "known") == 0 ? "value" : NULL;
}

static void variables_come_through_the_callback_where_there_is_one(void **state)
{
	autostrlist env = {0};
	autofree char *text = NULL;
	int calls = 0;
	struct words words = {
		.escape = '\\', .env = &env, .lookup = count_calls, .context = &calls};

	(void)state;
	assert_int_equal(strlist_add(&env, "known=other"), 0);
	assert_int_equal(words_expand(&words, "$known$unknown", &text, NULL), 0);
	assert_string_equal(text, "value");
	assert_int_equal(calls, 2);
}

static void without_variables_all_are_unset(void **state)
{
	struct words words = {.escape = '\\'};
	autofree char *text = NULL;

	(void)state;
	assert_int_equal(words_expand(&words, "a${b}c", &text, NULL), 0);
	assert_string_equal(text, "ac");
}

static void a_failure_changes_no_output(void **state)
{
	struct words words = {.escape = '\\'};
	char *text = (char *)state;
	struct msb_error err = {0};

	assert_int_equal(words_expand(&words, "${", &text, &err), -EINVAL);
	assert_ptr_equal(text, state);
	assert_int_equal(err.code, -EINVAL);
}

static void a_result_beyond_the_limit_is_refused(void **state)
{
	autostrlist env = {0};
	struct words words = {.escape = '\\', .env = &env, .max = 16};
	autofree char *text = NULL;

	(void)state;
	assert_int_equal(strlist_add(&env, "a=0123456789"), 0);
	assert_int_equal(words_expand(&words, "$a", &text, NULL), 0);
	assert_int_equal(words_expand(&words, "$a$a", &text, NULL), -E2BIG);
}

/* Every start of the value would be tried for every end of it. */
static void a_pattern_that_takes_too_long_is_given_up(void **state)
{
	autobuffer value = {0};
	autofree char *variable = NULL, *text = NULL;
	autostrlist env = {0};
	struct words words = {.escape = '\\', .env = &env};
	struct msb_error err = {0};

	(void)state;
	buffer_string(&value, "v=");
	for (int i = 0; i < 100000; i++)
		buffer_char(&value, 'a');
	variable = buffer_text(&value);
	assert_non_null(variable);
	assert_int_equal(strlist_add(&env, variable), 0);
	assert_int_equal(words_expand(&words, "${v//a*a*a*a*b/x}", &text, &err), -EINVAL);
	assert_non_null(strstr(err.text, "takes too long"));
}

static void no_patterns_leave_nothing_out(void **state)
{
	AUTO(ignore_freep) struct ignore *ignore = NULL;

	(void)state;
	assert_false(ignore_match(NULL, "a"));
	assert_false(ignore_may_reinclude(NULL, "a"));
	assert_int_equal(ignore_parse("list", "", 0, &ignore, NULL), 0);
	assert_false(ignore_match(ignore, "a"));
}

static void ignore_files_may_have_a_byte_order_mark_and_crlf(void **state)
{
	static const char text[] = "\xef\xbb\xbf# comment\r\na\r\n\r\nb";
	AUTO(ignore_freep) struct ignore *ignore = NULL;

	(void)state;
	assert_int_equal(ignore_parse("list", text, strlen(text), &ignore, NULL), 0);
	assert_true(ignore_match(ignore, "a"));
	assert_true(ignore_match(ignore, "b"));
	assert_false(ignore_match(ignore, "c"));
}

static void a_malformed_pattern_names_its_line(void **state)
{
	AUTO(ignore_freep) struct ignore *ignore = NULL;
	struct msb_error err = {0};

	(void)state;
	assert_int_equal(ignore_parse(".dockerignore", "a\n[b\n", 5, &ignore, &err), -EINVAL);
	assert_string_equal(err.text,
			    ".dockerignore:2: syntax error in pattern '[b'; close its [, and "
			    "write \\[ for the character");
	assert_null(ignore);
}

static void suggestions_are_at_most_two_edits_away(void **state)
{
	static const char *const names[] = {"RUN", "COPY", NULL, "FROM"};

	(void)state;
	assert_string_equal(suggest("frm", names, 4), "FROM");
	assert_string_equal(suggest("CPOY", names, 4), "COPY");
	assert_string_equal(suggest("RNU", (const char *const[]){"ENV", "RUN"}, 2), "RUN");
	assert_null(suggest("X", names, 4));
	assert_null(suggest("ENTRYPOINT", names, 4));
	assert_null(suggest("", names, 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(variables_come_through_the_callback_where_there_is_one),
		cmocka_unit_test(without_variables_all_are_unset),
		cmocka_unit_test(a_failure_changes_no_output),
		cmocka_unit_test(a_result_beyond_the_limit_is_refused),
		cmocka_unit_test(a_pattern_that_takes_too_long_is_given_up),
		cmocka_unit_test(no_patterns_leave_nothing_out),
		cmocka_unit_test(ignore_files_may_have_a_byte_order_mark_and_crlf),
		cmocka_unit_test(a_malformed_pattern_names_its_line),
		cmocka_unit_test(suggestions_are_at_most_two_edits_away),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

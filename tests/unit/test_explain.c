/* Two definitions of a step, and what is said to differ. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "definition.h"
#include "explain.h"

/* Explains and compares the sentences, joined by line breaks. */
static void explains(const char *before, const char *after, const char *wanted)
{
	autoexplanations list = {0};
	autobuffer out = {0};
	char *text;

	assert_int_equal(explain_definitions(before, after, &list), 0);
	for (size_t i = 0; i < list.count; i++)
		buffer_printf(&out, "%s%s", i > 0 ? "\n" : "", list.items[i].text);
	text = buffer_text(&out);
	assert_non_null(text);
	assert_string_equal(text, wanted);
	free(text);
}

static void equal_definitions_have_nothing_to_explain(void **state)
{
	(void)state;
	explains("", "", "");
	explains("step run\nenv \"A=1\"\n", "step run\nenv \"A=1\"\n", "");
}

static void a_variable_is_named_with_both_values(void **state)
{
	(void)state;
	explains("step run\nenv \"A=1\"\nenv \"B=2\"\n", "step run\nenv \"A=3\"\nenv \"B=2\"\n",
		 "variable A changed from '1' to '3'");
	explains("env \"A=1\"\n", "env \"A=1\"\nenv \"AB=2\"\n", "variable AB is new: '2'");
	explains("env \"A=1\"\nenv \"AB=\"\n", "env \"A=1\"\n", "variable AB is gone: ''");
}

static void a_declared_argument_is_called_one(void **state)
{
	(void)state;
	explains("env \"VERSION=1\"\nargument \"VERSION=1\"\n",
		 "env \"VERSION=2\"\nargument \"VERSION=2\"\n",
		 "argument VERSION changed from '1' to '2'");
}

static void arguments_in_effect_alone_are_no_cause(void **state)
{
	(void)state;
	explains("step copy\nargument \"A=1\"\n", "step copy\nargument \"A=2\"\n", "");
	explains("step copy\n", "step copy\nargument \"A=2\"\n", "");
}

static void quoted_values_are_shown_as_they_were(void **state)
{
	(void)state;
	explains("user \"a\\\"b\"\n", "user \"\\\\n\\x01\"\n",
		 "the user changed from 'a\"b' to '\\n\x01'");
}

static void digests_are_called_by_what_they_stand_for(void **state)
{
	(void)state;
	explains("content sha256:00\ntree sha256:01\n", "content sha256:02\ntree sha256:03\n",
		 "the content of what is copied differs\nthe tree before differs");
}

static void a_flag_without_words_of_its_own_is_named(void **state)
{
	(void)state;
	explains("step copy\n", "step copy\nchown \"1:2\"\n", "--chown is new: '1:2'");
	explains("step copy\nlink true\n", "step copy\n", "--link is gone: 'true'");
}

static void the_same_words_in_another_order_are_said_to_be_so(void **state)
{
	(void)state;
	explains("arg \"a\"\narg \"b\"\n", "arg \"b\"\narg \"a\"\n", "the order of 'arg' changed");
}

static void a_long_value_is_cut_between_characters(void **state)
{
	autobuffer before = {0}, wanted = {0};
	char *text, *sentence;

	(void)state;
	buffer_string(&before, "user \"");
	buffer_string(&wanted, "the user changed from '");
	/* The 80th byte is the second one of a character. */
	for (int i = 0; i < 79; i++) {
		buffer_char(&before, 'x');
		buffer_char(&wanted, 'x');
	}
	buffer_string(&before, "\xc3\xa4\xc3\xa4\"\n");
	buffer_string(&wanted, "\xe2\x80\xa6' to 'y'");
	text = buffer_text(&before);
	sentence = buffer_text(&wanted);
	explains(text, "user \"y\"\n", sentence);
	free(text);
	free(sentence);
}

static void any_text_can_be_read_as_a_definition(void **state)
{
	static const char *const texts[] = {
		"\n\n",     " ",          "\"",          "a \"", "a \"\\",
		"a \"\\\"", "a \"\\x1\"", "a \"\\xzz\"", "lone",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		autodefinition definition = {0};

		assert_int_equal(definition_read(texts[i], &definition), 0);
	}
}

static void too_many_components_are_not_compared_pair_by_pair(void **state)
{
	autobuffer before = {0}, after = {0};
	char *texts[2];

	(void)state;
	for (int i = 0; i < 100000; i++) {
		buffer_printf(&before, "arg a%d\n", i);
		buffer_printf(&after, "arg b%d\n", i);
	}
	texts[0] = buffer_text(&before);
	texts[1] = buffer_text(&after);
	explains(texts[0], texts[1], "there is too much in it to say what differs");
	free(texts[0]);
	free(texts[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_definitions_have_nothing_to_explain),
		cmocka_unit_test(a_variable_is_named_with_both_values),
		cmocka_unit_test(a_declared_argument_is_called_one),
		cmocka_unit_test(arguments_in_effect_alone_are_no_cause),
		cmocka_unit_test(quoted_values_are_shown_as_they_were),
		cmocka_unit_test(digests_are_called_by_what_they_stand_for),
		cmocka_unit_test(a_flag_without_words_of_its_own_is_named),
		cmocka_unit_test(the_same_words_in_another_order_are_said_to_be_so),
		cmocka_unit_test(a_long_value_is_cut_between_characters),
		cmocka_unit_test(any_text_can_be_read_as_a_definition),
		cmocka_unit_test(too_many_components_are_not_compared_pair_by_pair),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

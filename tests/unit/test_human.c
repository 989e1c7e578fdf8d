/* Sizes, durations, harmless text and templates of the command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <msb/cleanup.h>

#include "human.h"
#include "template.h"
#include "text.h"

#define SECOND 1000000000LL
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static void sizes_have_three_digits_and_decimal_units(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{0, "0B"},
		{1, "1B"},
		{999, "999B"},
		{1000, "1kB"},
		{1234, "1.23kB"},
		{4500000, "4.5MB"},
		{133456789, "133MB"},
		{999499, "999kB"},
		{999500, "1MB"},
		{1234567890, "1.23GB"},
		{5000000000000, "5TB"},
		{UINT64_MAX, "18.4EB"},
	};
	char text[HUMAN_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(human_size(cases[i].bytes, text), cases[i].text);
}

static void durations_read_as_docker_says_them(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {
		{-5 * SECOND, "Less than a second"},
		{450, "Less than a second"},
		{SECOND, "1 second"},
		{45 * SECOND, "45 seconds"},
		{59 * SECOND, "59 seconds"},
		{60 * SECOND, "About a minute"},
		{119 * SECOND, "About a minute"},
		{3 * MINUTE, "3 minutes"},
		{35 * MINUTE + 40 * SECOND, "35 minutes"},
		{59 * MINUTE + 59 * SECOND, "59 minutes"},
		{60 * MINUTE, "About an hour"},
		{89 * MINUTE, "About an hour"},
		{90 * MINUTE, "2 hours"},
		{47 * HOUR, "47 hours"},
		{48 * HOUR, "2 days"},
		{13 * DAY, "13 days"},
		{14 * DAY, "2 weeks"},
		{59 * DAY, "8 weeks"},
		{60 * DAY, "2 months"},
		{729 * DAY, "24 months"},
		{730 * DAY, "2 years"},
		{INT64_MAX, "292 years"},
	};
	char text[HUMAN_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(human_duration(cases[i].ns, text), cases[i].text);
}

static void a_time_in_the_future_or_out_of_range_is_still_a_sentence(void **state)
{
	char text[HUMAN_TEXT];

	(void)state;
	assert_string_equal(human_since(5 * SECOND, SECOND, text), "Less than a second ago");
	assert_string_equal(human_since(INT64_MIN, INT64_MAX, text), "292 years ago");
	assert_string_equal(human_since(INT64_MAX, INT64_MIN, text), "Less than a second ago");
	assert_string_equal(human_time_iso(-1, text), "1969-12-31T23:59:59Z");
	assert_string_equal(human_time_iso(1700000000 * SECOND, text), "2023-11-14T22:13:20Z");
	assert_string_equal(human_seconds(-3, text), "0.0s");
	assert_string_equal(human_seconds(75300000000, text), "75.3s");
}

static void check_harmless(const char *input, const char *expected)
{
	autofree char *text = text_harmless(input, strlen(input));

	assert_non_null(text);
	assert_string_equal(text, expected);
}

static void nothing_that_a_terminal_obeys_survives(void **state)
{
	(void)state;
	check_harmless("plain, größer, 日本", "plain, größer, 日本");
	check_harmless("a\tb\nc", "a b c");
	check_harmless("\033[31mred\033[0m", "red");
	check_harmless("\033[2J\033[1;1Hhome", "home");
	check_harmless("\033]0;title\007after", "after");
	check_harmless("\033]8;;http://x\033\\link\033]8;;\033\\", "link");
	check_harmless("\033P1;2q pixels \033\\after", "after");
	check_harmless("\033(Bset \033cx", "set x");
	check_harmless("cut \033[31", "cut ");
	check_harmless("cut \033]0;no end", "cut ");
	check_harmless("cut \033", "cut ");
	check_harmless("\b\a\177x\x01", "x");
	check_harmless("c1: \xc2\x9b"
		       "31m",
		       "c1: 31m");
	check_harmless("\x9b\xff\xc0\x80\xed\xa0\x80", "???????");
	check_harmless("cut \xe6\x97", "cut ??");
}

static void tabs_stay_in_a_log(void **state)
{
	autofree char *text = text_printable("a\tb\033[1m", 7);

	(void)state;
	assert_string_equal(text, "a\tb");
}

static void a_path_stays_in_one_line(void **state)
{
	autofree char *text = text_path("/a b/\n\033\177/ö/\xc2\x9b");

	(void)state;
	assert_string_equal(text, "/a b/\\012\\033\\177/ö/\\302\\233");
}

static void text_is_measured_in_columns(void **state)
{
	(void)state;
	assert_int_equal(text_width(""), 0);
	assert_int_equal(text_width("größer"), 6);
	assert_int_equal(text_cut("größer", 3), 4);
	assert_int_equal(text_cut("größer", 99), 8);
	assert_int_equal(text_cut("abc", 0), 0);
	assert_int_equal(text_width("出力"), 4);
	assert_int_equal(text_cut("出力", 3), 3);
	assert_int_equal(text_width("✅ e\u0301"), 4);
	assert_int_equal(text_cut("e\u0301x", 1), 3);
	assert_int_equal(text_width("\xff\xff"), 2);
}

static void json_takes_any_bytes(void **state)
{
	json_auto_t *good = text_json("ö");
	json_auto_t *bad = text_json("a\xff\xc3\xb6");
	json_auto_t *none = text_json(NULL);

	(void)state;
	assert_string_equal(json_string_value(good), "ö");
	assert_string_equal(json_string_value(bad), "a\xef\xbf\xbdö");
	assert_true(json_is_null(none));
}

static json_t *sample(void)
{
	return json_loads("{\"Id\": \"sha256:ab\", \"Size\": 12, \"Config\": {\"Env\": [\"A=1\", "
			  "\"B=2\"], \"Labels\": {\"k\": \"v\", \"l\": \"w\"}, \"Tty\": false, "
			  "\"Volumes\": null, \"Ratio\": 0.5}}",
			  0, NULL);
}

static void templates_are_filled_in(void **state)
{
	static const struct {
		const char *format, *text;
	} cases[] = {
		{"", ""},
		{"text", "text"},
		{"{{.Id}}", "sha256:ab"},
		{"{{ .Id }}", "sha256:ab"},
		{"<{{.Size}}, {{.Config.Tty}}>", "<12, false>"},
		{"{{.Config.Env}}", "[A=1 B=2]"},
		{"{{.Config.Labels}}", "map[k:v l:w]"},
		{"{{.Config.Labels.k}}", "v"},
		{"{{.Config.Volumes}}", "<nil>"},
		{"{{.Config.Ratio}}", "0.5"},
		{"{{json .Config.Env}}", "[\"A=1\",\"B=2\"]"},
		{"{{json .Id}}", "\"sha256:ab\""},
		{"{{ json .Config.Volumes }}", "null"},
	};
	json_auto_t *value = sample();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		autofree char *text = NULL;
		struct msb_error err = {0};

		assert_int_equal(template_fill(cases[i].format, value, &text, &err), 0);
		assert_string_equal(text, cases[i].text);
	}
}

static void what_templates_cannot_do_is_said(void **state)
{
	static const struct {
		const char *format, *word;
	} cases[] = {
		{"{{.Id", "without '}}'"},
		{"{{}}", "not supported"},
		{"{{range .Config.Env}}x{{end}}", "'{{range…}}' is not supported"},
		{"{{index .Config.Labels \"k\"}}", "'{{index…}}' is not supported"},
		{"{{.Config.Env | join}}", "not supported"},
		{"{{.Config.}}", "not supported"},
		{"{{..Id}}", "not supported"},
		{"{{json}}", "not supported"},
		{"{{.Nothing}}", "there is no 'Nothing'"},
		{"{{.Id.Deeper}}", "there is no 'Deeper' in '.Id.Deeper'"},
	};
	json_auto_t *value = sample();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = NULL;
		struct msb_error err = {0};

		assert_int_equal(template_fill(cases[i].format, value, &text, &err), -EINVAL);
		assert_null(text);
		assert_non_null(strstr(err.text, cases[i].word));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_have_three_digits_and_decimal_units),
		cmocka_unit_test(durations_read_as_docker_says_them),
		cmocka_unit_test(a_time_in_the_future_or_out_of_range_is_still_a_sentence),
		cmocka_unit_test(nothing_that_a_terminal_obeys_survives),
		cmocka_unit_test(tabs_stay_in_a_log),
		cmocka_unit_test(a_path_stays_in_one_line),
		cmocka_unit_test(text_is_measured_in_columns),
		cmocka_unit_test(json_takes_any_bytes),
		cmocka_unit_test(templates_are_filled_in),
		cmocka_unit_test(what_templates_cannot_do_is_said),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

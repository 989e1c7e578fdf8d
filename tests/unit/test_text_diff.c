/* Unified diffs: what they say of a is b, whatever both are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <msb/cleanup.h>

#include "text_diff.h"

static char *hunks(const char *a, const char *b, bool harmless)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(text_diff_hunks(out, a, strlen(a), b, strlen(b), harmless), 0);
	fclose(out);
	return text;
}

static void check(const char *a, const char *b, const char *wanted)
{
	autofree char *got = hunks(a, b, false);

	assert_string_equal(got, wanted);
}

static void equal_texts_say_nothing(void **state)
{
	(void)state;
	check("", "", "");
	check("a\nb", "a\nb", "");
}

static void three_lines_stand_around_a_change(void **state)
{
	(void)state;
	check("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n",
	      "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
}

static void changes_close_to_each_other_share_a_hunk(void **state)
{
	(void)state;
	check("a\n1\n2\n3\n4\n5\n6\nb\n", "A\n1\n2\n3\n4\n5\n6\nB\n",
	      "@@ -1,8 +1,8 @@\n-a\n+A\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+B\n");
	check("a\n1\n2\n3\n4\n5\n6\n7\nb\n", "A\n1\n2\n3\n4\n5\n6\n7\nB\n",
	      "@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+B\n");
}

static void an_empty_side_has_no_lines(void **state)
{
	(void)state;
	check("", "a\nb\n", "@@ -0,0 +1,2 @@\n+a\n+b\n");
	check("a\n", "", "@@ -1 +0,0 @@\n-a\n");
}

static void a_missing_last_newline_is_said(void **state)
{
	(void)state;
	check("a\nb\n", "a\nb", "@@ -1,2 +1,2 @@\n a\n-b\n+b\n\\ No newline at end of file\n");
}

static void a_terminal_sees_no_control_characters(void **state)
{
	autofree char *got = hunks("", "a\033[31mb\x07\n", true);

	(void)state;
	assert_string_equal(got, "@@ -0,0 +1 @@\n+ab\n");
}

static void a_nul_makes_it_no_text(void **state)
{
	(void)state;
	assert_true(text_diff_is_text("a\nb", 3));
	assert_true(text_diff_is_text(NULL, 0));
	assert_false(text_diff_is_text("a\0b", 3));
}

/* Applies what text_diff_hunks() printed. */
static char *apply(const char *a, const char *patch)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	size_t line = 1; /* of a, the next one */

	assert_non_null(out);
	while (*patch) {
		size_t length = strcspn(patch, "\n") + 1;
		size_t here = strcspn(a, "\n") + 1;
		unsigned long first, count = 1;
		char *end;

		if (*patch == '@') {
			first = strtoul(patch + 4, &end, 10);
			if (*end == ',')
				count = strtoul(end + 1, &end, 10);
			for (first += count == 0; line < first; line++) {
				here = strcspn(a, "\n") + 1;
				fwrite(a, 1, here, out);
				a += here;
			}
		} else if (*patch == '+') {
			fwrite(patch + 1, 1, length - 1, out);
		} else {
			assert_memory_equal(a, patch + 1, length - 1);
			if (*patch == ' ')
				fwrite(a, 1, here, out);
			a += here;
			line++;
		}
		patch += length;
	}
	fputs(a, out);
	fclose(out);
	return text;
}

static char *random_text(int lines, int kinds)
{
	char *text = malloc((size_t)lines * 8 + 1), *c = text;

	assert_non_null(text);
	*c = '\0';
	for (int i = 0; i < lines; i++)
		c += sprintf(c, "%d\n", (int)(random() % kinds));
	return text;
}

static void applied_to_a_they_give_b(void **state)
{
	(void)state;
	srandom(7);
	for (int i = 0; i < 600; i++) {
		autofree char *a = random_text((int)(random() % 40), 2 + i % 9);
		autofree char *b = random_text((int)(random() % 40), 2 + i % 9);
		autofree char *patch = hunks(a, b, false);
		autofree char *got = apply(a, patch);

		assert_string_equal(got, b);
	}
}

static void texts_with_nothing_in_common_are_replaced(void **state)
{
	autofree char *a = random_text(9000, 100000);
	autofree char *b = random_text(9000, 100000);
	autofree char *patch = hunks(a, b, false);
	autofree char *got = apply(a, patch);

	(void)state;
	assert_string_equal(got, b);
	assert_memory_equal(patch, "@@ -1,9000 +1,9000 @@\n", 22);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_texts_say_nothing),
		cmocka_unit_test(three_lines_stand_around_a_change),
		cmocka_unit_test(changes_close_to_each_other_share_a_hunk),
		cmocka_unit_test(an_empty_side_has_no_lines),
		cmocka_unit_test(a_missing_last_newline_is_said),
		cmocka_unit_test(a_terminal_sees_no_control_characters),
		cmocka_unit_test(a_nul_makes_it_no_text),
		cmocka_unit_test(applied_to_a_they_give_b),
		cmocka_unit_test(texts_with_nothing_in_common_are_replaced),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

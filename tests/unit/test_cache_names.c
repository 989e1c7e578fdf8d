/* Ids of cache mounts as names of directories, and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <msb/cache_names.h>
#include <msb/cleanup.h>

static void an_id_is_one_name_and_its_name_leads_back(void **state)
{
	static const char *const pairs[][2] = {
		{"modules", "modules"},
		{"/root/.cache", "%2Froot%2F.cache"},
		{".", "%2E"},
		{"..", "%2E%2E"},
		{"...", "..."},
		{"100%~1", "100%25%7E1"},
		{"a\nb\x7f", "a%0Ab%7F"},
		{"gr\xc3\xbcn \xff", "gr\xc3\xbcn \xff"},
	};
	char wanted[MSB_CACHE_PLACE], place[MSB_CACHE_PLACE];
	unsigned number;

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		autofree char *shown = msb_cache_shown(pairs[i][0], 0);
		autofree char *second = msb_cache_shown(pairs[i][0], 12);

		assert_string_equal(shown, pairs[i][1]);
		assert_int_equal(msb_cache_parse(shown, place, &number), 0);
		assert_string_equal(place, msb_cache_place(pairs[i][0], wanted));
		assert_int_equal(number, 0);
		assert_int_equal(msb_cache_parse(second, place, &number), 0);
		assert_string_equal(place, wanted);
		assert_int_equal(number, 12);
	}
}

static void a_name_that_no_id_has_is_refused(void **state)
{
	static const char *const names[] = {
		"%",  "%2",   "%2f", "%41",   "%00",  "a/b",  ".", "..",  "a~",           "a~0",
		"~1", "a~01", "a~x", "a~1~2", "a~1x", "a~-1", "",  "%zz", "a~99999999999"};
	char place[MSB_CACHE_PLACE];
	unsigned number;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(msb_cache_parse(names[i], place, &number), -ENOENT);
}

static void an_id_too_long_for_a_name_goes_by_its_place(void **state)
{
	char id[1000], place[MSB_CACHE_PLACE];
	unsigned number;

	(void)state;
	for (size_t length = 1; length < sizeof(id); length++) {
		autofree char *shown = NULL;

		memset(id, '/', length);
		id[length] = '\0';
		shown = msb_cache_shown(id, 99999);
		assert_true(strlen(shown) <= NAME_MAX);
		if (shown[0] != '%')
			assert_memory_equal(shown, msb_cache_place(id, place), sizeof(place) - 1);
		else
			assert_int_equal(msb_cache_parse(shown, place, &number), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_is_one_name_and_its_name_leads_back),
		cmocka_unit_test(a_name_that_no_id_has_is_refused),
		cmocka_unit_test(an_id_too_long_for_a_name_goes_by_its_place),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

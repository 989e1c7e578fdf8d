/* Names of repositories, as ADD and build contexts have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "git_reference.h"

static void a_repository_is_told_from_a_file_and_from_a_plain_url(void **state)
{
	static const char *const repositories[] = {
		"git://host/x",
		"ssh://git@host/x",
		"git@github.com:owner/x",
		"deploy_1@a-b.c:x.git#main",
		"https://host/x.git",
		"https://host/x.git#v1:sub",
		"http://host/x.git?ref=v1",
	};
	static const char *const others[] = {
		"",
		".",
		"x.git",
		"a@b",
		"@b:c",
		"a b@c:d",
		"https://host/x.tar",
		".git",
		"https:",
		"http://host/x#.git",
		"https://host/x.gitty",
		"dir/git@host:x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(repositories) / sizeof(*repositories); i++)
		assert_true(remote_is_git(repositories[i]));
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_false(remote_is_git(others[i]));
}

static void a_url_ends_with_the_name_of_a_file(void **state)
{
	static const struct {
		const char *url, *name;
	} cases[] = {
		{"https://host/x.tar", "x.tar"},   {"https://host/a/b.c?d=e/f#g/h", "b.c"},
		{"https://host/a#b/c", "a"},       {"http://host/dir/", "dir"},
		{"http://host/a%20b+c", "a b+c"},  {"http://host/a%2Fb", "b"},
		{"http://host/%61%", "a%"},        {"http://host", "__unnamed__"},
		{"http://host/", "__unnamed__"},   {"http://host?x/y", "__unnamed__"},
		{"http://host/..", "__unnamed__"}, {"http://host/a%2f%2e.", "__unnamed__"},
		{"http://host/a%00b", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *name = remote_file_name(cases[i].url);

		if (cases[i].name)
			assert_string_equal(name, cases[i].name);
		else
			assert_null(name);
		free(name);
	}
}

static void a_url_ends_with_no_name_that_is_too_long(void **state)
{
	char url[512] = "http://host/";

	(void)state;
	memset(url + strlen(url), 'x', 256);
	assert_null(remote_file_name(url));
}

static struct git_reference parsed(const char *source)
{
	struct git_reference reference;

	assert_int_equal(git_reference_parse(source, &reference, NULL), 0);
	return reference;
}

static void a_fragment_has_the_ref_and_the_directory(void **state)
{
	struct git_reference reference = parsed("https://host/x.git#v1:a/../b/");

	(void)state;
	assert_string_equal(reference.url, "https://host/x.git");
	assert_string_equal(reference.ref, "v1");
	assert_string_equal(reference.directory, "b");
	git_reference_done(&reference);
	reference = parsed("git@host:x#:../sub");
	assert_string_equal(reference.url, "git@host:x");
	assert_null(reference.ref);
	assert_string_equal(reference.directory, "sub");
	git_reference_done(&reference);
}

static void a_query_has_the_same_by_name_and_more(void **state)
{
	struct git_reference reference =
		parsed("https://host/x.git?tag=v%31&subdir=a&keep-git-dir&submodules=false");

	(void)state;
	assert_string_equal(reference.url, "https://host/x.git");
	assert_string_equal(reference.ref, "refs/tags/v1");
	assert_string_equal(reference.directory, "a");
	assert_int_equal(reference.keep_git_dir, 1);
	assert_true(reference.no_submodules);
	git_reference_done(&reference);
	reference = parsed("git://host/x?commit=0123abc");
	assert_string_equal(reference.ref, "0123abc");
	assert_string_equal(reference.checksum, "0123abc");
	assert_int_equal(reference.keep_git_dir, -1);
	git_reference_done(&reference);
}

static void what_git_could_take_for_something_else_is_refused(void **state)
{
	static const char *const sources[] = {
		"git://host/x#--upload-pack=x",  "git://host/x?ref=-x",   "git://host/x?ref=a#b",
		"git://host/x?ref=a&tag=b",      "git://host/x?colour=1", "git://host/x?ref=a:b",
		"git://host/x?submodules=maybe",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
		struct git_reference reference;
		struct msb_error err = {0};

		assert_int_equal(git_reference_parse(sources[i], &reference, &err), -EINVAL);
		assert_true(err.text[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_repository_is_told_from_a_file_and_from_a_plain_url),
		cmocka_unit_test(a_url_ends_with_the_name_of_a_file),
		cmocka_unit_test(a_url_ends_with_no_name_that_is_too_long),
		cmocka_unit_test(a_fragment_has_the_ref_and_the_directory),
		cmocka_unit_test(a_query_has_the_same_by_name_and_more),
		cmocka_unit_test(what_git_could_take_for_something_else_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

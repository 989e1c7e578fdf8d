/* Tars into trees: names and links, and where they may lead. */
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "layer_fixture.h"

static void names_are_bytes_in_every_locale(void **state)
{
	static const char *const utf8[] = {"path=gr\xc3\xbc\xc3\x9f", NULL};
	static const char *const latin1[] = {"path=gr\xfc\xdf", "linkpath=\xff\xfe", NULL};
	static const char *const locales[] = {"C", "C.UTF-8"};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < 2; i++) {
		autobuffer tar = {0};
		autofree char *text = NULL;

		assert_non_null(setlocale(LC_ALL, locales[i]));
		tar_add(&tar, &(struct tar_entry){.name = "u", .type = '0', .pax = utf8});
		tar_add(&tar,
			&(struct tar_entry){.name = "l", .type = '2', .link = "x", .pax = latin1});
		tar_add_file(&tar, "raw\xe4\x80", "");
		tar_end(&tar);
		text = text_of_layer(fixture, NULL, &tar);
		setlocale(LC_ALL, "C");
		assert_line(text, "/gr\\303\\274\\303\\237 f ");
		assert_line(text, "/gr\\374\\337 l 0777 0:0 0.000000000 -> \\377\\376\n");
		assert_line(text, "/raw\\344\\200 f ");
	}
}

/* The part of a path's line that tells its hard links: "links=COUNT#NUMBER". */
static const char *link_of(const char *text, const char *path)
{
	static char parts[3][32];
	static unsigned next;
	char *part = parts[next++ % 3];
	char line[64];
	const char *found;

	snprintf(line, sizeof(line), "%s f 0644 0:0 0.000000000 7 sha256:", path);
	found = strstr(text, line);
	assert_non_null(found);
	found = strstr(found, " links=");
	assert_non_null(found);
	snprintf(part, 32, "%.*s", (int)strcspn(found + 1, "\n"), found + 1);
	return part;
}

static void hard_links_are_one_file_across_directories(void **state)
{
	struct fixture *fixture = *state;
	autobuffer tar = {0};
	autofree char *text = NULL;

	tar_add_dir(&tar, "a/");
	tar_add_file(&tar, "a/one", "content");
	tar_add_link(&tar, "b/two", "a/one");
	tar_add_link(&tar, "./three", "/a/../a/one");
	tar_end(&tar);
	text = text_of_layer(fixture, NULL, &tar);
	assert_string_equal(link_of(text, "/a/one"), link_of(text, "/b/two"));
	assert_string_equal(link_of(text, "/a/one"), link_of(text, "/three"));
	assert_int_equal(strncmp(link_of(text, "/a/one"), "links=3#", 8), 0);
}

static void a_link_to_nothing_is_refused_and_names_both(void **state)
{
	struct fixture *fixture = *state;
	autobuffer tar = {0};

	tar_add_link(&tar, "here", "not/there");
	tar_end(&tar);
	expect_refused(fixture, &tar, -ENOENT, "'here': hard link to 'not/there'");
}

static void no_name_leads_out_of_the_tree(void **state)
{
	struct fixture *fixture = *state;
	autobuffer tar = {0};

	tar_add_file(&tar, "/absolute", "1");
	tar_add_file(&tar, "../up", "2");
	tar_add_file(&tar, "a/../../../b/./c", "3");
	tar_add_dir(&tar, "real/");
	tar_add_symlink(&tar, "absolute-link", "/real");
	tar_add_symlink(&tar, "upward-link", "../../../../real");
	tar_add_file(&tar, "absolute-link/x", "4");
	tar_add_file(&tar, "upward-link/y", "5");
	tar_add_link(&tar, "upward-link/z", "../absolute-link/x");
	tar_end(&tar);
	expect_paths(fixture, NULL, &tar,
		     "/ /absolute /absolute-link /b /b/c /real /real/x /real/y /real/z /up"
		     " /upward-link");
}

static void a_name_that_leads_out_is_refused_where_it_must_stay_inside(void **state)
{
	static const char *const names[] = {"../x",       "a/../../x", "./../x",
					    "a/..//../x", "..",        NULL};
	const struct layer_unpack_options options = {.whiteouts = true, .inside = true};
	struct fixture *fixture = *state;
	autobuffer fine = {0}, link = {0};
	struct msb_digest tree;

	for (size_t i = 0; names[i]; i++) {
		autobuffer tar = {0};

		tar_add_file(&tar, names[i], "1");
		tar_end(&tar);
		assert_int_equal(unpack_onto(fixture, NULL, &tar, &options, &tree), -EBADMSG);
		assert_non_null(strstr(fixture->err.text, "leads out of the layer"));
	}
	tar_add_file(&link, "x", "1");
	tar_add_link(&link, "y", "../x");
	tar_end(&link);
	assert_int_equal(unpack_onto(fixture, NULL, &link, &options, &tree), -EBADMSG);
	tar_add_file(&fine, "/a/../b", "1");
	tar_add_symlink(&fine, "up", "../../b");
	tar_end(&fine);
	assert_ok(fixture, unpack_onto(fixture, NULL, &fine, &options, &tree));
}

static void no_name_leads_out_of_the_directory(void **state)
{
	struct layer_unpack_options options = {
		.directory = "/opt/./app", .set_owner = true, .uid = 5, .gid = 6};
	struct fixture *fixture = *state;
	autobuffer lower = {0}, tar = {0};
	autofree char *text = NULL, *paths = NULL;
	struct msb_digest base, tree;

	tar_add_dir(&lower, "opt/app/");
	tar_add_file(&lower, "etc/passwd", "root");
	tar_end(&lower);
	base = base_of(fixture, &lower);
	tar_add_symlink(&tar, "link", "/etc");
	tar_add_file(&tar, "link/passwd", "mine");
	tar_add_file(&tar, "../../etc/shadow", "mine");
	tar_add_symlink(&tar, "out", "../../etc");
	tar_add_file(&tar, "out/group", "mine");
	tar_end(&tar);
	assert_ok(fixture, unpack_onto(fixture, &base, &tar, &options, &tree));
	text = text_of_tree(fixture, &tree);
	paths = paths_of(text);
	assert_string_equal(paths, "/ /etc /etc/passwd /opt /opt/app /opt/app/etc"
				   " /opt/app/etc/group /opt/app/etc/passwd /opt/app/etc/shadow"
				   " /opt/app/link /opt/app/out");
	assert_line(text, "/etc/passwd f 0644 0:0 0.000000000 4 sha256:4813494d");
	assert_line(text, "/opt/app/etc/passwd f 0644 5:6 ");
}

static void links_in_a_circle_are_refused(void **state)
{
	struct fixture *fixture = *state;
	autobuffer tar = {0};

	tar_add_symlink(&tar, "a", "b");
	tar_add_symlink(&tar, "b", "a");
	tar_add_file(&tar, "a/x", "");
	tar_end(&tar);
	expect_refused(fixture, &tar, -ELOOP, "'a/x'");
}

static void a_name_longer_than_any_path_is_refused(void **state)
{
	struct fixture *fixture = *state;
	autobuffer tar = {0}, record = {0};
	const char *records[2] = {NULL, NULL};

	buffer_string(&record, "path=");
	for (int i = 0; i < 3000; i++)
		buffer_string(&record, "a/");
	buffer_u8(&record, '\0');
	records[0] = (const char *)record.bytes;
	tar_add(&tar, &(struct tar_entry){.name = "x", .type = '5', .pax = records});
	tar_end(&tar);
	expect_refused(fixture, &tar, -ENAMETOOLONG, "a/a/a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_IN_STORE(names_are_bytes_in_every_locale),
		TEST_IN_STORE(hard_links_are_one_file_across_directories),
		TEST_IN_STORE(a_link_to_nothing_is_refused_and_names_both),
		TEST_IN_STORE(no_name_leads_out_of_the_tree),
		TEST_IN_STORE(a_name_that_leads_out_is_refused_where_it_must_stay_inside),
		TEST_IN_STORE(no_name_leads_out_of_the_directory),
		TEST_IN_STORE(links_in_a_circle_are_refused),
		TEST_IN_STORE(a_name_longer_than_any_path_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

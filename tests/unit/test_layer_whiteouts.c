/* Tars into trees: what a layer takes away. */

#include "layer_fixture.h"

static struct msb_digest whiteout_base(struct fixture *fixture)
{
	autobuffer lower = {0};

	tar_add_file(&lower, "a/old", "");
	tar_add_file(&lower, "a/deep/old", "");
	tar_add_file(&lower, "b", "");
	tar_add_file(&lower, "c/d/e", "");
	tar_end(&lower);
	return base_of(fixture, &lower);
}

static void whiteouts_remove_what_is_below(void **state)
{
	struct fixture *fixture = *state;
	struct msb_digest base = whiteout_base(fixture);
	autobuffer tar = {0};

	tar_add_file(&tar, ".wh.b", "");
	tar_add_file(&tar, "c/.wh.d", "");
	tar_add_file(&tar, "a/.wh.missing", "");
	tar_add_file(&tar, ".wh..wh.plnk/1.2", "");
	tar_add_file(&tar, ".wh..wh.aufs", "");
	tar_end(&tar);
	expect_paths(fixture, &base, &tar,
		     "/ /a /a/deep"
		     " /a/deep/old /a/old /c");
}

static void an_opaque_marker_spares_its_own_layer_wherever_it_stands(void **state)
{
	struct fixture *fixture = *state;
	struct msb_digest base = whiteout_base(fixture);
	autobuffer before = {0}, after = {0};

	tar_add_file(&before, "a/.wh..wh..opq", "");
	tar_add_file(&before, "a/new", "");
	tar_add_file(&before, "a/deep/new", "");
	tar_end(&before);
	expect_paths(fixture, &base, &before, "/ /a /a/deep /a/deep/new /a/new /b /c /c/d /c/d/e");
	tar_add_file(&after, "a/new", "");
	tar_add_file(&after, "a/deep/new", "");
	tar_add_file(&after, "a/.wh..wh..opq", "");
	tar_end(&after);
	expect_paths(fixture, &base, &after, "/ /a /a/deep /a/deep/new /a/new /b /c /c/d /c/d/e");
}

static void a_whiteout_spares_what_its_own_layer_puts_there(void **state)
{
	struct fixture *fixture = *state;
	struct msb_digest base = whiteout_base(fixture);
	autobuffer tar = {0};

	tar_add_file(&tar, "a/deep/new", "");
	tar_add_file(&tar, "b", "new");
	tar_add_file(&tar, ".wh.a", "");
	tar_add_file(&tar, ".wh.b", "");
	tar_end(&tar);
	expect_paths(fixture, &base, &tar, "/ /a /a/deep /a/deep/new /b /c /c/d /c/d/e");
}

static void whiteouts_are_plain_names_in_a_root_file_system(void **state)
{
	struct layer_unpack_options options = {0};
	struct fixture *fixture = *state;
	autobuffer tar = {0};
	autofree char *text = NULL;
	struct msb_digest tree;

	tar_add_file(&tar, "a", "");
	tar_add_file(&tar, ".wh.a", "");
	tar_end(&tar);
	assert_ok(fixture, unpack_onto(fixture, NULL, &tar, &options, &tree));
	text = text_of_tree(fixture, &tree);
	assert_line(text, "/.wh.a f ");
	assert_line(text, "/a f ");
}

static void whiteouts_that_make_no_sense_are_refused(void **state)
{
	struct fixture *fixture = *state;
	autobuffer tar = {0};

	tar_add_file(&tar, "x/.wh...", "");
	tar_end(&tar);
	expect_refused(fixture, &tar, -EBADMSG, "whiteout of no name");
	tar.size = 0;
	tar_add_file(&tar, ".wh.x/file", "");
	tar_end(&tar);
	expect_refused(fixture, &tar, -EBADMSG, "below a whiteout");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_IN_STORE(whiteouts_remove_what_is_below),
		TEST_IN_STORE(an_opaque_marker_spares_its_own_layer_wherever_it_stands),
		TEST_IN_STORE(a_whiteout_spares_what_its_own_layer_puts_there),
		TEST_IN_STORE(whiteouts_are_plain_names_in_a_root_file_system),
		TEST_IN_STORE(whiteouts_that_make_no_sense_are_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

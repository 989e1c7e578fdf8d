/* Hard links under edits, grafts and reloads; symlinks resolved in committed trees and in edits. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tree_fixture.h"

static void link_to(struct fixture *fixture, struct tree_edit *edit, const char *from,
		    const char *to)
{
	assert_ok(fixture, edit_link(edit, from, to, &fixture->err));
}

static void expect_group(struct fixture *fixture, const struct msb_digest *tree, uint32_t nlink,
			 const char *const *paths)
{
	uint32_t number = entry_of(fixture, tree, paths[0]).link;

	assert_int_equal(number != 0, nlink > 1);
	for (; *paths; paths++) {
		assert_int_equal(entry_of(fixture, tree, *paths).link, number);
		assert_int_equal(entry_of(fixture, tree, *paths).nlink, nlink);
	}
}

#define GROUP(fixture, tree, nlink, ...)                                                           \
	expect_group(fixture, tree, nlink, (const char *const[]){__VA_ARGS__, NULL})

/* /a/f and /b/f are one file, /a/p and /a/q another. */
static struct msb_digest pairs(struct fixture *fixture)
{
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, NULL);

	put(fixture, edit, "/a", a_directory());
	put(fixture, edit, "/b", a_directory());
	put(fixture, edit, "/a/f", a_file(1));
	put(fixture, edit, "/a/p", a_file(2));
	link_to(fixture, edit, "/a/f", "/b/f");
	link_to(fixture, edit, "/a/p", "/a/q");
	return commit(fixture, edit);
}

static void links_cross_directories(void **state)
{
	struct fixture *fixture = *state;
	struct msb_digest tree = pairs(fixture);

	GROUP(fixture, &tree, 2, "/a/f", "/b/f");
	GROUP(fixture, &tree, 2, "/a/p", "/a/q");
	assert_int_not_equal(entry_of(fixture, &tree, "/a/f").link,
			     entry_of(fixture, &tree, "/a/p").link);
	assert_int_equal(entry_of(fixture, &tree, "/").bytes, 2 * (101 / 2) + 102);
}

static void the_last_name_of_a_file_is_no_link(void **state)
{
	struct fixture *fixture = *state;
	struct msb_digest tree = pairs(fixture), plain;
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, &tree);
	AUTO(tree_edit_freep) struct tree_edit *other = edit_of(fixture, NULL);

	assert_ok(fixture, edit_remove(edit, "/b/f", &fixture->err));
	assert_ok(fixture, edit_remove(edit, "/a/p", &fixture->err));
	tree = commit(fixture, edit);
	GROUP(fixture, &tree, 1, "/a/f");
	GROUP(fixture, &tree, 1, "/a/q");
	put(fixture, other, "/a", a_directory());
	put(fixture, other, "/b", a_directory());
	put(fixture, other, "/a/f", a_file(1));
	put(fixture, other, "/a/q", a_file(2));
	plain = commit(fixture, other);
	expect_digest(&tree, &plain);
}

static void a_name_replaced_or_cleared_leaves_its_group(void **state)
{
	struct fixture *fixture = *state;
	struct msb_digest tree = pairs(fixture);
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, &tree);

	put(fixture, edit, "/a/p", a_file(9));
	assert_ok(fixture, edit_clear(edit, "/b", &fixture->err));
	tree = commit(fixture, edit);
	GROUP(fixture, &tree, 1, "/a/p", "/a/q", "/a/f");
	assert_int_equal(entry_of(fixture, &tree, "/").below, 0);
}

static void a_third_name_joins_a_group_of_the_base(void **state)
{
	struct fixture *fixture = *state;
	struct msb_digest tree = pairs(fixture), before = tree;
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, &tree);

	link_to(fixture, edit, "/b/f", "/g");
	tree = commit(fixture, edit);
	GROUP(fixture, &tree, 3, "/a/f", "/b/f", "/g");
	GROUP(fixture, &tree, 2, "/a/p", "/a/q");
	assert_ok(fixture, edit_remove(edit, "/g", &fixture->err));
	tree = commit(fixture, edit);
	expect_digest(&tree, &before);
}

static void a_file_linked_onto_itself_stays_as_it_was(void **state)
{
	struct fixture *fixture = *state;
	struct msb_digest tree = pairs(fixture), again;
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, &tree);

	link_to(fixture, edit, "/a/f", "/a/f");
	link_to(fixture, edit, "/a/f", "b/./f");
	again = commit(fixture, edit);
	expect_digest(&tree, &again);
	put(fixture, edit, "/single", a_file(3));
	tree = commit(fixture, edit);
	link_to(fixture, edit, "/single", "/single");
	again = commit(fixture, edit);
	expect_digest(&tree, &again);
	assert_int_equal(entry_of(fixture, &again, "/single").nlink, 1);
}

static void a_link_may_replace_the_directory_it_came_from(void **state)
{
	struct fixture *fixture = *state;
	struct msb_digest tree = pairs(fixture);
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, &tree);

	link_to(fixture, edit, "/a/f", "/a");
	tree = commit(fixture, edit);
	GROUP(fixture, &tree, 2, "/a", "/b/f");
}

static void whatever_is_no_directory_can_be_linked(void **state)
{
	struct fixture *fixture = *state;
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, NULL);
	struct msb_digest tree;

	put(fixture, edit, "/l", a_symlink("x"));
	link_to(fixture, edit, "/l", "/m");
	link_to(fixture, edit, "/l", "/l");
	put(fixture, edit, "/pipe", (struct msb_entry){.type = MSB_FIFO, .mode = 0600, .nlink = 1});
	link_to(fixture, edit, "/pipe", "/pipe too");
	put(fixture, edit, "/single", a_symlink("x"));
	tree = commit(fixture, edit);
	GROUP(fixture, &tree, 2, "/l", "/m");
	GROUP(fixture, &tree, 2, "/pipe", "/pipe too");
	assert_int_equal(entry_of(fixture, &tree, "/single").link, 0);
	assert_int_equal(entry_of(fixture, &tree, "/").below, MSB_BELOW_LINKS);
	/* Also onto the directory it is in. */
	put(fixture, edit, "/d", a_directory());
	put(fixture, edit, "/d/l", a_symlink("x"));
	link_to(fixture, edit, "/d/l", "/d");
	assert_int_equal(get(fixture, edit, "/d").type, MSB_SYMLINK);
}

static void entries_put_with_one_number_are_one_file(void **state)
{
	struct fixture *fixture = *state;
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, NULL);
	struct msb_entry first = a_file(1), second = a_file(2);
	struct msb_digest tree;

	first.link = UINT32_MAX; /* the caller's own numbers: any will do */
	second.link = 1;
	put(fixture, edit, "/a", first);
	put(fixture, edit, "/b", first);
	put(fixture, edit, "/c", second);
	tree = commit(fixture, edit);
	GROUP(fixture, &tree, 2, "/a", "/b");
	GROUP(fixture, &tree, 1, "/c");
	/* Numbers end with the commit. */
	put(fixture, edit, "/d", second);
	put(fixture, edit, "/e", second);
	tree = commit(fixture, edit);
	GROUP(fixture, &tree, 1, "/c");
	GROUP(fixture, &tree, 2, "/d", "/e");
}

static void grafts_of_linked_trees_are_separate_unless_told(void **state)
{
	struct fixture *fixture = *state;
	struct msb_digest source = pairs(fixture), tree;
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, &source);
	struct msb_entry root = entry_of(fixture, &source, "/");
	struct msb_entry a = entry_of(fixture, &source, "/a"), b = entry_of(fixture, &source, "/b");
	uint32_t numbers[4];

	assert_ok(fixture, edit_graft(edit, "/x", &root, 0, &fixture->err));
	assert_ok(fixture, edit_graft(edit, "/y", &root, 0, &fixture->err));
	assert_ok(fixture, edit_graft(edit, "/one", &b, 0, &fixture->err));
	assert_ok(fixture, edit_graft(edit, "/both-a", &a, 5, &fixture->err));
	assert_ok(fixture, edit_graft(edit, "/both-b", &b, 5, &fixture->err));
	tree = commit(fixture, edit);
	GROUP(fixture, &tree, 2, "/a/f", "/b/f");
	GROUP(fixture, &tree, 2, "/x/a/f", "/x/b/f");
	GROUP(fixture, &tree, 2, "/y/a/f", "/y/b/f");
	GROUP(fixture, &tree, 2, "/both-a/f", "/both-b/f");
	GROUP(fixture, &tree, 1, "/one/f");
	numbers[0] = entry_of(fixture, &tree, "/a/f").link;
	numbers[1] = entry_of(fixture, &tree, "/x/a/f").link;
	numbers[2] = entry_of(fixture, &tree, "/y/a/f").link;
	numbers[3] = entry_of(fixture, &tree, "/both-a/f").link;
	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(numbers[i], numbers[j]);
}

static void a_graft_equals_its_source(void **state)
{
	struct fixture *fixture = *state;
	struct msb_digest source = pairs(fixture), tree;
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, NULL);
	AUTO(tree_edit_freep) struct tree_edit *plain = edit_of(fixture, &source);
	struct msb_entry root, copy;

	/* With links the numbers may differ, but not the key. */
	root = entry_of(fixture, &source, "/");
	assert_ok(fixture, edit_graft(edit, "/copy", &root, 0, &fixture->err));
	tree = commit(fixture, edit);
	copy = entry_of(fixture, &tree, "/copy");
	expect_digest(&copy.key, &root.key);
	assert_int_equal(copy.entries, root.entries);
	assert_int_equal(copy.bytes, root.bytes);
	assert_ok(fixture, edit_remove(plain, "/b", &fixture->err));
	assert_ok(fixture, edit_remove(plain, "/a/q", &fixture->err));
	source = commit(fixture, plain);
	root = entry_of(fixture, &source, "/");
	assert_ok(fixture, edit_graft(edit, "/copy", &root, 0, &fixture->err));
	tree = commit(fixture, edit);
	copy = entry_of(fixture, &tree, "/copy");
	expect_digest(&copy.digest, &root.digest);
	/* Grafted at the root it is the tree itself. */
	assert_ok(fixture, edit_graft(edit, "/", &root, 0, &fixture->err));
	tree = commit(fixture, edit);
	expect_digest(&tree, &source);
}

/* 40,000 groups in 2^27 numbers: about six begin at a number that is taken. */
static void numbers_are_unique_and_depend_on_the_tree_alone(void **state)
{
	enum { GROUPS = 40000 };
	struct fixture *fixture = *state;
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, NULL);
	AUTO(tree_edit_freep) struct tree_edit *later = NULL;
	autofree uint8_t *used = calloc((1u << 27) / 8, 1);
	struct msb_digest tree, again;
	struct msb_entry file = a_file(1);
	struct msb_entry root;
	AUTO(msb_dir_unrefp) struct msb_dir *dir = NULL;
	char path[32];

	assert_non_null(used);
	for (uint32_t i = 0; i < GROUPS; i++) {
		file.link = i + 1;
		for (int side = 0; side < 2; side++) {
			snprintf(path, sizeof(path), "/%c%u", "ab"[side], i);
			put(fixture, edit, path, file);
		}
	}
	tree = commit(fixture, edit);
	root = entry_of(fixture, &tree, "/");
	assert_ok(fixture, msb_tree_load(fixture->store, &root.digest, &dir, &fixture->err));
	for (size_t i = 0; i < GROUPS; i++) { /* the "a" side comes first */
		struct msb_entry entry;

		msb_dir_get(dir, i, &entry);
		assert_in_range(entry.link, 1, (1u << 27) - 1);
		assert_false(used[entry.link / 8] & 1u << entry.link % 8);
		used[entry.link / 8] |= (uint8_t)(1u << entry.link % 8);
	}
	/* By way of names that come first, were linked and are not any more. */
	later = edit_of(fixture, &tree);
	for (uint32_t i = 0; i < GROUPS; i++) {
		char name[32];

		snprintf(path, sizeof(path), "/a%u", i);
		snprintf(name, sizeof(name), "/A%u", i);
		link_to(fixture, later, path, name);
	}
	commit(fixture, later);
	for (uint32_t i = 0; i < GROUPS; i++) {
		snprintf(path, sizeof(path), "/A%u", i);
		assert_ok(fixture, edit_remove(later, path, &fixture->err));
	}
	again = commit(fixture, later);
	expect_digest(&tree, &again);
}

static void names_that_are_single_move_no_number(void **state)
{
	struct fixture *fixture = *state;
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, NULL);
	AUTO(tree_edit_freep) struct tree_edit *other = edit_of(fixture, NULL);
	struct msb_digest first, second;
	struct msb_entry file = a_file(1);
	char path[32];

	/* Single names with numbers of their own beside as many pairs: collisions are certain. */
	for (uint32_t i = 0; i < 60000; i++) {
		snprintf(path, sizeof(path), "/%u", i);
		file.link = i + 1;
		put(fixture, edit, path, file);
		file.link = i % 2 ? 0 : i + 1;
		put(fixture, other, path, file);
		if (i % 2)
			continue;
		file.link = i + 1;
		snprintf(path, sizeof(path), "/z%u", i);
		put(fixture, edit, path, file);
		put(fixture, other, path, file);
	}
	first = commit(fixture, edit);
	second = commit(fixture, other);
	expect_digest(&first, &second);
}

/* /dir/file, and links to it of all kinds. */
static struct msb_digest symlinks(struct fixture *fixture)
{
	static const char *const links[][2] = {
		{"/abs", "/dir/file"},       {"/rel", "dir/file"},
		{"/dir/up", "../rel"},       {"/dir/out", "../../../../dir/file"},
		{"/self", "self"},           {"/ping", "pong"},
		{"/pong", "./ping"},         {"/d", "dir"},
		{"/dangling", "nowhere/x"},  {"/top", "/"},
		{"/dir/deep", "/d/../d/up"}, {"/dir/slash", "file/"},
	};
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, NULL);

	put(fixture, edit, "/dir", a_directory());
	put(fixture, edit, "/dir/file", a_file(1));
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
		put(fixture, edit, links[i][0], a_symlink(links[i][1]));
	return commit(fixture, edit);
}

static void paths_are_walked_as_the_kernel_does(void **state)
{
	static const struct {
		const char *path, *found;
		int code;
		unsigned flags;
	} cases[] = {
		{"", "/", 0, 0},
		{"/", "/", 0, 0},
		{"//dir/./file", "/dir/file", 0, 0},
		{"dir/../../..", "/", 0, 0},
		{"/abs", "/dir/file", 0, 0},
		{"/rel", "/dir/file", 0, 0},
		{"/dir/up", "/dir/file", 0, 0},
		{"/dir/out", "/dir/file", 0, 0},
		{"/dir/deep", "/dir/file", 0, 0},
		{"/top/top/d/file", "/dir/file", 0, 0},
		{"/d/..", "/", 0, 0},
		{"/d", "/d", 0, MSB_NOFOLLOW},
		{"/d/", "/dir", 0, MSB_NOFOLLOW},
		{"/d/.", "/dir", 0, MSB_NOFOLLOW},
		{"/self", "/self", 0, MSB_NOFOLLOW},
		{"/self", NULL, -ELOOP, 0},
		{"/ping/x", NULL, -ELOOP, MSB_NOFOLLOW},
		{"/dangling", NULL, -ENOENT, 0},
		{"/no", NULL, -ENOENT, 0},
		{"/dir/file/x", NULL, -ENOTDIR, 0},
		{"/dir/file/..", NULL, -ENOTDIR, 0},
		{"/dir/file/", NULL, -ENOTDIR, 0},
		{"/dir/file/.", NULL, -ENOTDIR, 0},
		{"/dir/slash", NULL, -ENOTDIR, 0},
		{"/abs/x", NULL, -ENOTDIR, 0},
	};
	struct fixture *fixture = *state;
	struct msb_digest tree = symlinks(fixture);

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct msb_found found;
		struct msb_error err = {0};
		int r = msb_tree_find(fixture->store, &tree, cases[i].path, cases[i].flags, &found,
				      &err);

		if (r != cases[i].code)
			fail_msg("'%s': %d", cases[i].path, r);
		if (r < 0) {
			assert_int_equal(err.code, r);
			assert_non_null(strstr(err.text, cases[i].path));
			continue;
		}
		assert_string_equal(found.path, cases[i].found);
		msb_found_done(&found);
	}
}

static void an_edit_resolves_as_far_as_the_path_exists(void **state)
{
	static const struct {
		const char *path, *resolved;
		unsigned flags;
	} cases[] = {
		{"", "/", 0},
		{"/abs", "/dir/file", 0},
		{"/abs", "/abs", MSB_NOFOLLOW},
		{"/dir/out", "/dir/file", 0},
		{"/dir/deep", "/dir/file", 0},
		{"/d/new/er", "/dir/new/er", MSB_NOFOLLOW},
		{"/d/../x", "/x", 0},
		{"/top/d/./x//y/", "/dir/x/y", 0},
		{"/dangling", "/nowhere/x", 0},
		{"/dangling/y", "/nowhere/x/y", 0},
		{"/no/../../rel", "/dir/file", 0},
		{"/dir/file/x", "/dir/file/x", 0},
		{"../..", "/", 0},
	};
	struct fixture *fixture = *state;
	struct msb_digest tree = symlinks(fixture);
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, &tree);
	struct msb_error err = {0};
	char *none;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autofree char *path = NULL;

		assert_ok(fixture,
			  edit_resolve(edit, cases[i].path, cases[i].flags, &path, &fixture->err));
		assert_string_equal(path, cases[i].resolved);
	}
	assert_int_equal(edit_resolve(edit, "/ping/x", 0, &none, &err), -ELOOP);
	assert_non_null(strstr(err.text, "'/ping/x'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_IN_STORE(links_cross_directories),
		TEST_IN_STORE(the_last_name_of_a_file_is_no_link),
		TEST_IN_STORE(a_name_replaced_or_cleared_leaves_its_group),
		TEST_IN_STORE(a_third_name_joins_a_group_of_the_base),
		TEST_IN_STORE(a_file_linked_onto_itself_stays_as_it_was),
		TEST_IN_STORE(a_link_may_replace_the_directory_it_came_from),
		TEST_IN_STORE(whatever_is_no_directory_can_be_linked),
		TEST_IN_STORE(entries_put_with_one_number_are_one_file),
		TEST_IN_STORE(grafts_of_linked_trees_are_separate_unless_told),
		TEST_IN_STORE(a_graft_equals_its_source),
		TEST_IN_STORE(numbers_are_unique_and_depend_on_the_tree_alone),
		TEST_IN_STORE(names_that_are_single_move_no_number),
		TEST_IN_STORE(paths_are_walked_as_the_kernel_does),
		TEST_IN_STORE(an_edit_resolves_as_far_as_the_path_exists),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Trees as objects: edits and commits, totals and ranks, links, names, and what is refused. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "buffer.h"
#include "tree_fixture.h"

static void what_was_put_is_found(void **state)
{
	struct fixture *fixture = *state;
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, NULL);
	struct msb_entry device = {.type = MSB_CHARACTER, .mode = 0666, .uid = 4, .gid = 5};
	autofree char *text = NULL;
	struct msb_digest tree;

	device.device_major = 1;
	device.device_minor = 3;
	put(fixture, edit, "/etc", a_directory());
	put(fixture, edit, "/etc/passwd", a_file(1));
	put(fixture, edit, "etc//./motd/", a_symlink("../run/motd"));
	put(fixture, edit, "/null", device);
	assert_int_equal(get(fixture, edit, "/etc/passwd").size, 101);
	assert_int_equal(get(fixture, edit, "/").type, MSB_DIRECTORY);
	tree = commit(fixture, edit);
	text = text_of(fixture, &tree);
	assert_string_equal(text,
			    "/ d 0755 0:0 0.000000000\n"
			    "/etc d 0755 0:0 1000000.000000000\n"
			    "/etc/motd l 0777 0:0 0.000000000 -> ../run/motd\n"
			    "/etc/passwd f 0644 0:0 1000001.000000000 101 sha256:"
			    "0101010101010101010101010101010101010101010101010101010101010101\n"
			    "/null c 0666 4:5 0.000000000 1,3\n");
}

static void a_failed_edit_says_where(void **state)
{
	struct fixture *fixture = *state;
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, NULL);
	struct msb_entry file = a_file(1), directory = a_directory(), entry;
	struct msb_error err = {0};

	put(fixture, edit, "/file", file);
	assert_int_equal(edit_put(edit, "/no/file", &file, &err), -ENOENT);
	assert_string_equal(err.text, "'/no/file': No such file or directory");
	assert_int_equal(edit_put(edit, "/file/x", &file, &err), -ENOTDIR);
	assert_string_equal(err.text, "'/file/x': Not a directory");
	assert_int_equal(edit_put(edit, "/", &file, &err), -ENOTDIR);
	assert_int_equal(edit_put(edit, "/a/..", &file, &err), -EINVAL);
	assert_int_equal(edit_get(edit, "/no", &entry, &err), -ENOENT);
	assert_int_equal(edit_get(edit, "/file/x", &entry, &err), -ENOTDIR);
	assert_int_equal(edit_make_dirs(edit, "/file/x", &directory, &err), -ENOTDIR);
	assert_string_equal(err.text, "'/file/x': Not a directory");
	assert_int_equal(edit_make_dirs(edit, "/a/../b", &directory, &err), -EINVAL);
	assert_int_equal(edit_link(edit, "/no", "/new", &err), -ENOENT);
	assert_int_equal(edit_link(edit, "/file", "/no/new", &err), -ENOENT);
	assert_int_equal(edit_link(edit, "/", "/new", &err), -EPERM);
	assert_int_equal(edit_clear(edit, "/file", &err), -ENOTDIR);
	assert_int_equal(edit_remove(edit, "/", &err), -EINVAL);
	assert_int_equal(edit_remove(edit, "/no/where", &err), 0);
}

static void an_entry_that_could_not_be_read_again_is_refused(void **state)
{
	struct fixture *fixture = *state;
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, NULL);
	static char target[5000];
	struct msb_entry bad[8];
	struct msb_error err;

	memset(target, 'x', sizeof(target) - 1);
	for (size_t i = 0; i < 4; i++)
		bad[i] = a_file(1);
	bad[0].mode = 010000;
	bad[1].mtime_nsec = 1000000000;
	bad[2].size = UINT64_MAX;
	bad[3].type = 9;
	bad[4] = a_symlink("");
	bad[5] = a_symlink(target);
	bad[6] = a_symlink("a");
	bad[6].size = 2;
	bad[7] = a_file(1);
	bad[7].xattrs = (const uint8_t *)"\1a";
	bad[7].xattrs_size = 2;
	for (size_t i = 0; i < 8; i++) {
		err.text[0] = '\0';
		assert_int_equal(edit_put(edit, "/bad", &bad[i], &err), -EINVAL);
		assert_memory_equal(err.text, "'/bad': ", 8);
	}
	target[4095] = '\0';
	put(fixture, edit, "/good", a_symlink(target));
	commit(fixture, edit);
}

static int count_names(void *context, const struct msb_entry *entry)
{
	struct buffer *names = context;

	buffer_append(names, entry->name, entry->name_length);
	buffer_char(names, ' ');
	return 0;
}

static void names_are_listed_in_bytewise_order(void **state)
{
	struct fixture *fixture = *state;
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, NULL);
	static const char *const names[] = {"b", "a", "\xff", "a.b", "a-", "ab", "B"};
	autofree char *text = NULL;
	autobuffer listed = {0};

	for (size_t i = 0; i < 7; i++)
		put(fixture, edit, names[i], a_file(1));
	assert_ok(fixture, edit_remove(edit, "a-", &fixture->err));
	assert_ok(fixture, edit_list(edit, "/", count_names, &listed, &fixture->err));
	text = buffer_text(&listed);
	assert_string_equal(text, "B a a.b ab b \xff ");
}

static void the_order_of_edits_does_not_matter(void **state)
{
	struct fixture *fixture = *state;
	AUTO(tree_edit_freep) struct tree_edit *up = edit_of(fixture, NULL);
	AUTO(tree_edit_freep) struct tree_edit *down = edit_of(fixture, NULL);
	struct msb_digest first, second, again;
	char path[32];

	for (int i = 0; i < 10; i++) {
		snprintf(path, sizeof(path), "/d%d", i);
		put(fixture, up, path, a_directory());
		put(fixture, down, path, a_directory());
	}
	for (int i = 0; i < 200; i++) {
		snprintf(path, sizeof(path), "/d%d/%d", i % 10, i);
		put(fixture, up, path, a_file((uint8_t)i));
		snprintf(path, sizeof(path), "/d%d/%d", (199 - i) % 10, 199 - i);
		put(fixture, down, path, a_file((uint8_t)(199 - i)));
		put(fixture, down, "/passing", a_file(1));
		commit(fixture, down);
	}
	assert_ok(fixture, edit_remove(down, "/passing", &fixture->err));
	first = commit(fixture, up);
	second = commit(fixture, down);
	again = commit(fixture, up);
	expect_digest(&first, &second);
	expect_digest(&first, &again);
}

static void a_directory_over_a_directory_keeps_its_children(void **state)
{
	struct fixture *fixture = *state;
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, NULL);
	struct msb_entry other = a_directory(), root = a_directory(), found;
	struct msb_digest tree;

	other.mode = 0700;
	root.uid = 7;
	put(fixture, edit, "/d", a_directory());
	put(fixture, edit, "/d/f", a_file(1));
	put(fixture, edit, "/d", other);
	put(fixture, edit, "/", root);
	tree = commit(fixture, edit);
	assert_int_equal(entry_of(fixture, &tree, "/d").mode, 0700);
	assert_int_equal(entry_of(fixture, &tree, "/").uid, 7);
	assert_int_equal(entry_of(fixture, &tree, "/d/f").size, 101);
	put(fixture, edit, "/d", a_file(2));
	tree = commit(fixture, edit);
	assert_int_equal(entry_of(fixture, &tree, "/d").type, MSB_FILE);
	assert_int_equal(edit_get(edit, "/d/f", &found, NULL), -ENOTDIR);
}

static void clear_empties_a_directory_that_was_never_loaded(void **state)
{
	struct fixture *fixture = *state;
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, NULL);
	AUTO(tree_edit_freep) struct tree_edit *later = NULL;
	struct msb_digest tree;

	put(fixture, edit, "/d", a_directory());
	put(fixture, edit, "/d/f", a_file(1));
	tree = commit(fixture, edit);
	later = edit_of(fixture, &tree);
	assert_ok(fixture, edit_clear(later, "/d", &fixture->err));
	put(fixture, later, "/d/g", a_file(2));
	tree = commit(fixture, later);
	assert_int_equal(entry_of(fixture, &tree, "/d").entries, 1);
	assert_int_equal(entry_of(fixture, &tree, "/d/g").size, 102);
}

static void a_refused_edit_loses_nothing_of_a_loaded_base(void **state)
{
	struct fixture *fixture = *state;
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, NULL);
	AUTO(tree_edit_freep) struct tree_edit *later = NULL;
	struct msb_entry file = a_file(1);
	struct msb_digest tree, same;

	put(fixture, edit, "/d", a_directory());
	put(fixture, edit, "/d/f", file);
	tree = commit(fixture, edit);
	later = edit_of(fixture, &tree);
	assert_int_equal(edit_link(later, "/d", "/e", NULL), -EPERM);
	assert_int_equal(edit_put(later, "/d/f/g", &file, NULL), -ENOTDIR);
	assert_int_equal(edit_put(later, "/d/e/g", &file, NULL), -ENOENT);
	same = commit(fixture, later);
	expect_digest(&same, &tree);
}

static void a_lost_directory_is_damage_and_not_absence(void **state)
{
	struct fixture *fixture = *state;
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, NULL);
	struct msb_entry ghost = a_directory(), entry;
	struct msb_found found;
	struct msb_error err = {0};
	struct msb_digest tree;

	ghost.digest = fixture_digest(0xee);
	ghost.entries = 5;
	put(fixture, edit, "/ghost", ghost);
	tree = commit(fixture, edit);
	assert_int_equal(edit_get(edit, "/ghost/x", &entry, &err), -EBADMSG);
	assert_int_equal(err.code, -EBADMSG);
	assert_int_equal(edit_remove(edit, "/ghost/x", &err), -EBADMSG);
	assert_int_equal(edit_put(edit, "/ghost/x", &ghost, &err), -EBADMSG);
	assert_int_equal(msb_tree_find(fixture->store, &tree, "/ghost/x", 0, &found, &err),
			 -EBADMSG);
	/* The put had begun: what cannot be read is never written as empty. */
	assert_int_equal(edit_commit(edit, fixture->writer, &tree, &err), -EBADMSG);
}

static void totals_count_what_lies_below(void **state)
{
	struct fixture *fixture = *state;
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, NULL);
	struct msb_entry file = a_file(0), strange = a_file(0), root;
	struct msb_digest tree;

	strange.nlink = 50; /* without a number it is one name all the same */
	put(fixture, edit, "/a", a_directory());
	put(fixture, edit, "/a/b", a_directory());
	put(fixture, edit, "/a/b/f", file);
	put(fixture, edit, "/a/g", strange);
	put(fixture, edit, "/a/l", a_symlink("g"));
	assert_ok(fixture, edit_link(edit, "/a/g", "/a/h", &fixture->err));
	tree = commit(fixture, edit);
	root = entry_of(fixture, &tree, "/");
	assert_int_equal(root.entries, 6);
	assert_int_equal(root.bytes, 200);
	assert_int_equal(root.subdirectories, 1);
	assert_int_equal(root.below, MSB_BELOW_LINKS);
	assert_int_equal(entry_of(fixture, &tree, "/a").entries, 5);
	assert_int_equal(entry_of(fixture, &tree, "/a/b").below, 0);
	assert_ok(fixture, edit_remove(edit, "/a/h", &fixture->err));
	tree = commit(fixture, edit);
	assert_int_equal(entry_of(fixture, &tree, "/").below, 0);
	assert_int_equal(entry_of(fixture, &tree, "/").bytes, 200);
}

static void the_totals_follow_a_directorys_own_attributes(void **state)
{
	struct fixture *fixture = *state;
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, NULL);
	AUTO(tree_edit_freep) struct tree_edit *later = NULL;
	struct tree_xattr attributes[] = {{"user.b", "x", 1}, {"user.a", "", 0}};
	struct msb_entry plain = a_directory(), marked = plain, graft;
	autofree uint8_t *xattrs = NULL;
	struct msb_digest without, with, tree;

	assert_ok(fixture, tree_encode_xattrs(attributes, 2, &xattrs, &marked.xattrs_size, NULL));
	marked.xattrs = xattrs;
	put(fixture, edit, "/d", plain);
	put(fixture, edit, "/d/f", a_file(1));
	without = commit(fixture, edit);
	later = edit_of(fixture, &without);
	put(fixture, later, "/d", marked);
	put(fixture, later, "/", marked);
	with = commit(fixture, later);
	assert_int_equal(entry_of(fixture, &with, "/d").below, MSB_BELOW_XATTRS);
	assert_int_equal(entry_of(fixture, &with, "/").below, MSB_BELOW_XATTRS);
	assert_int_equal(entry_of(fixture, &with, "/d").entries, 1);
	graft = entry_of(fixture, &with, "/d");
	graft.xattrs = NULL;
	graft.xattrs_size = 0;
	put(fixture, later, "/d", graft);
	plain.mtime_sec = 0;
	put(fixture, later, "/", plain);
	tree = commit(fixture, later);
	expect_digest(&tree, &without);
}

static void extended_attributes_come_back_sorted(void **state)
{
	struct fixture *fixture = *state;
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, NULL);
	struct tree_xattr attributes[] = {{"user.b", "x\0y", 3}, {"user.a b", NULL, 0}};
	struct tree_xattr twice[] = {{"user.a", "x", 1}, {"user.a", "y", 1}};
	autofree uint8_t *xattrs = NULL;
	autofree char *text = NULL;
	struct msb_entry file = a_file(0);
	struct msb_digest tree;
	uint8_t *refused;
	size_t size;

	assert_int_equal(tree_encode_xattrs(twice, 2, &refused, &size, NULL), -EINVAL);
	assert_ok(fixture, tree_encode_xattrs(attributes, 2, &xattrs, &file.xattrs_size, NULL));
	file.xattrs = xattrs;
	put(fixture, edit, "/f", file);
	tree = commit(fixture, edit);
	text = text_of(fixture, &tree);
	assert_non_null(strstr(text, " user.a\\040b= user.b=780079\n"));
}

static void the_key_ignores_times_and_holes_and_nothing_else(void **state)
{
	struct fixture *fixture = *state;
	struct msb_entry variants[8];
	struct msb_digest keys[8];

	for (size_t i = 0; i < 8; i++)
		variants[i] = a_file(1);
	variants[1].mtime_sec = -5;
	variants[1].mtime_nsec = 7;
	variants[2].sparse = true;
	variants[2].allocated = 1;
	variants[3].mode = 0600;
	variants[4].uid = 1;
	variants[5].gid = 1;
	variants[6].size++;
	variants[7].digest.bytes[31] ^= 1;
	for (size_t i = 0; i < 8; i++) {
		AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, NULL);
		struct msb_entry directory = a_directory();
		struct msb_digest tree;

		directory.mtime_sec += (int64_t)i;
		put(fixture, edit, "/d", directory);
		put(fixture, edit, "/d/e", directory);
		put(fixture, edit, "/d/e/f", variants[i]);
		tree = commit(fixture, edit);
		keys[i] = entry_of(fixture, &tree, "/").key;
		for (size_t j = 0; j < i; j++)
			assert_int_equal(msb_digest_equal(&keys[i], &keys[j]), i < 3);
	}
}

static void odd_times_sizes_and_holes_come_back(void **state)
{
	struct fixture *fixture = *state;
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, NULL);
	struct msb_entry old = a_file(1), sparse = a_file(2), full = a_file(3);
	struct msb_digest tree;

	old.mtime_sec = INT64_MIN;
	old.mtime_nsec = 999999999;
	sparse.sparse = full.sparse = true;
	sparse.size = INT64_MAX / 2;
	full.allocated = full.size + 4096; /* blocks can be more than bytes */
	put(fixture, edit, "/old", old);
	put(fixture, edit, "/sparse", sparse);
	put(fixture, edit, "/full", full);
	tree = commit(fixture, edit);
	assert_true(entry_of(fixture, &tree, "/old").mtime_sec == INT64_MIN);
	assert_int_equal(entry_of(fixture, &tree, "/old").mtime_nsec, 999999999);
	assert_true(entry_of(fixture, &tree, "/sparse").sparse);
	assert_int_equal(entry_of(fixture, &tree, "/sparse").allocated, 0);
	assert_false(entry_of(fixture, &tree, "/full").sparse);
	assert_int_equal(entry_of(fixture, &tree, "/full").allocated, full.size);
}

static void a_name_may_be_any_bytes(void **state)
{
	struct fixture *fixture = *state;
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, NULL);
	struct msb_entry file = a_file(1);
	struct msb_digest tree;
	char name[258] = "/";

	for (int byte = 1; byte < 256; byte++) {
		snprintf(name, sizeof(name), "%c%c", byte, byte);
		if (byte != '/' && byte != '.')
			put(fixture, edit, name, file);
	}
	memset(name, 'n', 257);
	name[255] = '\0';
	put(fixture, edit, name, file);
	name[255] = 'n';
	assert_int_equal(edit_put(edit, name, &file, NULL), -EINVAL);
	tree = commit(fixture, edit);
	assert_int_equal(entry_of(fixture, &tree, "/").entries, 254);
	assert_int_equal(entry_of(fixture, &tree, "/\x01\x01").size, 101);
	assert_int_equal(entry_of(fixture, &tree, "/\xff\xff").size, 101);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void a_large_directory_in_random_order_takes_a_second_at_most(void **state)
{
	struct fixture *fixture = *state;
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, NULL);
	double start = seconds();
	struct msb_digest tree;
	char path[32];

	for (uint32_t i = 0; i < 100000; i++) {
		snprintf(path, sizeof(path), "/%05u", i * 7919 % 100000);
		put(fixture, edit, path, a_file((uint8_t)i));
	}
	tree = commit(fixture, edit);
	print_message("# 100,000 names: %.3f s\n", seconds() - start);
	assert_true(seconds() - start < 10); /* a second, and room for slow hosts and sanitizers */
	assert_int_equal(entry_of(fixture, &tree, "/").entries, 100000);
	assert_int_equal(entry_of(fixture, &tree, "/07919").size, 101);
}

static char *deep_path(size_t levels)
{
	autobuffer path = {0};

	for (size_t i = 0; i < levels; i++)
		buffer_string(&path, "/d");
	return buffer_text(&path);
}

static void a_tree_may_be_deep_but_not_without_end(void **state)
{
	struct fixture *fixture = *state;
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, NULL);
	autofree char *path = deep_path(1000), *abyss = deep_path(100000), *text = NULL;
	struct msb_entry directory = a_directory(), half;
	struct msb_error err = {0};
	struct msb_digest tree;

	assert_ok(fixture, edit_make_dirs(edit, path, &directory, &fixture->err));
	tree = commit(fixture, edit);
	assert_int_equal(entry_of(fixture, &tree, "/").entries, 1000);
	assert_int_equal(entry_of(fixture, &tree, path).type, MSB_DIRECTORY);
	text = text_of(fixture, &tree);
	assert_non_null(strstr(text, path));
	assert_int_equal(edit_make_dirs(edit, abyss, &directory, &err), -ENAMETOOLONG);
	assert_int_equal(edit_put(edit, abyss, &directory, &err), -ENAMETOOLONG);
	abyss[2 * 2048] = '\0';
	assert_int_equal(edit_make_dirs(edit, abyss, &directory, &err), -ENAMETOOLONG);
	abyss[2 * 2047] = '\0';
	assert_ok(fixture, edit_make_dirs(edit, abyss, &directory, &fixture->err));
	tree = commit(fixture, edit);
	assert_int_equal(entry_of(fixture, &tree, abyss).type, MSB_DIRECTORY);
	assert_int_equal(get(fixture, edit, abyss).type, MSB_DIRECTORY);
	abyss[2 * 1000] = '\0';
	assert_ok(fixture, edit_clear(edit, abyss, &fixture->err));
	tree = commit(fixture, edit);
	memset(abyss, '/', 2 * 2048);
	for (size_t i = 1; i < 2 * 2048; i += 2)
		abyss[i] = 'd';
	/* Nor by way of grafts: what is deeper than can be walked is refused when it is walked. */
	half = entry_of(fixture, &tree, "/d");
	for (int i = 0; i < 2; i++) {
		autofree char *below = deep_path(1001);

		assert_ok(fixture, edit_graft(edit, below, &half, 0, &fixture->err));
		tree = commit(fixture, edit);
		half = entry_of(fixture, &tree, "/d");
	}
	free(text);
	text = NULL;
	assert_int_equal(tree_text(fixture->store, &tree, &text, &err), -ENAMETOOLONG);
	assert_int_equal(
		msb_tree_find(fixture->store, &tree, abyss, 0, &(struct msb_found){0}, &err),
		-ENAMETOOLONG);
}

static void a_tree_that_counts_too_much_is_refused_when_committed(void **state)
{
	struct fixture *fixture = *state;
	struct msb_digest tree = {0};
	struct msb_error err = {0};
	int doublings = 0, r = 0;

	for (; r >= 0 && doublings < 64; doublings++) {
		AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, NULL);
		struct msb_entry half = doublings ? entry_of(fixture, &tree, "/") : a_directory();

		put(fixture, edit, "/a", half);
		put(fixture, edit, "/b", half);
		r = edit_commit(edit, fixture->writer, &tree, &err);
		if (r >= 0)
			fixture_commit(fixture);
	}
	assert_int_equal(r, -EFBIG);
	assert_in_range(doublings, 38, 41);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_IN_STORE(what_was_put_is_found),
		TEST_IN_STORE(a_failed_edit_says_where),
		TEST_IN_STORE(an_entry_that_could_not_be_read_again_is_refused),
		TEST_IN_STORE(names_are_listed_in_bytewise_order),
		TEST_IN_STORE(the_order_of_edits_does_not_matter),
		TEST_IN_STORE(a_directory_over_a_directory_keeps_its_children),
		TEST_IN_STORE(clear_empties_a_directory_that_was_never_loaded),
		TEST_IN_STORE(a_refused_edit_loses_nothing_of_a_loaded_base),
		TEST_IN_STORE(a_lost_directory_is_damage_and_not_absence),
		TEST_IN_STORE(totals_count_what_lies_below),
		TEST_IN_STORE(the_totals_follow_a_directorys_own_attributes),
		TEST_IN_STORE(extended_attributes_come_back_sorted),
		TEST_IN_STORE(the_key_ignores_times_and_holes_and_nothing_else),
		TEST_IN_STORE(odd_times_sizes_and_holes_come_back),
		TEST_IN_STORE(a_name_may_be_any_bytes),
		TEST_IN_STORE(a_large_directory_in_random_order_takes_a_second_at_most),
		TEST_IN_STORE(a_tree_may_be_deep_but_not_without_end),
		TEST_IN_STORE(a_tree_that_counts_too_much_is_refused_when_committed),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Trees written to disk as files. */
#include "tree_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"
#include "internal.h"
#include "io.h"
#include "tree_checkout.h"

#define SIZE (4 * STORE_LARGE)

/* A file of SIZE bytes, zeros but for one byte near its beginning and one near its end. */
static struct msb_entry put_sparse(struct fixture *f)
{
	autofree uint8_t *bytes = calloc(1, SIZE);
	struct msb_entry entry = a_file(1);

	bytes[5] = bytes[SIZE - 5] = 'x';
	entry.digest = fixture_put(f, bytes, SIZE);
	entry.size = SIZE;
	entry.allocated = 8192;
	entry.sparse = true;
	return entry;
}

/* Where a test may write, beside the store; owned. */
static char *place(const struct fixture *f, const char *name)
{
	return buffer_format("%s/%s", f->directory, name);
}

static int check_out(struct fixture *f, const struct msb_digest *tree, const char *path)
{
	struct msb_found root;
	int r;

	assert_ok(f, msb_tree_find(f->store, tree, "/", 0, &root, &f->err));
	r = tree_checkout(f->store, &root.entry, path, false, &f->err);
	msb_found_done(&root);
	return r;
}

static int check_out_into(struct fixture *f, const struct msb_digest *tree, const char *path)
{
	struct msb_found root;
	int r;

	assert_ok(f, msb_tree_find(f->store, tree, "/", 0, &root, &f->err));
	r = tree_checkout_into(f->store, &root.entry, path, false, &f->err);
	msb_found_done(&root);
	return r;
}

static struct msb_digest tree_of_file(struct fixture *f, struct msb_entry entry)
{
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(f, NULL);

	put(f, edit, "/file", entry);
	return commit(f, edit);
}

static void holes_stay_holes(void **state)
{
	struct fixture *f = *state;
	struct msb_digest tree = tree_of_file(f, put_sparse(f));
	autofree char *path = place(f, "out"), *file = place(f, "out/file");
	autobuffer bytes = {0};
	struct stat st;

	assert_ok(f, check_out(f, &tree, path));
	assert_ok(f, io_read_file(AT_FDCWD, file, SIZE, &bytes, &f->err));
	assert_int_equal(bytes.size, SIZE);
	assert_int_equal(bytes.bytes[5], 'x');
	assert_int_equal(bytes.bytes[6], 0);
	assert_int_equal(bytes.bytes[SIZE - 5], 'x');
	assert_int_equal(stat(file, &st), 0);
	assert_true(st.st_blocks * 512 < SIZE / 2);
}

static void what_a_blob_has_lost_does_not_become_zeros(void **state)
{
	struct fixture *f = *state;
	struct msb_entry entry = put_sparse(f);
	struct msb_digest tree = tree_of_file(f, entry);
	autofree char *path = place(f, "out");
	char name[STORE_LARGE_NAME], blob[200];

	snprintf(blob, sizeof(blob), "%s/%s", f->root, store_large_name(&entry.digest, name));
	assert_int_equal(chmod(blob, 0600), 0);
	assert_int_equal(truncate(blob, SIZE / 2), 0);
	assert_true(check_out(f, &tree, path) < 0);
	assert_non_null(strstr(f->err.text, "out/file"));
}

static void names_of_one_file_become_links(void **state)
{
	struct fixture *f = *state;
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(f, NULL);
	struct msb_entry entry = a_file(1);
	autofree char *path = place(f, "out"), *one = place(f, "out/one"),
		      *two = place(f, "out/two");
	struct msb_digest tree;
	struct stat first, second;

	entry.digest = fixture_put(f, "text", 4);
	entry.size = 4;
	put(f, edit, "/one", entry);
	assert_ok(f, edit_link(edit, "/one", "/two", &f->err));
	tree = commit(f, edit);
	assert_ok(f, check_out(f, &tree, path));
	assert_int_equal(stat(one, &first), 0);
	assert_int_equal(stat(two, &second), 0);
	assert_int_equal(first.st_ino, second.st_ino);
	assert_int_equal(first.st_nlink, 2);
}

static void a_link_in_the_way_is_replaced_and_never_followed(void **state)
{
	struct fixture *f = *state;
	struct msb_entry entry = a_file(1);
	autofree char *path = place(f, "out"), *outside = place(f, "outside"),
		      *file = place(f, "out/file"), *kept = place(f, "outside/file");
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(f, NULL);
	struct msb_digest tree;
	struct stat st;

	entry.digest = fixture_put(f, "text", 4);
	entry.size = 4;
	put(f, edit, "/file", a_directory());
	put(f, edit, "/file/file", entry);
	tree = commit(f, edit);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(mkdir(outside, 0755), 0);
	assert_int_equal(symlink(outside, file), 0);
	assert_ok(f, check_out_into(f, &tree, path));
	assert_int_equal(lstat(file, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(access(kept, F_OK), -1);
}

static void a_directory_is_not_replaced_by_a_file(void **state)
{
	struct fixture *f = *state;
	struct msb_entry entry = a_file(1);
	autofree char *path = place(f, "out"), *file = place(f, "out/file");
	struct msb_digest tree;

	entry.digest = fixture_put(f, "text", 4);
	entry.size = 4;
	tree = tree_of_file(f, entry);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(mkdir(file, 0755), 0);
	assert_int_equal(check_out_into(f, &tree, path), -EISDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_IN_STORE(holes_stay_holes),
		TEST_IN_STORE(what_a_blob_has_lost_does_not_become_zeros),
		TEST_IN_STORE(names_of_one_file_become_links),
		TEST_IN_STORE(a_link_in_the_way_is_replaced_and_never_followed),
		TEST_IN_STORE(a_directory_is_not_replaced_by_a_file),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

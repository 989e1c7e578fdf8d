/* Directory objects: preorder ranks, and that nothing but a canonical encoding is accepted. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "format.h"
#include "internal.h"
#include "tree_fixture.h"

/* A tree of `count` entries at random places. */
static struct msb_digest random_tree(struct fixture *fixture, uint64_t seed, size_t count)
{
	enum { DIRECTORIES = 100 };
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, NULL);
	static char directories[DIRECTORIES][4096];
	size_t made = 1;

	directories[0][0] = '\0';
	for (size_t i = 0; i < count; i++) {
		const char *parent = directories[next_random(&seed) % made];
		char path[4200];

		snprintf(path, sizeof(path), "%s/%zu", parent, i);
		if (next_random(&seed) % 4 == 0 && made < DIRECTORIES) {
			put(fixture, edit, path, a_directory());
			snprintf(directories[made++], sizeof(directories[0]), "%.4095s", path);
		} else {
			put(fixture, edit, path, a_file((uint8_t)i));
		}
	}
	return commit(fixture, edit);
}

/* The directory is numbered `number`; returns the number behind all that is below it. */
static uint64_t check_ranks(struct fixture *fixture, const struct msb_entry *directory,
			    uint64_t number)
{
	AUTO(msb_dir_unrefp) struct msb_dir *dir = NULL;
	uint64_t next = number + 1;
	struct msb_entry entry;

	assert_ok(fixture, msb_tree_load(fixture->store, &directory->digest, &dir, &fixture->err));
	assert_int_equal(msb_dir_at_rank(dir, 0), msb_dir_count(dir));
	for (size_t i = 0; i < msb_dir_count(dir); i++) {
		uint64_t first = next;

		msb_dir_get(dir, i, &entry);
		assert_int_equal(number + msb_dir_rank(dir, i), first);
		next = first + 1;
		if (entry.type == MSB_DIRECTORY)
			next = check_ranks(fixture, &entry, first);
		assert_int_equal(next - first, 1 + entry.entries);
		for (uint64_t at = first; at < next; at++)
			assert_int_equal(msb_dir_at_rank(dir, at - number), i);
	}
	assert_int_equal(msb_dir_at_rank(dir, next - number), msb_dir_count(dir));
	assert_int_equal(msb_dir_at_rank(dir, UINT64_MAX), msb_dir_count(dir));
	return next;
}

static void ranks_number_a_tree_in_preorder(void **state)
{
	struct fixture *fixture = *state;

	for (uint64_t seed = 1; seed < 4; seed++) {
		struct msb_digest tree = random_tree(fixture, seed, 2000);
		struct msb_entry root = entry_of(fixture, &tree, "/");

		assert_int_equal(root.entries, 2000);
		assert_int_equal(check_ranks(fixture, &root, 0), 2001);
	}
}

static uint64_t place_of(struct fixture *fixture, const struct msb_digest *object)
{
	struct msb_location location;

	assert_ok(fixture, msb_store_locate(fixture->store, object, &location, &fixture->err));
	return location.offset;
}

static void objects_lie_in_the_store_in_the_order_of_a_walk(void **state)
{
	static const char *const paths[] = {"/", "/a", "/a/b", "/a/b/c", "/a/d", "/e", "/e/f"};
	struct fixture *fixture = *state;
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, NULL);
	struct msb_digest tree;
	uint64_t last, next;

	for (size_t i = 1; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char path[32];

		put(fixture, edit, paths[i], a_directory());
		snprintf(path, sizeof(path), "%s/file", paths[i]);
		put(fixture, edit, path, a_file((uint8_t)i));
	}
	tree = commit(fixture, edit);
	last = place_of(fixture, &tree);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct msb_entry entry = entry_of(fixture, &tree, paths[i]);

		next = place_of(fixture, &entry.digest);
		assert_true(next > last);
		last = next;
	}
}

/* An object with entries of all types. *ret is owned by the caller. */
static void object_of_all_types(struct fixture *fixture, uint8_t **ret, size_t *ret_size)
{
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(fixture, NULL);
	struct tree_xattr attributes[] = {{"user.a", "1", 1}, {"user.b", "", 0}};
	struct msb_entry directory = a_directory(), file = a_file(1), special = {.mode = 0600};
	autofree uint8_t *xattrs = NULL;
	struct msb_digest tree;
	struct msb_entry root;
	char path[] = "/t0";

	assert_ok(fixture,
		  tree_encode_xattrs(attributes, 2, &xattrs, &directory.xattrs_size, NULL));
	directory.xattrs = xattrs;
	put(fixture, edit, "/d", directory);
	put(fixture, edit, "/d/f", file);
	put(fixture, edit, "/empty", a_directory());
	put(fixture, edit, "/l", a_symlink("d/f"));
	file.sparse = true;
	put(fixture, edit, "/sparse", file);
	assert_ok(fixture, edit_link(edit, "/d/f", "/twin", &fixture->err));
	assert_ok(fixture, edit_link(edit, "/sparse", "/twin2", &fixture->err));
	for (special.type = MSB_CHARACTER; special.type <= MSB_SOCKET; special.type++) {
		path[2]++;
		put(fixture, edit, path, special);
	}
	tree = commit(fixture, edit);
	root = entry_of(fixture, &tree, "/");
	assert_ok(fixture, msb_store_load(fixture->store, &root.digest, 1 << 20, ret, ret_size,
					  &fixture->err));
}

/* In a block of its own size, so that a sanitizer sees every step beyond it. */
static int decode_copy(const uint8_t *bytes, size_t size, struct msb_dir **ret)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct msb_error err = {0};
	int r;

	assert_non_null(copy);
	if (size > 0)
		memcpy(copy, bytes, size);
	r = msb_dir_decode(copy, size, ret, &err);
	assert_true(r == 0 || (r == -EBADMSG && err.code == r && err.text[0] != '\0'));
	return r;
}

/* What was accepted is what the encoder makes of it: there is no second form. */
static void expect_canonical(const struct msb_dir *dir, const uint8_t *bytes, size_t size)
{
	size_t count = msb_dir_count(dir);
	autofree struct node *nodes = calloc(count + 1, sizeof(*nodes));
	autofree struct node **items = calloc(count + 1, sizeof(*items));
	autobuffer encoded = {0};

	assert_non_null(nodes);
	assert_non_null(items);
	for (size_t i = 0; i < count; i++) {
		const char *name;
		const uint8_t *value;
		size_t position = 0, value_size, index;

		items[i] = &nodes[i];
		msb_dir_get(dir, i, &nodes[i].entry);
		while (msb_entry_xattr(&nodes[i].entry, &position, &name, &value, &value_size))
			assert_int_not_equal(strlen(name), 0);
		assert_int_equal(position, nodes[i].entry.xattrs_size);
		assert_int_equal(
			msb_dir_find(dir, nodes[i].entry.name, nodes[i].entry.name_length, &index),
			0);
		assert_int_equal(index, i);
		assert_int_not_equal(msb_entry_mode(&nodes[i].entry) & S_IFMT, 0);
	}
	encode_directory(&encoded, items, count, false);
	assert_true(buffer_ok(&encoded));
	assert_int_equal(encoded.size, size);
	assert_memory_equal(encoded.bytes, bytes, size);
}

static void an_object_cut_short_or_lengthened_is_refused(void **state)
{
	struct fixture *fixture = *state;
	AUTO(msb_dir_unrefp) struct msb_dir *dir = NULL;
	AUTO(msb_dir_unrefp) struct msb_dir *none = NULL;
	autofree uint8_t *bytes = NULL;
	autofree uint8_t *longer = NULL;
	size_t size;

	object_of_all_types(fixture, &bytes, &size);
	assert_int_equal(decode_copy(bytes, size, &dir), 0);
	assert_int_equal(msb_dir_count(dir), 10);
	expect_canonical(dir, bytes, size);
	for (size_t cut = 0; cut < size; cut++)
		assert_int_equal(decode_copy(bytes, cut, &none), -EBADMSG);
	longer = calloc(1, size + 64);
	assert_non_null(longer);
	memcpy(longer, bytes, size);
	for (size_t more = 1; more <= 64; more++)
		assert_int_equal(decode_copy(longer, size + more, &none), -EBADMSG);
}

static void a_changed_object_is_refused_or_canonical(void **state)
{
	struct fixture *fixture = *state;
	autofree uint8_t *bytes = NULL;
	autofree uint8_t *changed = NULL;
	size_t size, accepted = 0, refused = 0;
	uint64_t seed = 7;

	object_of_all_types(fixture, &bytes, &size);
	changed = malloc(size);
	assert_non_null(changed);
	for (int round = 0; round < 50000; round++) {
		AUTO(msb_dir_unrefp) struct msb_dir *dir = NULL;
		uint32_t changes = 1 + next_random(&seed) % 3;

		memcpy(changed, bytes, size);
		while (changes-- > 0) {
			size_t at = next_random(&seed) % size;
			static const uint8_t odd[] = {0, 1, 0x7f, 0x80, 0xff, '/', '.'};

			if (next_random(&seed) % 2)
				changed[at] = odd[next_random(&seed) % sizeof(odd)];
			else
				changed[at] ^= (uint8_t)(1u << next_random(&seed) % 8);
		}
		if (decode_copy(changed, size, &dir) < 0) {
			refused++;
			continue;
		}
		accepted++;
		expect_canonical(dir, changed, size);
	}
	/* Both happen, or the test has lost its aim. */
	assert_in_range(accepted, 1000, 49000);
	assert_in_range(refused, 1000, 49000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_IN_STORE(ranks_number_a_tree_in_preorder),
		TEST_IN_STORE(objects_lie_in_the_store_in_the_order_of_a_walk),
		TEST_IN_STORE(an_object_cut_short_or_lengthened_is_refused),
		TEST_IN_STORE(a_changed_object_is_refused_or_canonical),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

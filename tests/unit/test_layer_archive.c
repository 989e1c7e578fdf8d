/* Tars into trees: the archive around the entries, packed, cut short, damaged or hostile. */
#include <stdlib.h>
#include <string.h>

#include "layer_fixture.h"

static void small_and_large_contents_arrive(void **state)
{
	static const size_t sizes[] = {0, 1, 511, 512, 513, 300000, 1048575, 1048576, 5000001};
	struct fixture *fixture = *state;
	struct layer_unpack_options options = {0};
	autobuffer tar = {0};
	struct msb_digest tree;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		autofree uint8_t *bytes = fixture_bytes(i, sizes[i]);
		char name[2] = {(char)('a' + i), '\0'};

		tar_add_bytes(&tar, name, bytes, sizes[i]);
	}
	tar_end(&tar);
	assert_ok(fixture, unpack_onto(fixture, NULL, &tar, &options, &tree));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char path[3] = {'/', (char)('a' + i), '\0'};
		struct msb_found found;

		assert_ok(fixture,
			  msb_tree_find(fixture->store, &tree, path, 0, &found, &fixture->err));
		assert_int_equal(found.entry.size, sizes[i]);
		fixture_expect(fixture->store, &found.entry.digest, i, sizes[i]);
		msb_found_done(&found);
	}
}

static void an_empty_archive_has_no_entries(void **state)
{
	struct fixture *fixture = *state;
	autobuffer tar = {0};

	tar_end(&tar);
	expect_paths(fixture, NULL, &tar, "/");
}

static void what_is_no_archive_is_refused(void **state)
{
	struct fixture *fixture = *state;
	autofree uint8_t *noise = fixture_bytes(1, 20000);
	struct buffer garbage = {.bytes = noise, .size = 20000};
	struct buffer nothing = {.bytes = noise, .size = 0};

	expect_refused(fixture, &garbage, -EBADMSG, "");
	expect_refused(fixture, &nothing, -EBADMSG, "");
}

static void an_archive_cut_short_is_refused_wherever_it_is_cut(void **state)
{
	static const char *const filters[] = {"cat", "gzip -c", "zstd -qc", "xz -c", "bzip2 -c"};
	struct fixture *fixture = *state;
	autofree uint8_t *bytes = fixture_bytes(7, 300000);
	autobuffer tar = {0};

	tar_add_bytes(&tar, "file", bytes, 300000);
	tar_end(&tar);
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		autobuffer packed = {0};

		run_filter(filters[i], tar.bytes, tar.size, &packed);
		expect_paths(fixture, NULL, &packed, "/ /file");
		for (size_t cut = 5; cut < 300000; cut = cut * 3 + 1) {
			struct buffer shorter = {.bytes = packed.bytes, .size = cut};

			expect_refused(fixture, &shorter, -EBADMSG, "");
		}
		if (i > 0) {
			/* Only the end of the compressed stream is missing. */
			packed.size -= 3;
			expect_refused(fixture, &packed, -EBADMSG, "");
		}
	}
}

static void damage_in_a_compressed_archive_is_found(void **state)
{
	static const char *const filters[] = {"gzip -c", "zstd -qc --check", "xz -c", "bzip2 -c"};
	struct fixture *fixture = *state;
	autofree uint8_t *bytes = fixture_bytes(7, 300000);
	autobuffer tar = {0};

	tar_add_bytes(&tar, "file", bytes, 300000);
	tar_end(&tar);
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		autobuffer packed = {0};

		run_filter(filters[i], tar.bytes, tar.size, &packed);
		packed.bytes[packed.size / 2] ^= 0x10;
		expect_refused(fixture, &packed, -EBADMSG, "");
	}
}

static void gzip_members_follow_each_other(void **state)
{
	struct fixture *fixture = *state;
	autobuffer tar = {0}, packed = {0};

	tar_add_file(&tar, "file", "content");
	tar_end(&tar);
	run_filter("gzip -c", tar.bytes, 700, &packed);
	run_filter("gzip -c", tar.bytes + 700, tar.size - 700, &packed);
	expect_paths(fixture, NULL, &packed, "/ /file");
	buffer_append(&packed, "\0\0\0\0", 4);
	expect_paths(fixture, NULL, &packed, "/ /file");
	buffer_append(&packed, "something", 9);
	expect_refused(fixture, &packed, -EBADMSG, "followed by something else");
}

static void the_diff_id_is_that_of_the_whole_uncompressed_stream(void **state)
{
	static const char *const filters[] = {"cat", "gzip -c", "zstd -qc", "xz -c", "bzip2 -c"};
	struct layer_unpack_options options = {.want_diff_id = true};
	struct fixture *fixture = *state;
	autobuffer tar = {0};
	struct msb_digest expected;

	tar_add_file(&tar, "file", "content");
	tar_end(&tar);
	for (int i = 0; i < 3000; i++)
		buffer_string(&tar, "trailing bytes that are no part of the archive\n");
	msb_digest_of(tar.bytes, tar.size, &expected);
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
		autobuffer packed = {0};
		struct bytes_source bytes = {.step = 1000};
		struct layer_source source = source_of(&bytes);
		struct layer_unpacked unpacked;

		run_filter(filters[i], tar.bytes, tar.size, &packed);
		bytes.bytes = packed.bytes;
		bytes.size = packed.size;
		assert_ok(fixture, tree_edit_new(fixture->store, NULL, &edit, &fixture->err));
		assert_ok(fixture, layer_unpack(fixture->writer, edit, &source, &options, &unpacked,
						&fixture->err));
		assert_true(msb_digest_equal(&unpacked.diff_id, &expected));
		assert_int_equal(unpacked.size, tar.size);
		assert_int_equal(unpacked.entries, 1);
	}
}

static void a_limit_stops_bombs(void **state)
{
	struct layer_unpack_options options = {.limit = 100000};
	struct fixture *fixture = *state;
	autobuffer tar = {0}, bomb = {0}, sparse = {0};
	autofree uint8_t *zeros = calloc(1, 10 << 20);
	struct msb_digest tree;

	assert_non_null(zeros);
	tar_add_bytes(&tar, "zeros", zeros, 10 << 20);
	tar_end(&tar);
	run_filter("gzip -c", tar.bytes, tar.size, &bomb);
	assert_true(bomb.size < options.limit);
	assert_int_equal(unpack_onto(fixture, NULL, &bomb, &options, &tree), -EFBIG);
	run_filter("sh -c 'd=$(mktemp -d) && truncate -s 8T $d/f && tar -C $d -S -cf - f;"
		   " rm -r $d'",
		   "", 0, &sparse);
	assert_true(sparse.size < options.limit);
	assert_int_equal(unpack_onto(fixture, NULL, &sparse, &options, &tree), -EFBIG);
	options.limit = 0;
	assert_int_equal(unpack_onto(fixture, NULL, &sparse, &options, &tree), -EFBIG);
}

static void archives_are_told_by_their_first_bytes(void **state)
{
	static const char *const filters[] = {"cat", "gzip -c", "zstd -qc", "xz -c", "bzip2 -c"};
	struct fixture *fixture = *state;
	autofree uint8_t *noise = fixture_bytes(3, 100000);
	autobuffer tar = {0}, packed_text = {0};

	tar_add_bytes(&tar, "f", noise, 100000);
	tar_end(&tar);
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		autobuffer packed = {0};

		run_filter(filters[i], tar.bytes, tar.size, &packed);
		assert_true(layer_is_archive(packed.bytes, 1024));
		assert_true(layer_is_archive(packed.bytes, packed.size));
	}
	run_filter("gzip -c", noise, 2000, &packed_text);
	assert_false(layer_is_archive(packed_text.bytes, packed_text.size));
	assert_false(layer_is_archive(packed_text.bytes, 1024));
	assert_false(layer_is_archive(noise, 1024));
	assert_false(layer_is_archive("", 0));
	memset(noise, 0, 1024);
	assert_false(layer_is_archive(noise, 1024));
	(void)fixture;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_IN_STORE(small_and_large_contents_arrive),
		TEST_IN_STORE(an_empty_archive_has_no_entries),
		TEST_IN_STORE(what_is_no_archive_is_refused),
		TEST_IN_STORE(an_archive_cut_short_is_refused_wherever_it_is_cut),
		TEST_IN_STORE(damage_in_a_compressed_archive_is_found),
		TEST_IN_STORE(gzip_members_follow_each_other),
		TEST_IN_STORE(the_diff_id_is_that_of_the_whole_uncompressed_stream),
		TEST_IN_STORE(a_limit_stops_bombs),
		TEST_IN_STORE(archives_are_told_by_their_first_bytes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Blobs: put, found, read, loaded, shared. */
#include "store_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "internal.h"
#include "io.h"
#include "packs.h"

static void what_was_put_and_committed_loads_from_a_store_opened_anew(void **state)
{
	struct fixture *f = *state;
	static const size_t sizes[] = {0, 1, 7, 8, 4096, 100000, STORE_LARGE - 1, STORE_LARGE};
	struct msb_digest digests[8];

	for (size_t i = 0; i < 8; i++)
		digests[i] = fixture_put_seed(f, i, sizes[i]);
	fixture_commit(f);
	fixture_reopen(f);
	for (size_t i = 0; i < 8; i++)
		fixture_expect(f->store, &digests[i], i, sizes[i]);
}

static void what_was_put_is_found_before_the_commit_by_this_store_only(void **state)
{
	struct fixture *f = *state;
	struct msb_digest small = fixture_put_seed(f, 1, 1000);
	struct msb_digest large = fixture_put_seed(f, 2, STORE_LARGE + 5);
	AUTO(msb_store_closep) struct msb_store *other = NULL;

	fixture_expect(f->store, &small, 1, 1000);
	fixture_expect(f->store, &large, 2, STORE_LARGE + 5);
	fixture_open(f->root, &other, NULL);
	fixture_expect_absent(other, &small);
	fixture_expect_absent(other, &large);
	fixture_commit(f);
	fixture_expect(other, &small, 1, 1000);
	fixture_expect(other, &large, 2, STORE_LARGE + 5);
}

static void what_was_not_committed_is_dropped_with_the_writer(void **state)
{
	struct fixture *f = *state;
	struct msb_digest digest = fixture_put_seed(f, 1, 1000);

	fixture_reopen(f);
	fixture_expect_absent(f->store, &digest);
}

static void a_rollback_keeps_what_was_put_for_the_next_commit(void **state)
{
	struct fixture *f = *state;
	struct msb_digest digest = fixture_put_seed(f, 1, 1000);

	assert_ok(f, store_begin(f->writer, &f->err));
	store_rollback(f->writer);
	fixture_expect(f->store, &digest, 1, 1000);
	fixture_commit(f);
	fixture_reopen(f);
	fixture_expect(f->store, &digest, 1, 1000);
}

static uint64_t pack_size(const struct fixture *f, uint32_t id)
{
	char name[PACK_NAME];
	struct stat st;

	assert_int_equal(fstatat(msb_store_directory(f->store), pack_name(id, name), &st, 0), 0);
	return (uint64_t)st.st_size;
}

static void equal_bytes_are_stored_once(void **state)
{
	struct fixture *f = *state;
	struct msb_store_totals totals;
	uint64_t size;

	fixture_put_seed(f, 1, 1000);
	fixture_put_seed(f, 1, 1000);
	fixture_commit(f);
	size = pack_size(f, 1);
	fixture_put_seed(f, 1, 1000);
	fixture_commit(f);
	assert_int_equal(pack_size(f, 1), size);
	assert_ok(f, msb_store_totals(f->store, &totals, &f->err));
	assert_int_equal(totals.blobs, 1);
	assert_int_equal(totals.bytes, 1000);
}

static void a_blob_that_another_writer_committed_is_not_put_again(void **state)
{
	struct fixture *f = *state;
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	AUTO(store_writer_closep) struct store_writer *writer = NULL;
	struct msb_location mine, theirs;
	struct msb_digest digest, again;
	autofree uint8_t *bytes = fixture_bytes(1, 500);

	digest = fixture_put_seed(f, 1, 500);
	fixture_commit(f);
	fixture_open(f->root, &store, &writer);
	assert_ok(f, store_put(writer, bytes, 500, &again, &f->err));
	assert_memory_equal(&digest, &again, sizeof(digest));
	assert_ok(f, msb_store_locate(store, &digest, &theirs, &f->err));
	assert_ok(f, msb_store_locate(f->store, &digest, &mine, &f->err));
	assert_int_equal(mine.pack, theirs.pack);
	assert_int_equal(mine.offset, theirs.offset);
}

static void two_writers_that_put_the_same_blob_both_commit(void **state)
{
	struct fixture *f = *state;
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	AUTO(store_writer_closep) struct store_writer *writer = NULL;
	autofree uint8_t *bytes = fixture_bytes(1, 500);
	struct msb_store_totals totals;
	struct msb_digest digest;

	fixture_open(f->root, &store, &writer);
	fixture_put_seed(f, 1, 500);
	assert_ok(f, store_put(writer, bytes, 500, &digest, &f->err));
	fixture_commit(f);
	assert_ok(f, store_begin(writer, &f->err));
	assert_ok(f, store_commit(writer, &f->err));
	fixture_expect(store, &digest, 1, 500);
	fixture_expect(f->store, &digest, 1, 500);
	assert_ok(f, msb_store_totals(f->store, &totals, &f->err));
	assert_int_equal(totals.blobs, 1);
	assert_int_equal(totals.bytes, 500);
}

static void a_part_of_a_blob_is_read_up_to_its_end(void **state)
{
	struct fixture *f = *state;
	autofree uint8_t *bytes = fixture_bytes(1, 5000);
	struct msb_digest digest = fixture_put(f, bytes, 5000);
	struct msb_location location;
	uint8_t part[4096];

	fixture_put_seed(f, 2, 5000);
	assert_ok(f, msb_store_locate(f->store, &digest, &location, &f->err));
	assert_int_equal(msb_store_read(f->store, &digest, &location, part, 100, 50, &f->err), 100);
	assert_memory_equal(part, bytes + 50, 100);
	assert_int_equal(msb_store_read(f->store, &digest, &location, part, 4096, 4000, &f->err),
			 1000);
	assert_memory_equal(part, bytes + 4000, 1000);
	assert_int_equal(msb_store_read(f->store, &digest, &location, part, 10, 5000, &f->err), 0);
	assert_int_equal(
		msb_store_read(f->store, &digest, &location, part, 10, UINT64_MAX, &f->err), 0);
}

static void the_file_that_holds_a_blob_can_be_opened(void **state)
{
	struct fixture *f = *state;
	static const size_t sizes[] = {5000, STORE_LARGE + 1};

	for (size_t i = 0; i < 2; i++) {
		autofree uint8_t *bytes = fixture_bytes(i, sizes[i]);
		autofree uint8_t *found = malloc(sizes[i]);
		struct msb_digest digest = fixture_put(f, bytes, sizes[i]);
		struct msb_location location;
		autoclose int fd = -1;

		assert_ok(f, msb_store_open_blob(f->store, &digest, &fd, &location, &f->err));
		assert_int_equal(location.size, sizes[i]);
		assert_int_equal(io_pread(fd, found, sizes[i], location.offset), sizes[i]);
		assert_memory_equal(found, bytes, sizes[i]);
	}
}

static void a_blob_larger_than_the_caller_allows_is_not_loaded(void **state)
{
	struct fixture *f = *state;
	struct msb_digest digest = fixture_put_seed(f, 1, 1000);
	uint8_t *bytes;
	size_t size;

	assert_int_equal(msb_store_load(f->store, &digest, 999, &bytes, &size, &f->err), -EFBIG);
}

static void an_absent_blob_is_named_in_the_message(void **state)
{
	struct fixture *f = *state;
	struct msb_digest digest = fixture_digest(0xab);
	uint8_t *bytes;
	size_t size;

	assert_int_equal(msb_store_load(f->store, &digest, 10, &bytes, &size, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.text, "sha256:abababab"));
	assert_non_null(strstr(f->err.text, f->root));
}

static void many_blobs_are_located_at_once_as_one_by_one(void **state)
{
	struct fixture *f = *state;
	struct msb_located blobs[4] = {
		{.digest = fixture_put_seed(f, 1, 1000)},
		{.digest = fixture_put_seed(f, 2, STORE_LARGE)},
		{.digest = {{1, 2, 3}}},
	};
	struct msb_location one;

	fixture_commit(f);
	blobs[3].digest = fixture_put_seed(f, 3, 10); /* not committed */
	assert_ok(f, msb_store_locate_all(f->store, blobs, 4, &f->err));
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(blobs[i].found, i != 2);
		if (!blobs[i].found)
			continue;
		assert_ok(f, msb_store_locate(f->store, &blobs[i].digest, &one, &f->err));
		assert_int_equal(blobs[i].location.pack, one.pack);
		assert_int_equal(blobs[i].location.offset, one.offset);
		assert_int_equal(blobs[i].location.size, one.size);
	}
	assert_ok(f, msb_store_locate_all(f->store, blobs, 0, &f->err));
}

static void changed_bytes_are_noticed(void **state)
{
	struct fixture *f = *state;
	static const size_t sizes[] = {5000, STORE_LARGE + 1};

	for (size_t i = 0; i < 2; i++) {
		struct msb_digest digest = fixture_put_seed(f, i, sizes[i]);
		char path[128], name[PACK_NAME], text[MSB_DIGEST_TEXT];
		struct msb_location location;
		uint8_t *bytes, byte;
		autoclose int fd = -1;
		size_t size;

		assert_ok(f, msb_store_locate(f->store, &digest, &location, &f->err));
		msb_digest_format(&digest, text);
		if (location.pack)
			snprintf(path, sizeof(path), "%s", pack_name(location.pack, name));
		else
			snprintf(path, sizeof(path), "large/%.2s/%s", text + 7, text + 9);
		assert_int_equal(fchmodat(msb_store_directory(f->store), path, 0600, 0), 0);
		fd = openat(msb_store_directory(f->store), path, O_RDWR);
		assert_true(fd >= 0);
		assert_int_equal(io_pread(fd, &byte, 1, location.offset + 77), 1);
		byte ^= 1;
		assert_int_equal(io_pwrite(fd, &byte, 1, location.offset + 77), 0);
		assert_int_equal(
			msb_store_load(f->store, &digest, sizes[i], &bytes, &size, &f->err),
			-EBADMSG);
		assert_non_null(strstr(f->err.text, text));
	}
}

static void a_missing_or_short_pack_is_damage_not_absence(void **state)
{
	struct fixture *f = *state;
	struct msb_digest digest = fixture_put_seed(f, 1, 1000);
	char path[128];
	uint8_t *bytes;
	size_t size;

	fixture_commit(f);
	fixture_reopen(f);
	snprintf(path, sizeof(path), "%s/packs/00000001.pack", f->root);
	assert_int_equal(truncate(path, 100), 0);
	assert_int_equal(msb_store_load(f->store, &digest, 1000, &bytes, &size, &f->err), -EBADMSG);
	assert_int_equal(unlink(path), 0);
	fixture_reopen(f);
	assert_int_equal(msb_store_load(f->store, &digest, 1000, &bytes, &size, &f->err), -EBADMSG);
	assert_non_null(strstr(f->err.text, "00000001.pack"));
}

static void what_lies_behind_a_loaded_blob_is_found_without_the_index(void **state)
{
	struct fixture *f = *state;
	struct msb_digest digests[9];
	struct msb_location hint, location;

	/* Sizes with each padding. */
	for (size_t i = 0; i < 9; i++)
		digests[i] = fixture_put_seed(f, i + 1, 100 + i);
	fixture_commit(f);
	fixture_reopen(f);
	for (size_t i = 0; i + 1 < 9; i++) {
		assert_false(nearby_find(&f->store->nearby, &digests[i + 1], &hint));
		fixture_expect(f->store, &digests[i], i + 1, 100 + i);
		assert_true(nearby_find(&f->store->nearby, &digests[i + 1], &hint));
		assert_int_equal(msb_store_locate(f->store, &digests[i + 1], &location, &f->err),
				 0);
		assert_int_equal(hint.pack, location.pack);
		assert_int_equal(hint.offset, location.offset);
		assert_int_equal(hint.size, location.size);
	}
	/* Nothing lies behind the last one. */
	fixture_expect(f->store, &digests[8], 9, 108);
}

static void a_hint_that_is_wrong_does_no_harm(void **state)
{
	struct fixture *f = *state;
	struct msb_digest first = fixture_put_seed(f, 1, 1000);
	struct msb_digest second = fixture_put_seed(f, 2, 64);
	const struct msb_location wrong[] = {
		{.pack = 1, .offset = PACK_HEADER, .size = 40},  /* other bytes are there */
		{.pack = 1, .offset = 1U << 30, .size = 40},     /* none are */
		{.pack = 77, .offset = PACK_HEADER, .size = 40}, /* there is no such pack */
	};
	uint8_t behind[PACK_BLOB_HEADER] = PACK_BLOB_MAGIC;
	struct msb_location hint;

	fixture_commit(f);
	memcpy(behind + 16, second.bytes, sizeof(second.bytes));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		behind[8] = 64;
		behind[15] = 0;
		nearby_note(&f->store->nearby, &wrong[i], behind, sizeof(behind));
		assert_true(nearby_find(&f->store->nearby, &second, &hint));
		fixture_expect(f->store, &second, 2, 64);
		/* A size that no memory holds. */
		behind[15] = 0xff;
		nearby_note(&f->store->nearby, &wrong[i], behind, sizeof(behind));
		fixture_expect(f->store, &second, 2, 64);
	}
	fixture_expect(f->store, &first, 1, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_IN_STORE(what_was_put_and_committed_loads_from_a_store_opened_anew),
		TEST_IN_STORE(what_was_put_is_found_before_the_commit_by_this_store_only),
		TEST_IN_STORE(what_was_not_committed_is_dropped_with_the_writer),
		TEST_IN_STORE(a_rollback_keeps_what_was_put_for_the_next_commit),
		TEST_IN_STORE(equal_bytes_are_stored_once),
		TEST_IN_STORE(a_blob_that_another_writer_committed_is_not_put_again),
		TEST_IN_STORE(two_writers_that_put_the_same_blob_both_commit),
		TEST_IN_STORE(a_part_of_a_blob_is_read_up_to_its_end),
		TEST_IN_STORE(the_file_that_holds_a_blob_can_be_opened),
		TEST_IN_STORE(a_blob_larger_than_the_caller_allows_is_not_loaded),
		TEST_IN_STORE(many_blobs_are_located_at_once_as_one_by_one),
		TEST_IN_STORE(an_absent_blob_is_named_in_the_message),
		TEST_IN_STORE(changed_bytes_are_noticed),
		TEST_IN_STORE(a_missing_or_short_pack_is_damage_not_absence),
		TEST_IN_STORE(what_lies_behind_a_loaded_blob_is_found_without_the_index),
		TEST_IN_STORE(a_hint_that_is_wrong_does_no_harm),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}

/* Large files that come piece by piece. */
#include "store_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <msb/cleanup.h>

#include "store_remote.h"

#define PIECE ((size_t)500000)
#define SIZE  (3 * PIECE + 7)

static struct store_part parts[4];

/* What a fetcher is asked for, and what it does. */
struct bringing {
	struct fixture *f;
	struct store_remote *file;
	const uint8_t *bytes;
	unsigned calls;
	size_t last;
	int fails;
};

static int bring(void *context, const struct msb_digest *digest, uint64_t offset,
		 struct msb_error *err)
{
	struct bringing *bringing = context;
	AUTO(store_partial_closep) struct store_partial *partial = NULL;
	uint64_t begin;
	int r;

	assert_true(msb_digest_equal(digest, &bringing->file->digest));
	bringing->calls++;
	bringing->last = store_remote_piece(bringing->file, offset, &begin);
	if (bringing->fails)
		return bringing->fails;
	r = store_partial_open(bringing->f->writer, bringing->file, &partial, err);
	if (r == 0)
		r = store_partial_put(partial, bringing->last, bringing->bytes + begin, err);
	if (r == 0)
		r = store_partial_show(partial, err);
	if (r == 1)
		fixture_commit(bringing->f);
	return r < 0 ? r : 0;
}

/* A file of which nothing is here, on record. */
static void make_remote(struct fixture *f, const uint8_t *bytes, struct store_remote *ret)
{
	for (size_t i = 0; i < 4; i++) {
		size_t size = i < 3 ? PIECE : SIZE - 3 * PIECE;

		parts[i] = (struct store_part){100 * i, 100 * i + 100, 0, size, {{0}}};
		msb_digest_of(bytes + i * PIECE, size, &parts[i].digest);
	}
	*ret = (struct store_remote){
		.layer = fixture_digest(5), .size = SIZE, .parts = parts, .part_count = 4};
	msb_digest_of(bytes, SIZE, &ret->digest);
	assert_ok(f, store_begin(f->writer, &f->err));
	assert_ok(f, store_remote_set(f->writer, ret, &f->err));
	assert_ok(f, store_commit(f->writer, &f->err));
}

static unsigned count_partials(struct fixture *f)
{
	int fd = openat(msb_store_directory(f->store), "partial", O_RDONLY | O_DIRECTORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 2;
}

static void expect_part(struct fixture *f, const struct bringing *bringing, size_t size,
			uint64_t offset)
{
	autofree uint8_t *got = malloc(size);

	assert_non_null(got);
	assert_int_equal(msb_store_read_pieces(f->store, &bringing->file->digest, got, size, offset,
					       &f->err),
			 size);
	assert_memory_equal(got, bringing->bytes + offset, size);
}

static void pieces_come_when_they_are_read_and_make_up_the_file(void **state)
{
	struct fixture *f = *state;
	autofree uint8_t *bytes = fixture_bytes(1, SIZE);
	struct store_remote file;
	struct bringing bringing = {f, &file, bytes, 0, 0, 0};
	uint8_t byte;

	make_remote(f, bytes, &file);
	assert_int_equal(msb_store_read_pieces(f->store, &file.digest, &byte, 1, 0, &f->err),
			 -ENODATA);
	msb_store_set_fetcher(f->store, bring, NULL, &bringing);
	expect_part(f, &bringing, 100, 10);
	expect_part(f, &bringing, 100, PIECE - 100);
	assert_int_equal(bringing.calls, 1);
	expect_part(f, &bringing, 100, 2 * PIECE - 50);
	assert_int_equal(bringing.calls, 3);
	assert_int_equal(bringing.last, 2);
	assert_int_equal(msb_store_has(f->store, &file.digest, NULL, &f->err), MSB_REMOTE);
	/* With the last piece the file is here, and who asks has to look there. */
	assert_int_equal(
		msb_store_read_pieces(f->store, &file.digest, &byte, 1, 3 * PIECE, &f->err),
		-ENODATA);
	fixture_expect(f->store, &file.digest, 1, SIZE);
	assert_int_equal(count_partials(f), 0);
	fixture_reopen(f);
	fixture_expect(f->store, &file.digest, 1, SIZE);
}

static void what_cannot_be_had_is_an_error_and_the_rest_is_good(void **state)
{
	struct fixture *f = *state;
	autofree uint8_t *bytes = fixture_bytes(1, SIZE);
	struct store_remote file;
	struct bringing bringing = {f, &file, bytes, 0, 0, 0};
	uint8_t two[2];

	make_remote(f, bytes, &file);
	msb_store_set_fetcher(f->store, bring, NULL, &bringing);
	expect_part(f, &bringing, 100, 10);
	bringing.fails = -EIO;
	expect_part(f, &bringing, 100, 0);
	assert_int_equal(msb_store_read_pieces(f->store, &file.digest, two, 2, PIECE - 1, &f->err),
			 -EIO);
	bringing.fails = 0;
	expect_part(f, &bringing, 2, PIECE - 1);
}

static void a_map_without_its_file_is_not_believed(void **state)
{
	struct fixture *f = *state;
	autofree uint8_t *bytes = fixture_bytes(1, SIZE);
	struct store_remote file;
	struct bringing bringing = {f, &file, bytes, 0, 0, 0};
	char text[MSB_DIGEST_TEXT], name[128];

	make_remote(f, bytes, &file);
	msb_store_set_fetcher(f->store, bring, NULL, &bringing);
	expect_part(f, &bringing, 100, 10);
	snprintf(name, sizeof(name), "partial/%s-0505050505050505",
		 msb_digest_format(&file.digest, text) + 7);
	assert_int_equal(unlinkat(msb_store_directory(f->store), name, 0), 0);
	expect_part(f, &bringing, 100, 10);
	assert_int_equal(bringing.calls, 2);
}

static void pieces_that_do_not_make_up_the_file_are_refused_and_go(void **state)
{
	struct fixture *f = *state;
	autofree uint8_t *bytes = fixture_bytes(1, SIZE);
	struct store_remote file;
	struct bringing bringing = {f, &file, bytes, 0, 0, 0};
	uint8_t byte;

	bytes[0] ^= 1;
	make_remote(f, bytes, &file);
	bytes[0] ^= 1;
	msb_store_set_fetcher(f->store, bring, NULL, &bringing);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(
			msb_store_read_pieces(f->store, &file.digest, &byte, 1, i * PIECE, &f->err),
			1);
	assert_int_equal(
		msb_store_read_pieces(f->store, &file.digest, &byte, 1, 3 * PIECE, &f->err),
		-EBADMSG);
	assert_int_equal(count_partials(f), 0);
	assert_int_equal(msb_store_has(f->store, &file.digest, NULL, &f->err), MSB_REMOTE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_IN_STORE(pieces_come_when_they_are_read_and_make_up_the_file),
		TEST_IN_STORE(what_cannot_be_had_is_an_error_and_the_rest_is_good),
		TEST_IN_STORE(a_map_without_its_file_is_not_believed),
		TEST_IN_STORE(pieces_that_do_not_make_up_the_file_are_refused_and_go),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

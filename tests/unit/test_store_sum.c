/* The sums of pack records, and what a reader notices by them. */
#include <endian.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store_fixture.h"

#include <msb/cleanup.h>

#include "io.h"
#include "packs.h"
#include "sum.h"

/* Past some rounds of all lanes, with every kind of end. */
#define SIZES 200

static void a_flipped_bit_is_another_sum(void **state)
{
	autofree uint8_t *bytes = fixture_bytes(1, SIZES);

	(void)state;
	for (size_t size = 1; size <= SIZES; size++) {
		uint32_t sum = sum_of(bytes, size);

		for (size_t bit = 0; bit < 8 * size; bit++) {
			bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_not_equal(sum_of(bytes, size), sum);
			bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		assert_int_equal(sum_of(bytes, size), sum);
	}
}

static void words_in_another_order_are_another_sum(void **state)
{
	autofree uint8_t *bytes = fixture_bytes(2, SIZES);
	uint32_t sum = sum_of(bytes, SIZES);

	(void)state;
	for (size_t left = 0; left < SIZES; left += 8) {
		for (size_t right = left + 8; right < SIZES; right += 8) {
			autofree uint8_t *swapped = fixture_bytes(2, SIZES);

			memcpy(swapped + left, bytes + right, 8);
			memcpy(swapped + right, bytes + left, 8);
			assert_int_not_equal(sum_of(swapped, SIZES), sum);
		}
	}
}

static void zeros_differ_by_their_number_and_no_sum_is_zero(void **state)
{
	static const uint8_t zeros[SIZES];
	uint32_t sums[SIZES + 1];

	(void)state;
	for (size_t size = 0; size <= SIZES; size++) {
		sums[size] = sum_of(zeros, size);
		assert_int_not_equal(sums[size], 0);
		for (size_t before = 0; before < size; before++)
			assert_int_not_equal(sums[before], sums[size]);
	}
}

static void pieces_add_up_to_the_whole(void **state)
{
	const size_t size = 32 * 9 + 13;
	autofree uint8_t *bytes = fixture_bytes(3, size);

	(void)state;
	for (size_t piece = 32; piece <= size; piece += 32) {
		struct sum sum;
		size_t at = 0;

		sum_begin(&sum);
		for (; size - at > piece; at += piece)
			sum_add(&sum, bytes + at, piece);
		sum_add(&sum, bytes + at, size - at);
		assert_int_equal(sum_end(&sum), sum_of(bytes, size));
	}
}

/* --- in a pack ------------------------------------------------------------------------------- */

/* Bytes of the record whose blob begins at its offset 0: the header lies before. */
static void change(struct fixture *f, const struct msb_location *at, int64_t offset, uint8_t flip)
{
	uint64_t place = at->offset + (uint64_t)offset;
	char name[PACK_NAME];
	autoclose int fd = openat(msb_store_directory(f->store), pack_name(at->pack, name),
				  O_RDWR | O_CLOEXEC);
	uint8_t byte;

	assert_true(fd >= 0);
	assert_int_equal(io_pread(fd, &byte, 1, place), 1);
	byte ^= flip;
	assert_int_equal(io_pwrite(fd, &byte, 1, place), 0);
}

static ssize_t read_all(struct fixture *f, const struct msb_digest *digest,
			const struct msb_location *at)
{
	autofree uint8_t *bytes = malloc(at->size);

	assert_non_null(bytes);
	return msb_store_read(f->store, digest, at, bytes, at->size, 0, &f->err);
}

static struct msb_digest put_one(struct fixture *f, size_t size, struct msb_location *ret)
{
	struct msb_digest digest = fixture_put_seed(f, size, size);

	fixture_commit(f);
	assert_ok(f, msb_store_locate(f->store, &digest, ret, &f->err));
	assert_int_not_equal(ret->pack, 0);
	return digest;
}

static void a_record_carries_the_sum_of_its_blob(void **state)
{
	struct fixture *f = *state;
	autofree uint8_t *bytes = fixture_bytes(5000, 5000);
	struct msb_location at;
	char name[PACK_NAME];
	uint32_t sum;
	int fd;

	put_one(f, 5000, &at);
	fd = openat(msb_store_directory(f->store), pack_name(at.pack, name), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(io_pread(fd, &sum, sizeof(sum), at.offset - PACK_BLOB_HEADER + 4), 4);
	close(fd);
	assert_int_equal(le32toh(sum), sum_of(bytes, 5000));
}

static void a_flipped_bit_in_a_pack_is_found_wherever_it_is(void **state)
{
	struct fixture *f = *state;
	struct msb_location at;
	struct msb_digest digest = put_one(f, 100001, &at);
	const int64_t places[] = {0, 7, 8, 31, 32, 32767, 32768, 65536, 99999, 100000};

	assert_int_equal(read_all(f, &digest, &at), 100001);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		uint8_t flip = (uint8_t)(1 << i % 8);

		change(f, &at, places[i], flip);
		assert_int_equal(read_all(f, &digest, &at), -EBADMSG);
		assert_non_null(strstr(f->err.text, "have changed"));
		assert_int_equal(msb_store_check(f->store, &digest, &at, &f->err), -EBADMSG);
		change(f, &at, places[i], flip);
		assert_int_equal(read_all(f, &digest, &at), 100001);
		assert_ok(f, msb_store_check(f->store, &digest, &at, &f->err));
	}
}

/* The sum is a hint: damaged itself, it makes nobody lose a blob that is whole. */
static void the_digest_decides_where_the_sum_is_damaged(void **state)
{
	struct fixture *f = *state;
	struct msb_location at;
	struct msb_digest digest = put_one(f, 3000, &at);

	change(f, &at, 4 - PACK_BLOB_HEADER, 0x20);
	assert_int_equal(read_all(f, &digest, &at), 3000);
	assert_ok(f, msb_store_check(f->store, &digest, &at, &f->err));
	change(f, &at, 1234, 0x01);
	assert_int_equal(read_all(f, &digest, &at), -EBADMSG);
	assert_int_equal(msb_store_check(f->store, &digest, &at, &f->err), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flipped_bit_is_another_sum),
		cmocka_unit_test(words_in_another_order_are_another_sum),
		cmocka_unit_test(zeros_differ_by_their_number_and_no_sum_is_zero),
		cmocka_unit_test(pieces_add_up_to_the_whole),
		TEST_IN_STORE(a_record_carries_the_sum_of_its_blob),
		TEST_IN_STORE(a_flipped_bit_in_a_pack_is_found_wherever_it_is),
		TEST_IN_STORE(the_digest_decides_where_the_sum_is_damaged),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Looking after a store: collection under readers, writers and kills; verification and repair. */
#include "store_fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "io.h"
#include "packs.h"
#include "store_care.h"
#include "writer.h"

#define BLOBS 200

/* Of blob number i: mostly small, some large. */
static size_t size_of(uint64_t i)
{
	return i % 37 == 36 ? STORE_LARGE + i : (size_t)(i * 7919 % 20000);
}

static struct msb_digest digest_of(uint64_t i)
{
	autofree uint8_t *bytes = fixture_bytes(i, size_of(i));
	struct msb_digest digest;

	msb_digest_of(bytes, size_of(i), &digest);
	return digest;
}

static void put_numbers(struct fixture *f, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i < to; i++)
		fixture_put_seed(f, i, size_of(i));
	fixture_commit(f);
}

static struct store_care *care_of(struct fixture *f, bool alone)
{
	struct store_care *care;

	store_writer_close(steal(&f->writer));
	assert_ok(f, store_care_open(f->store, alone, 0, &care, &f->err));
	return care;
}

/* Keeps the blobs whose number is a multiple of nth (0: none). Returns what was freed. */
static uint64_t collect(struct fixture *f, uint64_t count, uint64_t nth)
{
	AUTO(store_care_closep) struct store_care *care = care_of(f, true);
	uint64_t blobs, bytes, freed;
	bool crowded;

	for (uint64_t i = 0; nth && i < count; i += nth) {
		struct msb_digest digest = digest_of(i);

		assert_ok(f, store_mark(care, &digest, false, 0, &f->err));
	}
	assert_ok(f, store_sweep(care, &blobs, &bytes, &f->err));
	assert_ok(f, store_care_commit(care, &f->err));
	assert_ok(f, store_compact(care, &freed, &crowded, &f->err));
	return freed;
}

static void expect_every(struct msb_store *store, uint64_t count, uint64_t nth)
{
	for (uint64_t i = 0; i < count; i++) {
		struct msb_digest digest = digest_of(i);

		if (i % nth == 0)
			fixture_expect(store, &digest, i, size_of(i));
		else
			fixture_expect_absent(store, &digest);
	}
}

static void what_is_not_marked_goes_and_what_is_marked_stays(void **state)
{
	struct fixture *f = *state;

	put_numbers(f, 0, BLOBS);
	assert_true(collect(f, BLOBS, 3) > 2 * STORE_LARGE);
	expect_every(f->store, BLOBS, 3);
	fixture_reopen(f);
	expect_every(f->store, BLOBS, 3);
}

static void the_sums_are_those_of_what_stays(void **state)
{
	struct fixture *f = *state;
	struct msb_store_totals totals;
	uint64_t count = 0, bytes = 0;

	put_numbers(f, 0, BLOBS);
	collect(f, BLOBS, 5);
	for (uint64_t i = 0; i < BLOBS; i += 5) {
		count++;
		bytes += size_of(i);
	}
	assert_ok(f, msb_store_totals(f->store, &totals, &f->err));
	assert_int_equal(totals.blobs, count);
	assert_int_equal(totals.bytes, bytes);
}

static void without_a_commit_nothing_happened(void **state)
{
	struct fixture *f = *state;
	struct store_care *care;
	uint64_t blobs, bytes;

	put_numbers(f, 0, BLOBS);
	care = care_of(f, true);
	assert_ok(f, store_sweep(care, &blobs, &bytes, &f->err));
	assert_true(blobs >= BLOBS - 1); /* two of them are empty */
	store_care_close(care);
	expect_every(f->store, BLOBS, 1);
}

static int find_place(struct fixture *f, uint64_t i, struct msb_location *ret)
{
	struct msb_digest digest = digest_of(i);

	return msb_store_locate(f->store, &digest, ret, &f->err);
}

static void a_reader_with_an_old_location_gets_the_right_bytes(void **state)
{
	struct fixture *f = *state;
	struct msb_location old[BLOBS], now;
	struct msb_digest digest;
	autofree uint8_t *bytes = malloc(2 * STORE_LARGE);
	struct msb_store *fresh;
	uint8_t first;

	put_numbers(f, 0, BLOBS);
	for (uint64_t i = 0; i < BLOBS; i++)
		assert_ok(f, find_place(f, i, &old[i]));
	digest = digest_of(3);
	/* This handle keeps the old pack open, the other one has never seen it. */
	assert_int_equal(msb_store_read(f->store, &digest, &old[3], &first, 1, 0, &f->err), 1);
	fixture_open(f->root, &fresh, NULL);
	collect(f, BLOBS, 3);
	assert_ok(f, find_place(f, 3, &now));
	assert_int_not_equal(now.pack, old[3].pack);
	for (uint64_t i = 0; i < BLOBS; i += 3) {
		autofree uint8_t *expected = fixture_bytes(i, size_of(i));
		struct msb_store *const stores[] = {f->store, fresh};

		digest = digest_of(i);
		for (size_t s = 0; s < 2; s++) {
			assert_int_equal(msb_store_read(stores[s], &digest, &old[i], bytes,
							2 * STORE_LARGE, 0, &f->err),
					 size_of(i));
			assert_memory_equal(bytes, expected, size_of(i));
		}
	}
	msb_store_close(fresh);
}

static void a_reader_of_what_went_gets_an_error(void **state)
{
	struct fixture *f = *state;
	struct msb_digest small = digest_of(1), large = digest_of(36);
	struct msb_location small_at, large_at;
	uint8_t byte;

	put_numbers(f, 0, BLOBS);
	assert_ok(f, find_place(f, 1, &small_at));
	assert_ok(f, find_place(f, 36, &large_at));
	collect(f, BLOBS, 0);
	assert_ok(f, store_writer_open(f->store, &f->writer, &f->err));
	put_numbers(f, 1000, 1100); /* what takes the room must not be read instead */
	assert_int_equal(msb_store_read(f->store, &small, &small_at, &byte, 1, 0, &f->err),
			 -ENOENT);
	assert_true(msb_store_read(f->store, &large, &large_at, &byte, 1, 0, &f->err) < 0);
}

static void a_packs_number_is_never_used_again(void **state)
{
	struct fixture *f = *state;
	uint32_t last = 0;

	for (uint64_t round = 0; round < 5; round++) {
		struct msb_location at;

		put_numbers(f, 2 + round, 3 + round);
		assert_ok(f, find_place(f, 2 + round, &at));
		assert_true(at.pack > last);
		last = at.pack;
		collect(f, BLOBS, 0);
		fixture_reopen(f);
	}
}

/* Of the 30 numbers in one pack, drops those that leave `rest` when divided by `divisor`. Does what
 * lives lie elsewhere afterwards? */
static bool moves_when_dropped(struct fixture *f, uint64_t divisor, uint64_t rest)
{
	AUTO(store_care_closep) struct store_care *care = NULL;
	struct msb_location before, after;
	uint64_t blobs, bytes, freed;
	bool crowded;

	put_numbers(f, 0, 30);
	assert_ok(f, find_place(f, 7, &before));
	care = care_of(f, true);
	for (uint64_t i = 0; i < 30; i++) {
		struct msb_digest digest = digest_of(i);

		if (i % divisor != rest)
			assert_ok(f, store_mark(care, &digest, false, 0, &f->err));
	}
	assert_ok(f, store_sweep(care, &blobs, &bytes, &f->err));
	assert_int_equal(blobs, 30 / divisor);
	assert_ok(f, store_care_commit(care, &f->err));
	assert_ok(f, store_compact(care, &freed, &crowded, &f->err));
	assert_ok(f, find_place(f, 7, &after));
	if (after.pack == before.pack)
		assert_int_equal(after.offset, before.offset);
	return after.pack != before.pack;
}

static void a_pack_with_little_garbage_stays_as_it_is(void **state)
{
	assert_false(moves_when_dropped(*state, 30, 29));
}

/* Such a pack takes no further blobs: where it was not emptied, its garbage would stay for ever. */
static void a_pack_of_which_a_sixth_is_garbage_is_emptied(void **state)
{
	assert_true(moves_when_dropped(*state, 6, 5));
}

static void what_a_killed_writer_left_is_removed(void **state)
{
	struct fixture *f = *state;
	struct msb_digest digest = digest_of(36);
	char large[STORE_LARGE_NAME], pack[PACK_NAME];
	int root = msb_store_directory(f->store);

	put_numbers(f, 0, 10);
	store_large_name(&digest, large);
	fixture_put_seed(f, 36, size_of(36)); /* not committed */
	assert_ok(f, io_write_file(root, pack_name(77, pack), "torn", 4, 0600, &f->err));
	assert_int_equal(faccessat(root, large, F_OK, 0), 0);
	collect(f, 10, 1);
	assert_int_equal(faccessat(root, large, F_OK, 0), -1);
	assert_int_equal(faccessat(root, pack, F_OK, 0), -1);
	expect_every(f->store, 10, 1);
}

static void a_collection_does_not_begin_while_somebody_writes(void **state)
{
	struct fixture *f = *state;
	struct msb_store *second;
	struct store_care *care;

	fixture_open(f->root, &second, NULL);
	assert_int_equal(store_care_open(second, true, 0, &care, &f->err), -EBUSY);
	assert_non_null(strstr(f->err.text, "a build is running"));
	/* Looking needs not to be alone. */
	assert_ok(f, store_care_open(second, false, 0, &care, &f->err));
	store_care_close(care);
	store_writer_close(steal(&f->writer));
	assert_ok(f, store_care_open(second, true, 0, &care, &f->err));
	store_care_close(care);
	msb_store_close(second);
}

struct waiter {
	const char *root;
	atomic_bool in;
};

static void *open_a_writer(void *argument)
{
	struct waiter *waiter = argument;
	struct msb_store *store;
	struct store_writer *writer;

	fixture_open(waiter->root, &store, &writer);
	atomic_store(&waiter->in, true);
	store_writer_close(writer);
	msb_store_close(store);
	return NULL;
}

static void a_writer_waits_for_a_collection(void **state)
{
	struct fixture *f = *state;
	struct waiter waiter = {.root = f->root};
	struct store_care *care = care_of(f, true);
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, open_a_writer, &waiter), 0);
	usleep(200000);
	assert_false(atomic_load(&waiter.in));
	store_care_close(care);
	pthread_join(thread, NULL);
	assert_true(atomic_load(&waiter.in));
}

/* --- kills ----------------------------------------------------------------------------------- */

static void must(int r, const struct msb_error *err)
{
	if (r >= 0)
		return;
	fprintf(stderr, "# %s\n", err->text);
	_exit(1);
}

/* Puts more and collects it, over and over; the first BLOBS / 3 always stay. */
static void collect_until_killed(const char *root, uint64_t from)
{
	struct msb_error err = {0};
	struct fixture f = {0};

	snprintf(f.root, sizeof(f.root), "%s", root);
	must(msb_store_open(root, &f.store, &err), &err);
	for (uint64_t round = 0;; round++) {
		struct store_care *care;
		uint64_t blobs, bytes;
		bool crowded;

		must(store_writer_open(f.store, &f.writer, &err), &err);
		for (uint64_t i = 0; i < 60; i++) {
			uint64_t number = from + round * 60 + i;
			autofree uint8_t *content = fixture_bytes(number, size_of(number));
			struct msb_digest digest;

			must(store_put(f.writer, content, size_of(number), &digest, &err), &err);
		}
		must(store_begin(f.writer, &err), &err);
		must(store_commit(f.writer, &err), &err);
		store_writer_close(steal(&f.writer));
		must(store_care_open(f.store, true, 5, &care, &err), &err);
		for (uint64_t i = 0; i < BLOBS; i += 3) {
			struct msb_digest digest = digest_of(i);

			must(store_mark(care, &digest, false, 0, &err), &err);
		}
		must(store_sweep(care, &blobs, &bytes, &err), &err);
		must(store_care_commit(care, &err), &err);
		must(store_compact(care, &bytes, &crowded, &err), &err);
		store_care_close(care);
	}
}

static int count_bad(void *context, const struct msb_digest *digest, const char *why,
		     const char *who, const char *path, struct msb_error *err)
{
	(void)digest, (void)why, (void)who, (void)path, (void)err;
	++*(unsigned *)context;
	return 0;
}

static unsigned bad_blobs(struct fixture *f)
{
	AUTO(store_care_closep) struct store_care *care = care_of(f, false);
	unsigned count = 0;

	assert_ok(f, store_check_blobs(care, &f->err));
	assert_ok(f, store_each_bad(care, count_bad, &count, &f->err));
	return count;
}

static void a_collection_may_be_killed_at_any_moment(void **state)
{
	struct fixture *f = *state;

	put_numbers(f, 0, BLOBS);
	collect(f, BLOBS, 3);
	fixture_close(f);
	for (unsigned round = 0; round < 30; round++) {
		pid_t pid = fork();
		int status;

		assert_true(pid >= 0);
		if (pid == 0)
			collect_until_killed(f->root, 100000 * (round + 1));
		usleep(2000 + round * 9173 % 60000);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		fixture_open(f->root, &f->store, NULL);
		for (uint64_t i = 0; i < BLOBS; i += 3) {
			struct msb_digest digest = digest_of(i);

			fixture_expect(f->store, &digest, i, size_of(i));
		}
		assert_int_equal(bad_blobs(f), 0);
		fixture_close(f);
	}
	fixture_open(f->root, &f->store, NULL);
	collect(f, BLOBS, 3);
	expect_every(f->store, BLOBS, 3);
}

/* --- damage ---------------------------------------------------------------------------------- */

static void flip_a_byte(struct fixture *f, uint64_t i)
{
	struct msb_location at;
	char name[PACK_NAME];
	uint8_t byte;
	int fd;

	assert_ok(f, find_place(f, i, &at));
	fd = openat(msb_store_directory(f->store), pack_name(at.pack, name), O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(io_pread(fd, &byte, 1, at.offset + 1), 1);
	byte ^= 0x40;
	assert_int_equal(io_pwrite(fd, &byte, 1, at.offset + 1), 0);
	close(fd);
}

static void a_changed_byte_is_found_and_what_lies_behind_is_looked_at(void **state)
{
	struct fixture *f = *state;

	put_numbers(f, 0, BLOBS);
	assert_int_equal(bad_blobs(f), 0);
	flip_a_byte(f, 5);
	flip_a_byte(f, 150);
	assert_int_equal(bad_blobs(f), 2);
}

static void a_missing_pack_and_a_missing_file_do_not_stop_the_check(void **state)
{
	struct fixture *f = *state;
	struct msb_digest digest = digest_of(36);
	char large[STORE_LARGE_NAME], pack[PACK_NAME];
	struct msb_location at;

	put_numbers(f, 0, 40);
	fixture_reopen(f); /* has no pack open */
	assert_ok(f, find_place(f, 1, &at));
	assert_int_equal(unlinkat(msb_store_directory(f->store), pack_name(at.pack, pack), 0), 0);
	store_large_name(&digest, large);
	assert_int_equal(unlinkat(msb_store_directory(f->store), large, 0), 0);
	/* An empty blob needs no bytes. */
	assert_int_equal(bad_blobs(f), 39);
}

static void a_repair_forgets_the_damaged_and_it_can_be_put_again(void **state)
{
	struct fixture *f = *state;
	struct msb_digest damaged = digest_of(5), key = fixture_digest(1), found;
	struct cached_step step = {.tree = digest_of(5)}, sound = {.tree = digest_of(6)};
	struct msb_digest sound_key = fixture_digest(2);
	struct store_care *care;

	put_numbers(f, 0, BLOBS);
	assert_ok(f, store_begin(f->writer, &f->err));
	assert_ok(f, store_cache_set(f->writer, &key, &step, &f->err));
	assert_ok(f, store_cache_set(f->writer, &sound_key, &sound, &f->err));
	assert_ok(f, store_commit(f->writer, &f->err));
	flip_a_byte(f, 5);
	care = care_of(f, true);
	assert_ok(f, store_check_blobs(care, &f->err));
	assert_ok(f, store_repair(care, &f->err));
	assert_ok(f, store_care_commit(care, &f->err));
	store_care_close(care);
	fixture_reopen(f);
	fixture_expect_absent(f->store, &damaged);
	assert_int_equal(store_cache_find(f->writer, &key, &step, &f->err), -ENOENT);
	assert_ok(f, store_cache_find(f->writer, &sound_key, &step, &f->err));
	found = fixture_put_seed(f, 5, size_of(5));
	fixture_commit(f);
	assert_true(msb_digest_equal(&found, &damaged));
	expect_every(f->store, BLOBS, 1);
	assert_int_equal(bad_blobs(f), 0);
}

static void damage_neither_spreads_nor_stops_a_collection(void **state)
{
	struct fixture *f = *state;
	struct msb_location before, after;

	put_numbers(f, 0, BLOBS);
	flip_a_byte(f, 9);
	assert_ok(f, find_place(f, 9, &before));
	collect(f, BLOBS, 3);
	assert_ok(f, find_place(f, 9, &after));
	assert_int_equal(after.pack, before.pack);
	assert_ok(f, find_place(f, 12, &after));
	assert_int_not_equal(after.pack, before.pack);
	assert_int_equal(bad_blobs(f), 1);
}

static int remember_bad(void *context, const struct msb_digest *digest, const char *why,
			const char *who, const char *path, struct msb_error *err)
{
	(void)digest, (void)err;
	snprintf(context, 256, "%s|%s|%s", why, who ? who : "nobody", path);
	return 0;
}

static void a_problem_names_who_leads_to_it(void **state)
{
	struct fixture *f = *state;
	struct msb_digest top = fixture_digest(1), root = fixture_digest(2),
			  file = fixture_digest(3);
	AUTO(store_care_closep) struct store_care *care = care_of(f, false);
	char said[256] = "";

	assert_ok(f, store_note_root(care, &top, "build 1", &f->err));
	assert_ok(f, store_note_edge(care, &root, &top, "", 0, &f->err));
	assert_ok(f, store_note_edge(care, &file, &root, "name and more", 4, &f->err));
	assert_ok(f, store_note_bad(care, &file, "it is missing", &f->err));
	assert_int_equal(store_is_bad(care, &file, &f->err), 1);
	assert_int_equal(store_is_bad(care, &root, &f->err), 0);
	assert_ok(f, store_each_bad(care, remember_bad, said, &f->err));
	assert_string_equal(said, "it is missing|build 1|/name");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_IN_STORE(what_is_not_marked_goes_and_what_is_marked_stays),
		TEST_IN_STORE(the_sums_are_those_of_what_stays),
		TEST_IN_STORE(without_a_commit_nothing_happened),
		TEST_IN_STORE(a_reader_with_an_old_location_gets_the_right_bytes),
		TEST_IN_STORE(a_reader_of_what_went_gets_an_error),
		TEST_IN_STORE(a_packs_number_is_never_used_again),
		TEST_IN_STORE(a_pack_with_little_garbage_stays_as_it_is),
		TEST_IN_STORE(a_pack_of_which_a_sixth_is_garbage_is_emptied),
		TEST_IN_STORE(what_a_killed_writer_left_is_removed),
		TEST_IN_STORE(a_collection_does_not_begin_while_somebody_writes),
		TEST_IN_STORE(a_writer_waits_for_a_collection),
		TEST_IN_STORE(a_collection_may_be_killed_at_any_moment),
		TEST_IN_STORE(a_changed_byte_is_found_and_what_lies_behind_is_looked_at),
		TEST_IN_STORE(a_missing_pack_and_a_missing_file_do_not_stop_the_check),
		TEST_IN_STORE(a_repair_forgets_the_damaged_and_it_can_be_put_again),
		TEST_IN_STORE(damage_neither_spreads_nor_stops_a_collection),
		TEST_IN_STORE(a_problem_names_who_leads_to_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

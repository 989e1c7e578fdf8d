/* Many processes and threads in one store, and what those leave that die in it. */
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
#include "writer.h"

/* Of blob number i: mostly small, some large. */
static size_t size_of(uint64_t i)
{
	return i % 37 == 36 ? STORE_LARGE + i : (size_t)(i * 7919 % 20000);
}

/* In a child nothing may fail by cmocka's ways. */
static void must(int r, const struct msb_error *err)
{
	if (r >= 0)
		return;
	fprintf(stderr, "# %s\n", err->text);
	_exit(1);
}

struct child {
	struct msb_store *store;
	struct store_writer *writer;
	struct msb_error err;
};

static void child_open(struct child *child, const char *root)
{
	must(msb_store_open(root, &child->store, &child->err), &child->err);
	must(store_writer_open(child->store, &child->writer, &child->err), &child->err);
}

static void child_put(struct child *child, uint64_t i)
{
	autofree uint8_t *bytes = fixture_bytes(i, size_of(i));
	struct msb_digest digest;

	must(store_put(child->writer, bytes, size_of(i), &digest, &child->err), &child->err);
}

static void child_commit(struct child *child)
{
	struct msb_build build = {0};
	int64_t id;

	must(store_begin(child->writer, &child->err), &child->err);
	must(store_add_build(child->writer, &build, &id, &child->err), &child->err);
	must(store_commit(child->writer, &child->err), &child->err);
}

/* Puts blobs from number `from` on, ten a commit, and reports after each how many there are. */
static void work_until_killed(const char *root, uint64_t from, int report)
{
	struct child child = {0};

	child_open(&child, root);
	for (uint64_t i = from;; i++) {
		child_put(&child, i);
		if ((i - from) % 10 == 9) {
			uint64_t count = i - from + 1;

			child_commit(&child);
			must(io_write(report, &count, sizeof(count)), &child.err);
		}
	}
}

/* Lets a child work and kills it after so many microseconds; how many blobs it had committed. */
static uint64_t kill_a_worker(const char *root, uint64_t from, useconds_t after)
{
	uint64_t count = 0, next;
	int ends[2], status;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		work_until_killed(root, from, ends[1]);
	close(ends[1]);
	usleep(after);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	while (io_read(ends[0], &next, sizeof(next)) == sizeof(next))
		count = next;
	close(ends[0]);
	return count;
}

/* The first count blobs load; of the others each is absent or whole. */
static void expect_whole(struct msb_store *store, uint64_t from, uint64_t count)
{
	for (uint64_t i = from; i < from + count + 25; i++) {
		autofree uint8_t *bytes = fixture_bytes(i, size_of(i));
		struct msb_location location;
		struct msb_digest digest;

		msb_digest_of(bytes, size_of(i), &digest);
		if (i < from + count || msb_store_locate(store, &digest, &location, NULL) == 0)
			fixture_expect(store, &digest, i, size_of(i));
	}
}

static void what_was_committed_survives_a_kill_at_any_moment(void **state)
{
	struct fixture *f = *state;
	uint64_t counts[50], total = 0;

	srandom(1);
	fixture_close(f);
	for (uint64_t i = 0; i < 50; i++) {
		counts[i] = kill_a_worker(f->root, i * 100000, (useconds_t)(random() % 40000));
		total += counts[i];
	}
	assert_true(total > 0);
	fixture_reopen(f);
	for (uint64_t i = 0; i < 50; i++)
		expect_whole(f->store, i * 100000, counts[i]);
	fixture_put_seed(f, 999, 999);
	fixture_commit(f);
}

static uint64_t pack_size(const char *root, uint32_t id)
{
	char path[128], name[PACK_NAME];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", root, pack_name(id, name));
	assert_int_equal(stat(path, &st), 0);
	return (uint64_t)st.st_size;
}

static void a_torn_tail_is_overwritten_by_the_next_owner(void **state)
{
	struct fixture *f = *state;
	struct msb_digest first = fixture_put_seed(f, 1, 1000), second;
	struct msb_location location;
	char path[128], garbage[5000];
	uint64_t committed;
	int fd;

	fixture_commit(f);
	fixture_close(f);
	committed = pack_size(f->root, 1);
	snprintf(path, sizeof(path), "%s/packs/00000001.pack", f->root);
	memset(garbage, 'x', sizeof(garbage));
	fd = open(path, O_WRONLY | O_APPEND);
	assert_int_equal(io_write(fd, garbage, sizeof(garbage)), 0);
	close(fd);

	fixture_reopen(f);
	second = fixture_put_seed(f, 2, 500);
	fixture_commit(f);
	assert_ok(f, msb_store_locate(f->store, &second, &location, &f->err));
	assert_int_equal(location.pack, 1);
	assert_int_equal(location.offset, committed + PACK_BLOB_HEADER);
	assert_int_equal(pack_size(f->root, 1), committed + PACK_BLOB_HEADER + 504);
	fixture_reopen(f);
	fixture_expect(f->store, &first, 1, 1000);
	fixture_expect(f->store, &second, 2, 500);
}

static void a_pack_that_lost_bytes_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct msb_location location;
	struct msb_digest digest;
	char path[128];

	fixture_put_seed(f, 1, 1000);
	fixture_commit(f);
	fixture_close(f);
	snprintf(path, sizeof(path), "%s/packs/00000001.pack", f->root);
	assert_int_equal(truncate(path, 500), 0);
	fixture_reopen(f);
	digest = fixture_put_seed(f, 2, 500);
	fixture_commit(f);
	assert_ok(f, msb_store_locate(f->store, &digest, &location, &f->err));
	assert_int_equal(location.pack, 2);
	assert_int_equal(pack_size(f->root, 1), 500);
}

static void a_full_pack_is_followed_by_another(void **state)
{
	struct fixture *f = *state;
	struct msb_digest digests[95];
	struct msb_location location;

	f->writer->pack_limit = 100000;
	for (uint64_t i = 0; i < 95; i++) {
		digests[i] = fixture_put_seed(f, i, 10000);
		if (i % 33 == 32)
			fixture_commit(f);
	}
	fixture_expect(f->store, &digests[5], 5, 10000);
	fixture_commit(f);
	assert_ok(f, msb_store_locate(f->store, &digests[94], &location, &f->err));
	assert_int_equal(location.pack, 10);
	fixture_reopen(f);
	f->writer->pack_limit = 100000;
	for (uint64_t i = 0; i < 95; i++)
		fixture_expect(f->store, &digests[i], i, 10000);
	/* The last pack, the only one with room, is taken again. */
	digests[0] = fixture_put_seed(f, 200, 10000);
	assert_ok(f, msb_store_locate(f->store, &digests[0], &location, &f->err));
	assert_int_equal(location.pack, 10);
}

static void each_of_two_writers_has_a_pack_of_its_own(void **state)
{
	struct fixture *f = *state;
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	AUTO(store_writer_closep) struct store_writer *writer = NULL;
	struct msb_location mine, theirs;
	struct msb_digest digest, other;

	fixture_open(f->root, &store, &writer);
	digest = fixture_put_seed(f, 1, 100);
	assert_ok(f, store_put(writer, "x", 1, &other, &f->err));
	assert_ok(f, msb_store_locate(f->store, &digest, &mine, &f->err));
	assert_ok(f, msb_store_locate(store, &other, &theirs, &f->err));
	assert_int_equal(mine.pack, 1);
	assert_int_equal(theirs.pack, 2);
	assert_ok(f, store_begin(writer, &f->err));
	assert_ok(f, store_commit(writer, &f->err));
	fixture_commit(f);
	fixture_expect(store, &digest, 1, 100);
}

static pid_t start_worker(const char *root, uint64_t from, uint64_t count)
{
	struct child child = {0};
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	child_open(&child, root);
	for (uint64_t i = 0; i < count; i++) {
		child_put(&child, from + i);
		if (i % 20 == 19)
			child_commit(&child);
	}
	child_commit(&child);
	store_writer_close(child.writer);
	msb_store_close(child.store);
	_exit(0);
}

static void processes_that_write_at_once_lose_nothing(void **state)
{
	struct fixture *f = *state;
	pid_t pids[4];

	fixture_close(f);
	/* Ranges overlap: each blob but the outermost is put by two processes. */
	for (uint64_t i = 0; i < 4; i++)
		pids[i] = start_worker(f->root, i * 150, 300);
	for (size_t i = 0; i < 4; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
	fixture_reopen(f);
	expect_whole(f->store, 0, 750);
}

struct crowd {
	struct fixture *fixture;
	atomic_uint published; /* blobs 0…published - 1 are committed or pending */
	atomic_bool over;
	atomic_uint failures;
	atomic_uint loads;
};

static void *read_at_random(void *argument)
{
	struct crowd *crowd = argument;
	unsigned x = (unsigned)(uintptr_t)&x;

	while (!crowd->over) {
		unsigned count = crowd->published;
		autofree uint8_t *bytes = NULL, *expected = NULL;
		struct msb_digest digest;
		size_t size;
		uint64_t i;

		if (count == 0)
			continue;
		x = x * 1103515245 + 12345;
		i = (x >> 8) % count;
		expected = fixture_bytes(i, size_of(i));
		msb_digest_of(expected, size_of(i), &digest);
		if (msb_store_load(crowd->fixture->store, &digest, 1 << 30, &bytes, &size, NULL) <
		    0)
			crowd->failures++;
		crowd->loads++;
	}
	return NULL;
}

static void threads_read_while_the_writer_puts_and_commits(void **state)
{
	struct fixture *f = *state;
	struct crowd crowd = {.fixture = f};
	pthread_t threads[6];

	f->writer->pack_limit = 300000;
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_at_random, &crowd), 0);
	for (unsigned i = 0; i < 600; i++) {
		fixture_put_seed(f, i, size_of(i));
		crowd.published = i + 1;
		if (i % 50 == 49)
			fixture_commit(f);
	}
	crowd.over = true;
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(crowd.failures, 0);
	assert_true(crowd.loads > 0);
}

static void *put_and_commit(void *argument)
{
	struct crowd *crowd = argument;
	struct store_writer *writer = crowd->fixture->writer;

	for (unsigned i = 0; i < 200; i++) {
		autofree uint8_t *bytes = fixture_bytes(i, size_of(i));
		struct msb_build build = {0};
		struct msb_digest digest;
		int64_t id;

		if (store_put(writer, bytes, size_of(i), &digest, NULL) < 0)
			crowd->failures++;
		if (i % 40 != 39)
			continue;
		if (store_begin(writer, NULL) < 0 ||
		    store_add_build(writer, &build, &id, NULL) < 0 ||
		    store_commit(writer, NULL) < 0)
			crowd->failures++;
	}
	return NULL;
}

static void threads_share_a_writer(void **state)
{
	struct fixture *f = *state;
	struct crowd crowd = {.fixture = f};
	struct msb_build *builds;
	pthread_t threads[4];
	size_t count;

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, put_and_commit, &crowd), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(crowd.failures, 0);
	fixture_reopen(f);
	expect_whole(f->store, 0, 200);
	assert_ok(f, msb_records_builds(f->store, 0, &builds, &count, &f->err));
	assert_int_equal(count, 20);
	msb_builds_free(builds, count);
}

static int exists_in_tmp(struct fixture *f, const char *name)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/tmp/%s", f->root, name);
	return access(path, F_OK) == 0;
}

static void scratch_directories_of_the_dead_are_removed_and_no_others(void **state)
{
	struct fixture *f = *state;
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	AUTO(store_writer_closep) struct store_writer *writer = NULL;
	int tmp = openat(msb_store_directory(f->store), "tmp", O_RDONLY | O_DIRECTORY);
	char alive[32];

	snprintf(alive, sizeof(alive), "%s",
		 strrchr(store_writer_scratch_path(f->writer), '/') + 1);
	assert_ok(f, io_make_dirs(tmp, "dead/upper/dir", 0700, &f->err));
	assert_ok(f, io_write_file(tmp, "dead.lock", "", 0, 0600, &f->err));
	assert_ok(f, io_write_file(store_writer_scratch(f->writer), "file", "x", 1, 0600, &f->err));
	fixture_open(f->root, &store, &writer);
	assert_false(exists_in_tmp(f, "dead"));
	assert_false(exists_in_tmp(f, "dead.lock"));
	assert_true(exists_in_tmp(f, alive));
	store_writer_close(steal(&f->writer));
	assert_false(exists_in_tmp(f, alive));
	close(tmp);
}

static void a_store_handle_has_one_writer(void **state)
{
	struct fixture *f = *state;
	struct store_writer *second;

	assert_int_equal(store_writer_open(f->store, &second, &f->err), -EBUSY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_IN_STORE(what_was_committed_survives_a_kill_at_any_moment),
		TEST_IN_STORE(a_torn_tail_is_overwritten_by_the_next_owner),
		TEST_IN_STORE(a_pack_that_lost_bytes_is_left_alone),
		TEST_IN_STORE(a_full_pack_is_followed_by_another),
		TEST_IN_STORE(each_of_two_writers_has_a_pack_of_its_own),
		TEST_IN_STORE(processes_that_write_at_once_lose_nothing),
		TEST_IN_STORE(threads_read_while_the_writer_puts_and_commits),
		TEST_IN_STORE(threads_share_a_writer),
		TEST_IN_STORE(scratch_directories_of_the_dead_are_removed_and_no_others),
		TEST_IN_STORE(a_store_handle_has_one_writer),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("store_shared", tests, NULL, NULL);
}

/* A store on a full disk: a clear error, and everything as before. The disk is a small tmpfs in a
 * mount namespace of this test's own. */
#include "store_fixture.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <msb/records.h>

#include "io.h"

#define DISK "20m"

struct disk {
	struct fixture fixture;
	char ballast[160]; /* a file that takes room and can be removed */
};

/* Root inside is this one user outside. */
static void write_map(const char *path, unsigned id)
{
	struct msb_error err = {0};
	char line[32];
	int length = snprintf(line, sizeof(line), "0 %u 1", id);

	if (io_write_file(AT_FDCWD, path, line, (size_t)length, 0600, &err) < 0)
		fail_msg("%s", err.text);
}

/* An ordinary user may mount in a user namespace, where its files stay its own. */
static int become_able_to_mount(void **state)
{
	unsigned uid = geteuid(), gid = getegid();

	(void)state;
	assert_int_equal(unshare(CLONE_NEWNS | (uid == 0 ? 0 : CLONE_NEWUSER)), 0);
	if (uid != 0) {
		struct msb_error err = {0};

		write_map("/proc/self/uid_map", uid);
		if (io_write_file(AT_FDCWD, "/proc/self/setgroups", "deny", 4, 0600, &err) < 0)
			fail_msg("%s", err.text);
		write_map("/proc/self/gid_map", gid);
	}
	assert_int_equal(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	return 0;
}

static int set_up(void **state)
{
	struct disk *disk = calloc(1, sizeof(*disk));
	struct fixture *f = &disk->fixture;

	strcpy(f->directory, "/tmp/msb-test-full-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	assert_int_equal(mount("disk", f->directory, "tmpfs", 0, "size=" DISK), 0);
	snprintf(f->root, sizeof(f->root), "%s/store", f->directory);
	snprintf(disk->ballast, sizeof(disk->ballast), "%s/ballast", f->directory);
	assert_ok(f, store_create(f->root, &f->err));
	fixture_open(f->root, &f->store, &f->writer);
	*state = disk;
	return 0;
}

static int tear_down(void **state)
{
	struct disk *disk = *state;
	struct fixture *f = &disk->fixture;

	fixture_close(f);
	assert_int_equal(umount(f->directory), 0);
	assert_int_equal(rmdir(f->directory), 0);
	free(disk);
	return 0;
}

static void write_ballast(struct disk *disk, uint64_t max)
{
	static const char bytes[4096];
	autoclose int fd = open(disk->ballast, O_WRONLY | O_CREAT | O_APPEND, 0600);

	for (uint64_t done = 0; done < max; done += sizeof(bytes))
		if (write(fd, bytes, sizeof(bytes)) < 0)
			break;
}

static void remove_ballast(struct disk *disk)
{
	assert_int_equal(unlink(disk->ballast), 0);
}

static void small_blobs_that_find_no_room_are_refused(void **state)
{
	struct disk *disk = *state;
	struct fixture *f = &disk->fixture;
	struct msb_digest first = fixture_put_seed(f, 1, 1000), digest, last = first;
	uint64_t seed = 100, put;
	int r = 0;

	fixture_commit(f);
	write_ballast(disk, 8 << 20);
	for (;; seed++) {
		autofree uint8_t *bytes = fixture_bytes(seed, 100000);

		r = store_put(f->writer, bytes, 100000, &digest, &f->err);
		if (r < 0)
			break;
		last = digest;
	}
	put = seed - 100;
	assert_int_equal(r, -ENOSPC);
	assert_non_null(strstr(f->err.text, f->root));
	assert_true(put > 10);
	fixture_expect(f->store, &first, 1, 1000);
	assert_int_equal(store_begin(f->writer, &f->err), -ENOSPC);

	remove_ballast(disk);
	fixture_commit(f);
	fixture_reopen(f);
	fixture_expect(f->store, &first, 1, 1000);
	fixture_expect(f->store, &last, seed - 1, 100000);
}

static void a_large_blob_that_finds_no_room_leaves_nothing(void **state)
{
	struct disk *disk = *state;
	struct fixture *f = &disk->fixture;
	autofree uint8_t *bytes = fixture_bytes(1, 6 << 20);
	struct msb_digest digest;
	struct store_stream *stream;
	autoclose int fd = -1;
	char path[160];
	int r;

	snprintf(path, sizeof(path), "%s/file", f->directory);
	assert_ok(f, io_write_file(AT_FDCWD, path, bytes, 6 << 20, 0600, &f->err));
	fd = open(path, O_RDONLY);
	write_ballast(disk, 6 << 20);
	assert_int_equal(store_put(f->writer, bytes, 6 << 20, &digest, &f->err), -ENOSPC);
	assert_int_equal(store_put_fd(f->writer, fd, 6 << 20, &digest, &f->err), -ENOSPC);
	assert_ok(f, store_stream_begin(f->writer, 6 << 20, &stream, &f->err));
	r = store_stream_write(stream, bytes, 6 << 20, &f->err);
	assert_int_equal(r, -ENOSPC);
	assert_non_null(strstr(f->err.text, f->root));
	store_stream_abandon(stream);
	remove_ballast(disk);
	/* All three have given their room back. */
	digest = fixture_put(f, bytes, 6 << 20);
	fixture_commit(f);
	fixture_expect(f->store, &digest, 1, 6 << 20);
}

/* Records until there is no room for them; 0 when the transaction went through. */
static int add_many_builds(struct fixture *f, struct msb_build *build)
{
	int64_t id;
	int r = store_begin(f->writer, &f->err);

	for (int i = 0; r == 0 && i < 4000; i++)
		r = store_add_build(f->writer, build, &id, &f->err);
	if (r == 0)
		return store_commit(f->writer, &f->err);
	store_rollback(f->writer);
	return r;
}

static void records_that_find_no_room_are_undone_as_a_whole(void **state)
{
	struct disk *disk = *state;
	struct fixture *f = &disk->fixture;
	char name[1001];
	struct msb_build build = {.dockerfile_name = name}, *builds;
	struct msb_digest digest;
	size_t count;
	int64_t id;

	memset(name, 'x', 1000);
	name[1000] = '\0';
	assert_ok(f, store_begin(f->writer, &f->err));
	assert_ok(f, store_add_build(f->writer, &build, &id, &f->err));
	assert_ok(f, store_commit(f->writer, &f->err));
	digest = fixture_put_seed(f, 1, 1000);
	fixture_expect(f->store, &digest, 1, 1000);
	write_ballast(disk, UINT64_MAX);
	assert_int_equal(add_many_builds(f, &build), -ENOSPC);
	assert_non_null(strstr(f->err.text, f->root));
	assert_non_null(strstr(f->err.text, "space"));
	assert_ok(f, msb_records_builds(f->store, 0, &builds, &count, &f->err));
	assert_int_equal(count, 1);
	msb_builds_free(builds, count);
	/* What was put is still there to be committed. */
	fixture_expect(f->store, &digest, 1, 1000);
	remove_ballast(disk);
	assert_ok(f, add_many_builds(f, &build));
	fixture_reopen(f);
	fixture_expect(f->store, &digest, 1, 1000);
	assert_ok(f, msb_records_builds(f->store, 0, &builds, &count, &f->err));
	assert_int_equal(count, 4001);
	msb_builds_free(builds, count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(small_blobs_that_find_no_room_are_refused, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_large_blob_that_finds_no_room_leaves_nothing,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(records_that_find_no_room_are_undone_as_a_whole,
						set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("store_full", tests, become_able_to_mount, NULL);
}

/* Files put by descriptor or name, streams, and holes. */
#include "store_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "io.h"

#define LARGE (3 * STORE_LARGE)

/* A file in the scratch directory. */
static void make_file(struct fixture *f, const char *name, uint64_t seed, size_t size)
{
	autofree uint8_t *bytes = fixture_bytes(seed, size);

	assert_ok(f,
		  io_write_file(store_writer_scratch(f->writer), name, bytes, size, 0644, &f->err));
}

static bool exists(struct fixture *f, const char *name)
{
	return faccessat(store_writer_scratch(f->writer), name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static ino_t blob_inode(struct fixture *f, const struct msb_digest *digest, struct stat *ret)
{
	struct msb_location location;
	autoclose int fd = -1;

	assert_ok(f, msb_store_open_blob(f->store, digest, &fd, &location, &f->err));
	assert_int_equal(fstat(fd, ret), 0);
	return ret->st_ino;
}

static void a_large_file_of_the_scratch_directory_is_renamed_in(void **state)
{
	struct fixture *f = *state;
	struct stat before, after;
	struct msb_digest digest;
	uint64_t size;

	make_file(f, "big", 1, LARGE);
	assert_int_equal(fstatat(store_writer_scratch(f->writer), "big", &before, 0), 0);
	assert_ok(f, store_put_file(f->writer, store_writer_scratch(f->writer), "big", &digest,
				    &size, &f->err));
	assert_int_equal(size, LARGE);
	assert_false(exists(f, "big"));
	assert_int_equal(blob_inode(f, &digest, &after), before.st_ino);
	assert_int_equal(after.st_mode & 07777, 0400);
	assert_int_equal(after.st_uid, geteuid());
	fixture_commit(f);
	fixture_reopen(f);
	fixture_expect(f->store, &digest, 1, LARGE);
}

static void a_file_with_two_names_is_copied(void **state)
{
	struct fixture *f = *state;
	int dir = store_writer_scratch(f->writer);
	struct msb_digest digest;
	uint64_t size;

	make_file(f, "big", 1, LARGE);
	assert_int_equal(linkat(dir, "big", dir, "other", 0), 0);
	assert_ok(f, store_put_file(f->writer, dir, "big", &digest, &size, &f->err));
	assert_true(exists(f, "big"));
	fixture_expect(f->store, &digest, 1, LARGE);
}

static void a_small_file_goes_into_the_pack(void **state)
{
	struct fixture *f = *state;
	struct msb_location location;
	struct msb_digest digest;
	uint64_t size;

	make_file(f, "small", 1, 100);
	assert_ok(f, store_put_file(f->writer, store_writer_scratch(f->writer), "small", &digest,
				    &size, &f->err));
	assert_int_equal(size, 100);
	assert_ok(f, msb_store_locate(f->store, &digest, &location, &f->err));
	assert_int_not_equal(location.pack, 0);
	fixture_expect(f->store, &digest, 1, 100);
}

static void what_is_no_regular_file_is_refused(void **state)
{
	struct fixture *f = *state;
	int dir = store_writer_scratch(f->writer);
	struct msb_digest digest;
	uint64_t size;

	assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
	assert_int_equal(symlinkat("fifo", dir, "link"), 0);
	assert_int_equal(store_put_file(f->writer, dir, "fifo", &digest, &size, &f->err), -EINVAL);
	assert_non_null(strstr(f->err.text, "'fifo'"));
	assert_int_equal(store_put_file(f->writer, dir, "link", &digest, &size, &f->err), -ELOOP);
	assert_int_equal(store_put_file(f->writer, dir, "none", &digest, &size, &f->err), -ENOENT);
}

static void a_descriptor_is_read_from_its_offset(void **state)
{
	struct fixture *f = *state;
	static const size_t sizes[] = {1000, LARGE};

	for (size_t i = 0; i < 2; i++) {
		autofree uint8_t *bytes = fixture_bytes(i, sizes[i]);
		autofree uint8_t *found = NULL;
		struct msb_digest digest;
		autoclose int fd = -1;
		size_t size;

		make_file(f, "file", i, sizes[i]);
		fd = openat(store_writer_scratch(f->writer), "file", O_RDONLY);
		assert_int_equal(lseek(fd, 10, SEEK_SET), 10);
		assert_ok(f, store_put_fd(f->writer, fd, sizes[i] - 10, &digest, &f->err));
		assert_int_equal(lseek(fd, 0, SEEK_CUR), sizes[i]);
		assert_ok(f, msb_store_load(f->store, &digest, sizes[i], &found, &size, &f->err));
		assert_int_equal(size, sizes[i] - 10);
		assert_memory_equal(found, bytes + 10, size);
	}
}

static void a_descriptor_that_ends_early_is_an_error_and_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	static const size_t sizes[] = {1000, LARGE};

	for (size_t i = 0; i < 2; i++) {
		struct msb_digest digest;
		autoclose int fd = -1;

		make_file(f, "file", i, sizes[i]);
		fd = openat(store_writer_scratch(f->writer), "file", O_RDONLY);
		assert_int_equal(store_put_fd(f->writer, fd, sizes[i] + 1, &digest, &f->err), -EIO);
	}
	assert_false(exists(f, ".blob-1"));
}

static void a_pipe_is_stored(void **state)
{
	struct fixture *f = *state;
	autofree uint8_t *bytes = fixture_bytes(1, 60000);
	struct msb_digest digest;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(io_write(ends[1], bytes, 60000), 0);
	assert_ok(f, store_put_fd(f->writer, ends[0], 60000, &digest, &f->err));
	close(ends[0]);
	close(ends[1]);
	fixture_expect(f->store, &digest, 1, 60000);
}

/* A megabyte of bytes, a hole of 64, a megabyte of bytes, a hole of one. */
#define SPARSE (67 * UINT64_C(1048576))
static struct msb_digest make_sparse(struct fixture *f, const char *name)
{
	AUTO(msb_hasher_freep) struct msb_hasher *hasher = msb_hasher_new();
	autofree uint8_t *bytes = fixture_bytes(1, 1048576);
	autofree uint8_t *zeros = calloc(65, 1048576);
	autoclose int fd = openat(store_writer_scratch(f->writer), name, O_RDWR | O_CREAT, 0600);
	struct msb_digest digest;

	assert_int_equal(io_pwrite(fd, bytes, 1048576, 0), 0);
	assert_int_equal(io_pwrite(fd, bytes, 1048576, 65 * UINT64_C(1048576)), 0);
	assert_int_equal(ftruncate(fd, SPARSE), 0);
	msb_hasher_update(hasher, bytes, 1048576);
	msb_hasher_update(hasher, zeros, 64 * UINT64_C(1048576));
	msb_hasher_update(hasher, bytes, 1048576);
	msb_hasher_update(hasher, zeros, 1048576);
	msb_hasher_finish(hasher, &digest);
	return digest;
}

static void expect_sparse(struct fixture *f, const struct msb_digest *digest)
{
	struct stat st;

	blob_inode(f, digest, &st);
	assert_int_equal(st.st_size, SPARSE);
	assert_true(st.st_blocks * 512 <= 3 * 1048576);
}

static void holes_stay_holes_when_a_descriptor_is_copied(void **state)
{
	struct fixture *f = *state;
	struct msb_digest expected = make_sparse(f, "sparse"), digest;
	autoclose int fd = openat(store_writer_scratch(f->writer), "sparse", O_RDONLY);

	assert_ok(f, store_put_fd(f->writer, fd, SPARSE, &digest, &f->err));
	assert_memory_equal(&digest, &expected, sizeof(digest));
	expect_sparse(f, &digest);
}

static void holes_stay_holes_when_a_file_is_renamed_in(void **state)
{
	struct fixture *f = *state;
	struct msb_digest expected = make_sparse(f, "sparse"), digest;
	uint64_t size;

	assert_ok(f, store_put_file(f->writer, store_writer_scratch(f->writer), "sparse", &digest,
				    &size, &f->err));
	assert_memory_equal(&digest, &expected, sizeof(digest));
	expect_sparse(f, &digest);
}

static void zeros_in_a_stream_become_holes(void **state)
{
	struct fixture *f = *state;
	struct msb_digest expected = make_sparse(f, "sparse"), digest;
	autoclose int fd = openat(store_writer_scratch(f->writer), "sparse", O_RDONLY);
	struct store_stream *stream;
	uint8_t part[50000];
	ssize_t n;

	assert_ok(f, store_stream_begin(f->writer, SPARSE, &stream, &f->err));
	while ((n = io_read(fd, part, sizeof(part))) > 0)
		assert_ok(f, store_stream_write(stream, part, (size_t)n, &f->err));
	assert_ok(f, store_stream_finish(stream, &digest, &f->err));
	assert_memory_equal(&digest, &expected, sizeof(digest));
	expect_sparse(f, &digest);
}

static void a_stream_in_pieces_is_a_blob(void **state)
{
	struct fixture *f = *state;
	static const size_t sizes[] = {0, 1, 70000, STORE_LARGE - 1, STORE_LARGE, LARGE + 13};

	for (size_t i = 0; i < 6; i++) {
		autofree uint8_t *bytes = fixture_bytes(i, sizes[i]);
		struct store_stream *stream;
		struct msb_digest digest;

		assert_ok(f, store_stream_begin(f->writer, sizes[i], &stream, &f->err));
		for (size_t done = 0; done < sizes[i]; done += 9973) {
			size_t part = sizes[i] - done < 9973 ? sizes[i] - done : 9973;

			assert_ok(f, store_stream_write(stream, bytes + done, part, &f->err));
		}
		assert_ok(f, store_stream_finish(stream, &digest, &f->err));
		fixture_expect(f->store, &digest, i, sizes[i]);
	}
}

static void a_stream_that_does_not_add_up_is_an_error(void **state)
{
	struct fixture *f = *state;
	static const size_t sizes[] = {10, LARGE};
	struct store_stream *stream;
	struct msb_digest digest;

	for (size_t i = 0; i < 2; i++) {
		autofree uint8_t *bytes = fixture_bytes(i, sizes[i] + 1);

		assert_ok(f, store_stream_begin(f->writer, sizes[i], &stream, &f->err));
		assert_ok(f, store_stream_write(stream, bytes, sizes[i] - 1, &f->err));
		assert_int_equal(store_stream_write(stream, bytes, 2, &f->err), -EIO);
		store_stream_abandon(stream);
		assert_ok(f, store_stream_begin(f->writer, sizes[i], &stream, &f->err));
		assert_ok(f, store_stream_write(stream, bytes, sizes[i] - 1, &f->err));
		assert_int_equal(store_stream_finish(stream, &digest, &f->err), -EIO);
	}
	assert_false(exists(f, ".blob-1"));
	assert_false(exists(f, ".blob-2"));
	assert_int_equal(store_stream_begin(f->writer, UINT64_MAX, &stream, &f->err), -EFBIG);
}

/* Puts a file at the final name of a blob that no record names, and puts the blob. */
static void put_over_leftover(struct fixture *f, uint64_t leftover_seed)
{
	autofree uint8_t *bytes = fixture_bytes(1, LARGE);
	autofree uint8_t *leftover = fixture_bytes(leftover_seed, LARGE);
	char text[MSB_DIGEST_TEXT], path[96];
	struct msb_digest digest;

	msb_digest_of(bytes, LARGE, &digest);
	msb_digest_format(&digest, text);
	snprintf(path, sizeof(path), "large/%.2s", text + 7);
	assert_ok(f, io_make_dirs(msb_store_directory(f->store), path, 0700, &f->err));
	snprintf(path, sizeof(path), "large/%.2s/%s", text + 7, text + 9);
	assert_ok(f, io_write_file(msb_store_directory(f->store), path, leftover, LARGE, 0400,
				   &f->err));
	fixture_expect_absent(f->store, &digest);
	assert_memory_equal(&digest, &(struct msb_digest[]){fixture_put(f, bytes, LARGE)}, 32);
	fixture_commit(f);
	fixture_expect(f->store, &digest, 1, LARGE);
	assert_false(exists(f, ".blob-1"));
}

static void a_large_file_that_a_dead_writer_left_is_used_if_it_is_whole(void **state)
{
	put_over_leftover(*state, 1);
}

static void a_large_file_that_a_dead_writer_left_torn_is_replaced(void **state)
{
	put_over_leftover(*state, 2);
}

static void a_large_blob_that_is_there_costs_no_file(void **state)
{
	struct fixture *f = *state;
	struct stat first, second;
	struct msb_digest digest;
	uint64_t size;

	digest = fixture_put_seed(f, 1, LARGE);
	fixture_commit(f);
	blob_inode(f, &digest, &first);
	make_file(f, "again", 1, LARGE);
	assert_ok(f, store_put_file(f->writer, store_writer_scratch(f->writer), "again", &digest,
				    &size, &f->err));
	blob_inode(f, &digest, &second);
	assert_int_equal(first.st_ino, second.st_ino);
	assert_true(exists(f, "again"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_IN_STORE(a_large_file_of_the_scratch_directory_is_renamed_in),
		TEST_IN_STORE(a_file_with_two_names_is_copied),
		TEST_IN_STORE(a_small_file_goes_into_the_pack),
		TEST_IN_STORE(what_is_no_regular_file_is_refused),
		TEST_IN_STORE(a_descriptor_is_read_from_its_offset),
		TEST_IN_STORE(a_descriptor_that_ends_early_is_an_error_and_leaves_nothing),
		TEST_IN_STORE(a_pipe_is_stored),
		TEST_IN_STORE(holes_stay_holes_when_a_descriptor_is_copied),
		TEST_IN_STORE(holes_stay_holes_when_a_file_is_renamed_in),
		TEST_IN_STORE(zeros_in_a_stream_become_holes),
		TEST_IN_STORE(a_stream_in_pieces_is_a_blob),
		TEST_IN_STORE(a_stream_that_does_not_add_up_is_an_error),
		TEST_IN_STORE(a_large_file_that_a_dead_writer_left_is_used_if_it_is_whole),
		TEST_IN_STORE(a_large_file_that_a_dead_writer_left_torn_is_replaced),
		TEST_IN_STORE(a_large_blob_that_is_there_costs_no_file),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("store_large", tests, NULL, NULL);
}

/* Directories of RUN --mount=type=cache, where several steps want them at once. */
#include "store_fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <msb/cache_names.h>

#include "buffer.h"
#include "cache_directory.h"
#include "io.h"

#define TAKERS 8
#define ROUNDS 40

/* One step of several that begin at the same moment. */
struct taker {
	struct fixture *fixture;
	pthread_barrier_t *begin;
	const struct run_mount *mount;
	unsigned number;
	int result;
	struct msb_error err;
};

static void *take(void *context)
{
	struct taker *taker = context;
	autofree char *path = NULL, *file = NULL;
	autoclose int lock = -1;

	pthread_barrier_wait(taker->begin);
	taker->result = cache_directory_take(taker->fixture->writer, taker->mount, NULL, 0, &path,
					     &lock, &taker->err);
	if (taker->result < 0)
		return NULL;
	file = buffer_format("%s/%u", path, taker->number);
	taker->result = io_write_file(AT_FDCWD, file, "x", 1, 0600, &taker->err);
	return NULL;
}

/* Where the directory of an id is, with `name` behind it; owned. */
static char *place_of(const struct fixture *f, const char *id, const char *name)
{
	char place[MSB_CACHE_PLACE];

	return buffer_format("%s/" MSB_CACHES "/%s/%s", f->root, msb_cache_place(id, place), name);
}

static void take_at_once(struct fixture *f, const struct run_mount *mount)
{
	struct taker takers[TAKERS];
	pthread_t threads[TAKERS];
	pthread_barrier_t begin;

	pthread_barrier_init(&begin, NULL, TAKERS);
	for (unsigned i = 0; i < TAKERS; i++) {
		takers[i] = (struct taker){f, &begin, mount, i, 0, {0}};
		assert_int_equal(pthread_create(&threads[i], NULL, take, &takers[i]), 0);
	}
	for (unsigned i = 0; i < TAKERS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&begin);
	for (unsigned i = 0; i < TAKERS; i++)
		if (takers[i].result < 0)
			fail_msg("%s", takers[i].err.text);
}

static void steps_that_begin_at_once_share_one_new_directory(void **state)
{
	struct fixture *f = *state;

	for (unsigned round = 0; round < ROUNDS; round++) {
		autofree char *id = buffer_format("id-%u", round);
		struct run_mount mount = {.kind = MOUNT_CACHE, .id = id, .sharing = SHARING_SHARED};

		take_at_once(f, &mount);
		for (unsigned i = 0; i < TAKERS; i++) {
			autofree char *name = buffer_format("0/%u", i);
			autofree char *file = place_of(f, id, name);

			assert_int_equal(access(file, F_OK), 0);
		}
	}
}

struct reader {
	const char *file;
	size_t torn; /* how often it was not whole */
	bool stop;   /* atomic */
};

static void *read_on(void *context)
{
	struct reader *reader = context;

	while (!__atomic_load_n(&reader->stop, __ATOMIC_RELAXED)) {
		autobuffer id = {0};

		if (io_read_file(AT_FDCWD, reader->file, 100, &id, NULL) == 0)
			reader->torn += id.size != strlen("go-build");
	}
	return NULL;
}

static void readers_find_the_id_whole_at_any_time(void **state)
{
	struct fixture *f = *state;
	char id[] = "go-build";
	const struct run_mount mount = {.kind = MOUNT_CACHE, .id = id, .sharing = SHARING_SHARED};
	autofree char *file = place_of(f, id, "id");
	struct reader reader = {.file = file};
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, read_on, &reader), 0);
	for (unsigned i = 0; i < 2000; i++) {
		autofree char *path = NULL;
		autoclose int lock = -1;

		assert_ok(f,
			  cache_directory_take(f->writer, &mount, NULL, 0, &path, &lock, &f->err));
	}
	__atomic_store_n(&reader.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_int_equal(reader.torn, 0);
}

static void its_use_is_when_the_id_was_touched_last(void **state)
{
	static const struct timespec long_ago[2] = {{1000, 0}, {1000, 0}};
	struct fixture *f = *state;
	char id[] = "apt";
	const struct run_mount mount = {.kind = MOUNT_CACHE, .id = id, .sharing = SHARING_PRIVATE};
	autofree char *file = place_of(f, id, "id");
	struct stat st;

	for (unsigned i = 0; i < 2; i++) {
		autofree char *path = NULL;
		autoclose int lock = -1;

		assert_ok(f,
			  cache_directory_take(f->writer, &mount, NULL, 0, &path, &lock, &f->err));
		assert_int_equal(stat(file, &st), 0);
		assert_true(st.st_mtim.tv_sec > 1000);
		assert_int_equal(utimensat(AT_FDCWD, file, long_ago, 0), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_IN_STORE(steps_that_begin_at_once_share_one_new_directory),
		TEST_IN_STORE(readers_find_the_id_whole_at_any_time),
		TEST_IN_STORE(its_use_is_when_the_id_was_touched_last),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Who waits for requests, with a pipe as the kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "doorman.h"

#define THREADS 4
#define MOMENT  1000000
#define LONG    3000 /* of them; a test that waits as long has failed */

struct threads {
	struct doorman *doorman;
	int ends[2];
	pthread_t ids[THREADS];
	atomic_int taken;     /* requests */
	atomic_int answering; /* threads that answered one */
	atomic_bool stay;     /* whoever gets a request does not come back */
	atomic_bool leave;    /* and says so */
};

static void moment(void)
{
	const struct timespec pause = {.tv_nsec = MOMENT};

	nanosleep(&pause, NULL);
}

static void *run(void *context)
{
	struct threads *threads = context;
	bool first = true;
	char byte;

	while (doorman_read(threads->doorman, threads->ends[0], &byte, 1) == 1) {
		if (first)
			atomic_fetch_add(&threads->answering, 1);
		first = false;
		if (atomic_load(&threads->leave))
			doorman_leave(threads->doorman);
		atomic_fetch_add(&threads->taken, 1);
		while (atomic_load(&threads->stay))
			moment();
	}
	/* The end of the pipe is everybody's. */
	doorman_leave(threads->doorman);
	return NULL;
}

static int begin(void **state)
{
	static struct threads threads;

	threads = (struct threads){.doorman = doorman_new()};
	assert_non_null(threads.doorman);
	assert_int_equal(pipe(threads.ends), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads.ids[i], NULL, run, &threads), 0);
	*state = &threads;
	return 0;
}

static int end(void **state)
{
	struct threads *threads = *state;

	atomic_store(&threads->stay, false);
	close(threads->ends[1]);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads->ids[i], NULL);
	close(threads->ends[0]);
	doorman_free(threads->doorman);
	return 0;
}

static void ask(struct threads *threads, int already)
{
	assert_int_equal(write(threads->ends[1], "x", 1), 1);
	for (unsigned i = 0; i < LONG && atomic_load(&threads->taken) == already; i++)
		moment();
	assert_int_equal(atomic_load(&threads->taken), already + 1);
}

static void one_thread_answers_what_comes_one_after_the_other(void **state)
{
	struct threads *threads = *state;

	for (int i = 0; i < 200; i++) {
		ask(threads, i);
		moment();
	}
	/* One that was not back in time is replaced, which a busy machine may bring about. */
	assert_in_range(atomic_load(&threads->answering), 1, THREADS - 1);
}

static void another_one_comes_when_the_first_says_that_it_leaves(void **state)
{
	struct threads *threads = *state;

	atomic_store(&threads->leave, true);
	atomic_store(&threads->stay, true);
	for (int i = 0; i < THREADS; i++)
		ask(threads, i);
	assert_int_equal(atomic_load(&threads->answering), THREADS);
}

static void another_one_comes_when_the_first_does_not_come_back(void **state)
{
	struct threads *threads = *state;

	atomic_store(&threads->stay, true);
	for (int i = 0; i < THREADS; i++)
		ask(threads, i);
	assert_int_equal(atomic_load(&threads->answering), THREADS);
}

static void all_come_when_there_is_much_to_do(void **state)
{
	struct threads *threads = *state;

	atomic_store(&threads->stay, true);
	assert_int_equal(write(threads->ends[1], "xxxx", THREADS), THREADS);
	for (unsigned i = 0; i < LONG && atomic_load(&threads->taken) < THREADS; i++)
		moment();
	assert_int_equal(atomic_load(&threads->taken), THREADS);
}

static void who_stands_aside_can_be_cancelled(void **state)
{
	struct threads *threads = *state;
	void *result;

	ask(threads, 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_cancel(threads->ids[i]);
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(threads->ids[i], &result);
		assert_ptr_equal(result, PTHREAD_CANCELED);
	}
	/* The lock is free: who comes now is served, when the door is. */
	doorman_leave(threads->doorman);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads->ids[i], NULL, run, threads), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_cancel(threads->ids[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_thread_answers_what_comes_one_after_the_other,
						begin, end),
		cmocka_unit_test_setup_teardown(
			another_one_comes_when_the_first_says_that_it_leaves, begin, end),
		cmocka_unit_test_setup_teardown(another_one_comes_when_the_first_does_not_come_back,
						begin, end),
		cmocka_unit_test_setup_teardown(all_come_when_there_is_much_to_do, begin, end),
		cmocka_unit_test_setup_teardown(who_stands_aside_can_be_cancelled, begin, end),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

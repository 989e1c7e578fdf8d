/* Serving a mount's questions where threads cannot be had. */
#include "store_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <msb/builder.h>

/* Less than a thread's stack, and enough to open a store. */
#define ROOM ((rlim_t)1536 * 1024)

/* Leaves this process no room for another thread. */
static void take_room_away(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");
	struct rlimit limit;

	if (!file || fscanf(file, "%lu", &pages) != 1 || getrlimit(RLIMIT_AS, &limit) < 0)
		_exit(3);
	fclose(file);
	limit.rlim_cur = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + ROOM;
	if (setrlimit(RLIMIT_AS, &limit) < 0)
		_exit(4);
}

static void serve_without_room(const char *root, int fd)
{
	struct msb_error err = {0};

	alarm(20);
	take_room_away();
	if (msb_serve_fetches(root, fd, &err) >= 0)
		_exit(5);
	_exit(strstr(err.text, "start a thread") ? 0 : 6);
}

static void it_ends_where_no_thread_can_be_started(void **state)
{
	struct fixture *f = *state;
	static const char question[] = "\0\0\0\0\0\0\0\0\1\0\0\0sha256:none";
	int ends[2], status;
	pid_t pid;

	fixture_close(f);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(send(ends[0], question, sizeof(question) - 1, 0), sizeof(question) - 1);
	pid = fork();
	if (pid == 0)
		serve_without_room(f->root, ends[1]);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_IN_STORE(it_ends_where_no_thread_can_be_started),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

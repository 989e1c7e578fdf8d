/*
 * The end of a command: its own, or the one that somebody wants before.
 *
 * A shell that is the first process of its namespace ignores what it does not catch, and would go
 * on with its next line if its children alone were ended. So one that catches SIGTERM gets it and
 * a moment; then, as for every other, all processes of the namespace go at once.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <msb/cleanup.h>

#include "internal.h"
#include "process.h"

#define GRACE_MS 300

/* The runtime's one child is the command. 0 where it has none yet. */
static pid_t find_command(pid_t runtime)
{
	char path[64];
	autofclose FILE *children = NULL;
	int pid;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)runtime, (int)runtime);
	children = fopen(path, "re");
	return children && fscanf(children, "%d", &pid) == 1 && pid > 1 ? pid : 0;
}

static bool catches(pid_t pid, int number)
{
	char path[64], line[256];
	autofclose FILE *status = NULL;
	uint64_t caught = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	status = fopen(path, "re");
	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "SigCgt: %" SCNx64, &caught) == 1)
			break;
	return caught >> (number - 1) & 1;
}

static void end(pid_t runtime, int watch)
{
	pid_t command = find_command(runtime);
	struct pollfd ended = {watch, POLLIN, 0};

	if (command > 0 && catches(command, SIGTERM) && kill(command, SIGTERM) == 0)
		poll(&ended, 1, GRACE_MS);
	/* The init of the namespace that all of it lives in. */
	kill(runtime, SIGKILL);
}

int ending_wait(pid_t runtime, int stop_fd, int *ret_status, struct msb_error *err)
{
	autoclose int watch = stop_fd > 0 ? (int)syscall(SYS_pidfd_open, runtime, 0) : -1;
	struct pollfd polls[] = {{watch, POLLIN, 0}, {stop_fd, POLLIN, 0}};
	int r;

	/* Without a pidfd the command comes to its own end. */
	while (watch >= 0 && !polls[0].revents && !polls[1].revents)
		if (poll(polls, 2, -1) < 0 && errno != EINTR)
			break;
	if (watch < 0 || polls[0].revents)
		return process_wait(runtime, ret_status, err);
	end(runtime, watch);
	r = process_wait(runtime, ret_status, err);
	return r < 0 ? r : msb_error_say(err, ECANCELED, "the command was ended");
}

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "command_output.h"
#include "internal.h"
#include "io.h"
#include "live_log.h"
#include "step_log.h"

#define MAX_LOG (64u * 1024 * 1024)

/* Reads what the command prints until both pipes are closed. */
struct listener {
	struct step_run *run;
	int fds[2]; /* stdout, stderr */
	int live;   /* for followers; -1: none */
	pthread_t thread;
};

static uint64_t elapsed_ms(const struct step_run *run)
{
	int64_t elapsed = io_now() - run->began_ns;

	return elapsed > 0 ? (uint64_t)elapsed / 1000000 : 0; /* the clock may be set back */
}

static void heard(struct listener *listener, int index, const char *bytes, size_t size)
{
	struct step_run *run = listener->run;
	struct msb_event event = {
		.kind = MSB_EVENT_OUTPUT,
		.vertex = run->vertex,
		.stage = run->stage->plan->label,
		.step = run->step->number,
		.steps = run->stage->plan->step_count,
		.text = run->step->expanded,
		.output = bytes,
		.output_size = size,
		.output_fd = index + 1,
	};

	if (run->log.size + size <= MAX_LOG) {
		uint64_t ms = elapsed_ms(run);

		buffer_append(&run->log, bytes, size);
		step_log_mark(&run->log_marks, index + 1, ms, size);
		live_log_put(listener->live, index + 1, ms, bytes, size);
	}
	events_tell(&run->build->events, &event);
}

static void *listen(void *argument)
{
	struct listener *listener = argument;
	struct pollfd polls[2] = {{listener->fds[0], POLLIN, 0}, {listener->fds[1], POLLIN, 0}};
	char bytes[16384];
	size_t open_ends = 2;

	while (open_ends > 0) {
		if (poll(polls, 2, -1) < 0) {
			if (errno == EINTR)
				continue; /* what was ready before says nothing now */
			break;
		}
		for (int i = 0; i < 2; i++) {
			ssize_t n;

			if (polls[i].fd < 0 || !polls[i].revents)
				continue;
			n = read(polls[i].fd, bytes, sizeof(bytes));
			if (n > 0) {
				heard(listener, i, bytes, (size_t)n);
			} else if (n == 0 || errno != EINTR) {
				polls[i].fd = -1;
				open_ends--;
			}
		}
	}
	return NULL;
}

/* Starts the command with its output going to the listener, and waits for both. */
int command_run(struct step_run *run, struct sandbox_command *command, struct msb_error *err)
{
	struct listener listener = {.run = run};
	int out[2], errors[2], r;
	bool listening;

	if (pipe2(out, O_CLOEXEC) < 0)
		return msb_error_set(err, errno, "create a pipe");
	if (pipe2(errors, O_CLOEXEC) < 0) {
		close(out[0]);
		close(out[1]);
		return msb_error_set(err, errno, "create a pipe");
	}
	listener.fds[0] = out[0];
	listener.fds[1] = errors[0];
	listener.live = live_log_begin(run);
	command->stdout_fd = out[1];
	command->stderr_fd = errors[1];
	r = pthread_create(&listener.thread, NULL, listen, &listener);
	listening = r == 0;
	if (listening)
		r = sandbox_run(command, &run->exit_status, err);
	else
		r = msb_error_set(err, r, "start a thread");
	close(out[1]);
	close(errors[1]);
	if (listening)
		pthread_join(listener.thread, NULL);
	close(out[0]);
	close(errors[0]);
	live_log_end(run, listener.live);
	return r;
}

#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <msb/builder.h>

#include "command.h"

/* From the word to stop until the work is killed: all of it shall be over within a second. */
#define GRACE_MS 700

struct worker {
	pid_t pid;
	int stop; /* closing it is the word; owned, -1 once it was said */
	int signals;
	int signal; /* that somebody sent to stop it; 0: none */
	int wait_status;
};

static void tell_to_stop(struct worker *worker, int signal)
{
	worker->signal = signal;
	if (worker->stop >= 0)
		close(worker->stop);
	worker->stop = -1;
}

static bool has_ended(struct worker *worker)
{
	return waitpid(worker->pid, &worker->wait_status, WNOHANG) == worker->pid;
}

/* Any further signal changes nothing: it is being ended as fast as it can be. */
static void wait_for(struct worker *worker)
{
	struct pollfd poll_signals = {worker->signals, POLLIN, 0};
	struct signalfd_siginfo info;

	while (!has_ended(worker)) {
		int r = poll(&poll_signals, 1, worker->signal ? GRACE_MS : -1);

		if (r == 0)
			kill(worker->pid, SIGKILL);
		if (r > 0 && read(worker->signals, &info, sizeof(info)) == sizeof(info) &&
		    info.ssi_signo != SIGCHLD && !worker->signal)
			tell_to_stop(worker, (int)info.ssi_signo);
	}
}

/* As it ended, so this process ends. */
static int pass_on(const struct worker *worker, bool own_status)
{
	int signal_number = worker->signal;
	sigset_t all;

	if ((!signal_number || own_status) && WIFEXITED(worker->wait_status))
		return WEXITSTATUS(worker->wait_status);
	if (!signal_number)
		signal_number = WTERMSIG(worker->wait_status);
	fflush(NULL);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
	sigfillset(&all);
	sigprocmask(SIG_UNBLOCK, &all, NULL);
	return 128 + signal_number;
}

/* In the worker: nothing but its parent stops it. */
static void settle(const struct worker *worker, pid_t parent)
{
	sigset_t children;

	if (worker->signals >= 0)
		close(worker->signals);
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	sigprocmask(SIG_UNBLOCK, &children, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(STATUS_FAILED);
}

static int watch_signals(void)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD};
	sigset_t wanted;

	sigemptyset(&wanted);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		sigaddset(&wanted, numbers[i]);
	sigprocmask(SIG_BLOCK, &wanted, NULL);
	return signalfd(-1, &wanted, SFD_CLOEXEC);
}

int supervise(const char *root, bool own_status, int (*work)(void *context, int stop_fd),
	      void *context)
{
	struct worker worker = {.signals = watch_signals()};
	pid_t parent = getpid();
	int ends[2];

	if (worker.signals < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return fail_say("watch signals: %s", strerror(errno));
	worker.stop = ends[1];
	worker.pid = fork();
	if (worker.pid < 0)
		return fail_say("fork: %s", strerror(errno));
	if (worker.pid == 0) {
		close(ends[1]);
		settle(&worker, parent);
		return work(context, ends[0]);
	}
	close(ends[0]);
	wait_for(&worker);
	if (WIFSIGNALED(worker.wait_status))
		msb_store_sweep(root, NULL);
	close(worker.signals);
	if (worker.stop >= 0)
		close(worker.stop);
	return pass_on(&worker, own_status);
}

/*
 * The caller's terminal and the command's own, joined: what is typed there is read here, signals
 * that keys stand for are made by the command's terminal, and its size follows the caller's.
 *
 * The runtime makes the command's terminal and sends its master through a socket (OCI runtimes'
 * "console socket").
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <msb/cleanup.h>

#include "internal.h"

int terminal_listen(const char *directory, struct msb_error *err)
{
	autoclose int where = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (where < 0 || fd < 0)
		return msb_error_set(err, errno, "create the console socket");
	/* The directory's own path may be longer than an address can be. */
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" TERMINAL_SOCKET,
		 where);
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0)
		return msb_error_set(err, errno, "create the console socket");
	return steal_fd(&fd);
}

/* The descriptor that came as a message's only one, or a negative errno value. */
static int receive_fd(int connection)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	char name[256];
	struct iovec part = {name, sizeof(name)};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	const struct cmsghdr *header;
	int fd;

	if (recvmsg(connection, &message, MSG_CMSG_CLOEXEC) < 0)
		return -errno;
	header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
	    header->cmsg_len != CMSG_LEN(sizeof(int)))
		return -EPROTO;
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

/* -ECHILD without a sentence when the runtime ended before it sent anything. */
static int receive_master(int listener, int runtime, struct msb_error *err)
{
	struct pollfd polls[] = {{listener, POLLIN, 0}, {runtime, POLLIN, 0}};
	autoclose int connection = -1;
	int fd;

	while (poll(polls, 2, -1) < 0)
		if (errno != EINTR)
			return msb_error_set(err, errno, "wait for the command's terminal");
	if (!polls[0].revents)
		return -ECHILD;
	connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	fd = connection < 0 ? -errno : receive_fd(connection);
	return fd < 0 ? msb_error_set(err, fd, "receive the command's terminal") : fd;
}

/* Bytes on their way in one direction. */
struct flow {
	int from, to;
	size_t start, end;
	bool ended;  /* nothing more comes */
	bool broken; /* nothing more goes */
	char bytes[4096];
};

static void flow_read(struct flow *flow)
{
	ssize_t n = read(flow->from, flow->bytes, sizeof(flow->bytes));

	flow->start = 0;
	flow->end = n > 0 ? (size_t)n : 0;
	/* A master says EIO when the last slave was closed. */
	flow->ended = n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN);
}

static void flow_write(struct flow *flow)
{
	ssize_t n = write(flow->to, flow->bytes + flow->start, flow->end - flow->start);

	if (n > 0)
		flow->start += (size_t)n;
	else if (n < 0 && errno != EINTR && errno != EAGAIN)
		flow->broken = true;
}

static bool flow_is_full(const struct flow *flow)
{
	return flow->start < flow->end;
}

struct relay {
	struct flow in, out;
	int signals;
	int stop;    /* the command's stop_fd */
	int runtime; /* pidfd */
	int master;
	const char *typed; /* NULL: nothing, or nothing any more */
};

static void kill_runtime(const struct relay *relay)
{
	syscall(SYS_pidfd_send_signal, relay->runtime, SIGKILL, NULL, 0);
}

static void copy_size(const struct relay *relay)
{
	struct winsize size;

	if (ioctl(relay->in.from, TIOCGWINSZ, &size) == 0)
		ioctl(relay->master, TIOCSWINSZ, &size);
}

/* Whoever ends this process ends the command; the runtime takes all of its namespace along. */
static void take_signal(const struct relay *relay)
{
	struct signalfd_siginfo info;

	if (read(relay->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH)
		copy_size(relay);
	else
		kill_runtime(relay);
}

/* What a shell shows when it waits for a line; a query of the cursor's place may follow. */
static bool ends_in_prompt(const struct flow *out)
{
	size_t seen = out->end - out->start, tail = seen < 8 ? seen : 8;
	const char *last = out->bytes + out->end - tail;

	return memmem(last, tail, "# ", 2) || memmem(last, tail, "$ ", 2);
}

static void type_ahead(struct relay *relay)
{
	size_t size = strlen(relay->typed);

	if (flow_is_full(&relay->in) || size > sizeof(relay->in.bytes))
		return;
	memcpy(relay->in.bytes, relay->typed, size);
	relay->in.start = 0;
	relay->in.end = size;
	relay->typed = NULL;
}

/* Until the command's side is closed and all it printed is out. */
static void join(struct relay *relay)
{
	struct flow *in = &relay->in, *out = &relay->out;

	while (!out->ended) {
		struct pollfd polls[] = {
			{in->ended || flow_is_full(in) ? -1 : in->from, POLLIN, 0},
			{flow_is_full(in) ? relay->master : -1, POLLOUT, 0},
			{flow_is_full(out) ? -1 : relay->master, POLLIN, 0},
			{flow_is_full(out) ? out->to : -1, POLLOUT, 0},
			{relay->signals, POLLIN, 0},
			{relay->stop, POLLIN, 0},
		};

		if (poll(polls, sizeof(polls) / sizeof(*polls), -1) < 0) {
			if (errno == EINTR)
				continue;
			return;
		}
		if (polls[0].revents)
			flow_read(in);
		if (polls[1].revents)
			flow_write(in);
		if (polls[2].revents)
			flow_read(out);
		if (polls[2].revents && relay->typed && ends_in_prompt(out))
			type_ahead(relay);
		if (polls[3].revents)
			flow_write(out);
		if (polls[4].revents)
			take_signal(relay);
		/* Somebody wants its end, or there is nobody to see it any more. */
		if (polls[5].revents || out->broken) {
			kill_runtime(relay);
			return;
		}
	}
}

static int watch_signals(sigset_t *ret_before)
{
	sigset_t wanted;

	sigemptyset(&wanted);
	sigaddset(&wanted, SIGWINCH);
	sigaddset(&wanted, SIGTERM);
	sigaddset(&wanted, SIGINT);
	sigaddset(&wanted, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &wanted, ret_before);
	return signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
}

void terminal_keep(int fd, struct terminal_state *ret)
{
	ret->fd = tcgetattr(fd, &ret->modes) == 0 ? fd : -1;
}

void terminal_restore(const struct terminal_state *state)
{
	if (state->fd >= 0)
		tcsetattr(state->fd, TCSADRAIN, &state->modes);
}

int terminal_join(int listener, pid_t pid, const struct sandbox_command *command,
		  struct msb_error *err)
{
	autoclose int runtime = (int)syscall(SYS_pidfd_open, pid, 0);
	autoclose int signals = -1;
	autoclose int master = -1;
	struct termios raw;
	struct relay relay;
	sigset_t before;

	if (runtime < 0)
		return msb_error_set(err, errno, "watch the runtime");
	master = receive_master(listener, runtime, err);
	if (master < 0)
		return master == -ECHILD ? 0 : master;
	fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
	signals = watch_signals(&before);
	relay = (struct relay){
		.in = {.from = command->stdin_fd, .to = master},
		.out = {.from = master, .to = command->stdout_fd},
		.signals = signals,
		.stop = command->stop_fd > 0 ? command->stop_fd : -1,
		.runtime = runtime,
		.master = master,
		.typed = command->typed,
	};
	copy_size(&relay);
	if (tcgetattr(command->stdin_fd, &raw) == 0) {
		cfmakeraw(&raw);
		tcsetattr(command->stdin_fd, TCSANOW, &raw);
	}
	join(&relay);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return 0;
}

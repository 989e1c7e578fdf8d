#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <syslog.h>
#include <time.h>

#include "core.h"
#include "fuse_ops.h"
#include "mountpoint.h"
#include "push.h"
#include "release.h"
#include "serve.h"
#include "transport.h"
#include "waits.h"

/* The signal that wakes the main thread; its handler does nothing. */
#define WAKE SIGUSR2

struct server {
	const struct serve_options *options;
	char *store;      /* absolute; owned */
	char *mountpoint; /* absolute; owned */
	struct core *core;
	struct fuse_session *session;
	struct fuse_ops_context context;
	struct release *release;
	pthread_t main_thread;
	int signals;       /* a signalfd */
	int over;          /* an eventfd: the loop has ended */
	atomic_bool ended; /* the same, once over was written to */
	bool watching;
	pthread_t watcher;
};

/* libfuse tells its troubles to a function without a context. Until the mount stands they are
 * kept for the one sentence that the user gets. */
static struct {
	pthread_mutex_t lock;
	bool keep;
	serve_log_fn *log;
	char text[512];
} fuse_words = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void say(serve_log_fn *log, const char *sentence)
{
	if (log)
		log(sentence);
	else
		syslog(LOG_ERR, "%s", sentence);
}

__attribute__((format(printf, 2, 0))) static void on_fuse_words(enum fuse_log_level level,
								const char *format,
								va_list arguments)
{
	char text[256];
	size_t used;

	(void)level;
	vsnprintf(text, sizeof(text), format, arguments);
	pthread_mutex_lock(&fuse_words.lock);
	used = strlen(fuse_words.text);
	/* A sentence may come in pieces; its end is a line's end. */
	snprintf(fuse_words.text + used, sizeof(fuse_words.text) - used, "%s", text);
	if (!fuse_words.keep && strchr(text, '\n')) {
		fuse_words.text[strcspn(fuse_words.text, "\n")] = '\0';
		say(fuse_words.log, fuse_words.text);
		fuse_words.text[0] = '\0';
	}
	pthread_mutex_unlock(&fuse_words.lock);
}

static void fuse_words_keep(bool keep, serve_log_fn *log)
{
	pthread_mutex_lock(&fuse_words.lock);
	fuse_words.keep = keep;
	fuse_words.text[0] = '\0';
	fuse_words.log = log;
	pthread_mutex_unlock(&fuse_words.lock);
}

static int fuse_failed(struct msb_error *err, const char *what)
{
	char *why = fuse_words.text;

	why[strcspn(why, "\n")] = '\0';
	if (strncmp(why, "fuse: ", 6) == 0)
		why += 6;
	if (!*why)
		return msb_error_say(err, EIO, "%s failed", what);
	return msb_error_say(err, EIO, "%s: %s", what, why);
}

static void on_log(void *context, const char *sentence)
{
	const struct server *server = context;

	say(server->options->log, sentence);
}

static void let_go_of_terminal(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; i < 3 && fd >= 0; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

/* The first request, INIT, has arrived: the mount stands and will answer. */
static void on_ready(void *context)
{
	struct server *server = context;
	const struct serve_options *options = server->options;
	static const char byte = 1;

	fuse_words_keep(false, options->log);
	mountpoint_read_ahead(server->mountpoint, FUSE_OPS_READ_MAX);
	if (options->detach)
		let_go_of_terminal();
	if (options->control >= 0 && write(options->control, &byte, 1) < 0)
		on_log(server, "nobody listens at the control descriptor");
	if (options->ready >= 0) {
		if (write(options->ready, &byte, 1) < 0)
			on_log(server, "nobody waits for the mount");
		close(options->ready);
	}
}

/* Waits for a signal, for the control descriptor's other end to go, or for the loop's end. */
static void wait_for_end(const struct server *server)
{
	struct pollfd polled[] = {
		{.fd = server->signals, .events = POLLIN},
		{.fd = server->over, .events = POLLIN},
		{.fd = server->options->control, .events = POLLIN}, /* ignored when negative */
	};
	char byte;

	for (;;) {
		if (poll(polled, 3, -1) < 0 && errno != EINTR)
			return;
		if (polled[0].revents || polled[1].revents)
			return;
		if (polled[2].revents && read(server->options->control, &byte, 1) <= 0)
			return;
	}
}

/* The loop's main thread sleeps in a semaphore that a signal interrupts; as one may come just
 * before it falls asleep, they come until it has ended. */
static void *watch(void *context)
{
	struct server *server = context;
	struct timespec pause = {.tv_nsec = 10000000};

	wait_for_end(server);
	/* While there are threads to answer what a push may wait for. */
	push_stop(server->context.push);
	release_stop(server->release);
	core_stop_fetching(server->core);
	fuse_session_exit(server->session);
	while (!atomic_load(&server->ended)) {
		pthread_kill(server->main_thread, WAKE);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static void on_wake(int number)
{
	(void)number;
}

/* Signals come by descriptor only; all threads that are started later inherit that. */
static int take_signals(struct server *server, struct msb_error *err)
{
	struct sigaction wake = {.sa_handler = on_wake}, ignore = {.sa_handler = SIG_IGN};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaction(WAKE, &wake, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	server->signals = signalfd(-1, &set, SFD_CLOEXEC);
	server->over = eventfd(0, EFD_CLOEXEC);
	if (server->signals < 0 || server->over < 0)
		return msb_error_set(err, errno, "listen for signals");
	return 0;
}

static int start_watching(struct server *server, struct msb_error *err)
{
	int r;

	server->context.push = push_new(server->core, server->session);
	server->context.waits = waits_new();
	server->release = release_new(server->core, server->session);
	if (!server->context.push || !server->context.waits || !server->release)
		return msb_error_memory(err);
	server->main_thread = pthread_self();
	r = pthread_create(&server->watcher, NULL, watch, server);
	if (r)
		return msb_error_set(err, r, "start a thread");
	server->watching = true;
	return 0;
}

static int new_session(struct server *server, struct msb_error *err)
{
	const struct serve_options *options = server->options;
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	autofree char *list = NULL, *name = NULL;
	int r = 0;

	if (asprintf(&name, "fsname=%s", server->store) < 0) {
		name = NULL;
		return msb_error_memory(err);
	}
	r |= fuse_opt_add_opt(&list, options->mount_options);
	r |= fuse_opt_add_opt_escaped(&list, name);
	r |= fuse_opt_add_arg(&args, options->program);
	r |= fuse_opt_add_arg(&args, "-o");
	r |= fuse_opt_add_arg(&args, list);
	if (r == 0)
		server->session =
			fuse_session_new(&args, &fuse_ops, sizeof(fuse_ops), &server->context);
	fuse_opt_free_args(&args);
	return server->session ? 0 : fuse_failed(err, "mount options");
}

static void on_wait(void *transport)
{
	transport_leave(transport);
}

static int mount_it(struct server *server, struct msb_error *err)
{
	if (access("/dev/fuse", F_OK) < 0)
		return msb_error_set(err, errno,
				     "FUSE is missing (load it: modprobe fuse; in a container: "
				     "--device /dev/fuse): /dev/fuse");
	if (fuse_session_mount(server->session, server->mountpoint) != 0) {
		if (access("/dev/fuse", R_OK | W_OK) < 0)
			return msb_error_set(err, errno, "open /dev/fuse");
		return fuse_failed(err, "mount");
	}
	server->context.transport = transport_new(server->session, !server->options->no_ring, WAKE);
	if (!server->context.transport)
		return msb_error_memory(err);
	core_set_before_wait(server->core, on_wait, server->context.transport);
	return 0;
}

static int run_loop(struct server *server, struct msb_error *err)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned threads = cores > 2 ? (unsigned)cores * 2 : 4;
	int r;

	if (!config)
		return msb_error_memory(err);
	/* No descriptor a thread (clone_fd): measured, it gains nothing. */
	fuse_loop_cfg_set_max_threads(config, threads);
	fuse_loop_cfg_set_idle_threads(config, threads);
	r = fuse_session_loop_mt(server->session, config);
	fuse_loop_cfg_destroy(config);
	/* A positive number is the signal that ended it. */
	return r < 0 ? msb_error_set(err, r, "serve '%s'", server->mountpoint) : 0;
}

static int set_up(struct server *server, struct msb_error *err)
{
	const struct serve_options *options = server->options;
	struct core_options core_options = {
		.verify = options->verify,
		.cache_bytes = options->cache_bytes,
		.fetch = options->fetch,
		.autopull = options->autopull,
		.log = on_log,
		.log_context = server,
	};
	int r;

	/* A path that cannot be resolved gets its error from core_open(). */
	server->store = realpath(options->store, NULL);
	r = core_open(server->store ? server->store : options->store, &core_options, &server->core,
		      err);
	if (r < 0)
		return r;
	if (!server->store)
		return msb_error_set(err, errno, "store '%s'", options->store);
	r = mountpoint_prepare(options->mountpoint, server->store, &server->mountpoint, err);
	if (r < 0)
		return r;
	server->context = (struct fuse_ops_context){
		.core = server->core,
		.handles = options->handles,
		.no_xattrs = options->no_xattrs,
		.generation = (uint64_t)time(NULL),
		.ready = on_ready,
		.ready_context = server,
	};
	if (chdir("/") < 0)
		return msb_error_set(err, errno, "chdir to '/'");
	return new_session(server, err);
}

static void tear_down(struct server *server)
{
	if (server->watching) {
		atomic_store(&server->ended, true);
		eventfd_write(server->over, 1);
		pthread_join(server->watcher, NULL);
	}
	if (server->core)
		core_stop_fetching(server->core);
	waits_free(server->context.waits);
	transport_free(server->context.transport);
	push_free(server->context.push);
	release_free(server->release);
	if (server->session) {
		fuse_session_unmount(server->session);
		fuse_session_destroy(server->session);
	}
	if (server->signals >= 0)
		close(server->signals);
	if (server->over >= 0)
		close(server->over);
	core_close(server->core);
	free(server->mountpoint);
	free(server->store);
}

int serve(const struct serve_options *options, struct msb_error *err)
{
	struct server server = {.options = options, .signals = -1, .over = -1};
	int r;

	fuse_words_keep(true, options->log);
	fuse_set_log_func(on_fuse_words);
	r = take_signals(&server, err);
	if (r == 0)
		r = set_up(&server, err);
	if (r == 0)
		r = mount_it(&server, err);
	if (r == 0)
		r = start_watching(&server, err);
	if (r == 0)
		r = run_loop(&server, err);
	tear_down(&server);
	return r;
}

/* msbfs: shows a store as a directory. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>

#include <msb/cleanup.h>

#include "buffer.h"
#include "serve.h"

static const char usage[] =
	"usage: msbfs [-f] [-o options] STORE MOUNTPOINT\n"
	"\n"
	"Shows the stages, images and builds of a store as a read-only directory. Returns when "
	"the\n"
	"mount is ready; unmount with umount or fusermount3 -u.\n"
	"\n"
	"  -f               stay in the foreground; say what goes wrong on stderr\n"
	"  -o OPTION,...    mount options (allow_other, noatime...; root: suid, dev), and\n"
	"     noxattr       show no extended attributes\n"
	"     handles       answer file handles (open_by_handle_at, NFS); not under an overlay\n"
	"     verify        compare large files with their digests when they are first read\n"
	"     fetch=MSB     the msb that brings what lazily pulled images left in registries\n"
	"     autopull      pull images that are entered by name; with fetch=\n"
	"     noring        do not use io_uring, even where the kernel offers it\n"
	"     cache=MIB     memory for decoded directories; 64\n"
	"     control=FD    with -f: write a byte to FD when ready, end when its other end closes\n"
	"  -h, --help  -V, --version\n";

struct arguments {
	struct serve_options serve;
	bool foreground, help, version;
	struct buffer mount_options;
};

/* A number up to limit, nothing behind it. */
static bool parse_number(const char *text, unsigned long limit, unsigned long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoul(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && *ret <= limit;
}

static bool option_noxattr(struct arguments *arguments, const char *value)
{
	(void)value;
	arguments->serve.no_xattrs = true;
	return true;
}

static bool option_handles(struct arguments *arguments, const char *value)
{
	(void)value;
	arguments->serve.handles = true;
	return true;
}

static bool option_noring(struct arguments *arguments, const char *value)
{
	(void)value;
	arguments->serve.no_ring = true;
	return true;
}

static bool option_verify(struct arguments *arguments, const char *value)
{
	(void)value;
	arguments->serve.verify = true;
	return true;
}

static bool option_fetch(struct arguments *arguments, const char *value)
{
	arguments->serve.fetch = value;
	return *value != '\0';
}

static bool option_autopull(struct arguments *arguments, const char *value)
{
	(void)value;
	arguments->serve.autopull = true;
	return true;
}

static bool option_cache(struct arguments *arguments, const char *value)
{
	unsigned long number;

	if (!parse_number(value, 1UL << 20, &number))
		return false;
	arguments->serve.cache_bytes = number << 20;
	return true;
}

static bool option_control(struct arguments *arguments, const char *value)
{
	unsigned long number;

	if (!parse_number(value, 1UL << 20, &number))
		return false;
	arguments->serve.control = (int)number;
	return true;
}

static bool option_ignored(struct arguments *arguments, const char *value)
{
	(void)arguments;
	(void)value;
	return true;
}

/* What is not left to libfuse. A name that ends in '=' or '-' is a prefix. mount(8) and fstab give
 * words of their own; the mount is read-only whatever they say. */
static const struct option {
	const char *name;
	bool (*take)(struct arguments *arguments, const char *value);
} options[] = {
	{"verify", option_verify},  {"noxattr", option_noxattr},   {"handles", option_handles},
	{"noring", option_noring},  {"autopull", option_autopull}, {"fetch=", option_fetch},
	{"cache=", option_cache},   {"control=", option_control},  {"rw", option_ignored},
	{"ro", option_ignored},     {"defaults", option_ignored},  {"auto", option_ignored},
	{"noauto", option_ignored}, {"user", option_ignored},      {"nouser", option_ignored},
	{"users", option_ignored},  {"nofail", option_ignored},    {"_netdev", option_ignored},
	{"x-", option_ignored},     {"comment=", option_ignored},
};

static const struct option *find_option(const char *text)
{
	size_t length;

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		length = strlen(options[i].name);
		if (strchr("=-", options[i].name[length - 1])
			    ? strncmp(options[i].name, text, length) == 0
			    : strcmp(options[i].name, text) == 0)
			return &options[i];
	}
	return NULL;
}

static bool take_options(struct arguments *arguments, char *list)
{
	const struct option *option;
	char *text;

	while ((text = strsep(&list, ","))) {
		option = find_option(text);
		if (!option && *text) {
			buffer_char(&arguments->mount_options, ',');
			buffer_string(&arguments->mount_options, text);
		} else if (option && !option->take(arguments, text + strlen(option->name))) {
			fprintf(stderr, "msbfs: option '%s' is not understood\n", text);
			return false;
		}
	}
	return true;
}

static bool take_arguments(int argc, char **argv, struct arguments *arguments)
{
	int c;

	while ((c = getopt(argc, argv, "fho:V")) != -1) {
		if (c == 'f')
			arguments->foreground = true;
		else if (c == 'h')
			arguments->help = true;
		else if (c == 'V')
			arguments->version = true;
		else if (c != 'o' || !take_options(arguments, optarg))
			return false;
	}
	if (arguments->help || arguments->version)
		return true;
	if (argc - optind != 2) {
		fputs("msbfs: a store and a mount point are needed; see msbfs -h\n", stderr);
		return false;
	}
	if (arguments->serve.autopull && !arguments->serve.fetch) {
		fputs("msbfs: option 'autopull' needs 'fetch=MSB', the path of msb\n", stderr);
		return false;
	}
	if (arguments->serve.control >= 0 && !arguments->foreground) {
		fputs("msbfs: option 'control' needs -f\n", stderr);
		return false;
	}
	arguments->serve.store = argv[optind];
	arguments->serve.mountpoint = argv[optind + 1];
	return true;
}

/* In the parent: waits until the daemon is ready or has failed, having told why. */
static int wait_for_daemon(pid_t child, int ready)
{
	char byte;
	ssize_t n;
	int status;

	do
		n = read(ready, &byte, 1);
	while (n < 0 && errno == EINTR);
	waitpid(child, &status, 0);
	return n == 1 ? 0 : 1;
}

/* Forks twice, so that the daemon has no terminal and nobody to wait for it. Returns in the
 * daemon, with the descriptor to tell readiness through; the caller's process exits here. */
static int become_daemon(void)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0) {
		close(ends[1]);
		exit(wait_for_daemon(pid, ends[0]));
	}
	close(ends[0]);
	setsid();
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0)
		_exit(0);
	return ends[1];
}

static void log_to_stderr(const char *sentence)
{
	fprintf(stderr, "msbfs: %s\n", sentence);
}

static int run(struct arguments *arguments)
{
	struct msb_error err = {0};
	struct serve_options *serve_options = &arguments->serve;

	serve_options->mount_options = buffer_text(&arguments->mount_options);
	serve_options->log = arguments->foreground ? log_to_stderr : NULL;
	serve_options->detach = !arguments->foreground;
	if (!serve_options->mount_options) {
		msb_error_memory(&err);
	} else if (!arguments->foreground) {
		openlog("msbfs", LOG_PID, LOG_DAEMON);
		serve_options->ready = become_daemon();
		if (serve_options->ready < 0)
			msb_error_set(&err, serve_options->ready, "fork");
	}
	if (!err.code)
		serve(serve_options, &err);
	free(serve_options->mount_options);
	if (!err.code)
		return 0;
	fprintf(stderr, "msbfs: %s\n", err.text);
	return 1;
}

int main(int argc, char **argv)
{
	struct arguments arguments = {.serve = {.program = argv[0], .control = -1, .ready = -1}};
	int status = 2;

	buffer_string(&arguments.mount_options,
		      "ro,default_permissions,subtype=msbfs,max_read=1048576");
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "--version") == 0))
		arguments.help = !(arguments.version = argv[1][2] == 'v');
	if (arguments.help || arguments.version || take_arguments(argc, argv, &arguments)) {
		if (arguments.help)
			status = fputs(usage, stdout) < 0;
		else if (arguments.version)
			status = printf("msbfs %s\n", MSB_VERSION) < 0;
		else
			return run(&arguments);
	}
	buffer_done(&arguments.mount_options);
	return status;
}

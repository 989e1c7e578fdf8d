/* msb build: Docker's flags, and what of them means something here. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <msb/builder.h>

#include "build_call.h"
#include "command.h"
#include "docker_words.h"
#include "progress.h"
#include "report.h"
#include "supervise.h"

enum {
	KEY_BUILD_ARG = 0x100,
	KEY_TARGET,
	KEY_LABEL,
	KEY_NO_CACHE,
	KEY_NO_CACHE_FILTER,
	KEY_NETWORK,
	KEY_PLATFORM,
	KEY_PROGRESS,
	KEY_IIDFILE,
	KEY_METADATA_FILE,
	KEY_JOBS,
	KEY_EXPLAIN,
	KEY_OUTPUT_ON_FAILURE,
	KEY_PULL,
	KEY_SECRET,
	KEY_SSH,
	KEY_ADD_HOST,
	KEY_ANNOTATION,
	KEY_BUILD_CONTEXT,
	KEY_TIMESTAMP,
	KEY_ULIMIT,
	KEY_SHM_SIZE,
	KEY_ALLOW,
	KEY_SECURITY,
	KEY_CHECK,
	KEY_CALL,
	KEY_CACHE_FROM,
	KEY_CACHE_TO,
	KEY_PUSH,
	KEY_FORMAT,
	KEY_TLS_VERIFY,
	KEY_LIMIT,    /* limits what commands may use, which is left to what limits msb */
	KEY_ACCEPTED, /* tunes, or has no meaning here */
};

#define ACCEPTED(name, key, arg)                                                                   \
	{                                                                                          \
		name, key, arg, OPTION_HIDDEN, NULL                                                \
	}
#define SWITCH(name)                                                                               \
	{                                                                                          \
		name, KEY_ACCEPTED, "BOOL", OPTION_HIDDEN | OPTION_ARG_OPTIONAL, NULL              \
	}

static const struct argp_option build_options[] = {
	{"tag", 't', "NAME[:TAG]", 0, "Name the image so; may be given several times"},
	{"file", 'f', "FILE", 0, "The Dockerfile (PATH/Dockerfile); - for standard input"},
	{"target", KEY_TARGET, "STAGE", 0,
	 "Build up to this stage, by name or number; several are built in one run"},
	{"build-arg", KEY_BUILD_ARG, "NAME[=VALUE]", 0,
	 "Set an ARG; without VALUE as it is in the environment"},
	{"build-context", KEY_BUILD_CONTEXT, "NAME=VALUE", 0,
	 "Let a stage or image name stand for a directory, docker-image://REF or "
	 "oci-layout://DIR[:TAG]"},
	{"label", KEY_LABEL, "NAME=VALUE", 0, "Label the image"},
	{"annotation", KEY_ANNOTATION, "NAME=VALUE", 0, "Annotate the image's manifest"},
	{"timestamp", KEY_TIMESTAMP, "SECONDS", 0,
	 "Make the image at this second since 1970, no file of it later ($SOURCE_DATE_EPOCH)"},
	{"no-cache", KEY_NO_CACHE, "BOOL", OPTION_ARG_OPTIONAL, "Execute all steps anew"},
	{"no-cache-filter", KEY_NO_CACHE_FILTER, "STAGES", 0, "Execute these stages anew"},
	{"cache-from", KEY_CACHE_FROM, "CACHE", 0,
	 "Take steps that another machine built: type=registry,ref=REF, type=local,src=DIR, or "
	 "REF; may be given several times"},
	{"cache-to", KEY_CACHE_TO, "CACHE", 0,
	 "Send what the steps made to type=registry,ref=REF or type=local,dest=DIR, or with the "
	 "image that is pushed, type=inline; those of all stages with mode=max"},
	{"pull", KEY_PULL, "BOOL", OPTION_ARG_OPTIONAL,
	 "Ask for newer base images; otherwise those that are here will do"},
	{"network", KEY_NETWORK, "MODE", 0, "Of RUN: default, host or none"},
	{"allow", KEY_ALLOW, "RIGHT", 0, "Grant security.insecure or network.host to RUN"},
	{"platform", KEY_PLATFORM, "OS/ARCH", 0, "Build for this platform"},
	{"secret", KEY_SECRET, "id=NAME[,src=FILE]", 0, "Lend a file or variable to RUN --mount"},
	{"ssh", KEY_SSH, "NAME[=SOCKET|KEY,…]", 0,
	 "Lend an agent to RUN --mount: this user's, or one with these keys"},
	{"add-host", KEY_ADD_HOST, "HOST:IP", 0, "A line in /etc/hosts of RUN"},
	{"output", 'o', "DIR|type=TYPE,dest=PATH", 0,
	 "Write the result there too: type is local, tar, oci or docker; DIR for local, - for a "
	 "tar to standard output; or push it: type=image,name=NAME,push=true; may be given "
	 "several times"},
	{"push", KEY_PUSH, "BOOL", OPTION_ARG_OPTIONAL,
	 "Send the image to the registries in its names, as type=registry does"},
	{"output-on-failure", KEY_OUTPUT_ON_FAILURE, "DIR[:PATH]", 0,
	 "When a step fails, write its stage's files, or those at PATH, to directory DIR; may be "
	 "given several times"},
	{"security-opt", KEY_SECURITY, "seccomp=FILE", 0,
	 "Which system calls RUN may make: a profile as docker has it, or unconfined (the host's "
	 "profile)"},
	{"shm-size", KEY_SHM_SIZE, "BYTES", 0, "Size of /dev/shm of RUN (64m)"},
	{"ulimit", KEY_ULIMIT, "NAME=SOFT[:HARD]", 0, "A limit of RUN, not above the caller's own"},
	{"jobs", KEY_JOBS, "N", 0, "Stages built at once (one a core)"},
	{"explain", KEY_EXPLAIN, NULL, 0, "Say of each step that missed the cache why"},
	{"check", KEY_CHECK, "BOOL", OPTION_ARG_OPTIONAL,
	 "Build nothing: say what is wrong with the Dockerfile; status 1 if anything is"},
	{"call", KEY_CALL, "WHAT[,format=json]", 0,
	 "Build nothing: check; outline tells a target's arguments, targets the stages"},
	{"quiet", 'q', NULL, 0, "Print the image ID alone"},
	{"progress", KEY_PROGRESS, "HOW", 0, "auto, plain, tty, quiet or rawjson"},
	{"iidfile", KEY_IIDFILE, "FILE", 0, "Write the image ID there"},
	{"metadata-file", KEY_METADATA_FILE, "FILE", 0,
	 "Write the digests and names there, as JSON"},

	SWITCH("rm"),
	SWITCH("force-rm"),
	SWITCH("compress"),
	SWITCH("load"),
	SWITCH("squash"),
	SWITCH("stream"),
	SWITCH("disable-content-trust"),
	ACCEPTED("debug", 'D', NULL),
	ACCEPTED("isolation", KEY_ACCEPTED, "VALUE"),
	ACCEPTED("memory", 'm', "VALUE"),
	ACCEPTED("memory-swap", KEY_LIMIT, "VALUE"),
	ACCEPTED("cpu-shares", 'c', "VALUE"),
	ACCEPTED("cpu-period", KEY_LIMIT, "VALUE"),
	ACCEPTED("cpu-quota", KEY_LIMIT, "VALUE"),
	ACCEPTED("cpu-rt-period", KEY_LIMIT, "VALUE"),
	ACCEPTED("cpu-rt-runtime", KEY_LIMIT, "VALUE"),
	ACCEPTED("cpuset-cpus", KEY_LIMIT, "VALUE"),
	ACCEPTED("cpuset-mems", KEY_LIMIT, "VALUE"),
	ACCEPTED("cgroup-parent", KEY_LIMIT, "VALUE"),
	ACCEPTED("resource", KEY_LIMIT, "VALUE"),
	{"provenance", KEY_ACCEPTED, "VALUE", OPTION_HIDDEN | OPTION_ARG_OPTIONAL, NULL},
	{"sbom", KEY_ACCEPTED, "VALUE", OPTION_HIDDEN | OPTION_ARG_OPTIONAL, NULL},
	ACCEPTED("attest", KEY_ACCEPTED, "VALUE"),
	ACCEPTED("builder", KEY_ACCEPTED, "VALUE"),

	/* Of podman and buildah. */
	SWITCH("layers"),
	SWITCH("identity-label"),
	SWITCH("skip-unused-stages"),
	SWITCH("rewrite-timestamp"),
	SWITCH("disable-compression"),
	SWITCH("no-hostname"),
	SWITCH("no-hosts"),
	ACCEPTED("retry", KEY_ACCEPTED, "VALUE"),
	ACCEPTED("retry-delay", KEY_ACCEPTED, "VALUE"),
	ACCEPTED("format", KEY_FORMAT, "VALUE"),
	ACCEPTED("source-date-epoch", KEY_TIMESTAMP, "SECONDS"),
	{"tls-verify", KEY_TLS_VERIFY, "BOOL", OPTION_HIDDEN | OPTION_ARG_OPTIONAL, NULL},
	{0},
};

struct build {
	struct msb_build_options options;
	struct words tags, build_args, labels, no_cache_filter, operands;
	struct words secrets, agents, hosts, outputs, targets, annotations, contexts, ulimits;
	struct words allowed, security;
	struct words failure_outputs;
	struct words cache_from, cache_to;
	bool limits; /* some were given that msb leaves to its own cgroup */
	enum progress_mode mode;
	struct build_call call;
	struct report report;
};

static void build_done(struct build *build)
{
	words_done(&build->tags);
	words_done(&build->build_args);
	words_done(&build->labels);
	words_done(&build->no_cache_filter);
	words_done(&build->operands);
	words_done(&build->secrets);
	words_done(&build->agents);
	words_done(&build->hosts);
	words_done(&build->outputs);
	words_done(&build->failure_outputs);
	words_done(&build->cache_from);
	words_done(&build->cache_to);
	words_done(&build->targets);
	words_done(&build->annotations);
	words_done(&build->contexts);
	words_done(&build->ulimits);
	words_done(&build->allowed);
	words_done(&build->security);
}

static enum progress_mode parse_progress(const char *how, struct argp_state *state)
{
	const char *term = getenv("TERM");

	if (strcmp(how, "plain") == 0)
		return PROGRESS_PLAIN;
	if (strcmp(how, "rawjson") == 0)
		return PROGRESS_RAWJSON;
	if (strcmp(how, "quiet") == 0 || strcmp(how, "none") == 0)
		return PROGRESS_QUIET;
	if (strcmp(how, "auto") != 0 && strcmp(how, "tty") != 0)
		argp_error(state, "--progress is auto, plain, tty, quiet or rawjson, not '%s'",
			   how);
	if (!isatty(STDERR_FILENO) || !term || !*term || strcmp(term, "dumb") == 0)
		return PROGRESS_PLAIN;
	return PROGRESS_TTY;
}

static void check_context(const struct words *operands, struct argp_state *state)
{
	if (operands->count != 1)
		argp_error(state, "requires exactly 1 argument, the build context: mostly the "
				  "current directory, as in: msb build .");
}

static size_t parse_jobs(const char *text, struct argp_state *state)
{
	char *end;
	unsigned long jobs = strtoul(text, &end, 10);

	if (*end || end == text || jobs < 1 || jobs > 1024)
		argp_error(state, "--jobs is a number from 1 to 1024, not '%s'", text);
	return jobs;
}

/* "a,b" and several of the option are the same. Returns 0 or ENOMEM. */
static error_t add_each(struct words *words, char *list)
{
	char *rest = NULL;

	for (char *word = strtok_r(list, ",", &rest); word; word = strtok_r(NULL, ",", &rest))
		if (words_add(words, word) < 0)
			return ENOMEM;
	return 0;
}

/* As docker has it, or podman's word for it. */
static bool parse_pull(const char *when, struct argp_state *state)
{
	if (when && (strcmp(when, "always") == 0 || strcmp(when, "newer") == 0))
		return true;
	if (when && (strcmp(when, "missing") == 0 || strcmp(when, "ifnotpresent") == 0))
		return false;
	if (when && strcmp(when, "never") == 0)
		argp_error(state, "--pull=never: %s", docker_words_option("pull-never"));
	return option_bool(state, "pull", when);
}

/* An image here is what both formats can say. */
static void check_format(const char *format, struct argp_state *state)
{
	if (strcmp(format, "oci") != 0 && strcmp(format, "docker") != 0)
		argp_error(state, "--format is oci or docker, not '%s'", format);
}

static void check_tls(const char *verify, struct argp_state *state)
{
	if (!option_bool(state, "tls-verify", verify))
		argp_error(state, "--tls-verify=false: %s", docker_words_option("tls-verify"));
}

/* The options that go straight to the builder. */
static error_t parse_wish(int key, char *arg, struct argp_state *state)
{
	struct build *build = state->input;
	struct msb_build_options *options = &build->options;

	switch (key) {
	case 'f':
		options->dockerfile = arg;
		return 0;
	case KEY_NO_CACHE:
		options->no_cache = option_bool(state, "no-cache", arg);
		return 0;
	case KEY_EXPLAIN:
		options->explain = true;
		return 0;
	case KEY_PULL:
		options->pull = parse_pull(arg, state);
		return 0;
	case KEY_NETWORK:
		if (strcmp(arg, "default") != 0 && strcmp(arg, "host") != 0 &&
		    strcmp(arg, "none") != 0)
			argp_error(state, "--network is default, host or none, not '%s'", arg);
		options->network = arg;
		return 0;
	case KEY_SHM_SIZE:
		options->shm_size = arg;
		return 0;
	case KEY_TIMESTAMP:
		options->timestamp = arg;
		return 0;
	case KEY_PLATFORM:
		if (strchr(arg, ','))
			argp_error(state, "--platform: one at a time, so build once for each");
		options->platform = arg;
		return 0;
	case KEY_JOBS:
		options->jobs = parse_jobs(arg, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Those that may be given several times. */
static error_t parse_list(int key, char *arg, struct argp_state *state)
{
	struct build *build = state->input;

	switch (key) {
	case 'o':
		return words_add(&build->outputs, arg) < 0 ? ENOMEM : 0;
	case KEY_PUSH:
		if (!option_bool(state, "push", arg))
			return 0;
		return words_add(&build->outputs, "type=registry") < 0 ? ENOMEM : 0;
	case KEY_OUTPUT_ON_FAILURE:
		return words_add(&build->failure_outputs, arg) < 0 ? ENOMEM : 0;
	case 't':
		return words_add(&build->tags, arg) < 0 ? ENOMEM : 0;
	case KEY_BUILD_ARG:
		return words_add(&build->build_args, arg) < 0 ? ENOMEM : 0;
	case KEY_LABEL:
		return words_add(&build->labels, arg) < 0 ? ENOMEM : 0;
	case KEY_TARGET:
		return words_add(&build->targets, arg) < 0 ? ENOMEM : 0;
	case KEY_ULIMIT:
		return words_add(&build->ulimits, arg) < 0 ? ENOMEM : 0;
	case KEY_ALLOW:
		return add_each(&build->allowed, arg);
	case KEY_SECURITY:
		return words_add(&build->security, arg) < 0 ? ENOMEM : 0;
	case KEY_BUILD_CONTEXT:
		return words_add(&build->contexts, arg) < 0 ? ENOMEM : 0;
	case KEY_ANNOTATION:
		return words_add(&build->annotations, arg) < 0 ? ENOMEM : 0;
	case KEY_CACHE_FROM:
		return words_add(&build->cache_from, arg) < 0 ? ENOMEM : 0;
	case KEY_CACHE_TO:
		return words_add(&build->cache_to, arg) < 0 ? ENOMEM : 0;
	case KEY_SECRET:
		return words_add(&build->secrets, arg) < 0 ? ENOMEM : 0;
	case KEY_SSH:
		return words_add(&build->agents, arg) < 0 ? ENOMEM : 0;
	case KEY_ADD_HOST:
		return words_add(&build->hosts, arg) < 0 ? ENOMEM : 0;
	case KEY_NO_CACHE_FILTER:
		return add_each(&build->no_cache_filter, arg);
	case ARGP_KEY_ARGS:
		operands_take(state, &build->operands);
		return 0;
	default:
		return parse_wish(key, arg, state);
	}
}

static error_t parse_build(int key, char *arg, struct argp_state *state)
{
	struct build *build = state->input;

	switch (key) {
	case 'q':
		build->report.quiet = true;
		return 0;
	case KEY_CHECK:
		build->call = (struct build_call){.wanted = option_bool(state, "check", arg)};
		return 0;
	case KEY_CALL:
		build_call_parse(arg, state, &build->call);
		return 0;
	case KEY_PROGRESS:
		build->mode = parse_progress(arg, state);
		build->report.quiet |= build->mode == PROGRESS_QUIET;
		build->report.silent = build->mode == PROGRESS_RAWJSON;
		return 0;
	case KEY_IIDFILE:
		build->report.iidfile = arg;
		return 0;
	case KEY_METADATA_FILE:
		build->report.metadata_file = arg;
		return 0;
	case KEY_FORMAT:
		check_format(arg, state);
		return 0;
	case KEY_TLS_VERIFY:
		check_tls(arg, state);
		return 0;
	case KEY_LIMIT:
	case 'm':
	case 'c':
		build->limits = true;
		return 0;
	case KEY_ACCEPTED:
	case 'D':
		return 0;
	case ARGP_KEY_INIT:
		build->mode = parse_progress("auto", state);
		return 0;
	case ARGP_KEY_END:
		check_context(&build->operands, state);
		return 0;
	default:
		return parse_list(key, arg, state);
	}
}

/* What was wanted, and by whom. */
struct order {
	struct session *session;
	struct build *build;
};

static int build(void *context, int stop_fd)
{
	const struct order *order = context;
	const struct session *session = order->session;
	struct build *build = order->build;
	AUTO(progress_freep) struct progress *progress = NULL;
	struct msb_build_result result = {0};
	struct msb_error err = {0};
	int r;
	int status;

	build->options.stop_fd = stop_fd;
	if (!build->report.quiet && build->mode == PROGRESS_TTY)
		setvbuf(stderr, NULL, _IOFBF, 1 << 16); /* a repaint is one write: no flicker */
	r = progress_new(build->report.quiet ? PROGRESS_QUIET : build->mode, stderr, &progress);
	if (r < 0)
		return fail_say("start the display: %s", strerror(-r));
	r = msb_build(session->root, &build->options, progress_event, progress, &result, &err);
	build->report.vertex = progress_end(progress);
	status = r < 0 ? report_failure(session, &build->report, &result, &err)
		       : report_success(&build->report, &result);
	msb_build_result_done(&result);
	return status;
}

int run_build(struct session *session, int argc, char **argv)
{
	static const struct argp argp = {
		build_options, parse_build, "PATH|URL|-",
		"Build an image from the Dockerfile and the files in directory PATH, in the "
		"repository at URL, or in the tar on standard input."
		"\vOptions of docker build, podman build and buildah that only tune it, such as "
		"--rm or --layers, are accepted; those whose absence would change the image are "
		"refused."};
	struct build wanted = {0};
	struct order order = {session, &wanted};
	int status = command_parse(session, &argp, argc, argv, &wanted);

	if (!status) {
		if (wanted.limits)
			fail_say("--memory, --cpu-* and --cgroup-parent have no effect; commands "
				 "keep to msb's own cgroup, so limit that one, as in: "
				 "systemd-run --scope -p MemoryMax=2G msb build ...");
		wanted.options.context = wanted.operands.items[0];
		wanted.options.tags = wanted.tags.items;
		wanted.options.build_args = wanted.build_args.items;
		wanted.options.labels = wanted.labels.items;
		wanted.options.no_cache_filter = wanted.no_cache_filter.items;
		wanted.options.secrets = wanted.secrets.items;
		wanted.options.agents = wanted.agents.items;
		wanted.options.hosts = wanted.hosts.items;
		wanted.options.outputs = wanted.outputs.items;
		wanted.options.build_contexts = wanted.contexts.items;
		wanted.options.ulimits = wanted.ulimits.items;
		wanted.options.cache_from = wanted.cache_from.items;
		wanted.options.cache_to = wanted.cache_to.items;
		wanted.options.allowed = wanted.allowed.items;
		wanted.options.security = wanted.security.items;
		wanted.options.targets = wanted.targets.items;
		wanted.options.annotations = wanted.annotations.items;
		wanted.report.tags = &wanted.tags;
		wanted.report.failure_outputs = &wanted.failure_outputs;
		status = wanted.call.wanted ? build_call_run(session, &wanted.options, &wanted.call)
					    : supervise(session->root, false, build, &order);
	}
	build_done(&wanted);
	return status;
}

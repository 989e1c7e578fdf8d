/* The OCI runtimes: which there are, and what they mean by what they say. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include <msb/cleanup.h>

#include "buffer.h"
#include "internal.h"
#include "io.h"
#include "process.h"

#define MAX_LOG (1 << 20)

/* crun logs errors alone, in plain text; one ends it. */
static char *find_crun_failure(const struct buffer *log)
{
	size_t size = log->size;

	while (size > 0 && log->bytes[size - 1] == '\n')
		size--;
	return size ? strndup((const char *)log->bytes, size) : NULL;
}

/* The message of a line of JSON when it says that the whole run failed. Borrowed from line. */
static const char *get_runc_failure(const json_t *line)
{
	static const char prefix[] = "runc run failed: ";
	const char *message = json_string_value(json_object_get(line, "msg"));

	if (!message || strncmp(message, prefix, strlen(prefix)) != 0)
		return NULL;
	return message + strlen(prefix);
}

static char *find_runc_failure(const struct buffer *log)
{
	const char *at = (const char *)log->bytes, *end = at + log->size;
	char *found = NULL;

	while (!found && at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t length = (size_t)((newline ? newline : end) - at);
		json_t *line = json_loadb(at, length, 0, NULL);
		const char *failure = get_runc_failure(line);

		if (failure)
			found = strdup(failure);
		json_decref(line);
		at += length + 1;
	}
	return found;
}

/* In the order of preference. crun is told not to manage cgroups. runc cannot be: it is told to
 * bear that it may not (see prepare() in run.c), lest a killed build leave a cgroup behind. A
 * terminal that crun serves itself has no size; runc sends one only if it need not wait. */
static const struct runtime runtimes[] = {
	{"crun", {"--cgroup-manager=disabled"}, true, find_crun_failure},
	{"runc", {"--rootless=true", "--log-format=json"}, false, find_runc_failure},
};

#define RUNTIME_COUNT (sizeof(runtimes) / sizeof(runtimes[0]))

static int find_wanted(const char *wanted, const struct runtime **ret, struct msb_error *err)
{
	for (size_t i = 0; i < RUNTIME_COUNT; i++) {
		if (strcmp(runtimes[i].name, wanted) != 0)
			continue;
		if (!process_in_path(wanted))
			return msb_error_say(err, ENOENT,
					     "'%s', which MSB_RUNTIME asks for, is not in PATH",
					     wanted);
		*ret = &runtimes[i];
		return 0;
	}
	return msb_error_say(err, EINVAL, "MSB_RUNTIME is '%s'; it can be crun or runc", wanted);
}

int runtime_find(const struct runtime **ret, struct msb_error *err)
{
	const char *wanted = getenv("MSB_RUNTIME");

	if (wanted && *wanted)
		return find_wanted(wanted, ret, err);
	for (size_t i = 0; i < RUNTIME_COUNT; i++) {
		if (process_in_path(runtimes[i].name)) {
			*ret = &runtimes[i];
			return 0;
		}
	}
	return msb_error_say(err, ENOENT,
			     "no OCI runtime found in PATH; install 'crun' (or 'runc')");
}

int sandbox_find_runtime(const char **ret_name, struct msb_error *err)
{
	const struct runtime *runtime;
	int r = runtime_find(&runtime, err);

	if (r == 0)
		*ret_name = runtime->name;
	return r;
}

/* How the runtimes say that the program is what is wrong, as tried with crun 1.8 and 1.21 and
 * runc 1.1. Their exit status is 1 for everything. */
static bool is_about_the_program(const char *text)
{
	static const char *const words[] = {"executable file ", "open executable",
					    "exists but it is not executable",
					    "is not a regular file", ": exec: \""};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(text, words[i]))
			return true;
	return false;
}

/* As a shell has it. */
static int program_status(const char *text)
{
	return strcasestr(text, "no such file") || strcasestr(text, "not found") ? 127 : 126;
}

int runtime_judge(const struct runtime *runtime, const char *log, int status, int *ret_status,
		  struct msb_error *err)
{
	autobuffer text = {0};
	autofree char *failure = NULL;

	/* Where there is no log, nothing was said. */
	if (status != 0 && io_read_file(AT_FDCWD, log, MAX_LOG, &text, NULL) == 0)
		failure = runtime->find_failure(&text);
	if (failure && !is_about_the_program(failure))
		return msb_error_say(err, EIO, "%s: %s", runtime->name, failure);
	*ret_status = failure ? program_status(failure) : status;
	return 0;
}

#include "credential_helper.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"
#include "io.h"
#include "process.h"

#define ANSWER_MAX        ((size_t)1024 * 1024)
#define HELPER_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

/* A file in memory that holds text, to be read from its beginning. */
static int memory_file(const char *text, struct msb_error *err)
{
	autoclose int fd = memfd_create("credentials", MFD_CLOEXEC);
	int r = fd < 0 ? -errno : io_write(fd, text, strlen(text));

	if (r >= 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	return r < 0 ? msb_error_set(err, r, "memfd_create") : steal_fd(&fd);
}

static int read_answer(int fd, struct buffer *ret, struct msb_error *err)
{
	uint8_t *bytes = buffer_reserve(ret, ANSWER_MAX);
	ssize_t n = bytes ? io_pread(fd, bytes, ANSWER_MAX, 0) : -ENOMEM;

	if (n < 0)
		return msb_error_set(err, (int)n, "read the answer");
	ret->size += (size_t)n;
	return 0;
}

/* Runs the helper. What it says is read as JSON or not at all: it may hold a password. */
static int run(const char *name, const char *verb, const char *input, int *ret_status,
	       struct buffer *ret, struct msb_error *err)
{
	autofree char *program = buffer_format("docker-credential-%s", name);
	const char *argv[] = {program, verb, NULL};
	autoclose int in = -1;
	autoclose int out = -1;
	struct process_options options = {.dies_with_caller = true};
	pid_t pid;
	int r;

	if (!program)
		return msb_error_memory(err);
	if (!*name || strspn(name, HELPER_CHARACTERS) != strlen(name))
		return msb_error_say(err, EINVAL, "a credential helper cannot have this name");
	in = memory_file(input, err);
	out = in < 0 ? -1 : memory_file("", err);
	if (in < 0 || out < 0)
		return in < 0 ? in : out;
	options.stdin_fd = in;
	options.stdout_fd = out;
	pid = process_spawn(argv, &options, err);
	if (pid < 0)
		return (int)pid;
	r = process_wait(pid, ret_status, err);
	if (r >= 0)
		r = read_answer(out, ret, err);
	return r < 0 ? msb_error_prefix(err, r, "%s", program) : 0;
}

/* The user name "<token>" says that the secret is an identity token. */
static int take_answer(const struct buffer *answer, struct credentials *ret, struct msb_error *err)
{
	json_auto_t *json = json_loadb((const char *)answer->bytes, answer->size, 0, NULL);
	const char *user = json_string_value(json_object_get(json, "Username"));
	const char *secret = json_string_value(json_object_get(json, "Secret"));

	if (!user || !secret)
		return msb_error_say(err, EBADMSG, "its answer is not the JSON that was expected");
	if (strcmp(user, "<token>") == 0) {
		ret->identity = strdup(secret);
	} else {
		ret->user = strdup(user);
		ret->password = strdup(secret);
	}
	if (ret->identity || (ret->user && ret->password))
		return 0;
	credentials_done(ret);
	return msb_error_memory(err);
}

int helper_get(const char *name, const char *server, struct credentials *ret, struct msb_error *err)
{
	autosecret answer = {0};
	int status;
	int r = run(name, "get", server, &status, &answer, err);

	/* "credentials not found in native keychain" has no code of its own. */
	if (r >= 0 && status == 0)
		r = take_answer(&answer, ret, err);
	return r < 0 ? msb_error_prefix(err, r, "credential helper '%s'", name) : 0;
}

static int expect_success(const char *name, const char *verb, int r, int status,
			  struct msb_error *err)
{
	if (r >= 0 && status != 0)
		r = msb_error_say(err, EIO, "'%s' failed with exit status %d", verb, status);
	return r < 0 ? msb_error_prefix(err, r, "credential helper '%s'", name) : 0;
}

int helper_store(const char *name, const char *server, const struct credentials *credentials,
		 struct msb_error *err)
{
	json_auto_t *json =
		json_pack("{s:s, s:s, s:s}", "ServerURL", server, "Username",
			  credentials->identity ? "<token>" : credentials->user, "Secret",
			  credentials->identity ? credentials->identity : credentials->password);
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	autobuffer answer = {0};
	int status = 0, r;

	if (!text)
		return msb_error_say(err, EINVAL, "the user name or the password is not UTF-8");
	r = run(name, "store", text, &status, &answer, err);
	explicit_bzero(text, strlen(text));
	free(text);
	return expect_success(name, "store", r, status, err);
}

int helper_erase(const char *name, const char *server, struct msb_error *err)
{
	autobuffer answer = {0};
	int status = 0;
	int r = run(name, "erase", server, &status, &answer, err);

	return expect_success(name, "erase", r, status, err);
}

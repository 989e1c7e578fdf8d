#include "git.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <msb/cleanup.h>

#include "buffer.h"
#include "io.h"
#include "path.h"
#include "process.h"
#include "strlist.h"

#define MOST_OUTPUT ((size_t)1024 * 1024)

struct git {
	const struct git_reference *reference;
	const char *directory;
	struct strlist env;
};

/* The user's own, without what would point git to another repository. */
static int make_env(struct strlist *ret)
{
	static const char *const left_out[] = {
		"GIT_DIR=",
		"GIT_WORK_TREE=",
		"GIT_INDEX_FILE=",
		"GIT_OBJECT_DIRECTORY=",
		"GIT_COMMON_DIR=",
		"GIT_NAMESPACE=",
		"GIT_ALTERNATE_OBJECT_DIRECTORIES=",
	};
	int r = 0;

	for (char **item = environ; r >= 0 && *item; item++) {
		bool keep = true;

		for (size_t i = 0; i < sizeof(left_out) / sizeof(*left_out); i++)
			keep = keep && strncmp(*item, left_out[i], strlen(left_out[i])) != 0;
		if (keep)
			r = strlist_add(ret, *item);
	}
	if (r >= 0)
		r = strlist_set_env(ret, "GIT_TERMINAL_PROMPT", "0");
	return r < 0 ? r : strlist_set_env(ret, "LC_ALL", "C");
}

/* Modes of what is checked out are the repository's, not this process's taste. */
static int set_mask(void)
{
	umask(022);
	return 0;
}

/* The last line that says something. Owned; NULL: no memory. */
static char *last_line(struct buffer *output)
{
	size_t end = output->size, begin;

	while (end > 0 && isspace(output->bytes[end - 1]))
		end--;
	for (begin = end; begin > 0 && output->bytes[begin - 1] != '\n';)
		begin--;
	return strndup(output->bytes ? (const char *)output->bytes + begin : "", end - begin);
}

/* A program's output as a file of memory. */
static int open_output(int *ret, struct msb_error *err)
{
	*ret = memfd_create("git", MFD_CLOEXEC);
	return *ret < 0 ? msb_error_set(err, errno, "keep what git says") : 0;
}

static int read_output(int fd, struct buffer *ret, struct msb_error *err)
{
	off_t size = lseek(fd, 0, SEEK_END);
	size_t wanted = size < 0 ? 0 : (size_t)size < MOST_OUTPUT ? (size_t)size : MOST_OUTPUT;
	uint8_t *bytes = buffer_reserve(ret, wanted);
	ssize_t n;

	if (!bytes)
		return msb_error_memory(err);
	n = io_pread(fd, bytes, wanted, 0);
	if (n < 0)
		return msb_error_set(err, (int)n, "read what git said");
	ret->size += (size_t)n;
	return 0;
}

/* Runs "git WORDS"; *ret_said (may be NULL) is the last line of its output, owned. */
static int run(const struct git *git, const char *const *words, char **ret_said,
	       struct msb_error *err)
{
	autoclose int out = -1;
	autoclose int complaints = -1;
	autobuffer output = {0};
	autostrlist argv = {0};
	autofree char *said = NULL;
	struct process_options options = {
		.env = (const char *const *)git->env.items,
		.directory = git->directory,
		.prepare = set_mask,
	};
	int status, r = strlist_add(&argv, "git");
	pid_t pid;

	for (const char *const *word = words; r >= 0 && *word; word++)
		r = strlist_add(&argv, *word);
	if (r < 0)
		return msb_error_memory(err);
	if ((r = open_output(&out, err)) < 0 || (r = open_output(&complaints, err)) < 0)
		return r;
	options.stdout_fd = out;
	options.stderr_fd = complaints;
	pid = process_spawn((const char *const *)argv.items, &options, err);
	if (pid == -ENOENT)
		return msb_error_say(err, ENOENT,
				     "'%s' needs the program 'git', which is not installed",
				     git->reference->url);
	if (pid < 0)
		return (int)pid;
	r = process_wait(pid, &status, err);
	if (r >= 0)
		r = read_output(status == 0 ? out : complaints, &output, err);
	if (r < 0)
		return r;
	said = last_line(&output);
	if (!said)
		return msb_error_memory(err);
	if (status != 0)
		return msb_error_say(err, EREMOTEIO, "git %s '%s': %s", words[0],
				     git->reference->url, said);
	if (ret_said)
		*ret_said = steal(&said);
	return 0;
}

static bool is_commit(const char *text)
{
	size_t length = strlen(text);

	return length >= 4 && length <= 64 && strspn(text, "0123456789abcdef") == length;
}

/* All of the repository, for servers that give no single commits and for abbreviated ones. */
static int fetch_all(const struct git *git, struct msb_error *err)
{
	const char *const words[] = {"fetch",
				     "--quiet",
				     "--force",
				     "--update-head-ok",
				     "--",
				     git->reference->url,
				     "+refs/heads/*:refs/heads/*",
				     "+refs/tags/*:refs/tags/*",
				     NULL};

	return run(git, words, NULL, err);
}

/* What is to be checked out. Owned. */
static int fetch(const struct git *git, char **ret, struct msb_error *err)
{
	const char *ref = git->reference->ref ? git->reference->ref : "HEAD";
	const char *const shallow[] = {"fetch", "--quiet",           "--depth=1", "--no-tags",
				       "--",    git->reference->url, ref,         NULL};
	const char *const plain[] = {"fetch", "--quiet", "--no-tags", "--", git->reference->url,
				     ref,     NULL};
	struct msb_error first = {0};
	int r = run(git, shallow, NULL, &first);

	*ret = strdup("FETCH_HEAD");
	if (r == -EREMOTEIO)
		r = run(git, plain, NULL, err);
	if (r == -EREMOTEIO && is_commit(ref)) {
		free(*ret);
		*ret = strdup(ref);
		r = fetch_all(git, err);
	}
	/* What the first attempt met is what is wrong with the name or the server. */
	if (r < 0) {
		if (err && first.code < 0)
			*err = first;
		return r;
	}
	return *ret ? 0 : msb_error_memory(err);
}

static int check_commit(const struct git *git, struct msb_error *err)
{
	static const char *const words[] = {"rev-parse", "HEAD", NULL};
	const char *wanted = git->reference->checksum;
	autofree char *commit = NULL;
	int r;

	if (!wanted)
		return 0;
	if (!is_commit(wanted))
		return msb_error_say(err, EINVAL, "'%s' is no commit", wanted);
	r = run(git, words, &commit, err);
	if (r >= 0 && strncmp(commit, wanted, strlen(wanted)) != 0)
		return msb_error_say(err, EBADMSG, "'%s' is at commit %s, not %s",
				     git->reference->url, commit, wanted);
	return r;
}

static int read_time(const struct git *git, int64_t *ret, struct msb_error *err)
{
	static const char *const words[] = {"show", "--no-patch", "--format=%ct", "HEAD", NULL};
	autofree char *seconds = NULL;
	int r = run(git, words, &seconds, err);

	if (r >= 0)
		*ret = strtoll(seconds, NULL, 10);
	return r;
}

static int check_out_submodules(const struct git *git, struct msb_error *err)
{
	static const char *const words[] = {"submodule",   "--quiet",   "update", "--init",
					    "--recursive", "--depth=1", NULL};
	autofree char *list = path_join(git->directory, ".gitmodules");

	if (!list)
		return msb_error_memory(err);
	if (git->reference->no_submodules || access(list, F_OK) < 0)
		return 0;
	return run(git, words, NULL, err);
}

/* Without what an index remembers of the files on this disk, a commit is the same each time; git
 * looks at the files anew when it is asked about them. */
static int forget_files(const struct git *git, struct msb_error *err)
{
	static const char *const own[] = {"read-tree", "HEAD", NULL};
	static const char *const submodules[] = {"submodule", "--quiet",     "foreach",
						 "--quiet",   "--recursive", "git read-tree HEAD",
						 NULL};
	int r = run(git, own, NULL, err);

	return r < 0 || git->reference->no_submodules ? r : run(git, submodules, NULL, err);
}

/* The repository's own bookkeeping: kept with its origin named, or gone. */
static int settle_git_dir(const struct git *git, bool keep, struct msb_error *err)
{
	const char *const words[] = {"remote", "add", "origin", git->reference->url, NULL};
	autoclose int fd = -1;
	int r;

	if (keep) {
		r = run(git, words, NULL, err);
		return r < 0 ? r : forget_files(git, err);
	}
	fd = open(git->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return msb_error_set(err, errno, "open '%s'", git->directory);
	return io_remove_tree(fd, ".git", err);
}

/* One more setting, where no list of processes shows it. 0 or -ENOMEM. */
static int add_setting(struct strlist *env, const char *key, const char *value)
{
	const char *given = strlist_get_env(env, "GIT_CONFIG_COUNT");
	long count = given ? strtol(given, NULL, 10) : 0;
	char number[32];

	if (count < 0 || count > 1000)
		count = 0;
	snprintf(number, sizeof(number), "%ld", count + 1);
	if (strlist_addf(env, "GIT_CONFIG_KEY_%ld=%s", count, key) < 0 ||
	    strlist_addf(env, "GIT_CONFIG_VALUE_%ld=%s", count, value) < 0)
		return -ENOMEM;
	return strlist_set_env(env, "GIT_CONFIG_COUNT", number);
}

/* The header goes to the repository's own host, and so to its submodules there. */
static int add_header(struct git *git, const struct lent *lent, struct msb_error *err)
{
	const char *url = git->reference->url, *host = strstr(url, "://");
	autofree char *header = NULL;
	autofree char *key = NULL;
	int r;

	if (!remote_is_url(url))
		return 0;
	r = lent_git_header(lent, url, &header, err);
	if (r < 0 || !header)
		return r;
	key = buffer_format("http.%.*s/.extraheader",
			    (int)(host + 3 - url + (ptrdiff_t)strcspn(host + 3, "/?#")), url);
	return key && add_setting(&git->env, key, header) >= 0 ? 0 : msb_error_memory(err);
}

static int add_lent(struct git *git, const struct lent *lent, struct msb_error *err)
{
	const char *socket;

	if (agents_find(lent->agents, "default", &socket, NULL) >= 0 &&
	    strlist_set_env(&git->env, "SSH_AUTH_SOCK", socket) < 0)
		return msb_error_memory(err);
	return add_header(git, lent, err);
}

int git_check_out(const struct git_reference *reference, const char *directory, bool keep_git_dir,
		  const struct lent *lent, int64_t *ret_made, struct msb_error *err)
{
	static const char *const init[] = {"init", "--quiet", "--template=", NULL};
	struct git git = {.reference = reference, .directory = directory};
	autofree char *commit = NULL;
	int r = make_env(&git.env) < 0 ? msb_error_memory(err) : 0;

	if (r >= 0)
		r = add_lent(&git, lent, err);
	if (r >= 0 && mkdir(directory, 0755) < 0)
		r = msb_error_set(err, errno, "create directory '%s'", directory);
	if (r >= 0)
		r = run(&git, init, NULL, err);
	if (r >= 0)
		r = fetch(&git, &commit, err);
	if (r >= 0) {
		const char *const words[] = {"checkout", "--quiet", "--detach", commit, NULL};

		r = run(&git, words, NULL, err);
	}
	if (r >= 0)
		r = check_commit(&git, err);
	if (r >= 0)
		r = read_time(&git, ret_made, err);
	if (r >= 0)
		r = check_out_submodules(&git, err);
	if (r >= 0)
		r = settle_git_dir(&git, keep_git_dir, err);
	strlist_done(&git.env);
	return r;
}

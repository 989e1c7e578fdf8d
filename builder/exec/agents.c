#include "agents.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <msb/cleanup.h>

#include "buffer.h"
#include "process.h"
#include "strlist.h"

#define START_PATIENCE_MS 5000
#define START_STEP_MS     5

/* Debian's ssh-agent is setgid, and such a program would outlive us: the kernel forgets whom it was
 * to die with. Nothing of it needs the group. */
static int gain_nothing(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

/* Away from the terminal: nobody is asked for a passphrase. */
static int leave_terminal(void)
{
	return setsid() < 0 ? -errno : 0;
}

static int missing(const char *program, struct msb_error *err)
{
	return msb_error_say(err, ENOENT,
			     "keys need the program '%s', which is not installed; install "
			     "openssh-client, or give the socket of a running agent",
			     program);
}

static int wait_for_socket(const struct agents *agents, const char *name, pid_t pid,
			   struct msb_error *err)
{
	struct stat status;

	for (int waited = 0; waited < START_PATIENCE_MS; waited += START_STEP_MS) {
		if (fstatat(agents->directory, name, &status, 0) == 0)
			return 0;
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return msb_error_say(err, ECHILD, "ssh-agent ended at once");
		poll(NULL, 0, START_STEP_MS);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return msb_error_say(err, ETIMEDOUT, "ssh-agent makes no socket");
}

/* An agent without keys, whose socket is name in the scratch directory. */
static int start_agent(const struct agents *agents, const char *scratch, const char *name,
		       pid_t *ret, struct msb_error *err)
{
	const char *const argv[] = {"ssh-agent", "-D", "-a", name, NULL};
	const struct process_options options = {
		.directory = scratch,
		.dies_with_caller = true,
		.prepare = gain_nothing,
	};
	pid_t pid = process_spawn(argv, &options, err);
	int r;

	if (pid == -ENOENT)
		return missing(argv[0], err);
	if (pid < 0)
		return (int)pid;
	r = wait_for_socket(agents, name, pid, err);
	if (r >= 0)
		*ret = pid;
	return r;
}

/* The key comes by descriptor: who may read the file is the caller's affair. */
static int add_key(const struct agent *agent, const char *key, struct msb_error *err)
{
	const char *const argv[] = {"ssh-add", "-q", "-", NULL};
	struct process_options options = {.prepare = leave_terminal};
	autofree char *place = buffer_format("SSH_AUTH_SOCK=%s", agent->socket);
	autoclose int fd = open(key, O_RDONLY | O_CLOEXEC);
	autostrlist env = {0};
	struct stat st;
	int status, r = 0;
	pid_t pid;

	for (char **item = environ; r >= 0 && *item; item++)
		if (strncmp(*item, "SSH_", 4) != 0 && strncmp(*item, "DISPLAY=", 8) != 0)
			r = strlist_add(&env, *item);
	if (r < 0 || !place || strlist_add(&env, place) < 0 ||
	    strlist_add(&env, "SSH_ASKPASS_REQUIRE=never") < 0)
		return msb_error_memory(err);
	if (fd < 0)
		return msb_error_set(err, errno, "'%s' is neither a socket nor a key", key);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return msb_error_say(err, EINVAL,
				     "'%s' is neither a socket nor a key; give one of them", key);
	options.env = (const char *const *)env.items;
	options.stdin_fd = fd;
	pid = process_spawn(argv, &options, err);
	if (pid == -ENOENT)
		return missing(argv[0], err);
	r = pid < 0 ? (int)pid : process_wait(pid, &status, err);
	if (r >= 0 && status != 0)
		return msb_error_say(err, EINVAL,
				     "'%s' cannot be used as a key: it is no private key or has a "
				     "passphrase; add it to an agent with ssh-add, and give that",
				     key);
	return r < 0 ? r : 0;
}

static bool is_socket(const char *path)
{
	struct stat status;

	return path && stat(path, &status) == 0 && S_ISSOCK(status.st_mode);
}

static int open_keys(struct agents *agents, const char *scratch, char *keys, struct agent *agent,
		     struct msb_error *err)
{
	char name[32], *key;
	int r;

	snprintf(name, sizeof(name), "agent.%zu", agents->count);
	if (agents->directory < 0)
		agents->directory = open(scratch, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (agents->directory < 0)
		return msb_error_set(err, errno, "open directory '%s'", scratch);
	r = start_agent(agents, scratch, name, &agent->pid, err);
	if (r < 0)
		return r;
	agent->socket = buffer_format("/proc/%d/fd/%d/%s", (int)getpid(), agents->directory, name);
	if (!agent->socket)
		return msb_error_memory(err);
	while (r >= 0 && (key = strsep(&keys, ",")))
		r = add_key(agent, key, err);
	return r;
}

static int open_agent(struct agents *agents, const char *scratch, const char *word,
		      struct agent *agent, struct msb_error *err)
{
	const char *equals = strchr(word, '='), *path = equals ? equals + 1 : NULL;
	autofree char *keys = path ? strdup(path) : NULL;

	agent->id = strndup(word, strcspn(word, "="));
	if (!agent->id || (path && !keys))
		return msb_error_memory(err);
	if (!*agent->id)
		return msb_error_say(err, EINVAL,
				     "no name; write default, NAME=SOCKET or NAME=KEYFILE");
	for (size_t i = 0; i < agents->count; i++)
		if (strcmp(agents->items[i].id, agent->id) == 0)
			return msb_error_say(err, EINVAL, "'%s' is given twice; keep one of them",
					     agent->id);
	if (!path)
		path = getenv("SSH_AUTH_SOCK");
	if (equals && !is_socket(path))
		return open_keys(agents, scratch, keys, agent, err);
	if (!is_socket(path))
		return msb_error_say(err, EINVAL,
				     "no agent's socket there; start ssh-agent and set "
				     "SSH_AUTH_SOCK, or write %s=KEYFILE",
				     agent->id);
	agent->socket = strdup(path);
	return agent->socket ? 0 : msb_error_memory(err);
}

int agents_open(const char *const *words, const char *scratch, struct agents *ret,
		struct msb_error *err)
{
	size_t count = words_count(words);
	int r = 0;

	*ret = (struct agents){.items = calloc(count + 1, sizeof(*ret->items)), .directory = -1};
	if (!ret->items)
		return msb_error_memory(err);
	for (; r >= 0 && ret->count < count; ret->count++) {
		r = open_agent(ret, scratch, words[ret->count], &ret->items[ret->count], err);
		if (r < 0)
			msb_error_prefix(err, r, "--ssh %s", words[ret->count]);
	}
	return r;
}

int agents_find(const struct agents *agents, const char *id, const char **ret,
		struct msb_error *err)
{
	for (size_t i = 0; i < agents->count; i++) {
		if (strcmp(agents->items[i].id, id) != 0)
			continue;
		*ret = agents->items[i].socket;
		return 0;
	}
	return msb_error_say(err, ENOENT, "ssh agent '%s' was not given; pass --ssh %s", id, id);
}

static void end_agent(const struct agents *agents, size_t index)
{
	const struct agent *agent = &agents->items[index];
	char name[32];

	if (agent->pid == 0)
		return;
	kill(agent->pid, SIGTERM);
	waitpid(agent->pid, NULL, 0);
	snprintf(name, sizeof(name), "agent.%zu", index);
	unlinkat(agents->directory, name, 0);
}

void agents_done(struct agents *agents)
{
	for (size_t i = 0; i < agents->count; i++) {
		end_agent(agents, i);
		free(agents->items[i].id);
		free(agents->items[i].socket);
	}
	if (agents->items && agents->directory >= 0)
		close(agents->directory);
	free(agents->items);
	*agents = (struct agents){.directory = -1};
}

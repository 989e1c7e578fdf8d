/* Which ids a user namespace has: the caller's as 0, then the subordinate ones. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <msb/cleanup.h>

#include "internal.h"
#include "io.h"
#include "process.h"
#include "strlist.h"

/* user_namespaces(7): the most lines a map may have is 340; nobody has that many ranges. */
#define MAX_RANGES 64

static bool map_has(const char *file, uint32_t id)
{
	autofclose FILE *map = fopen(file, "re");
	uint32_t inside, outside, count;

	while (map &&
	       fscanf(map, "%" SCNu32 " %" SCNu32 " %" SCNu32, &inside, &outside, &count) == 3)
		if (id >= inside && id - inside < count)
			return true;
	return false;
}

bool idmap_has_uid(uid_t uid)
{
	return map_has("/proc/self/uid_map", uid);
}

bool idmap_has_gid(gid_t gid)
{
	return map_has("/proc/self/gid_map", gid);
}

bool idmap_sets_groups(void)
{
	autofclose FILE *said = fopen("/proc/self/setgroups", "re");
	char word[8] = "";

	return !said || !fgets(word, sizeof(word), said) || strncmp(word, "deny", 4) != 0;
}

bool idmap_in_user_namespace(void)
{
	/* The first namespace is born with all ids mapped to themselves (user_namespaces(7)). */
	autofclose FILE *map = fopen("/proc/self/uid_map", "re");
	uint32_t inside, outside, count;

	if (!map || fscanf(map, "%" SCNu32 " %" SCNu32 " %" SCNu32, &inside, &outside, &count) != 3)
		return false;
	return inside != 0 || outside != 0 || count != UINT32_MAX;
}

/* "name-or-uid:first:count", one range a line (subuid(5)). */
static bool parse_range(char *line, const char *name, uid_t uid, uint32_t *ret_first,
			uint32_t *ret_count)
{
	char *owner = strsep(&line, ":"), number[16];

	snprintf(number, sizeof(number), "%u", uid);
	if (!line || (strcmp(owner, name) != 0 && strcmp(owner, number) != 0))
		return false;
	return sscanf(line, "%" SCNu32 ":%" SCNu32, ret_first, ret_count) == 2 && *ret_count > 0;
}

/* The words of newuidmap for one file: inside, outside, count of each range. */
static int add_ranges(const char *file, const char *name, uid_t uid, uint32_t self,
		      struct strlist *ret)
{
	autofclose FILE *list = fopen(file, "re");
	autofree char *line = NULL;
	size_t size = 0, ranges = 0;
	uint32_t inside = 1, first, count;
	int r = strlist_add(ret, "0");

	r = r < 0 ? r : strlist_addf(ret, "%u", self);
	r = r < 0 ? r : strlist_add(ret, "1");
	while (r == 0 && list && ranges < MAX_RANGES && getline(&line, &size, list) > 0) {
		if (!parse_range(line, name, uid, &first, &count) || inside + count < inside)
			continue;
		r = strlist_addf(ret, "%u", inside);
		r = r < 0 ? r : strlist_addf(ret, "%u", first);
		r = r < 0 ? r : strlist_addf(ret, "%u", count);
		inside += count;
		ranges++;
	}
	return r;
}

static int run_mapper(const struct strlist *words, struct msb_error *err)
{
	struct process_options options = {0};
	int status = 0;
	pid_t pid = process_spawn((const char *const *)words->items, &options, err);
	int r = pid < 0 ? pid : process_wait(pid, &status, err);

	if (r < 0)
		return r;
	if (status != 0)
		return msb_error_say(
			err, EPERM,
			"'%s' does not grant the ranges of /etc/subuid and /etc/subgid; is it "
			"setuid root?",
			words->items[0]);
	return 0;
}

/* The child outside: waits for the namespace, maps, says what went wrong. */
static void serve(const struct strlist words[2], int go, int answer)
{
	struct msb_error err = {0};
	char byte;

	if (io_read(go, &byte, 1) == 0) /* the end of the pipe is the word */
		for (int i = 1; i >= 0 && err.code == 0; i--)
			run_mapper(&words[i], &err);
	if (err.code < 0)
		_exit(io_write(answer, &err, sizeof(err)) < 0);
	_exit(0);
}

static int start_child(struct idmap *idmap, const struct strlist words[2], struct msb_error *err)
{
	int go[2], answer[2];

	if (pipe2(go, O_CLOEXEC) < 0)
		return msb_error_set(err, errno, "create a pipe");
	if (pipe2(answer, O_CLOEXEC) < 0) {
		int kept = errno;

		close(go[0]);
		close(go[1]);
		return msb_error_set(err, kept, "create a pipe");
	}
	idmap->go = go[1];
	idmap->answer = answer[0];
	idmap->child = fork();
	if (idmap->child == 0) {
		close(go[1]);
		close(answer[0]);
		serve(words, go[0], answer[1]);
	}
	close(go[0]);
	close(answer[1]);
	if (idmap->child < 0) {
		idmap->child = 0;
		return msb_error_set(err, errno, "fork");
	}
	return 0;
}

int idmap_prepare(struct idmap *ret, struct msb_error *err)
{
	struct strlist words[2] = {0};
	const struct passwd *entry = getpwuid(getuid());
	const char *name = entry ? entry->pw_name : "";
	int r;

	*ret = (struct idmap){.go = -1, .answer = -1, .uid = geteuid(), .gid = getegid()};
	r = strlist_add(&words[0], "newuidmap");
	r = r < 0 ? r : strlist_addf(&words[0], "%d", getpid());
	r = r < 0 ? r : add_ranges("/etc/subuid", name, getuid(), ret->uid, &words[0]);
	r = r < 0 ? r : strlist_add(&words[1], "newgidmap");
	r = r < 0 ? r : strlist_addf(&words[1], "%d", getpid());
	r = r < 0 ? r : add_ranges("/etc/subgid", name, getuid(), ret->gid, &words[1]);
	if (r < 0)
		r = msb_error_memory(err);
	else if (words[0].count > 5 && words[1].count > 5 && process_in_path("newuidmap") &&
		 process_in_path("newgidmap"))
		r = start_child(ret, words, err);
	strlist_done(&words[0]);
	strlist_done(&words[1]);
	return r;
}

/* Without help a process may map itself and nobody else, and only once it has given up
 * setgroups(2) (user_namespaces(7)). */
static int map_self(const struct idmap *idmap, struct msb_error *err)
{
	char text[64];
	int r, n;

	r = io_write_file(AT_FDCWD, "/proc/self/setgroups", "deny", 4, 0, err);
	n = snprintf(text, sizeof(text), "0 %u 1\n", idmap->uid);
	r = r < 0 ? r : io_write_file(AT_FDCWD, "/proc/self/uid_map", text, (size_t)n, 0, err);
	n = snprintf(text, sizeof(text), "0 %u 1\n", idmap->gid);
	r = r < 0 ? r : io_write_file(AT_FDCWD, "/proc/self/gid_map", text, (size_t)n, 0, err);
	return r;
}

int idmap_finish(struct idmap *idmap, struct msb_error *err)
{
	struct msb_error said = {0};
	int status = 0, r;

	if (idmap->child == 0)
		return map_self(idmap, err);
	close(steal_fd(&idmap->go));
	if (io_read(idmap->answer, &said, sizeof(said)) == (ssize_t)sizeof(said)) {
		said.text[sizeof(said.text) - 1] = '\0';
		return msb_error_say(err, said.code, "%s", said.text);
	}
	r = process_wait(idmap->child, &status, err);
	idmap->child = 0;
	if (r == 0 && status != 0)
		return msb_error_say(err, EPERM, "the user's ids could not be mapped");
	return r;
}

void idmap_done(struct idmap *idmap)
{
	/* Without the word to go the child would map a process that changed its mind: any byte
	 * tells it to leave. */
	if (idmap->go >= 0 && idmap->child > 0 && write(idmap->go, "n", 1) < 0)
		errno = 0;
	if (idmap->go >= 0)
		close(steal_fd(&idmap->go));
	if (idmap->answer >= 0)
		close(steal_fd(&idmap->answer));
	if (idmap->child > 0)
		waitpid(idmap->child, NULL, 0);
	idmap->child = 0;
}

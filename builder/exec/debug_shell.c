#include "debug_shell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <msb/tree.h>

#include "buffer.h"
#include "io.h"
#include "path.h"
#include "process.h"
#include "tree_edit.h"

#define PLACE       "/.msb"
#define BUSYBOX     PLACE "/busybox"
#define APPLETS     PLACE "/bin"
#define COMMAND     PLACE "/command"
#define HISTORY     PLACE "/history"

#define MAX_SHELL   (64u << 20)
#define MAX_APPLETS 65536 /* bytes of their names */

static const char *const busyboxes[] = {"/bin/busybox", "/usr/bin/busybox"};

static bool is_file(struct msb_store *store, const struct msb_digest *tree, const char *path)
{
	struct msb_found found;
	bool is;

	if (path[0] != '/' || msb_tree_find(store, tree, path, 0, &found, NULL) < 0)
		return false;
	is = found.entry.type == MSB_FILE;
	msb_found_done(&found);
	return is;
}

/* SHELL's own first, then what there mostly is. */
static int add_shell(const struct exec_debug *debug, struct strlist *ret, struct msb_error *err)
{
	const struct strlist *shell = &debug->config->shell;
	const char *const usual[] = {shell->count > 0 ? shell->items[0] : "", "/bin/bash",
				     "/bin/sh"};

	for (size_t i = 0; i < sizeof(usual) / sizeof(*usual); i++) {
		if (!is_file(debug->store, debug->tree, usual[i]))
			continue;
		return strlist_add(ret, usual[i]) < 0 ? msb_error_memory(err) : 0;
	}
	return msb_error_say(err, ENOENT,
			     "this tree has no shell (neither /bin/bash nor /bin/sh): lend it one "
			     "with --with busybox, or name a command of its own after --");
}

int debug_shell_words(const struct exec_debug *debug, struct strlist *ret, struct msb_error *err)
{
	if (!debug->options->busybox)
		return add_shell(debug, ret, err);
	return strlist_add(ret, BUSYBOX) < 0 || strlist_add(ret, "sh") < 0 ? msb_error_memory(err)
									   : 0;
}

/* --- What the step's command is called in a shell --- */

/* The default of SHELL. */
static bool is_shell_form(const struct exec_debug *debug)
{
	static char sh[] = "/bin/sh", option[] = "-c";
	static char *usual[] = {sh, option};
	const struct strlist *words = debug->history, *shell = &debug->config->shell;
	size_t count = shell->count ? shell->count : 2;
	char *const *wanted = shell->count ? shell->items : usual;

	if (words->count != count + 1)
		return false;
	for (size_t i = 0; i < count; i++)
		if (strcmp(words->items[i], wanted[i]) != 0)
			return false;
	return true;
}

static void put_shell_word(struct buffer *out, const char *word)
{
	buffer_char(out, '\'');
	for (; *word; word++)
		if (*word == '\'')
			buffer_string(out, "'\\''");
		else
			buffer_char(out, *word);
	buffer_char(out, '\'');
}

/* Owned; NULL: memory. */
static char *command_text(const struct exec_debug *debug)
{
	const struct strlist *words = debug->history;
	autobuffer out = {0};

	if (debug->script)
		return strdup(debug->script);
	if (is_shell_form(debug))
		return strdup(words->items[words->count - 1]);
	for (size_t i = 0; i < words->count; i++) {
		if (i > 0)
			buffer_char(&out, ' ');
		put_shell_word(&out, words->items[i]);
	}
	return buffer_text(&out);
}

/* Typed as it is, such a command would end the shell, or make it one that the next failure ends. */
static bool may_end_shell(const char *command)
{
	static const char *const words[] = {"exit", "exec", "set"};
	static const char ends[] = " \t\n;&|(){}`\"'";

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		size_t length = strlen(words[i]);

		for (const char *at = command; (at = strstr(at, words[i])); at += length)
			if ((at == command || strchr(ends, at[-1])) && strchr(ends, at[length]))
				return true;
	}
	return false;
}

/* A line for the shell, which parentheses give a process of its own where it needs one. */
static char *history_line(const char *command, bool own)
{
	/* Nothing could stand behind a comment. */
	if (own && strchr(command, '#'))
		return strdup("(. " COMMAND ")\n");
	return own ? buffer_format("( %s )\n", command) : buffer_format("%s\n", command);
}

/* As the shell's history file has it. What is of several lines only bash and zsh can take as one
 * entry; for others it is read from the file beside it. */
static char *history_text(const char *command, const char *shell, bool is_script)
{
	const char *newline = strchr(command, '\n');
	bool own = may_end_shell(command);
	autofree char *whole = NULL;
	autobuffer out = {0};

	if (is_script)
		return strdup(COMMAND "\n");
	whole = strndup(command, strlen(command) - (newline && !newline[1]));
	if (!whole)
		return NULL;
	if (!newline || !newline[1])
		return history_line(whole, own);
	if (strcmp(shell, "bash") == 0)
		return buffer_format(own ? "#1\n(\n%s\n)\n" : "#1\n%s\n", command);
	if (strcmp(shell, "zsh") != 0)
		return strdup(own ? "(. " COMMAND ")\n" : ". " COMMAND "\n");
	buffer_string(&out, own ? "(\\\n" : "");
	for (; *command; command++) {
		if (*command == '\n')
			buffer_char(&out, '\\');
		buffer_char(&out, *command);
	}
	buffer_string(&out, own ? "\\\n)\n" : "\n");
	return buffer_text(&out);
}

/* True when the shell reads a history at all: not every busybox does, and no dash. It then knows
 * the variable's name. */
static bool reads_history(const struct exec_debug *debug, const char *shell)
{
	static const char name[] = "HISTFILE";
	autofree uint8_t *bytes = NULL;
	autobuffer file = {0};
	struct msb_found found;
	size_t size;
	int r = -ENOENT;

	if (debug->options->busybox) {
		for (size_t i = 0; r < 0 && i < sizeof(busyboxes) / sizeof(*busyboxes); i++)
			r = io_read_file(AT_FDCWD, busyboxes[i], MAX_SHELL, &file, NULL);
		return r >= 0 && memmem(file.bytes, file.size, name, strlen(name));
	}
	if (msb_tree_find(debug->store, debug->tree, shell, 0, &found, NULL) < 0)
		return false;
	r = msb_store_load(debug->store, &found.entry.digest, MAX_SHELL, &bytes, &size, NULL);
	msb_found_done(&found);
	return r >= 0 && memmem(bytes, size, name, strlen(name));
}

/* --- /.msb --- */

static int put_file(struct command_root *root, const struct account *user, const char *path,
		    const char *text, mode_t mode, struct msb_error *err)
{
	const char *name = path + 1;
	int r = io_write_file(root->fd, name, text, strlen(text), 0600, err);

	if (r >= 0 && (fchownat(root->fd, name, user->uid, user->gid, 0) < 0 ||
		       fchmodat(root->fd, name, mode, 0) < 0))
		return msb_error_set(err, errno, "prepare '%s'", path);
	return r;
}

/* Of a shell, where its command is one. */
static int put_history(const struct exec_debug *debug, const struct strlist *words,
		       const char *command, const struct account *user, struct command_root *root,
		       struct command_mounts *mounts, char **ret_typed, struct msb_error *err)
{
	autofree char *shell = NULL, *history = NULL;
	int r = 0;

	/* /bin/sh is a link mostly; a borrowed busybox is in no tree. */
	if (edit_resolve(root->base, words->items[0], 0, &shell, NULL) < 0)
		shell = strdup(words->items[0]);
	history = shell ? history_text(command, path_base(shell), debug->script) : NULL;
	if (!history)
		return msb_error_memory(err);
	if (!reads_history(debug, shell)) {
		history[strcspn(history, "\n")] = '\0';
		*ret_typed = steal(&history);
		return 0;
	}
	r = put_file(root, user, HISTORY, history, 0600, err);
	/* The second makes bash take the first line for a time, and what follows for one entry. */
	if (r >= 0 &&
	    (strlist_set_env(&mounts->env, "HISTFILE", HISTORY) < 0 ||
	     (history[0] == '#' && strlist_set_env(&mounts->env, "HISTTIMEFORMAT", "") < 0)))
		r = msb_error_memory(err);
	return r;
}

static int put_command(const struct exec_debug *debug, const struct strlist *words,
		       const struct account *user, struct command_root *root,
		       struct command_mounts *mounts, char **ret_typed, struct msb_error *err)
{
	bool is_shell = !debug->options->argv || !debug->options->argv[0];
	autofree char *command = command_text(debug);
	int r;

	if (!command)
		return msb_error_memory(err);
	r = put_file(root, user, COMMAND, command, 0755, err);
	return r < 0 || !is_shell
		       ? r
		       : put_history(debug, words, command, user, root, mounts, ret_typed, err);
}

/* The names that the host's busybox answers to, a line each; owned. */
static int list_applets(const char *program, char **ret, struct msb_error *err)
{
	const char *const argv[] = {program, "--list", NULL};
	autoclose int output = memfd_create("applets", MFD_CLOEXEC);
	const struct process_options options = {.stdout_fd = output};
	autofree char *names = calloc(1, MAX_APPLETS + 1);
	int status = 0, r;
	pid_t pid;

	if (!names)
		return msb_error_memory(err);
	if (output < 0)
		return msb_error_set(err, errno, "create a file in memory");
	pid = process_spawn(argv, &options, err);
	r = pid < 0 ? (int)pid : process_wait(pid, &status, err);
	if (r >= 0 && (status != 0 || io_pread(output, names, MAX_APPLETS, 0) < 0))
		return msb_error_say(err, EIO, "'%s --list' failed", program);
	if (r >= 0)
		*ret = steal(&names);
	return r;
}

/* A link each, behind all that the tree has itself. */
static int name_applets(const struct exec_debug *debug, const char *program,
			struct command_root *root, struct command_mounts *mounts,
			struct msb_error *err)
{
	const char *own = strlist_get_env(&debug->config->env, "PATH");
	autofree char *path = buffer_format("%s:" APPLETS, own ? own : DEBUG_PATH);
	autofree char *names = NULL;
	char *rest = NULL;
	int r = list_applets(program, &names, err);

	if (r < 0)
		return r;
	if (!path || strlist_set_env(&mounts->env, "PATH", path) < 0)
		return msb_error_memory(err);
	if (mkdirat(root->fd, &APPLETS[1], 0755) < 0)
		return msb_error_set(err, errno, "create directory '%s'", APPLETS);
	for (char *name = strtok_r(names, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest)) {
		autofree char *link = buffer_format("%s/%s", &APPLETS[1], name);

		if (!link)
			return msb_error_memory(err);
		if (!strchr(name, '/') && symlinkat(BUSYBOX, root->fd, link) < 0 && errno != EEXIST)
			return msb_error_set(err, errno, "create link '%s'", link);
	}
	return 0;
}

/* The host's, which in Debian is static. */
static int lend_busybox(const struct exec_debug *debug, const struct account *user,
			struct command_root *root, struct command_mounts *mounts,
			struct msb_error *err)
{
	int r = put_file(root, user, BUSYBOX, "", 0644, err);

	for (size_t i = 0; r >= 0 && i < sizeof(busyboxes) / sizeof(*busyboxes); i++) {
		if (access(busyboxes[i], X_OK) != 0)
			continue;
		r = name_applets(debug, busyboxes[i], root, mounts, err);
		return r < 0 ? r
			     : command_mounts_bind(mounts, root, busyboxes[i], BUSYBOX, false, err);
	}
	return r < 0 ? r
		     : msb_error_say(err, ENOENT,
				     "--with busybox: this host has no /bin/busybox to lend "
				     "(Debian's package is 'busybox-static')");
}

int debug_shell_prepare(const struct exec_debug *debug, const struct strlist *words,
			const struct account *user, struct command_root *root,
			struct command_mounts *mounts, char **ret_typed, struct msb_error *err)
{
	autofree char *directory = path_join(root->path, &PLACE[1]);
	bool remembers = debug->history->count > 0;
	int r = 0;

	if (!remembers && !debug->options->busybox)
		return 0;
	if (!directory)
		return msb_error_memory(err);
	if (mkdir(directory, 0755) < 0 || chown(directory, user->uid, user->gid) < 0)
		return msb_error_set(err, errno, "create directory '%s'", directory);
	r = command_mounts_bind(mounts, root, directory, PLACE, true, err);
	if (r >= 0 && remembers)
		r = put_command(debug, words, user, root, mounts, ret_typed, err);
	if (r >= 0 && debug->options->busybox)
		r = lend_busybox(debug, user, root, mounts, err);
	return r;
}

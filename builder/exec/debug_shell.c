#include "debug_shell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <msb/tree.h>

#include "buffer.h"
#include "io.h"
#include "path.h"
#include "tree_edit.h"

#define PLACE     "/.msb"
#define BUSYBOX   PLACE "/busybox"
#define COMMAND   PLACE "/command"
#define HISTORY   PLACE "/history"

#define MAX_SHELL (64u << 20)

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

/* As the shell's history file has it. What is of several lines only bash and zsh can take as one
 * entry; for others it is read from the file beside it. */
static char *history_text(const char *command, const char *shell, bool is_script)
{
	const char *newline = strchr(command, '\n');
	autobuffer out = {0};

	if (is_script)
		return strdup(COMMAND "\n");
	if (!newline || !newline[1])
		return buffer_format("%s%s", command, newline ? "" : "\n");
	if (strcmp(shell, "bash") == 0)
		return buffer_format("#1\n%s\n", command);
	if (strcmp(shell, "zsh") != 0)
		return strdup(". " COMMAND "\n");
	for (; *command; command++) {
		if (*command == '\n')
			buffer_char(&out, '\\');
		buffer_char(&out, *command);
	}
	buffer_char(&out, '\n');
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

static int put_history(const struct exec_debug *debug, const struct strlist *words,
		       const struct account *user, struct command_root *root,
		       struct command_mounts *mounts, char **ret_typed, struct msb_error *err)
{
	autofree char *shell = NULL, *command = command_text(debug), *history = NULL;
	int r = 0;

	/* /bin/sh is a link mostly; a borrowed busybox is in no tree. */
	if (edit_resolve(root->base, words->items[0], 0, &shell, NULL) < 0)
		shell = strdup(words->items[0]);
	history = command && shell ? history_text(command, path_base(shell), debug->script) : NULL;
	if (!history)
		return msb_error_memory(err);
	r = put_file(root, user, COMMAND, command, 0755, err);
	if (r >= 0 && !reads_history(debug, shell)) {
		history[strcspn(history, "\n")] = '\0';
		*ret_typed = steal(&history);
		return 0;
	}
	if (r >= 0)
		r = put_file(root, user, HISTORY, history, 0600, err);
	/* The second makes bash take the first line for a time, and what follows for one entry. */
	if (r >= 0 &&
	    (strlist_set_env(&mounts->env, "HISTFILE", HISTORY) < 0 ||
	     (history[0] == '#' && strlist_set_env(&mounts->env, "HISTTIMEFORMAT", "") < 0)))
		r = msb_error_memory(err);
	return r;
}

/* The host's, which in Debian is static. */
static int lend_busybox(struct command_root *root, const struct account *user,
			struct command_mounts *mounts, struct msb_error *err)
{
	int r = put_file(root, user, BUSYBOX, "", 0644, err);

	for (size_t i = 0; r >= 0 && i < sizeof(busyboxes) / sizeof(*busyboxes); i++)
		if (access(busyboxes[i], X_OK) == 0)
			return command_mounts_bind(mounts, root, busyboxes[i], BUSYBOX, false, err);
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
	bool is_shell = !debug->options->argv || !debug->options->argv[0];
	bool remembers = is_shell && debug->history->count > 0;
	int r = 0;

	if (!remembers && !debug->options->busybox)
		return 0;
	if (!directory)
		return msb_error_memory(err);
	if (mkdir(directory, 0755) < 0 || chown(directory, user->uid, user->gid) < 0)
		return msb_error_set(err, errno, "create directory '%s'", directory);
	r = command_mounts_bind(mounts, root, directory, PLACE, true, err);
	if (r >= 0 && remembers)
		r = put_history(debug, words, user, root, mounts, ret_typed, err);
	if (r >= 0 && debug->options->busybox)
		r = lend_busybox(root, user, mounts, err);
	return r;
}

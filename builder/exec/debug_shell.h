/* The shell of somebody who debugs: which one, and what it finds in /.msb, which is outside of the
 * tree: the step's command, the shell's history, a borrowed busybox. */
#ifndef DEBUG_SHELL_H
#define DEBUG_SHELL_H

#include "accounts.h"
#include "command_mounts.h"
#include "command_root.h"
#include "exec.h"
#include "strlist.h"

/* PATH where the image has none. */
#define DEBUG_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* The words of the shell, where there are none of the caller's. -ENOENT says what can be done. */
int debug_shell_words(const struct exec_debug *debug, struct strlist *ret, struct msb_error *err);

/* Makes /.msb for the command or shell that words begins with, owned by its user. Between
 * command_root_init() and command_root_mount(). *ret_typed: for a shell that reads no history, what
 * shall stand at its prompt instead; owned by the caller; NULL: nothing. */
int debug_shell_prepare(const struct exec_debug *debug, const struct strlist *words,
			const struct account *user, struct command_root *root,
			struct command_mounts *mounts, char **ret_typed, struct msb_error *err);

#endif

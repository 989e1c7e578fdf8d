/* What every command finds around it, whether a RUN or a debugging shell. */
#ifndef COMMAND_SETTING_H
#define COMMAND_SETTING_H

#include <msb/error.h>

#include "accounts.h"
#include "buffer.h"
#include "command_mounts.h"
#include "command_root.h"
#include "sandbox.h"
#include "strlist.h"

/* The network's files: the host's name servers, and hosts as the text of /etc/hosts. Before
 * command_root_mount(). */
int command_setting_network(struct command_mounts *mounts, struct command_root *root,
			    const struct buffer *hosts, struct msb_error *err);

/* Adds to env what the mounts bring, and HOME where nobody set it. 0 or -ENOMEM. */
int command_setting_env(struct strlist *env, const struct command_mounts *mounts,
			const struct account *user);

/* Root, mounts and user; the caller adds words, environment, directory and descriptors. All of it
 * is borrowed. */
struct sandbox_command command_setting_fill(const struct command_root *root,
					    const struct command_mounts *mounts,
					    const struct account *user);

#endif

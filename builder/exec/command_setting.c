#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "command_setting.h"
#include "hosts.h"
#include "io.h"

#define MAX_RESOLV (1024u * 1024)

int command_setting_network(struct command_mounts *mounts, struct command_root *root,
			    const struct buffer *hosts, struct msb_error *err)
{
	autobuffer resolv = {0};
	int r;

	/* A host without name servers gives its commands none. */
	if (io_read_file(AT_FDCWD, "/etc/resolv.conf", MAX_RESOLV, &resolv, NULL) < 0)
		resolv.size = 0;
	r = command_mounts_add_file(mounts, root, "resolv.conf",
				    resolv.bytes ? resolv.bytes : (const void *)"", resolv.size,
				    0644, "/etc/resolv.conf", true, err);
	if (r >= 0)
		r = command_mounts_add_file(mounts, root, "hosts", hosts->bytes, hosts->size, 0644,
					    "/etc/hosts", true, err);
	return r;
}

int command_setting_env(struct strlist *env, const struct command_mounts *mounts,
			const struct account *user)
{
	const char *home;

	for (size_t i = 0; i < mounts->env.count; i++) {
		const char *item = mounts->env.items[i];
		autofree char *name = strndup(item, strcspn(item, "="));
		const char *own = name ? strlist_get_env(env, name) : NULL;

		/* Whoever names a socket himself means that one. */
		if (own && strcmp(name, "SSH_AUTH_SOCK") == 0)
			continue;
		if (!name || strlist_set_env(env, name, item + strlen(name) + 1) < 0)
			return -ENOMEM;
	}
	/* An empty one is none, as OCI runtimes have it. */
	home = strlist_get_env(env, "HOME");
	if (!home || !*home)
		return strlist_set_env(env, "HOME", user->home);
	return 0;
}

struct sandbox_command command_setting_fill(const struct command_root *root,
					    const struct command_mounts *mounts,
					    const struct account *user)
{
	return (struct sandbox_command){
		.root = root->root,
		.scratch = root->bundle,
		.hostname = HOSTS_NAME,
		.uid = user->uid,
		.gid = user->gid,
		.groups = user->groups,
		.group_count = user->group_count,
		.mounts = mounts->list,
		.mount_count = mounts->count,
	};
}

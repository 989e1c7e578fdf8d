/* The mounts of a RUN, read back from its definition as put_mount() wrote them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "definition.h"
#include "internal.h"

/* One field of a line: a word, or NAME=VALUE, whose value may be quoted. Returns what follows it.
 */
static const char *next_field(const char *text, const char **ret_value, size_t *ret_name,
			      size_t *ret_value_size)
{
	size_t name = strcspn(text, "= "), size;
	const char *value = text + name + (text[name] == '=');

	if (*value == '"') {
		size = 1;
		while (value[size] && value[size] != '"')
			size += value[size] == '\\' && value[size + 1] ? 2 : 1;
		size += value[size] == '"';
	} else {
		size = strcspn(value, " ");
	}
	*ret_name = name;
	*ret_value = value;
	*ret_value_size = size;
	value += size;
	return value + (*value == ' ');
}

static int set_text(char **place, const char *value, size_t size)
{
	free(*place);
	*place = definition_unquote(value, size);
	return *place ? 0 : -ENOMEM;
}

static int set_field(struct run_mount *mount, const char *name, size_t name_size, const char *value,
		     size_t size)
{
	const struct {
		const char *name;
		char **place;
	} texts[] = {{"id", &mount->id},
		     {"source", &mount->source},
		     {"target", &mount->target},
		     {"env", &mount->env}};
	unsigned long long number = strtoull(value, NULL, 10);

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (strlen(texts[i].name) == name_size &&
		    strncmp(texts[i].name, name, name_size) == 0)
			return set_text(texts[i].place, value, size);
	if (strncmp(name, "from=", 5) == 0)
		mount->from.kind =
			strncmp(value, "scratch", 7) == 0 ? SOURCE_SCRATCH : SOURCE_CONTEXT;
	else if (strncmp(name, "ro=", 3) == 0)
		mount->read_only = number != 0;
	else if (strncmp(name, "sharing=", 8) == 0)
		mount->sharing = number <= SHARING_LOCKED ? (int)number : SHARING_SHARED;
	else if (strncmp(name, "uid=", 4) == 0)
		mount->uid = (uint32_t)number;
	else if (strncmp(name, "gid=", 4) == 0)
		mount->gid = (uint32_t)number;
	else if (strncmp(name, "mode=", 5) == 0)
		mount->mode = (uint32_t)strtoul(value, NULL, 8);
	else if (strncmp(name, "size=", 5) == 0)
		mount->size = number;
	return 0;
}

/* 1: the line is not of this kind; it is what select_mount() adds, with a key. */
static int read_mount(const char *line, struct run_mount *ret)
{
	static const char *const kinds[] = {"bind", "cache", "tmpfs", "secret", "ssh"};
	size_t name, size, kind = 0;
	const char *value;

	while (kind < sizeof(kinds) / sizeof(*kinds) &&
	       strncmp(line, kinds[kind], strlen(kinds[kind])) != 0)
		kind++;
	if (kind == sizeof(kinds) / sizeof(*kinds))
		return 1;
	*ret = (struct run_mount){.kind = (int)kind, .has_mode = true};
	line += strlen(kinds[kind]) + 1;
	while (*line) {
		const char *next = next_field(line, &value, &name, &size);

		if (set_field(ret, line, name, value, size) < 0)
			return -ENOMEM;
		line = next;
	}
	return 0;
}

static bool is_whole(const struct run_mount *mount)
{
	bool needs_source = mount->kind == MOUNT_BIND, needs_id = mount->kind == MOUNT_CACHE ||
								  mount->kind == MOUNT_SECRET ||
								  mount->kind == MOUNT_SSH;

	return (mount->target ? mount->target[0] == '/' : mount->env != NULL) &&
	       (!needs_source || mount->source) && (!needs_id || mount->id);
}

int definition_mounts(const struct definition *definition, struct run_mount **ret,
		      size_t *ret_count)
{
	struct run_mount *mounts = calloc(definition->count + 1, sizeof(*mounts));
	size_t count = 0;

	if (!mounts)
		return -ENOMEM;
	for (size_t i = 0; i < definition->count; i++) {
		int r = strcmp(definition->components[i].name, "mount") == 0
				? read_mount(definition->components[i].value, &mounts[count])
				: 1;

		if (r == 1)
			continue;
		count++;
		if (r < 0 || !is_whole(&mounts[count - 1])) {
			run_mounts_free(mounts, count);
			return r < 0 ? r : -EBADMSG;
		}
	}
	*ret = mounts;
	*ret_count = count;
	return 0;
}

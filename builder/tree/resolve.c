#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "path.h"

#define MAX_FOLLOWED 40

/* The rest of the path once `link`, at `prefix`, was replaced by its target. */
static char *splice(const char *prefix, size_t prefix_length, const struct msb_entry *link,
		    const char *rest)
{
	autobuffer joined = {0};

	if (link->target[0] != '/')
		buffer_append(&joined, prefix, prefix_length);
	buffer_char(&joined, '/');
	buffer_append(&joined, link->target, link->size);
	buffer_string(&joined, rest);
	return buffer_text(&joined);
}

/* "a/../b" must be walked, not cleaned: a may be a link to elsewhere. */
int edit_resolve(struct tree_edit *edit, const char *path, unsigned flags, char **ret,
		 struct msb_error *err)
{
	autofree char *todo = strdup(path);
	autobuffer done = {0};
	unsigned followed = 0;
	char *rest = todo;

	while (todo && *(rest += strspn(rest, "/"))) {
		size_t part = strcspn(rest, "/"), kept = done.size;
		struct msb_entry entry;
		char *next;
		int r;

		if (part == 2 && memcmp(rest, "..", 2) == 0) {
			while (done.size > 0 && done.bytes[--done.size] != '/')
				;
		} else if (!(part == 1 && *rest == '.')) {
			buffer_char(&done, '/');
			buffer_append(&done, rest, part);
		}
		rest += part;
		buffer_u8(&done, '\0');
		if (!buffer_ok(&done))
			return msb_error_memory(err);
		done.size--;
		r = edit_get(edit, (const char *)done.bytes, &entry, err);
		if (r < 0 && r != -ENOENT && r != -ENOTDIR)
			return r;
		if (r < 0 || entry.type != MSB_SYMLINK ||
		    (flags & MSB_NOFOLLOW && rest[strspn(rest, "/")] == '\0'))
			continue;
		if (++followed > MAX_FOLLOWED)
			return msb_error_set(err, ELOOP, "'%s'", path);
		next = splice((const char *)done.bytes, kept, &entry, rest);
		free(todo);
		rest = todo = next;
		done.size = entry.target[0] == '/' ? 0 : kept;
		if (todo && entry.target[0] != '/')
			rest += kept; /* the part in front is walked already */
	}
	if (done.size == 0)
		buffer_char(&done, '/');
	*ret = todo ? buffer_text(&done) : NULL;
	return *ret ? 0 : msb_error_memory(err);
}

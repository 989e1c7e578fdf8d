/*
 * Where a name of an archive lands: as in a chroot at the directory that is unpacked to. Parents
 * that are symlinks are followed, absolute targets and ".." stop at the directory.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"
#include "path.h"

#define MAX_FOLLOWED 40

int place_init(struct place *place, struct tree_edit *edit, const char *directory,
	       struct msb_error *err)
{
	struct msb_entry entry;
	int r;

	*place = (struct place){.edit = edit};
	place->root = path_join("/", directory ? directory : "/");
	if (!place->root)
		return msb_error_memory(err);
	r = edit_get(edit, place->root, &entry, err);
	if (r >= 0 && entry.type != MSB_DIRECTORY)
		r = -ENOTDIR;
	if (r == -ENOENT || r == -ENOTDIR)
		return msb_error_set(err, r, "'%s'", place->root);
	if (strcmp(place->root, "/") == 0)
		place->root[0] = '\0';
	return r;
}

static void drop_last(struct buffer *path, size_t floor)
{
	while (path->size > floor && path->bytes[--path->size] != '/')
		;
}

/* What is at path, which holds no NUL yet. */
static int look(struct place *place, struct msb_entry *ret, struct msb_error *err)
{
	buffer_u8(&place->path, '\0');
	if (!buffer_ok(&place->path))
		return msb_error_memory(err);
	place->path.size--;
	return edit_get(place->edit, (const char *)place->path.bytes, ret, err);
}

/* The rest of a walk that met a link: its target, then what was left. Owned. */
static char *splice(const struct msb_entry *link, const char *rest)
{
	autobuffer joined = {0};

	buffer_append(&joined, link->target, link->size);
	buffer_char(&joined, '/');
	buffer_string(&joined, rest);
	return buffer_text(&joined);
}

/* Leaves in place->path where `length` bytes of name lead, every symlink followed; missing
 * components stay as they are. */
static int walk(struct place *place, const char *name, size_t length, bool *ret_literal,
		struct msb_error *err)
{
	autofree char *todo = strndup(name, length);
	size_t floor = strlen(place->root);
	unsigned followed = 0;
	char *rest = todo;

	*ret_literal = true;
	place->path.size = 0;
	buffer_string(&place->path, place->root);
	while (todo && *(rest += strspn(rest, "/"))) {
		size_t part = strcspn(rest, "/"), kept = place->path.size;
		struct msb_entry entry;
		char *next;
		int r;

		if (part == 1 && *rest == '.') {
			rest += part;
			continue;
		}
		if (part == 2 && memcmp(rest, "..", 2) == 0) {
			*ret_literal = false;
			drop_last(&place->path, floor);
			rest += part;
			continue;
		}
		buffer_char(&place->path, '/');
		buffer_append(&place->path, rest, part);
		rest += part;
		if (place->path.size > floor + LONGEST_PATH)
			return msb_error_set(err, ENAMETOOLONG, "its path");
		r = look(place, &entry, err);
		if (r < 0 && r != -ENOENT && r != -ENOTDIR)
			return r;
		if (r < 0 || entry.type != MSB_SYMLINK)
			continue;
		if (++followed > MAX_FOLLOWED)
			return msb_error_set(err, ELOOP, "its path");
		*ret_literal = false;
		next = splice(&entry, rest);
		place->path.size = entry.target[0] == '/' ? floor : kept;
		free(todo);
		rest = todo = next;
	}
	return todo ? 0 : msb_error_memory(err);
}

/* Archives list a directory's entries together: the parent of the last name is remembered. It has
 * no symlink in it, and as all that changes is put below it, none of its components becomes one. */
static int walk_parent(struct place *place, const char *name, size_t length, struct msb_error *err)
{
	bool literal;
	int r;

	if (length > 0 && place->parent.size == length &&
	    memcmp(place->parent.bytes, name, length) == 0) {
		drop_last(&place->path, strlen(place->root));
		return 0;
	}
	place->parent.size = 0;
	r = walk(place, name, length, &literal, err);
	if (r >= 0 && literal)
		buffer_append(&place->parent, name, length);
	return r;
}

int place_find(struct place *place, const char *name, const char **ret, struct msb_error *err)
{
	size_t length = strnlen(name, LONGEST_PATH + 1), base, part;
	bool literal;
	int r;

	if (length > LONGEST_PATH)
		return msb_error_set(err, ENAMETOOLONG, "its path");
	while (length > 0 && name[length - 1] == '/')
		length--;
	for (base = length; base > 0 && name[base - 1] != '/'; base--)
		;
	part = length - base;
	if (part > 2 || path_is_name(name + base, part)) {
		/* Too long a name is refused by the edit, unless it is only a whiteout's. */
		r = walk_parent(place, name, base, err);
		buffer_char(&place->path, '/');
		buffer_append(&place->path, name + base, part);
	} else {
		/* "", ".", "..": a directory that is there */
		place->parent.size = 0;
		r = walk(place, name, length, &literal, err);
		if (place->path.size == 0)
			buffer_char(&place->path, '/');
	}
	if (r < 0)
		return r;
	buffer_u8(&place->path, '\0');
	if (!buffer_ok(&place->path) || !buffer_ok(&place->parent))
		return msb_error_memory(err);
	place->path.size--;
	*ret = (const char *)place->path.bytes;
	return 0;
}

void place_done(struct place *place)
{
	free(place->root);
	buffer_done(&place->parent);
	buffer_done(&place->path);
}

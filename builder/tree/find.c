/* Walking a path inside a tree, as the kernel would with the tree's root as "/". */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <msb/tree.h>

#include "buffer.h"
#include "format.h"

#define MAX_FOLLOWED 40

/* The directories from the root down to where the walk stands. */
struct walk {
	struct msb_store *store;
	struct msb_found *levels; /* owned. dir: holds entry; path is unused */
	size_t depth;             /* levels in use; the root is always there */
	size_t capacity;
	unsigned followed;
};

/* Takes dir. */
static int add_level(struct walk *walk, struct msb_dir *dir, const struct msb_entry *entry)
{
	if (walk->depth == walk->capacity) {
		size_t capacity = walk->capacity ? walk->capacity * 2 : 16;
		struct msb_found *levels = reallocarray(walk->levels, capacity, sizeof(*levels));

		if (!levels) {
			msb_dir_unref(dir);
			return -ENOMEM;
		}
		walk->levels = levels;
		walk->capacity = capacity;
	}
	walk->levels[walk->depth++] = (struct msb_found){.dir = dir, .entry = *entry};
	return 0;
}

static void walk_done(struct walk *walk)
{
	for (size_t i = 0; i < walk->depth; i++)
		msb_dir_unref(walk->levels[i].dir);
	free(walk->levels);
}

static int enter_root(struct walk *walk, const struct msb_digest *tree, struct msb_error *err)
{
	AUTO(msb_dir_unrefp) struct msb_dir *root = NULL;
	struct msb_entry entry;
	int r;

	r = msb_tree_load(walk->store, tree, &root, err);
	if (r < 0)
		return r;
	if (msb_dir_count(root) != 1)
		return msb_error_say(err, EBADMSG, "not a root object");
	msb_dir_get(root, 0, &entry);
	if (entry.name_length != 0)
		return msb_error_say(err, EBADMSG, "not a root object");
	return add_level(walk, steal(&root), &entry) < 0 ? msb_error_memory(err) : 0;
}

int load_directory(struct msb_store *store, const struct msb_entry *directory, struct msb_dir **ret,
		   struct msb_error *err)
{
	AUTO(msb_dir_unrefp) struct msb_dir *dir = NULL;
	struct msb_entry first;
	int r = msb_tree_load(store, &directory->digest, &dir, err);

	if (r == -ENOENT) {
		r = -EBADMSG;
		if (err)
			err->code = r;
		return msb_error_prefix(err, r, "the store has lost a directory");
	}
	if (r < 0)
		return r;
	if (msb_dir_count(dir) == 1) {
		msb_dir_get(dir, 0, &first);
		if (first.name_length == 0)
			return msb_error_say(err, EBADMSG, "a root object within a tree");
	}
	*ret = steal(&dir);
	return 0;
}

static int step_into(struct walk *walk, const char *name, size_t length, struct msb_error *err)
{
	AUTO(msb_dir_unrefp) struct msb_dir *dir = NULL;
	const struct msb_entry *here = &walk->levels[walk->depth - 1].entry;
	struct msb_entry entry;
	size_t index;
	int r;

	if (here->type != MSB_DIRECTORY)
		return -ENOTDIR;
	if (walk->depth == MAX_DEPTH)
		return -ENAMETOOLONG;
	r = load_directory(walk->store, here, &dir, err);
	if (r < 0)
		return r;
	r = msb_dir_find(dir, name, length, &index);
	if (r < 0)
		return r;
	msb_dir_get(dir, index, &entry);
	return add_level(walk, steal(&dir), &entry) < 0 ? msb_error_memory(err) : 0;
}

static void step_back(struct walk *walk)
{
	msb_dir_unref(walk->levels[--walk->depth].dir);
}

static int walk_path(struct walk *walk, const char *path, size_t length, unsigned flags,
		     struct msb_error *err);

static int follow(struct walk *walk, struct msb_error *err)
{
	struct msb_entry link = walk->levels[walk->depth - 1].entry;
	char target[MAX_TARGET + 1];

	if (++walk->followed > MAX_FOLLOWED)
		return -ELOOP;
	memcpy(target, link.target, link.size);
	target[link.size] = '\0';
	step_back(walk);
	if (target[0] == '/')
		while (walk->depth > 1)
			step_back(walk);
	return walk_path(walk, target, link.size, 0, err);
}

static int walk_path(struct walk *walk, const char *path, size_t length, unsigned flags,
		     struct msb_error *err)
{
	const char *end = path + length;

	while (path < end) {
		size_t part = 0;
		bool last;
		int r;

		while (path < end && *path == '/')
			path++;
		while (path + part < end && path[part] != '/')
			part++;
		/* Also before a slash or "." at the end, as the kernel. */
		if (walk->levels[walk->depth - 1].entry.type != MSB_DIRECTORY)
			return -ENOTDIR;
		if (part == 0 || (part == 1 && path[0] == '.')) {
			path += part;
			continue;
		}
		if (part == 2 && memcmp(path, "..", 2) == 0) {
			if (walk->depth > 1)
				step_back(walk);
			path += part;
			continue;
		}
		r = step_into(walk, path, part, err);
		if (r < 0)
			return r;
		path += part;
		last = path == end;
		if (walk->levels[walk->depth - 1].entry.type == MSB_SYMLINK &&
		    !(last && flags & MSB_NOFOLLOW)) {
			r = follow(walk, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static char *path_of(const struct walk *walk)
{
	autobuffer path = {0};

	for (size_t i = 1; i < walk->depth; i++) {
		buffer_char(&path, '/');
		buffer_append(&path, walk->levels[i].entry.name, walk->levels[i].entry.name_length);
	}
	if (walk->depth == 1)
		buffer_char(&path, '/');
	return buffer_text(&path);
}

int msb_tree_find(struct msb_store *store, const struct msb_digest *tree, const char *path,
		  unsigned flags, struct msb_found *ret, struct msb_error *err)
{
	AUTO(walk_done) struct walk walk = {.store = store};
	struct msb_error unset = {0};
	struct msb_found found;
	int r;

	r = enter_root(&walk, tree, err);
	if (r < 0)
		return r;
	r = walk_path(&walk, path, strlen(path), flags, &unset);
	if (r < 0 && unset.code == 0)
		return msb_error_set(err, r, "'%s'", path);
	if (r < 0) {
		if (err)
			*err = unset;
		return r;
	}
	found = walk.levels[walk.depth - 1];
	found.path = path_of(&walk);
	if (!found.path)
		return msb_error_memory(err);
	msb_dir_ref(found.dir);
	*ret = found;
	return 0;
}

void msb_found_done(struct msb_found *found)
{
	msb_dir_unref(found->dir);
	free(found->path);
	*found = (struct msb_found){0};
}

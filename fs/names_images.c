/* images/: repositories are directories, tags are trees. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "autopull.h"
#include "names.h"
#include "shelf.h"

static int get(struct core *core, struct shelf_list **ret)
{
	struct msb_error err = {0};
	int r = shelf_get(core->shelf, ret, &err);

	return r < 0 ? core_damaged(core, &err, "images") : 0;
}

/* "" for images/ itself, "quay.io/a/" for a directory in it; owned. NULL: no memory, or no such. */
static char *prefix_of(struct core *core, uint64_t id)
{
	const char *path;
	char *prefix = NULL;

	if (id == INODE_IMAGES)
		return strdup("");
	path = shelf_interned(core->shelf, inode_interned(id));
	return path && asprintf(&prefix, "%s/", path) >= 0 ? prefix : NULL;
}

/* The first image whose path is not below the given one in order. */
static size_t lower_bound(const struct shelf_list *list, const char *path)
{
	size_t low = 0, high = list->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (!list->images[middle].shown || strcmp(list->images[middle].shown, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool has_prefix(const struct shelf_list *list, size_t at, const char *prefix)
{
	return at < list->count && strncmp(list->images[at].shown, prefix, strlen(prefix)) == 0;
}

static const struct msb_digest *tree_of(const struct shelf_list *list, const char *path)
{
	size_t at = lower_bound(list, path);
	struct msb_digest id;

	if (at < list->count && strcmp(list->images[at].shown, path) == 0)
		return &list->images[at].tree;
	/* Any image by its ID; that is not listed. */
	if (strncmp(path, "sha256:", 7) == 0 && msb_digest_parse(path, &id) == 0)
		for (size_t i = 0; i < list->count; i++)
			if (msb_digest_equal(&list->images[i].id, &id))
				return &list->images[i].tree;
	return NULL;
}

static int lookup(struct core *core, const struct shelf_list *list, uint64_t parent,
		  const char *path, struct core_node *ret)
{
	const struct msb_digest *tree = tree_of(list, path);
	autofree char *below = NULL;
	uint64_t interned;
	int r;

	if (asprintf(&below, "%s/", path) < 0) {
		below = NULL;
		return -ENOMEM;
	}
	if (!tree && !has_prefix(list, lower_bound(list, below), below))
		return -ENOENT;
	r = shelf_intern(core->shelf, path, &interned);
	if (r < 0)
		return r;
	if (tree)
		return names_answer_tree(core, inode_of_images(interned), parent, tree, ret);
	names_answer(inode_of_images(interned), S_IFDIR | 0555, 0, list->changed, ret);
	return 0;
}

static int lookup_path(struct core *core, uint64_t parent, const char *path, struct core_node *ret)
{
	struct shelf_list *list;
	int r = get(core, &list);

	if (r < 0)
		return r;
	r = lookup(core, list, parent, path, ret);
	shelf_put(core->shelf, list);
	return r;
}

/* A directory in which nothing is shown yet. */
static void answer_empty(struct core *core, uint64_t id, struct core_node *ret)
{
	names_answer(id, S_IFDIR | 0555, 0, core->opened_ns, ret);
}

/* An image that is here under its short name or with its tag. */
static int lookup_shown(struct core *core, uint64_t parent, const char *path,
			enum autopull_kind kind, struct core_node *ret)
{
	autofree char *shown = autopull_shown(path, kind);
	struct msb_digest tree = {0};
	const struct msb_digest *found;
	struct shelf_list *list;
	uint64_t interned;
	int r = shown ? get(core, &list) : -ENOMEM;

	if (r < 0)
		return r;
	found = tree_of(list, shown);
	if (found)
		tree = *found;
	shelf_put(core->shelf, list);
	r = found ? shelf_intern(core->shelf, path, &interned) : -ENOENT;
	return r < 0 ? r : names_answer_tree(core, inode_of_images(interned), parent, &tree, ret);
}

/* A name that is not here. */
static int autopull(struct core *core, uint64_t parent, const char *path, struct core_node *ret)
{
	enum autopull_kind kind = autopull_kind_of(path);
	uint64_t interned;
	int r;

	if (kind == AUTOPULL_NOTHING)
		return -ENOENT;
	r = kind == AUTOPULL_DIRECTORY ? -ENOENT : lookup_shown(core, parent, path, kind, ret);
	if (r == -ENOENT && kind != AUTOPULL_DIRECTORY) {
		r = autopull_get(core, path);
		if (r == 0)
			return lookup_shown(core, parent, path, kind, ret);
	}
	if (r != -ENOENT || kind == AUTOPULL_IMAGE)
		return r;
	r = shelf_intern(core->shelf, path, &interned);
	if (r == 0)
		answer_empty(core, inode_of_images(interned), ret);
	return r;
}

int images_lookup(struct core *core, uint64_t parent, const char *name, struct core_node *ret)
{
	autofree char *prefix = prefix_of(core, parent), *path = NULL;
	int r;

	if (!prefix)
		return -ESTALE;
	if (asprintf(&path, "%s%s", prefix, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = lookup_path(core, parent, path, ret);
	return r == -ENOENT && core->autopull ? autopull(core, parent, path, ret) : r;
}

int images_stat(struct core *core, uint64_t id, struct core_node *ret)
{
	autofree char *prefix = prefix_of(core, id);
	struct shelf_list *list;
	int r;

	if (!prefix)
		return -ESTALE;
	r = get(core, &list);
	if (r < 0)
		return r;
	if (has_prefix(list, lower_bound(list, prefix), prefix))
		names_answer(id, S_IFDIR | 0555, 0, list->changed, ret);
	else if (core->autopull)
		answer_empty(core, id, ret);
	else
		r = -ENOENT;
	shelf_put(core->shelf, list);
	return r;
}

int images_list(struct core *core, uint64_t id, struct name_list *to)
{
	autofree char *prefix = prefix_of(core, id);
	char name[NAME_MAX + 1], last[NAME_MAX + 1] = "";
	struct shelf_list *list;
	const char *rest;
	int r;

	if (!prefix)
		return -ESTALE;
	r = get(core, &list);
	if (r < 0)
		return r;
	for (size_t i = lower_bound(list, prefix); has_prefix(list, i, prefix) && !to->full; i++) {
		rest = list->images[i].shown + strlen(prefix);
		/* Components are at most NAME_MAX bytes: shelf_shown_name(). */
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(rest, "/"), rest);
		if (strcmp(name, last) != 0)
			name_list_add(to, name, id, S_IFDIR);
		memcpy(last, name, sizeof(last));
	}
	shelf_put(core->shelf, list);
	return 0;
}

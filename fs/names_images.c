/* images/: repositories are directories, tags are trees. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "autopull.h"
#include "io.h"
#include "names.h"
#include "node.h"
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

/* The tree of an image that is here under its short name or with its tag. */
static int find_shown(struct core *core, const char *path, enum autopull_kind kind,
		      struct msb_digest *ret)
{
	autofree char *shown = autopull_shown(path, kind);
	const struct msb_digest *found;
	struct shelf_list *list;
	int r = shown ? get(core, &list) : -ENOMEM;

	if (r < 0)
		return r;
	found = tree_of(list, shown);
	if (found)
		*ret = *found;
	shelf_put(core->shelf, list);
	return found ? 0 : -ENOENT;
}

/* The same, pulled where it is not here. */
static int pull_shown(struct core *core, const char *path, enum autopull_kind kind,
		      struct msb_digest *ret)
{
	int r = find_shown(core, path, kind, ret);

	if (r == -ENOENT)
		r = autopull_get(core, path);
	return r == 0 ? find_shown(core, path, kind, ret) : r;
}

/* --- Names without a tag, with autopull ----------------------------------------------------------
 *
 * Such a name is an image's (of its "latest"), or the beginning of a longer one. To be looked up
 * does not tell which: a path's every component is, and whatever a shell completes. So it is a
 * directory, and no registry is asked, until somebody lists it or wants something in it that is no
 * image with a tag. If it is an image's, then what is in it are the entries of the tree's root. The
 * directory stays the same, so that whoever works in it does not lose it.
 */

static bool is_repositories(struct core *core, const char *prefix)
{
	struct shelf_list *list;
	bool is = get(core, &list) == 0;

	if (is) {
		is = has_prefix(list, lower_bound(list, prefix), prefix);
		shelf_put(core->shelf, list);
	}
	return is;
}

/* path: of a directory below images/. -ENOENT: no image's. */
static int find_root(struct core *core, uint64_t id, const char *path, bool ask, struct node *ret)
{
	struct msb_error err = {0};
	struct msb_digest tree;
	const struct view *view;
	int r;

	if (!core->autopull || autopull_kind_of(path) != AUTOPULL_EITHER)
		return -ENOENT;
	r = ask ? pull_shown(core, path, AUTOPULL_EITHER, &tree)
		: find_shown(core, path, AUTOPULL_EITHER, &tree);
	if (r < 0)
		return r;
	r = views_get(core->views, core->store, id, INODE_IMAGES, &tree, &view, &err);
	return r < 0 ? core_damaged(core, &err, "views") : node_root(core, view, ret);
}

int images_root(struct core *core, uint64_t id, struct node *ret)
{
	autofree char *prefix = inode_is_images(id) ? prefix_of(core, id) : NULL;

	if (!prefix || is_repositories(core, prefix))
		return -ENOENT;
	prefix[strlen(prefix) - 1] = '\0';
	return find_root(core, id, prefix, false, ret);
}

/* Below an image without a tag. -ENOENT: no such name, or that is no image. */
static int lookup_in_root(struct core *core, uint64_t parent, const char *prefix, const char *name,
			  bool ask, bool *ret_is_image, struct core_node *ret)
{
	autofree char *path = strdup(prefix);
	autonode root = {0}, child = {0};
	int r;

	*ret_is_image = false;
	if (!path)
		return -ENOMEM;
	if (!*path || is_repositories(core, prefix))
		return -ENOENT;
	path[strlen(path) - 1] = '\0';
	r = find_root(core, parent, path, ask, &root);
	if (r < 0)
		return r;
	*ret_is_image = true;
	r = node_lookup(&root, name, &child);
	if (r == 0)
		r = node_answer(&child, ret);
	ret->name_lasts = false; /* the tag may become another image's */
	return r;
}

/* Nothing is shown in it yet. What it shows may have changed whenever somebody asks. */
static void answer_empty(uint64_t id, struct core_node *ret)
{
	names_answer(id, S_IFDIR | 0555, 0, io_now(), ret);
}

static int answer_directory(struct core *core, const char *path, struct core_node *ret)
{
	uint64_t interned;
	int r = shelf_intern(core->shelf, path, &interned);

	return r < 0 ? r : images_stat(core, inode_of_images(interned), ret);
}

static int answer_image(struct core *core, uint64_t parent, const char *path, struct core_node *ret)
{
	struct msb_digest tree;
	uint64_t interned;
	int r = pull_shown(core, path, AUTOPULL_IMAGE, &tree);

	if (r == 0)
		r = shelf_intern(core->shelf, path, &interned);
	return r < 0 ? r : names_answer_tree(core, inode_of_images(interned), parent, &tree, ret);
}

/* A name that is not here. */
static int autopull(struct core *core, uint64_t parent, const char *prefix, const char *name,
		    struct core_node *ret)
{
	autofree char *path = NULL;
	enum autopull_kind kind;
	bool is_image;
	int r;

	if (asprintf(&path, "%s%s", prefix, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	kind = autopull_kind_of(path);
	r = lookup_in_root(core, parent, prefix, name, kind != AUTOPULL_IMAGE, &is_image, ret);
	if (r != -ENOENT || (is_image && kind != AUTOPULL_IMAGE) || kind == AUTOPULL_NOTHING)
		return r;
	return kind == AUTOPULL_IMAGE ? answer_image(core, parent, path, ret)
				      : answer_directory(core, path, ret);
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
	return r == -ENOENT && core->autopull ? autopull(core, parent, prefix, name, ret) : r;
}

int images_stat(struct core *core, uint64_t id, struct core_node *ret)
{
	autofree char *prefix = prefix_of(core, id);
	autonode root = {0};
	struct shelf_list *list;
	bool found;
	int r;

	if (!prefix)
		return -ESTALE;
	r = get(core, &list);
	if (r < 0)
		return r;
	found = has_prefix(list, lower_bound(list, prefix), prefix);
	if (found)
		names_answer(id, S_IFDIR | 0555, 0, list->changed, ret);
	shelf_put(core->shelf, list);
	if (found)
		return 0;
	if (!core->autopull)
		return -ENOENT;
	r = images_root(core, id, &root);
	if (r == -ENOENT) {
		answer_empty(id, ret);
		return 0;
	}
	if (r == 0)
		r = node_answer(&root, ret);
	ret->id = ret->st.st_ino = id;
	ret->name_lasts = ret->stat_lasts = false;
	return r;
}

static bool list_of_root(void *context, const char *name, const struct core_node *node,
			 uint64_t next)
{
	struct name_list *to = context;
	struct core_node answer = *node;

	answer.name_lasts = false;
	to->full = !to->each(to->context, name, &answer, next);
	return !to->full;
}

/* "." and ".." have been listed. */
static int list_root(struct core *core, uint64_t id, const char *prefix, struct name_list *to)
{
	autofree char *path = strdup(prefix);
	autonode root = {0};
	int r;

	if (!path)
		return -ENOMEM;
	if (!*path || to->full)
		return 0;
	path[strlen(path) - 1] = '\0';
	r = find_root(core, id, path, true, &root);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return node_list(&root, to->offset > 2 ? to->offset : 2, list_of_root, to);
}

int images_list(struct core *core, uint64_t id, struct name_list *to)
{
	autofree char *prefix = prefix_of(core, id);
	char name[NAME_MAX + 1], last[NAME_MAX + 1] = "";
	struct shelf_list *list;
	const char *rest;
	bool empty;
	int r;

	if (!prefix)
		return -ESTALE;
	r = get(core, &list);
	if (r < 0)
		return r;
	empty = !has_prefix(list, lower_bound(list, prefix), prefix);
	for (size_t i = lower_bound(list, prefix); has_prefix(list, i, prefix) && !to->full; i++) {
		rest = list->images[i].shown + strlen(prefix);
		/* Components are at most NAME_MAX bytes: shelf_shown_name(). */
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(rest, "/"), rest);
		if (strcmp(name, last) != 0)
			name_list_add(to, name, id, S_IFDIR);
		memcpy(last, name, sizeof(last));
	}
	shelf_put(core->shelf, list);
	return empty ? list_root(core, id, prefix, to) : 0;
}

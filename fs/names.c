#include <stdio.h>
#include <string.h>

#include <msb/records.h>

#include "names.h"
#include "node.h"

/* The names at the top and where they lead. */
static const struct top_name {
	const char *name;
	uint64_t id;
	bool listed;
} top_names[] = {
	{"stages", INODE_STAGES, true}, {"images", INODE_IMAGES, true},
	{"builds", INODE_BUILDS, true}, {"cache", INODE_CACHES, true},
	{".trees", INODE_TREES, false},
};

#define TOP_COUNT (sizeof(top_names) / sizeof(top_names[0]))

/* For the kernel a directory's listing is as new as the directory's time. */
static int changed(struct core *core, int64_t *ret)
{
	struct msb_error err = {0};
	int r = msb_records_changed(core->store, ret, &err);

	return r < 0 ? core_damaged(core, &err, "records") : 0;
}

void names_answer(uint64_t id, mode_t mode, uint64_t size, int64_t time_ns, struct core_node *ret)
{
	*ret = (struct core_node){.id = id};
	inode_stat_name(id, mode, size, time_ns, &ret->st);
}

int names_answer_tree(struct core *core, uint64_t place, uint64_t above,
		      const struct msb_digest *tree, struct core_node *ret)
{
	autonode node = {0};
	const struct view *view;
	struct msb_error err = {0};
	int r = views_get(core->views, core->store, place, above, tree, &view, &err);

	if (r < 0)
		return core_damaged(core, &err, "views");
	r = node_root(core, view, &node);
	if (r < 0)
		return r;
	r = node_answer(&node, ret);
	ret->name_lasts = false;
	return r;
}

void name_list_add(struct name_list *list, const char *name, uint64_t id, mode_t type)
{
	struct core_node node = {.st = {.st_ino = id, .st_mode = type}};

	if (list->full || list->at++ < list->offset)
		return;
	list->full = !list->each(list->context, name, &node, list->at);
}

static int top_stat(struct core *core, uint64_t id, struct core_node *ret)
{
	int64_t time_ns;
	bool lasts;
	int r;

	if (id == INODE_CACHES) {
		caches_stat(core, ret);
		return 0;
	}
	r = changed(core, &time_ns);

	if (r < 0)
		return r;
	/* What the root and .trees list never changes, so that a path through them costs nothing.
	 */
	lasts = id == INODE_ROOT || id == INODE_TREES;
	names_answer(id, S_IFDIR | 0555, 0, lasts ? core->opened_ns : time_ns, ret);
	ret->name_lasts = true;
	ret->stat_lasts = lasts;
	return 0;
}

static int top_lookup(struct core *core, const char *name, struct core_node *ret)
{
	for (size_t i = 0; i < TOP_COUNT; i++)
		if (strcmp(top_names[i].name, name) == 0)
			return top_stat(core, top_names[i].id, ret);
	return -ENOENT;
}

/* Trees by digest. Whatever is asked for and is no tree's root in this store is not there. */
static int tree_lookup(struct core *core, const char *name, struct core_node *ret)
{
	bool prefixed = strncmp(name, "sha256:", 7) == 0;
	struct msb_digest digest;
	struct msb_error err = {0};
	int r;

	if (msb_digest_parse(name, &digest) < 0)
		return -ENOENT;
	/* Asked first: a view is for good, so that only what is in the store may have one. */
	r = msb_store_has(core->store, &digest, NULL, &err);
	if (r < 0)
		return core_damaged(core, &err, name);
	if (r != MSB_HERE)
		return -ENOENT;
	r = names_answer_tree(core, prefixed ? INODE_TREES_PREFIX : INODE_TREES, INODE_TREES,
			      &digest, ret);
	ret->name_lasts = true; /* the name is the content */
	return r == -ENOTDIR ? -ENOENT : r;
}

int names_lookup(struct core *core, uint64_t parent, const char *name, struct core_node *ret)
{
	if (strcmp(name, ".") == 0)
		return names_stat(core, parent, ret);
	switch (parent) {
	case INODE_ROOT:
		return top_lookup(core, name, ret);
	case INODE_STAGES:
		return shown_lookup(core, name, ret);
	case INODE_TREES:
		return tree_lookup(core, name, ret);
	case INODE_CACHES:
		return caches_lookup(core, name, ret);
	default:
		if (parent == INODE_IMAGES || inode_is_images(parent))
			return images_lookup(core, parent, name, ret);
		if (parent == INODE_BUILDS || inode_is_name(parent))
			return build_lookup(core, parent, name, ret);
		return -ESTALE;
	}
}

int names_stat(struct core *core, uint64_t id, struct core_node *ret)
{
	switch (id) {
	case INODE_ROOT:
	case INODE_STAGES:
	case INODE_IMAGES:
	case INODE_BUILDS:
	case INODE_TREES:
	case INODE_CACHES:
		return top_stat(core, id, ret);
	default:
		if (inode_is_images(id))
			return images_stat(core, id, ret);
		if (inode_is_name(id))
			return build_stat(core, id, ret);
		return -ESTALE;
	}
}

int names_list(struct core *core, uint64_t id, uint64_t offset, core_list_fn each, void *context)
{
	struct name_list list = {offset, 0, each, context, false};

	name_list_add(&list, ".", id, S_IFDIR);
	name_list_add(&list, "..", INODE_ROOT, S_IFDIR);
	switch (id) {
	case INODE_ROOT:
		for (size_t i = 0; i < TOP_COUNT; i++)
			if (top_names[i].listed)
				name_list_add(&list, top_names[i].name, top_names[i].id, S_IFDIR);
		return 0;
	case INODE_STAGES:
		return shown_list(core, &list);
	case INODE_TREES:
		return 0;
	case INODE_CACHES:
		return caches_list(core, &list);
	default:
		if (id == INODE_IMAGES || inode_is_images(id))
			return images_list(core, id, &list);
		if (id == INODE_BUILDS || inode_is_name(id))
			return build_list(core, id, &list);
		return -ENOTDIR;
	}
}

int names_readlink(struct core *core, uint64_t id, char **ret)
{
	if (inode_is_name(id))
		return build_readlink(core, id, ret);
	return -EINVAL;
}

ssize_t names_read(struct core *core, uint64_t id, void *bytes, size_t size, uint64_t offset)
{
	if (inode_is_name(id))
		return build_read(core, id, bytes, size, offset);
	return id <= INODE_CACHES || inode_is_images(id) ? -EISDIR : -EINVAL;
}

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "inode.h"
#include "labels.h"
#include "node.h"

void node_done(struct node *node)
{
	if (node->in)
		dircache_put(node->core->dirs, node->in);
	node->in = NULL;
}

static int load(struct core *core, const struct msb_digest *object, struct cached_dir **ret)
{
	struct msb_error err = {0};
	char text[MSB_DIGEST_TEXT];
	int r = dircache_get(core->dirs, object, ret, &err);

	return r < 0 ? core_damaged(core, &err, msb_digest_format(object, text)) : 0;
}

/* Makes ret the entry at index of dir, which is numbered above, has that path, and is put back in
 * any case. */
static int take(struct core *core, const struct view *view, struct cached_dir *dir, size_t index,
		int64_t above, uint64_t path, struct node *ret)
{
	uint64_t number = (uint64_t)(above + (int64_t)msb_dir_rank(dir->dir, index));

	if (number >= INODE_LIMIT) {
		dircache_put(core->dirs, dir);
		return -EOVERFLOW;
	}
	*ret = (struct node){core, view, dir, index, (uint32_t)number, above};
	msb_dir_get(dir->dir, index, &ret->entry);
	ret->path = inode_path(path, ret->entry.name, ret->entry.name_length);
	return 0;
}

int node_root(struct core *core, const struct view *view, struct node *ret)
{
	struct cached_dir *dir;
	struct msb_entry entry;
	int r = load(core, &view->tree->digest, &dir);

	if (r < 0)
		return r;
	if (msb_dir_count(dir->dir) == 1)
		msb_dir_get(dir->dir, 0, &entry);
	if (msb_dir_count(dir->dir) != 1 || entry.name_length || entry.type != MSB_DIRECTORY) {
		dircache_put(core->dirs, dir);
		return -ENOTDIR; /* an object, but not a tree's root */
	}
	return take(core, view, dir, 0, -1, view->tree->secret, ret);
}

/* Goes down from the root, at each directory into the child below which the number lies. */
static int descend(struct core *core, const struct view *view, uint32_t number, struct node *ret)
{
	autonode node = {0};
	struct cached_dir *dir;
	struct node child;
	size_t index;
	int r = node_root(core, view, &node);

	while (r == 0 && node.number < number) {
		if (node.entry.type != MSB_DIRECTORY)
			return -ESTALE;
		r = load(core, &node.entry.digest, &dir);
		if (r < 0)
			return r;
		index = msb_dir_at_rank(dir->dir, number - node.number);
		if (index >= msb_dir_count(dir->dir)) {
			dircache_put(core->dirs, dir);
			return -ESTALE;
		}
		r = take(core, view, dir, index, node.number, node.path, &child);
		if (r < 0)
			return r;
		node_done(&node);
		node = child;
	}
	if (r < 0)
		return r;
	if (node.number != number)
		return -ESTALE;
	*ret = node;
	node.in = NULL;
	return 0;
}

int node_get(struct core *core, uint64_t id, struct node *ret)
{
	const struct view *view = views_at(core->views, inode_view(id));
	uint32_t number;

	if (!view)
		return -ESTALE;
	if (inode_number(id, &number) && view_find_link(view, number, &number) < 0)
		return -ESTALE;
	return descend(core, view, number, ret);
}

int node_answer(const struct node *node, struct core_node *ret)
{
	const struct msb_entry *entry = &node->entry;
	const struct view *view = node->view;
	uint32_t shown = entry->type == MSB_DIRECTORY ? view->number : view->tree->files_view;
	uint64_t id = inode_of_entry(shown, node->number);
	int r;

	if (entry->link >= INODE_LIMIT)
		return -EOVERFLOW;
	if (entry->link) {
		r = view_note_link(view, entry->link, node->number);
		if (r < 0)
			return r;
		id = inode_of_link(shown, entry->link);
	}
	ret->id = id;
	ret->name_lasts = true;
	ret->stat_lasts = true;
	inode_stat(entry, view->tree->number, node->number, node->path, &ret->st);
	return 0;
}

int node_lookup(const struct node *node, const char *name, struct node *ret)
{
	struct cached_dir *dir;
	size_t index;
	int r;

	if (node->entry.type != MSB_DIRECTORY)
		return -ENOTDIR;
	r = load(node->core, &node->entry.digest, &dir);
	if (r < 0)
		return r;
	r = msb_dir_find(dir->dir, name, strlen(name), &index);
	if (r < 0) {
		dircache_put(node->core->dirs, dir);
		return r;
	}
	return take(node->core, node->view, dir, index, node->number, node->path, ret);
}

int node_child(const struct node *node, uint64_t index, struct node *ret)
{
	struct cached_dir *dir;
	int r;

	if (node->entry.type != MSB_DIRECTORY)
		return -ENOTDIR;
	r = load(node->core, &node->entry.digest, &dir);
	if (r < 0)
		return r;
	if (index >= msb_dir_count(dir->dir)) {
		dircache_put(node->core->dirs, dir);
		return -ENOENT;
	}
	return take(node->core, node->view, dir, index, node->number, node->path, ret);
}

/* "." and ".." of a directory; only their types and inode numbers count. */
static bool list_dots(const struct node *node, uint64_t *offset, core_list_fn each, void *context)
{
	struct core_node answer = {0};

	if (*offset == 0) {
		inode_stat(&node->entry, node->view->tree->number, node->number, node->path,
			   &answer.st);
		if (!each(context, ".", &answer, ++*offset))
			return false;
	}
	if (*offset == 1) {
		if (node->above < 0)
			inode_stat_name(node->view->above, S_IFDIR, 0, 0, &answer.st);
		else
			inode_stat(&node->entry, node->view->tree->number, (uint32_t)node->above,
				   node->path, &answer.st);
		if (!each(context, "..", &answer, ++*offset))
			return false;
	}
	return true;
}

static int list_entry(const struct node *node, struct cached_dir *dir, size_t index,
		      core_list_fn each, void *context)
{
	struct core_node answer;
	char name[NAME_MAX + 1];
	struct node child = {node->core, node->view, dir, index, 0, node->number};
	uint64_t number = node->number + msb_dir_rank(dir->dir, index);
	int r;

	msb_dir_get(dir->dir, index, &child.entry);
	if (number >= INODE_LIMIT || child.entry.name_length > NAME_MAX)
		return -EOVERFLOW;
	memcpy(name, child.entry.name, child.entry.name_length);
	name[child.entry.name_length] = '\0';
	child.number = (uint32_t)number;
	child.path = inode_path(node->path, name, child.entry.name_length);
	r = node_answer(&child, &answer);
	if (r < 0)
		return r;
	return each(context, name, &answer, index + 3) ? 0 : 1;
}

int node_list(const struct node *node, uint64_t offset, core_list_fn each, void *context)
{
	struct cached_dir *dir;
	size_t count;
	int r;

	if (node->entry.type != MSB_DIRECTORY)
		return -ENOTDIR;
	if (!list_dots(node, &offset, each, context))
		return 0;
	r = load(node->core, &node->entry.digest, &dir);
	if (r < 0)
		return r;
	count = msb_dir_count(dir->dir);
	for (uint64_t i = offset - 2; i < count && r == 0; i++)
		r = list_entry(node, dir, i, each, context);
	dircache_put(node->core->dirs, dir);
	return r < 0 ? r : 0;
}

int node_readlink(const struct node *node, char **ret)
{
	if (node->entry.type != MSB_SYMLINK)
		return -EINVAL;
	*ret = strndup(node->entry.target, node->entry.size);
	return *ret ? 0 : -ENOMEM;
}

static ssize_t give(const void *from, size_t from_size, void *value, size_t size)
{
	if (size == 0)
		return (ssize_t)from_size;
	if (size < from_size)
		return -ERANGE;
	memcpy(value, from, from_size);
	return (ssize_t)from_size;
}

#define DIGEST_NAME "user.msb.digest"

ssize_t node_xattr(const struct node *node, const char *name, void *value, size_t size)
{
	const struct msb_entry *entry = &node->entry;
	bool content = entry->type == MSB_FILE || entry->type == MSB_DIRECTORY;
	char text[MSB_DIGEST_TEXT];
	const uint8_t *bytes;
	const char *found;
	size_t position = 0, length;

	if (content && strcmp(name, DIGEST_NAME) == 0) {
		/* A tree's root tells the tree's own name, which is good for .trees/ and REFs. */
		msb_digest_format(node->above < 0 ? &node->view->tree->digest : &entry->digest,
				  text);
		return give(text, strlen(text), value, size);
	}
	while (msb_entry_xattr(entry, &position, &found, &bytes, &length))
		if (strcmp(found, name) == 0)
			return give(bytes, length, value, size);
	if (strcmp(name, LABEL_NAME) == 0 && !labels_may_be(node->core, node->view))
		return -EOPNOTSUPP;
	return -ENODATA;
}

ssize_t node_xattr_list(const struct node *node, char *list, size_t size)
{
	const uint8_t *bytes;
	const char *name;
	size_t position = 0, length, total = 0, name_size;

	while (msb_entry_xattr(&node->entry, &position, &name, &bytes, &length)) {
		name_size = strlen(name) + 1;
		if (size) {
			if (name_size > size - total)
				return -ERANGE;
			memcpy(list + total, name, name_size);
		}
		total += name_size;
	}
	return (ssize_t)total;
}

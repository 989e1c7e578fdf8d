/*
 * Hard links within one tree. Names that are one file carry the same number. An edit may break
 * that (one of two names replaced, a subtree grafted twice), so commit numbers them anew: a group
 * is named after its first path, which makes the numbers a function of the tree alone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "internal.h"
#include "little_endian.h"

struct group {
	uint32_t origin, link; /* what its members carry before */
	uint32_t count;
	uint32_t number; /* what they carry afterwards */
};

struct groups {
	struct tree_edit *edit;
	struct group *items;
	size_t count, capacity;
	uint32_t *table; /* by (origin, link): index + 1 */
	size_t table_size;
	struct buffer path;
	unsigned depth;
};

static void groups_done(struct groups *groups)
{
	free(groups->items);
	free(groups->table);
	buffer_done(&groups->path);
}

static size_t slot_of(const struct groups *groups, uint32_t origin, uint32_t link)
{
	/* The table's address, which nobody outside knows, keeps chosen numbers from colliding. */
	uint64_t seed = (uintptr_t)groups->table;
	uint64_t hash = (((uint64_t)origin << 32 | link) ^ seed) * UINT64_C(0x9e3779b97f4a7c15);
	size_t mask = groups->table_size - 1, at = (hash >> 32) & mask;

	while (groups->table[at]) {
		const struct group *group = &groups->items[groups->table[at] - 1];

		if (group->origin == origin && group->link == link)
			break;
		at = (at + 1) & mask;
	}
	return at;
}

static struct group *find(const struct groups *groups, const struct node *node)
{
	size_t at = slot_of(groups, node->origin, node->entry.link);

	return &groups->items[groups->table[at] - 1];
}

static int grow(struct groups *groups)
{
	size_t size = groups->table_size ? groups->table_size * 2 : 64;
	uint32_t *table = calloc(size, sizeof(*table));
	struct group *items = reallocarray(groups->items, size / 2, sizeof(*items));

	if (items)
		groups->items = items;
	if (!table || !items) {
		free(table);
		return -ENOMEM;
	}
	free(groups->table);
	groups->table = table;
	groups->table_size = size;
	groups->capacity = size / 2;
	for (size_t i = 0; i < groups->count; i++)
		table[slot_of(groups, items[i].origin, items[i].link)] = (uint32_t)i + 1;
	return 0;
}

static int count_name(struct groups *groups, const struct node *node)
{
	struct msb_digest digest;
	struct group *group;
	size_t at;

	if (groups->count == groups->capacity && grow(groups) < 0)
		return -ENOMEM;
	at = slot_of(groups, node->origin, node->entry.link);
	if (!groups->table[at]) {
		msb_digest_of(groups->path.bytes, groups->path.size, &digest);
		group = &groups->items[groups->count++];
		*group = (struct group){node->origin, node->entry.link, 0,
					le_get_u32(digest.bytes) & MAX_LINK};
		groups->table[at] = (uint32_t)groups->count;
	}
	groups->items[groups->table[at] - 1].count++;
	return 0;
}

static bool is_linked(const struct node *node)
{
	return node->entry.type != MSB_DIRECTORY && node->entry.link != 0;
}

static bool holds_links(const struct node *node)
{
	return node->entry.type == MSB_DIRECTORY &&
	       (node->loaded || node->entry.below & MSB_BELOW_LINKS);
}

static int count_below(struct groups *groups, struct node *node, struct msb_error *err)
{
	int r;

	if (groups->depth >= MAX_DEPTH)
		return msb_error_say(err, ENAMETOOLONG, "a tree of more than %d levels", MAX_DEPTH);
	r = node_load(groups->edit, node, err);
	if (r < 0)
		return r;
	groups->depth++;
	if (children_sort(&node->children) < 0)
		return msb_error_memory(err);
	for (size_t i = 0; r >= 0 && i < node->children.count; i++) {
		struct node *child = node->children.items[i];
		size_t kept = groups->path.size;

		buffer_char(&groups->path, '/');
		buffer_append(&groups->path, child->entry.name, child->entry.name_length);
		if (!buffer_ok(&groups->path))
			r = msb_error_memory(err);
		else if (is_linked(child) && count_name(groups, child) < 0)
			r = msb_error_memory(err);
		else if (holds_links(child))
			r = count_below(groups, child, err);
		groups->path.size = kept;
	}
	groups->depth--;
	return r;
}

/* No two groups of the tree may keep the same number: later ones move on. A single name is no
 * group and takes none, or the numbers would depend on how the tree came about. */
static int choose_numbers(struct groups *groups)
{
	size_t size = 64;
	autofree uint32_t *used = NULL; /* 0: free */

	if (groups->count >= MAX_LINK)
		return -EFBIG;
	while (size < groups->count * 2)
		size *= 2;
	used = calloc(size, sizeof(*used));
	if (!used)
		return -ENOMEM;
	for (size_t i = 0; i < groups->count; i++) {
		uint32_t number = groups->items[i].number;
		size_t at;

		if (groups->items[i].count < 2)
			continue;
		for (;; number = (number + 1) & MAX_LINK) {
			if (number == 0)
				continue;
			for (at = number & (size - 1); used[at] && used[at] != number;)
				at = (at + 1) & (size - 1);
			if (!used[at])
				break;
		}
		used[at] = number;
		groups->items[i].number = number;
	}
	return 0;
}

/* True when anything below changed, so that the directory must be written again. */
static bool apply_below(const struct groups *groups, struct node *node)
{
	bool changed = false;

	for (size_t i = 0; i < node->children.count; i++) {
		struct node *child = node->children.items[i];

		if (is_linked(child)) {
			const struct group *group = find(groups, child);
			uint32_t link = group->count > 1 ? group->number : 0;

			changed |= child->entry.link != link || child->entry.nlink != group->count;
			child->entry.link = link;
			child->entry.nlink = group->count;
		} else if (holds_links(child)) {
			changed |= apply_below(groups, child);
		}
		child->origin = ORIGIN_BASE;
	}
	node->dirty |= changed;
	return changed;
}

int links_renumber(struct tree_edit *edit, struct msb_error *err)
{
	__attribute__((cleanup(groups_done))) struct groups groups = {.edit = edit};
	int r;

	if (!edit->links_changed)
		return 0;
	r = count_below(&groups, edit->root, err);
	if (r < 0)
		return r;
	r = choose_numbers(&groups);
	if (r == -EFBIG)
		return msb_error_say(err, EFBIG, "too many hard-linked files in one tree");
	if (r < 0)
		return msb_error_memory(err);
	apply_below(&groups, edit->root);
	edit->root->origin = ORIGIN_BASE;
	edit->links_changed = false;
	return 0;
}

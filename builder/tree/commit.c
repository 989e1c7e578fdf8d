#include <errno.h>

#include "format.h"
#include "internal.h"

/* What the parent's entry says of a directory's content. */
static void add_totals(struct msb_entry *directory, const struct msb_entry *child)
{
	directory->entries += 1 + child->entries;
	directory->bytes += child->bytes;
	directory->below |= child->below;
	if (child->type == MSB_DIRECTORY)
		directory->subdirectories++;
	if (child->type == MSB_FILE)
		directory->bytes += child->size / (child->nlink ? child->nlink : 1);
	if (child->xattrs_size > 0)
		directory->below |= MSB_BELOW_XATTRS;
	if (child->link != 0)
		directory->below |= MSB_BELOW_LINKS;
}

static int put_object(struct store_writer *writer, struct node *const *items, size_t count,
		      struct msb_digest *ret, struct msb_digest *ret_key, struct msb_error *err)
{
	autobuffer object = {0};
	autobuffer key = {0};

	encode_directory(&object, items, count, false);
	if (object.size > OBJECT_MAX_SIZE)
		return msb_error_say(err, EFBIG, "a directory of %zu names is too large", count);
	encode_directory(&key, items, count, true);
	if (!buffer_ok(&object) || !buffer_ok(&key))
		return msb_error_memory(err);
	msb_digest_of(key.bytes, key.size, ret_key);
	return store_put(writer, object.bytes, object.size, ret, err);
}

static int commit_node(struct tree_edit *edit, struct node *node, struct store_writer *writer,
		       struct msb_error *err)
{
	struct msb_entry *entry = &node->entry;
	int r;

	if (!node->dirty)
		return 0;
	r = node_load(edit, node, err);
	if (r < 0)
		return r;
	if (children_sort(&node->children) < 0)
		return msb_error_memory(err);
	entry->entries = entry->bytes = 0;
	entry->subdirectories = 0;
	entry->below = entry->xattrs_size > 0 ? MSB_BELOW_XATTRS : 0;
	for (size_t i = 0; i < node->children.count; i++) {
		struct node *child = node->children.items[i];

		r = commit_node(edit, child, writer, err);
		if (r < 0)
			return r;
		add_totals(entry, &child->entry);
		if (entry->entries >= MAX_ENTRIES || entry->bytes > INT64_MAX)
			return msb_error_say(err, EFBIG, "the tree is too large");
	}
	r = put_object(writer, node->children.items, node->children.count, &entry->digest,
		       &entry->key, err);
	if (r < 0)
		return r;
	node->dirty = false;
	return 0;
}

int edit_commit(struct tree_edit *edit, struct store_writer *writer, struct msb_digest *ret,
		struct msb_error *err)
{
	struct msb_digest key;
	int r;

	if (!edit->has_digest || edit->links_changed) {
		r = links_renumber(edit, err);
		if (r < 0)
			return r;
		r = commit_node(edit, edit->root, writer, err);
		if (r < 0)
			return r;
		r = put_object(writer, &edit->root, 1, &edit->digest, &key, err);
		if (r < 0)
			return r;
		edit->has_digest = true;
	}
	*ret = edit->digest;
	return 0;
}

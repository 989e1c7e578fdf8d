/* Nodes: one entry each, with what it points to; a directory's children come when asked for. */
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "internal.h"

void node_free(struct node *node)
{
	if (!node)
		return;
	children_done(&node->children);
	msb_dir_unref(node->source);
	free(node->owned);
	free(node);
}

/* What its type has no use for is zero, so that equal things are equal in all fields. */
static void normalize(struct msb_entry *entry)
{
	struct msb_entry kept = *entry;
	bool directory = entry->type == MSB_DIRECTORY, file = entry->type == MSB_FILE;
	bool device = entry->type == MSB_CHARACTER || entry->type == MSB_BLOCK;
	bool symlink = entry->type == MSB_SYMLINK;

	entry->size = file || symlink ? kept.size : 0;
	entry->sparse = file && kept.sparse && kept.allocated < kept.size;
	entry->allocated = entry->sparse ? kept.allocated : file ? kept.size : 0;
	entry->link = directory ? 0 : kept.link;
	entry->nlink = entry->link != 0 && kept.nlink > 0 ? kept.nlink : 1;
	entry->target = symlink ? kept.target : NULL;
	entry->device_major = device ? kept.device_major : 0;
	entry->device_minor = device ? kept.device_minor : 0;
	if (directory)
		return;
	entry->key = (struct msb_digest){0};
	if (!file)
		entry->digest = (struct msb_digest){0};
	entry->entries = entry->bytes = 0;
	entry->subdirectories = entry->below = 0;
}

int node_new(const struct msb_entry *entry, const char *name, size_t length, struct node **ret)
{
	AUTO(node_freep) struct node *node = calloc(1, sizeof(*node));
	size_t target = entry->type == MSB_SYMLINK ? entry->size : 0;
	char *block;

	if (!node)
		return -ENOMEM;
	block = malloc(length + target + entry->xattrs_size + 1);
	if (!block)
		return -ENOMEM;
	node->owned = block;
	node->entry = *entry;
	normalize(&node->entry);
	node->entry.name = memcpy(block, name, length);
	node->entry.name_length = length;
	block += length;
	if (target > 0)
		node->entry.target = memcpy(block, entry->target, target);
	block += target;
	if (entry->xattrs_size > 0)
		node->entry.xattrs = memcpy(block, entry->xattrs, entry->xattrs_size);
	*ret = steal(&node);
	return 0;
}

int node_load(struct tree_edit *edit, struct node *node, struct msb_error *err)
{
	AUTO(msb_dir_unrefp) struct msb_dir *source = NULL;
	int r;

	if (node->loaded)
		return 0;
	r = load_directory(edit->store, &node->entry, &source, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < msb_dir_count(source); i++) {
		AUTO(node_freep) struct node *child = calloc(1, sizeof(*child));

		if (child) {
			msb_dir_get(source, i, &child->entry);
			child->origin = node->origin;
		}
		if (!child || children_add(&node->children, child) < 0) {
			children_done(&node->children);
			return msb_error_memory(err);
		}
		steal(&child);
	}
	node->source = steal(&source);
	node->loaded = true;
	return 0;
}

/* A grafted directory may come with other extended attributes than its totals were made with. */
void node_settle_totals(struct node *node)
{
	if (node->entry.type != MSB_DIRECTORY)
		return;
	if (node->entry.xattrs_size > 0)
		node->entry.below |= MSB_BELOW_XATTRS;
	else if (node->entry.below & MSB_BELOW_XATTRS)
		node->dirty = true; /* looked up at commit */
}

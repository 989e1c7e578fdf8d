#include <errno.h>
#include <stdlib.h>

#include "format.h"
#include "internal.h"

/* So many bytes of objects are put at once. */
#define BATCH_SIZE ((size_t)32 << 20)

/*
 * Objects that are made and not yet put. A directory's object names those below it and is made
 * after them; who walks a tree reads it before them. So they are put backwards, and children are
 * visited backwards, which leaves them in the store in the order of a walk.
 */
struct batch {
	struct made {
		struct node *node; /* borrowed; dirty until all of the batch are put */
		struct buffer object;
	} * made; /* owned */
	size_t count, capacity, bytes;
};

static void batch_done(struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		buffer_done(&batch->made[i].object);
	free(batch->made);
	*batch = (struct batch){0};
}

static int batch_put(struct batch *batch, struct store_writer *writer, struct msb_error *err)
{
	struct msb_digest digest;
	int r = 0;

	for (size_t i = batch->count; i > 0 && r >= 0; i--)
		r = store_put(writer, batch->made[i - 1].object.bytes,
			      batch->made[i - 1].object.size, &digest, err);
	for (size_t i = 0; i < batch->count && r >= 0; i++)
		batch->made[i].node->dirty = false;
	batch_done(batch);
	return r;
}

/* Takes the object. */
static int batch_add(struct batch *batch, struct node *node, struct buffer *object)
{
	if (batch->count == batch->capacity) {
		size_t capacity = batch->capacity ? batch->capacity * 2 : 64;
		struct made *made = reallocarray(batch->made, capacity, sizeof(*made));

		if (!made)
			return -ENOMEM;
		batch->made = made;
		batch->capacity = capacity;
	}
	batch->bytes += object->size;
	batch->made[batch->count++] = (struct made){node, *object};
	*object = (struct buffer){0};
	return 0;
}

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

static int make_object(struct batch *batch, struct node *node, struct node *const *items,
		       size_t count, struct msb_digest *ret, struct msb_digest *ret_key,
		       struct msb_error *err)
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
	msb_digest_of(object.bytes, object.size, ret);
	return batch_add(batch, node, &object) < 0 ? msb_error_memory(err) : 0;
}

struct commit {
	struct tree_edit *edit;
	struct store_writer *writer;
	struct batch batch;
};

static int commit_node(struct commit *commit, struct node *node, struct msb_error *err)
{
	struct msb_entry *entry = &node->entry;
	int r;

	if (!node->dirty)
		return 0;
	r = node_load(commit->edit, node, err);
	if (r < 0)
		return r;
	if (children_sort(&node->children) < 0)
		return msb_error_memory(err);
	entry->entries = entry->bytes = 0;
	entry->subdirectories = 0;
	entry->below = entry->xattrs_size > 0 ? MSB_BELOW_XATTRS : 0;
	for (size_t i = node->children.count; i > 0; i--) {
		struct node *child = node->children.items[i - 1];

		r = commit_node(commit, child, err);
		if (r < 0)
			return r;
		add_totals(entry, &child->entry);
		if (entry->entries >= MAX_ENTRIES || entry->bytes > INT64_MAX)
			return msb_error_say(err, EFBIG, "the tree is too large");
	}
	r = make_object(&commit->batch, node, node->children.items, node->children.count,
			&entry->digest, &entry->key, err);
	if (r == 0 && commit->batch.bytes > BATCH_SIZE)
		r = batch_put(&commit->batch, commit->writer, err);
	return r;
}

static int commit_all(struct commit *commit, struct msb_digest *ret, struct msb_error *err)
{
	struct tree_edit *edit = commit->edit;
	struct msb_digest key;
	int r = links_renumber(edit, err);

	if (r == 0)
		r = commit_node(commit, edit->root, err);
	if (r == 0)
		r = make_object(&commit->batch, edit->root, &edit->root, 1, ret, &key, err);
	return r < 0 ? r : batch_put(&commit->batch, commit->writer, err);
}

int edit_commit(struct tree_edit *edit, struct store_writer *writer, struct msb_digest *ret,
		struct msb_error *err)
{
	struct commit commit = {edit, writer, {0}};
	int r = 0;

	if (!edit->has_digest || edit->links_changed) {
		r = commit_all(&commit, &edit->digest, err);
		batch_done(&commit.batch);
		edit->has_digest = r == 0;
	}
	if (r == 0)
		*ret = edit->digest;
	return r;
}

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "internal.h"

/* FNV-1a, begun with the table's address: nobody outside knows it, so nobody can choose names
 * that all collide. */
static uint64_t hash_name(const struct children *children, const char *name, size_t length)
{
	uint64_t hash = UINT64_C(14695981039346656037) ^ (uintptr_t)children->table;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (uint8_t)name[i]) * UINT64_C(1099511628211);
	hash = (hash ^ hash >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

static int compare_nodes(const struct node *a, const struct node *b)
{
	return order_of_names(a->entry.name, a->entry.name_length, b->entry.name,
			      b->entry.name_length);
}

static bool is_named(const struct node *node, const char *name, size_t length)
{
	return node && node->entry.name_length == length &&
	       memcmp(node->entry.name, name, length) == 0;
}

struct node *children_find(const struct children *children, const char *name, size_t length)
{
	size_t mask = children->table_size - 1, at;

	if (children->table_size == 0)
		return NULL;
	for (at = hash_name(children, name, length) & mask; children->table[at];
	     at = (at + 1) & mask) {
		struct node *node = children->items[children->table[at] - 1];

		if (is_named(node, name, length))
			return node;
	}
	return NULL;
}

static void enter(struct children *children, size_t index)
{
	const struct msb_entry *entry = &children->items[index]->entry;
	size_t mask = children->table_size - 1;
	size_t at = hash_name(children, entry->name, entry->name_length) & mask;

	while (children->table[at])
		at = (at + 1) & mask;
	children->table[at] = (uint32_t)index + 1;
}

/* Closes the holes and builds the table anew, with room for as many again. */
static int rebuild(struct children *children)
{
	size_t size = 16, kept = 0;
	uint32_t *table;

	/* By those that are there, not by slots: replacing one name for ever needs no more room. */
	while (size < (children->count - children->removed + 1) * 4)
		size *= 2;
	table = calloc(size, sizeof(*table));
	if (!table)
		return -ENOMEM;
	free(children->table);
	children->table = table;
	children->table_size = size;
	for (size_t i = 0; i < children->count; i++)
		if (children->items[i])
			children->items[kept++] = children->items[i];
	children->count = kept;
	children->removed = 0;
	for (size_t i = 0; i < kept; i++)
		enter(children, i);
	return 0;
}

int children_add(struct children *children, struct node *node)
{
	if ((children->count + 1) * 2 > children->table_size && rebuild(children) < 0)
		return -ENOMEM;
	if (children->count >= UINT32_MAX / 2)
		return -ENOMEM;
	if (children->count == children->capacity) {
		size_t capacity = children->capacity ? children->capacity * 2 : 8;
		struct node **items = reallocarray(children->items, capacity, sizeof(*items));

		if (!items)
			return -ENOMEM;
		children->items = items;
		children->capacity = capacity;
	}
	/* What comes in order stays in order: reading a directory never sorts. */
	if (children->count > 0)
		children->sorted = children->sorted && children->items[children->count - 1] &&
				   compare_nodes(children->items[children->count - 1], node) < 0;
	else
		children->sorted = true;
	children->items[children->count] = node;
	enter(children, children->count++);
	return 0;
}

void children_remove(struct children *children, struct node *node)
{
	const char *name = node->entry.name;
	size_t length = node->entry.name_length, mask = children->table_size - 1;

	for (size_t at = hash_name(children, name, length) & mask; children->table[at];
	     at = (at + 1) & mask) {
		if (children->items[children->table[at] - 1] != node)
			continue;
		/* The slot stays taken and leads to a hole, so that probing goes on behind it. */
		children->items[children->table[at] - 1] = NULL;
		children->removed++;
		return;
	}
}

static int compare(const void *a, const void *b)
{
	return compare_nodes(*(struct node *const *)a, *(struct node *const *)b);
}

int children_sort(struct children *children)
{
	bool sorted = children->sorted || children->count == 0;

	if (sorted && children->removed == 0)
		return 0;
	if (children->removed > 0 && rebuild(children) < 0)
		return -ENOMEM;
	if (sorted)
		return 0;
	qsort(children->items, children->count, sizeof(*children->items), compare);
	children->sorted = true;
	return rebuild(children); /* the table leads to places, which have changed */
}

void children_done(struct children *children)
{
	for (size_t i = 0; i < children->count; i++)
		node_free(children->items[i]);
	free(children->items);
	free(children->table);
	*children = (struct children){0};
}

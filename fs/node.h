/* Entries of trees as nodes: found by their numbers, walked by their names. */
#ifndef NODE_H
#define NODE_H

#include "dircache.h"
#include "internal.h"
#include "view.h"

/* An entry that was found, and what keeps it valid. */
struct node {
	struct core *core;
	const struct view *view;
	struct cached_dir *in; /* the object that lists it; in use until node_done() */
	size_t index;          /* in it */
	uint32_t number;       /* preorder */
	int64_t above;         /* preorder number of its directory; -1 for the root */
	uint64_t path;         /* inode_path() of it */
	struct msb_entry entry;
};

#define autonode __attribute__((cleanup(node_done))) struct node

int node_get(struct core *core, uint64_t id, struct node *ret);
/* The root directory of a view. */
int node_root(struct core *core, const struct view *view, struct node *ret);
void node_done(struct node *node);

/* As the kernel is told. Fails where a number is beyond INODE_LIMIT. */
int node_answer(const struct node *node, struct core_node *ret);

int node_lookup(const struct node *node, const char *name, struct node *ret);
/* The entry at index of a directory; -ENOENT behind the last. */
int node_child(const struct node *node, uint64_t index, struct node *ret);
int node_list(const struct node *node, uint64_t offset, core_list_fn each, void *context);
int node_readlink(const struct node *node, char **ret);
ssize_t node_xattr(const struct node *node, const char *name, void *value, size_t size);
ssize_t node_xattr_list(const struct node *node, char *list, size_t size);

/* content.c */
ssize_t node_read(const struct node *node, void *bytes, size_t size, uint64_t offset);
int node_seek(const struct node *node, uint64_t offset, int whence, uint64_t *ret);

#endif

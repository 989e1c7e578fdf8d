/* For the files of this room: the nodes of a tree being changed. */
#ifndef TREE_INTERNAL_H
#define TREE_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "tree_edit.h"

struct node;

/* A directory's children: found by name through an open-addressed table, sorted when asked. */
struct children {
	struct node **items; /* NULL where one was removed */
	size_t count;        /* slots in use, removed ones included */
	size_t capacity;
	size_t removed;
	uint32_t *table;   /* index + 1 into items; 0: free */
	size_t table_size; /* a power of two */
	bool sorted;
};

struct node {
	struct msb_entry entry; /* pointers lead into owned, or into the parent's source */
	void *owned;            /* name, link target and xattrs in one block; NULL: borrowed */
	struct msb_dir *source; /* directory: what its loaded children were read from; owned */
	struct children children;
	uint32_t origin; /* scope of its link numbers, and of those below while not loaded */
	bool loaded;     /* directory: children are in memory; else entry.digest stands for them */
	bool dirty;      /* directory: entry.digest is out of date */
};

struct tree_edit {
	struct msb_store *store;
	struct node *root;
	uint32_t next_origin;
	bool links_changed; /* some hard link may be numbered or counted wrongly */
	bool has_digest;    /* digest is that of the tree as it is now */
	struct msb_digest digest;
};

enum {
	ORIGIN_BASE = 0,
	ORIGIN_PUT = 1,
	ORIGIN_GRAFT = 1u << 31, /* and up: grafts that share with nobody */
};

/* children.c */
struct node *children_find(const struct children *children, const char *name, size_t length);
int children_add(struct children *children, struct node *node);     /* its name is not there yet */
void children_remove(struct children *children, struct node *node); /* does not free it */
int children_sort(struct children *children); /* afterwards items[0..count) has no holes */
void children_done(struct children *children);

/* node.c */
/* A node of its own: copies all that entry points to. name replaces the entry's. -ENOMEM. */
int node_new(const struct msb_entry *entry, const char *name, size_t length, struct node **ret);
void node_free(struct node *node);
DEFINE_AUTO(struct node, node_free)
/* The children, read from the directory's object when nobody did before. */
int node_load(struct tree_edit *edit, struct node *node, struct msb_error *err);
void node_settle_totals(struct node *node);

/* links.c: numbers and counts every hard link of the tree anew. */
int links_renumber(struct tree_edit *edit, struct msb_error *err);

/* encode.c: a directory's object of sorted entries; for_key leaves times and link numbers out. */
void encode_directory(struct buffer *buffer, struct node *const *items, size_t count, bool for_key);

#endif

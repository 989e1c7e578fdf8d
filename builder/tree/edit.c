#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "internal.h"
#include "path.h"

static int open_base(struct tree_edit *edit, const struct msb_digest *base, struct msb_error *err)
{
	struct msb_found found;
	int r = msb_tree_find(edit->store, base, "/", 0, &found, err);

	if (r < 0)
		return r;
	r = node_new(&found.entry, "", 0, &edit->root);
	msb_found_done(&found);
	if (r < 0)
		return msb_error_memory(err);
	edit->digest = *base;
	edit->has_digest = true;
	return 0;
}

int tree_edit_new(struct msb_store *store, const struct msb_digest *base, struct tree_edit **ret,
		  struct msb_error *err)
{
	static const struct msb_entry empty = {.type = MSB_DIRECTORY, .mode = 0755, .nlink = 1};
	AUTO(tree_edit_freep) struct tree_edit *edit = calloc(1, sizeof(*edit));
	int r;

	if (!edit)
		return msb_error_memory(err);
	edit->store = store;
	edit->next_origin = ORIGIN_GRAFT;
	if (base) {
		r = open_base(edit, base, err);
		if (r < 0)
			return r;
	} else {
		if (node_new(&empty, "", 0, &edit->root) < 0)
			return msb_error_memory(err);
		edit->root->loaded = edit->root->dirty = true;
	}
	*ret = steal(&edit);
	return 0;
}

void tree_edit_free(struct tree_edit *edit)
{
	if (!edit)
		return;
	node_free(edit->root);
	free(edit);
}

/* The next component of *path; its length, 0 at the end. */
static size_t next_part(const char **path)
{
	do {
		*path += strspn(*path, "/");
		if ((*path)[0] == '.' && ((*path)[1] == '/' || (*path)[1] == '\0'))
			*path += 1;
		else
			break;
	} while (**path);
	return strcspn(*path, "/");
}

static int node_child(struct tree_edit *edit, struct node *node, const char *name, size_t length,
		      struct node **ret, struct msb_error *err)
{
	int r;

	if (node->entry.type != MSB_DIRECTORY)
		return -ENOTDIR;
	r = node_load(edit, node, err);
	if (r < 0)
		return r;
	*ret = children_find(&node->children, name, length);
	return *ret ? 0 : -ENOENT;
}

static void mark(struct tree_edit *edit, struct node *node)
{
	node->dirty = true;
	edit->has_digest = false;
}

/* No tree is made deeper than its readers go. */
static int check_depth(const char *path, struct msb_error *err)
{
	const char *rest = path;
	unsigned levels = 1;
	size_t part;

	for (; (part = next_part(&rest)) > 0; rest += part)
		if (++levels > MAX_DEPTH)
			return msb_error_say(err, ENAMETOOLONG,
					     "'%.100s…' is a path of more than %d levels", path,
					     MAX_DEPTH);
	return 0;
}

/* The node at the part of path before end. */
static int walk_to(struct tree_edit *edit, const char *path, const char *end, bool change,
		   struct node **ret, struct msb_error *err)
{
	struct node *node = edit->root;
	size_t part;

	if (change)
		mark(edit, node);
	while (path < end && (part = next_part(&path)) > 0 && path < end) {
		int r = node_child(edit, node, path, part, &node, err);

		if (r < 0)
			return r;
		if (change && node->entry.type == MSB_DIRECTORY)
			mark(edit, node);
		path += part;
	}
	*ret = node;
	return 0;
}

/* Walks to path; with change, the directories on the way become dirty. */
static int node_at(struct tree_edit *edit, const char *path, bool change, struct node **ret,
		   struct msb_error *err)
{
	return walk_to(edit, path, path + strlen(path), change, ret, err);
}

/* The directory that holds the last component of path, ready to be changed, and that name. */
static int parent_of(struct tree_edit *edit, const char *path, struct node **ret,
		     const char **ret_name, size_t *ret_length, struct msb_error *err)
{
	const char *end = path + strlen(path);
	const char *name;
	int r;

	for (;;) {
		while (end > path && end[-1] == '/')
			end--;
		for (name = end; name > path && name[-1] != '/'; name--)
			;
		if (end - name != 1 || *name != '.')
			break;
		end = name;
	}
	if (name == end)
		return msb_error_say(err, EINVAL, "the root directory cannot be replaced");
	if (!path_is_name(name, (size_t)(end - name)))
		return msb_error_say(err, EINVAL, "'%s' is not a usable path", path);
	r = walk_to(edit, path, name, true, ret, err);
	if (r >= 0 && (*ret)->entry.type != MSB_DIRECTORY)
		r = -ENOTDIR;
	if (r >= 0)
		r = node_load(edit, *ret, err);
	*ret_name = name;
	*ret_length = (size_t)(end - name);
	return r;
}

/* Gives the failure its path, unless a deeper one has named itself already. */
static int failed_at(int r, const char *path, struct msb_error *err)
{
	if (r == -ENOENT || r == -ENOTDIR)
		return msb_error_set(err, r, "'%s'", path);
	return r == -ENOMEM ? msb_error_memory(err) : r;
}

int edit_get(struct tree_edit *edit, const char *path, struct msb_entry *ret, struct msb_error *err)
{
	struct node *node;
	int r = node_at(edit, path, false, &node, err);

	if (r < 0)
		return r;
	*ret = node->entry;
	return 0;
}

int edit_list(struct tree_edit *edit, const char *path,
	      int (*each)(void *context, const struct msb_entry *entry), void *context,
	      struct msb_error *err)
{
	struct node *node;
	int r = node_at(edit, path, false, &node, err);

	if (r >= 0 && node->entry.type != MSB_DIRECTORY)
		r = -ENOTDIR;
	if (r >= 0)
		r = node_load(edit, node, err);
	if (r >= 0)
		r = children_sort(&node->children);
	if (r < 0)
		return failed_at(r, path, err);
	for (size_t i = 0; r >= 0 && i < node->children.count; i++)
		r = each(context, &node->children.items[i]->entry);
	return r < 0 ? r : 0;
}

static bool may_hold_links(const struct node *node)
{
	return node->entry.link != 0 || node->loaded || node->entry.below & MSB_BELOW_LINKS;
}

static void replace_metadata(struct node *node, const struct msb_entry *entry)
{
	node->entry.mode = entry->mode;
	node->entry.uid = entry->uid;
	node->entry.gid = entry->gid;
	node->entry.mtime_sec = entry->mtime_sec;
	node->entry.mtime_nsec = entry->mtime_nsec;
}

/* A directory over a directory: new metadata, the same children. */
static int put_metadata(struct tree_edit *edit, struct node *node, const struct msb_entry *entry)
{
	struct msb_entry merged = node->entry;
	AUTO(node_freep) struct node *fresh = NULL;

	/* What the totals say of extended attributes is true of both, or must be found anew. */
	if ((node->entry.xattrs_size > 0) != (entry->xattrs_size > 0))
		node->dirty = true;
	merged.xattrs = entry->xattrs;
	merged.xattrs_size = entry->xattrs_size;
	if (node_new(&merged, node->entry.name, node->entry.name_length, &fresh) < 0)
		return -ENOMEM;
	free(node->owned);
	node->owned = steal(&fresh->owned);
	node->entry = fresh->entry;
	replace_metadata(node, entry);
	edit->has_digest = false;
	return 0;
}

static bool is_zero(const struct msb_digest *digest)
{
	static const struct msb_digest zero;

	return msb_digest_equal(digest, &zero);
}

static void drop_child(struct tree_edit *edit, struct node *parent, struct node *child)
{
	if (may_hold_links(child))
		edit->links_changed = true;
	children_remove(&parent->children, child);
	node_free(child);
}

static int put_child(struct tree_edit *edit, struct node *parent, const char *name, size_t length,
		     const struct msb_entry *entry, uint32_t origin)
{
	struct node *there = children_find(&parent->children, name, length);
	bool empty_directory = entry->type == MSB_DIRECTORY && is_zero(&entry->digest);
	AUTO(node_freep) struct node *node = NULL;

	if (there && there->entry.type == MSB_DIRECTORY && empty_directory)
		return put_metadata(edit, there, entry);
	if (node_new(entry, name, length, &node) < 0)
		return -ENOMEM;
	node->origin = origin;
	node_settle_totals(node);
	if (empty_directory) {
		node->loaded = node->dirty = true;
		node->entry.entries = node->entry.bytes = 0;
		node->entry.subdirectories = node->entry.below = 0;
	}
	if (entry->link != 0 || (entry->type == MSB_DIRECTORY && entry->below & MSB_BELOW_LINKS))
		edit->links_changed = true;
	if (there)
		drop_child(edit, parent, there);
	if (children_add(&parent->children, node) < 0)
		return -ENOMEM;
	steal(&node);
	return 0;
}

static int put_root(struct tree_edit *edit, const struct msb_entry *entry, uint32_t origin,
		    struct msb_error *err)
{
	struct node *node;

	if (entry->type != MSB_DIRECTORY)
		return msb_error_say(err, ENOTDIR, "the root of a tree must be a directory");
	edit->has_digest = false;
	if (is_zero(&entry->digest))
		return put_metadata(edit, edit->root, entry) < 0 ? msb_error_memory(err) : 0;
	if (node_new(entry, "", 0, &node) < 0)
		return msb_error_memory(err);
	node->origin = origin;
	node_settle_totals(node);
	node_free(edit->root);
	edit->root = node;
	edit->links_changed = true;
	return 0;
}

static int put(struct tree_edit *edit, const char *path, const struct msb_entry *entry,
	       uint32_t origin, struct msb_error *err)
{
	const char *fault = entry_fault(entry, false);
	const char *rest = path, *name;
	struct node *parent;
	size_t length;
	int r;

	if (!fault && entry->type == MSB_DIRECTORY && !is_zero(&entry->digest) &&
	    (entry->entries >= MAX_ENTRIES || entry->bytes > INT64_MAX))
		fault = "more below it than a tree can hold";
	if (fault)
		return msb_error_say(err, EINVAL, "'%s': %s", path, fault);
	if (next_part(&rest) == 0)
		return put_root(edit, entry, origin, err);
	r = check_depth(path, err);
	if (r >= 0)
		r = parent_of(edit, path, &parent, &name, &length, err);
	if (r >= 0)
		r = put_child(edit, parent, name, length, entry, origin);
	return failed_at(r, path, err);
}

int edit_put(struct tree_edit *edit, const char *path, const struct msb_entry *entry,
	     struct msb_error *err)
{
	return put(edit, path, entry, ORIGIN_PUT, err);
}

int edit_touch(struct tree_edit *edit, const char *path, const struct msb_entry *pattern,
	       struct msb_error *err)
{
	struct msb_entry there;
	int r = edit_get(edit, path, &there, err);

	if (r < 0)
		return r;
	there.mtime_sec = pattern->mtime_sec;
	there.mtime_nsec = pattern->mtime_nsec;
	/* Without a digest only the metadata is put. */
	there.digest = (struct msb_digest){0};
	return edit_put(edit, path, &there, err);
}

int edit_graft(struct tree_edit *edit, const char *path, const struct msb_entry *entry,
	       uint32_t origin, struct msb_error *err)
{
	if (origin == 0)
		origin = edit->next_origin++;
	else
		origin += ORIGIN_PUT;
	return put(edit, path, entry, origin, err);
}

int edit_link(struct tree_edit *edit, const char *path, const char *link_path,
	      struct msb_error *err)
{
	struct node *node, *there;
	struct msb_entry entry;
	int r = node_at(edit, path, false, &node, err);

	if (r < 0)
		return failed_at(r, path, err);
	if (node->entry.type == MSB_DIRECTORY)
		return msb_error_say(err, EPERM, "'%s' is a directory: it cannot be hard-linked",
				     path);
	r = node_at(edit, link_path, false, &there, NULL);
	if (r >= 0 && there == node)
		return 0;
	if (node->entry.link == 0) {
		/* Should the put fail, commit finds a group of one and takes the number back. */
		node->entry.link = 1;
		node->origin = edit->next_origin++;
		edit->links_changed = true;
	}
	/* The put may free the node, when it lies below what is replaced: it gets a copy, of which
	 * it uses nothing once something is freed but the numbers. */
	entry = node->entry;
	return put(edit, link_path, &entry, node->origin, err);
}

int edit_remove(struct tree_edit *edit, const char *path, struct msb_error *err)
{
	struct node *node, *child;
	const char *name;
	size_t length;
	int r = node_at(edit, path, false, &node, err);

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r >= 0)
		r = parent_of(edit, path, &node, &name, &length, err);
	if (r < 0)
		return failed_at(r, path, err);
	child = children_find(&node->children, name, length);
	drop_child(edit, node, child);
	return 0;
}

int edit_clear(struct tree_edit *edit, const char *path, struct msb_error *err)
{
	struct node *node;
	int r = node_at(edit, path, true, &node, err);

	if (r >= 0 && node->entry.type != MSB_DIRECTORY)
		r = -ENOTDIR;
	if (r < 0)
		return failed_at(r, path, err);
	if (may_hold_links(node))
		edit->links_changed = true;
	children_done(&node->children);
	node->children.sorted = true;
	node->loaded = true;
	return 0;
}

/* Makes the directory that parent lacks. */
static int make_dir(struct tree_edit *edit, struct node *parent, const char *name, size_t length,
		    const struct msb_entry *pattern, struct node **ret)
{
	struct msb_entry made = {
		.type = MSB_DIRECTORY,
		.mode = pattern->mode,
		.uid = pattern->uid,
		.gid = pattern->gid,
		.mtime_sec = pattern->mtime_sec,
		.mtime_nsec = pattern->mtime_nsec,
	};
	int r = put_child(edit, parent, name, length, &made, ORIGIN_PUT);

	if (r >= 0)
		*ret = children_find(&parent->children, name, length);
	return r;
}

int edit_make_dirs(struct tree_edit *edit, const char *path, const struct msb_entry *pattern,
		   struct msb_error *err)
{
	struct node *node = edit->root;
	const char *rest = path;
	bool made = false;
	size_t part;

	if (check_depth(path, err) < 0)
		return -ENAMETOOLONG;
	for (; (part = next_part(&rest)) > 0; rest += part) {
		struct node *child = node;
		int r = node_child(edit, node, rest, part, &child, err);

		if (r == -ENOENT && !path_is_name(rest, part))
			return msb_error_say(err, EINVAL, "'%s' is not a usable path", path);
		if (r == -ENOENT) {
			if (!made)
				walk_to(edit, path, rest, true, &node, err); /* just walked */
			made = true;
			r = make_dir(edit, node, rest, part, pattern, &child);
		}
		if (r < 0)
			return failed_at(r, path, err);
		node = child;
		if (node->entry.type != MSB_DIRECTORY)
			return failed_at(-ENOTDIR, path, err);
	}
	return 0;
}

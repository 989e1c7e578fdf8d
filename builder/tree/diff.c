#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <msb/tree_diff.h>

#include "buffer.h"
#include "format.h"

struct diff {
	struct msb_store *store;
	msb_diff_fn each;
	void *context;
	struct buffer path; /* of the entry in hand, without a NUL */
	unsigned depth;     /* of the directory in hand */
};

static int report(struct diff *diff, enum msb_change change, const struct msb_entry *before,
		  const struct msb_entry *after, struct msb_error *err)
{
	struct msb_difference difference = {change, "/", before, after};

	buffer_u8(&diff->path, '\0');
	if (!buffer_ok(&diff->path))
		return msb_error_memory(err);
	diff->path.size--;
	if (diff->path.size > 0)
		difference.path = (const char *)diff->path.bytes;
	return diff->each(diff->context, &difference, err);
}

/* Appends "/name" and returns the size to go back to. */
static size_t push(struct diff *diff, const struct msb_entry *entry)
{
	size_t kept = diff->path.size;

	if (entry->name_length > 0) {
		buffer_char(&diff->path, '/');
		buffer_append(&diff->path, entry->name, entry->name_length);
	}
	return kept;
}

static int load_children(struct diff *diff, const struct msb_entry *directory, struct msb_dir **ret,
			 struct msb_error *err)
{
	if (diff->depth >= MAX_DEPTH)
		return msb_error_say(err, ENAMETOOLONG, "a tree of more than %d levels", MAX_DEPTH);
	return load_directory(diff->store, directory, ret, err);
}

static int add_all(struct diff *diff, const struct msb_entry *entry, struct msb_error *err)
{
	AUTO(msb_dir_unrefp) struct msb_dir *dir = NULL;
	struct msb_entry child;
	int r = report(diff, MSB_ADDED, NULL, entry, err);

	if (r < 0 || entry->type != MSB_DIRECTORY)
		return r;
	r = load_children(diff, entry, &dir, err);
	diff->depth++;
	for (size_t i = 0; r >= 0 && i < msb_dir_count(dir); i++) {
		size_t kept;

		msb_dir_get(dir, i, &child);
		kept = push(diff, &child);
		r = add_all(diff, &child, err);
		diff->path.size = kept;
	}
	diff->depth--;
	return r;
}

static bool same_metadata(const struct msb_entry *a, const struct msb_entry *b)
{
	return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
	       a->mtime_sec == b->mtime_sec && a->mtime_nsec == b->mtime_nsec &&
	       a->xattrs_size == b->xattrs_size &&
	       (a->xattrs_size == 0 || memcmp(a->xattrs, b->xattrs, a->xattrs_size) == 0);
}

bool msb_entry_same(const struct msb_entry *a, const struct msb_entry *b)
{
	if (!same_metadata(a, b) || b->nlink > a->nlink)
		return false;
	switch (a->type) {
	case MSB_FILE:
		return a->size == b->size && msb_digest_equal(&a->digest, &b->digest);
	case MSB_SYMLINK:
		return a->size == b->size && memcmp(a->target, b->target, a->size) == 0;
	case MSB_CHARACTER:
	case MSB_BLOCK:
		return a->device_major == b->device_major && a->device_minor == b->device_minor;
	case MSB_DIRECTORY:
	case MSB_FIFO:
	case MSB_SOCKET:
		break;
	}
	return true;
}

static int compare_children(struct diff *diff, const struct msb_entry *before,
			    const struct msb_entry *after, struct msb_error *err);

static int compare_entries(struct diff *diff, const struct msb_entry *before,
			   const struct msb_entry *after, struct msb_error *err)
{
	int r = 0;

	if (before->type != after->type &&
	    (before->type == MSB_DIRECTORY || after->type == MSB_DIRECTORY)) {
		r = report(diff, MSB_REMOVED, before, NULL, err);
		return r < 0 ? r : add_all(diff, after, err);
	}
	if (before->type != after->type || !msb_entry_same(before, after))
		r = report(diff, MSB_CHANGED, before, after, err);
	if (r < 0 || after->type != MSB_DIRECTORY)
		return r;
	return compare_children(diff, before, after, err);
}

static int compare_children(struct diff *diff, const struct msb_entry *before,
			    const struct msb_entry *after, struct msb_error *err)
{
	AUTO(msb_dir_unrefp) struct msb_dir *old = NULL;
	AUTO(msb_dir_unrefp) struct msb_dir *new = NULL;
	size_t i = 0, j = 0;
	int r;

	if (msb_digest_equal(&before->digest, &after->digest))
		return 0;
	r = load_children(diff, before, &old, err);
	if (r < 0)
		return r;
	r = load_children(diff, after, &new, err);
	diff->depth++;
	while (r >= 0 && (i < msb_dir_count(old) || j < msb_dir_count(new))) {
		struct msb_entry a, b;
		size_t kept;
		int order;

		if (i < msb_dir_count(old))
			msb_dir_get(old, i, &a);
		if (j < msb_dir_count(new))
			msb_dir_get(new, j, &b);
		if (i == msb_dir_count(old))
			order = 1;
		else if (j == msb_dir_count(new))
			order = -1;
		else
			order = order_of_names(a.name, a.name_length, b.name, b.name_length);
		kept = push(diff, order > 0 ? &b : &a);
		if (order < 0)
			r = report(diff, MSB_REMOVED, &a, NULL, err);
		else if (order > 0)
			r = add_all(diff, &b, err);
		else
			r = compare_entries(diff, &a, &b, err);
		diff->path.size = kept;
		i += order <= 0;
		j += order >= 0;
	}
	diff->depth--;
	return r;
}

static int load_root(struct msb_store *store, const struct msb_digest *tree,
		     struct msb_dir **ret_dir, struct msb_entry *ret, struct msb_error *err)
{
	struct msb_found found;
	int r = msb_tree_find(store, tree, "/", 0, &found, err);

	if (r < 0)
		return r;
	*ret = found.entry;
	*ret_dir = found.dir;
	free(found.path);
	return 0;
}

int msb_tree_diff(struct msb_store *store, const struct msb_digest *before,
		  const struct msb_digest *after, msb_diff_fn each, void *context,
		  struct msb_error *err)
{
	AUTO(msb_dir_unrefp) struct msb_dir *old = NULL;
	AUTO(msb_dir_unrefp) struct msb_dir *new = NULL;
	struct diff diff = {.store = store, .each = each, .context = context};
	struct msb_entry a, b;
	int r;

	if (before && msb_digest_equal(before, after))
		return 0;
	r = load_root(store, after, &new, &b, err);
	if (r >= 0 && before)
		r = load_root(store, before, &old, &a, err);
	if (r >= 0)
		r = before ? compare_entries(&diff, &a, &b, err) : add_all(&diff, &b, err);
	buffer_done(&diff.path);
	return r < 0 ? r : 0;
}

int msb_tree_walk(struct msb_store *store, const struct msb_digest *tree, msb_diff_fn each,
		  void *context, struct msb_error *err)
{
	return msb_tree_diff(store, NULL, tree, each, context, err);
}

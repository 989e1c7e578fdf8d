#include <string.h>

#include "labels.h"

/* A tree with attributes in more directories is not searched: where one file of a few has a label,
 * all have. */
#define DIRECTORIES_MAX 256

struct search {
	struct core *core;
	unsigned directories; /* that were looked into */
	bool found;           /* or given up */
};

static bool has_label(const struct msb_entry *entry)
{
	const uint8_t *bytes;
	const char *name;
	size_t position = 0, length;

	while (msb_entry_xattr(entry, &position, &name, &bytes, &length))
		if (strcmp(name, LABEL_NAME) == 0)
			return true;
	return false;
}

static void search_entry(struct search *search, const struct msb_entry *entry);

static void search_directory(struct search *search, const struct msb_digest *object)
{
	struct msb_error err = {0};
	struct cached_dir *dir;
	struct msb_entry entry;

	if (++search->directories > DIRECTORIES_MAX ||
	    dircache_get(search->core->dirs, object, &dir, &err) < 0) {
		search->found = true;
		return;
	}
	for (size_t i = 0; i < msb_dir_count(dir->dir) && !search->found; i++) {
		msb_dir_get(dir->dir, i, &entry);
		search_entry(search, &entry);
	}
	dircache_put(search->core->dirs, dir);
}

/* As deep as DIRECTORIES_MAX at most. */
static void search_entry(struct search *search, const struct msb_entry *entry)
{
	search->found = search->found || has_label(entry);
	if (!search->found && entry->type == MSB_DIRECTORY && entry->below & MSB_BELOW_XATTRS)
		search_directory(search, &entry->digest);
}

bool labels_may_be(struct core *core, const struct view *view)
{
	struct search search = {.core = core};
	autonode root = {0};
	int known = atomic_load(&view->tree->labels);

	if (known == LABELS_UNKNOWN) {
		search.found = node_root(core, view, &root) < 0;
		if (!search.found)
			search_entry(&search, &root.entry);
		known = search.found ? LABELS_SOME : LABELS_NONE;
		atomic_store(&view->tree->labels, known);
	}
	return known == LABELS_SOME;
}

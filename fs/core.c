#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <msb/cache_names.h>

#include "autopull.h"
#include "core.h"
#include "dircache.h"
#include "disk.h"
#include "fetch.h"
#include "held.h"
#include "history.h"
#include "inode.h"
#include "internal.h"
#include "io.h"
#include "names.h"
#include "node.h"
#include "shelf.h"
#include "texts.h"

#define CACHE_BYTES ((size_t)64 << 20)
/* Memory is given back each time the kernel has forgotten so many nodes. */
#define FORGOTTEN_MAX 20000

int core_open(const char *store, const struct core_options *options, struct core **ret,
	      struct msb_error *err)
{
	AUTO(core_closep) struct core *core = calloc(1, sizeof(*core));
	size_t cache_bytes = options->cache_bytes ? options->cache_bytes : CACHE_BYTES;
	int r;

	if (!core)
		return msb_error_memory(err);
	core->opened_ns = io_now();
	core->verify = options->verify;
	core->log = options->log;
	core->log_context = options->log_context;
	r = msb_store_open(store, &core->store, err);
	if (r < 0)
		return r;
	if (options->fetch) {
		core->fetch = fetch_new(options->fetch, store);
		if (!core->fetch)
			return msb_error_memory(err);
		msb_store_set_fetcher(core->store, fetch_blob, NULL, core->fetch);
		core->autopull = options->autopull ? autopull_new() : NULL;
		if (options->autopull && !core->autopull)
			return msb_error_memory(err);
	}
	core->dirs = dircache_new(core->store, cache_bytes);
	core->views = views_new();
	core->history = history_new(core->store);
	core->shelf = shelf_new(core->store);
	core->texts = texts_new();
	core->disk = disk_new(msb_store_directory(core->store), MSB_CACHES);
	if (!core->dirs || !core->views || !core->history || !core->shelf || !core->texts ||
	    !core->disk)
		return msb_error_memory(err);
	core->held = held_open(core->store, core->log, core->log_context);
	if (!core->held)
		return msb_error_memory(err);
	*ret = steal(&core);
	return 0;
}

void core_set_before_wait(struct core *core, void (*before_wait)(void *context), void *context)
{
	msb_store_set_before_wait(core->store, before_wait, context);
}

void core_stop_fetching(struct core *core)
{
	fetch_stop(core->fetch);
}

void core_close(struct core *core)
{
	if (!core)
		return;
	held_close(core->held);
	disk_free(core->disk);
	fetch_free(core->fetch);
	autopull_free(core->autopull);
	texts_free(core->texts);
	shelf_free(core->shelf);
	history_free(core->history);
	views_free(core->views);
	dircache_free(core->dirs);
	msb_store_close(core->store);
	free(core);
}

int core_damaged(struct core *core, const struct msb_error *err, const char *what)
{
	char sentence[MSB_ERROR_TEXT + 128];

	if (err->code == -ENOMEM)
		return -ENOMEM;
	if (core->log) {
		snprintf(sentence, sizeof(sentence), "%s: %s", what,
			 err->text[0] ? err->text : "cannot be read");
		core->log(core->log_context, sentence);
	}
	return -EIO;
}

/* "." and "..", which the kernel asks for when all it has is a file handle. */
static int lookup_dots(struct node *node, bool up, struct core_node *ret)
{
	autonode above = {0};
	int r;

	if (!up)
		return node_answer(node, ret);
	if (node->above < 0)
		return names_stat(node->core, node->view->above, ret);
	r = node_get(node->core, inode_of_entry(node->view->number, (uint32_t)node->above), &above);
	return r < 0 ? r : node_answer(&above, ret);
}

static bool is_root(uint64_t id)
{
	return inode_is_tree(id) && id == inode_of_entry(inode_view(id), 0);
}

int core_lookup(struct core *core, uint64_t parent, const char *name, struct core_node *ret,
		bool *ret_lasts)
{
	autonode node = {0}, child = {0};
	uint64_t above;
	int r;

	if (ret_lasts)
		*ret_lasts = inode_is_tree(parent);
	if (inode_is_disk(parent)) {
		r = disk_lookup(core->disk, parent, name, ret, &above);
		return r == 0 && above ? names_stat(core, above, ret) : r;
	}
	if (!inode_is_tree(parent)) {
		r = names_lookup(core, parent, name, ret);
		return r == 0 && is_root(ret->id)
			       ? views_note_name(core->views, inode_view(ret->id), name)
			       : r;
	}
	r = node_get(core, parent, &node);
	if (r == 0 && (strcmp(name, ".") == 0 || strcmp(name, "..") == 0))
		return lookup_dots(&node, name[1], ret);
	if (r == 0)
		r = node_lookup(&node, name, &child);
	return r < 0 ? r : node_answer(&child, ret);
}

bool core_is_of_builds(uint64_t directory)
{
	return directory == INODE_STAGES || inode_is_name(directory);
}

int core_stat(struct core *core, uint64_t id, struct core_node *ret)
{
	autonode node = {0};
	int r;

	if (inode_is_disk(id))
		return disk_stat(core->disk, id, ret);
	if (!inode_is_tree(id))
		return names_stat(core, id, ret);
	r = node_get(core, id, &node);
	return r < 0 ? r : node_answer(&node, ret);
}

int core_list(struct core *core, uint64_t id, uint64_t offset, core_list_fn each, void *context)
{
	autonode node = {0};
	int r;

	if (inode_is_disk(id))
		return disk_list(core->disk, id, offset, each, context);
	if (!inode_is_tree(id))
		return names_list(core, id, offset, each, context);
	r = node_get(core, id, &node);
	return r < 0 ? r : node_list(&node, offset, each, context);
}

int core_readlink(struct core *core, uint64_t id, char **ret)
{
	autonode node = {0};
	int r;

	if (inode_is_disk(id))
		return disk_readlink(core->disk, id, ret);
	if (!inode_is_tree(id))
		return names_readlink(core, id, ret);
	r = node_get(core, id, &node);
	return r < 0 ? r : node_readlink(&node, ret);
}

ssize_t core_read(struct core *core, uint64_t id, void *bytes, size_t size, uint64_t offset,
		  struct core_place *ret_place)
{
	autonode node = {0};
	int r;

	if (ret_place)
		*ret_place = (struct core_place){0};
	if (inode_is_disk(id))
		return disk_read(core->disk, id, bytes, size, offset);
	if (!inode_is_tree(id))
		return names_read(core, id, bytes, size, offset);
	r = node_get(core, id, &node);
	if (r < 0)
		return r;
	if (ret_place && !node.entry.link && node.above >= 0)
		*ret_place = (struct core_place){
			inode_of_entry(node.view->number, (uint32_t)node.above), node.index};
	return node_read(&node, bytes, size, offset);
}

/* A file that is not empty and has one name. */
static bool has_own_content(const struct msb_entry *entry)
{
	return entry->type == MSB_FILE && !entry->link && entry->size > 0;
}

ssize_t core_read_at(struct core *core, const struct core_place *place, void *bytes, size_t size,
		     uint64_t *ret_id)
{
	autonode directory = {0}, node = {0};
	struct core_node answer;
	int r;

	if (!inode_is_tree(place->directory))
		return -ENOENT;
	r = node_get(core, place->directory, &directory);
	if (r == 0)
		r = node_child(&directory, place->index, &node);
	if (r < 0)
		return r;
	if (!has_own_content(&node.entry) || node.entry.size > size)
		return -ENODATA;
	r = node_answer(&node, &answer);
	if (r < 0)
		return r;
	*ret_id = answer.id;
	return node_read(&node, bytes, size, 0);
}

/* Entries looked at to count files. */
#define COUNT_MAX 256

unsigned core_count_files(struct core *core, uint64_t directory, uint64_t from, uint64_t to,
			  unsigned max)
{
	autonode above = {0};
	unsigned count = 0;
	int r = inode_is_tree(directory) && from <= to && to - from <= COUNT_MAX ? 0 : -EINVAL;

	if (r == 0)
		r = node_get(core, directory, &above);
	for (uint64_t i = from; i < to && count < max && r == 0; i++) {
		autonode node = {0};

		r = node_child(&above, i, &node);
		if (r == 0)
			count += has_own_content(&node.entry);
	}
	return r < 0 ? max : count;
}

int core_seek(struct core *core, uint64_t id, uint64_t offset, int whence, uint64_t *ret)
{
	autonode node = {0};
	struct core_node plain;
	int r;

	if (inode_is_disk(id))
		return disk_seek(core->disk, id, offset, whence, ret);
	if (inode_is_tree(id)) {
		r = node_get(core, id, &node);
		return r < 0 ? r : node_seek(&node, offset, whence, ret);
	}
	r = names_stat(core, id, &plain);
	if (r < 0)
		return r;
	if (offset >= (uint64_t)plain.st.st_size)
		return -ENXIO;
	*ret = whence == SEEK_DATA ? offset : (uint64_t)plain.st.st_size;
	return 0;
}

/* -ENOENT: nothing of a tree. */
static int get_content(struct core *core, uint64_t id, struct node *ret)
{
	return inode_is_tree(id) ? node_get(core, id, ret) : images_root(core, id, ret);
}

ssize_t core_xattr(struct core *core, uint64_t id, const char *name, void *value, size_t size)
{
	autonode node = {0};
	int r = get_content(core, id, &node);

	if (r == -ENOENT)
		return -ENODATA;
	return r < 0 ? r : node_xattr(&node, name, value, size);
}

ssize_t core_xattr_list(struct core *core, uint64_t id, char *list, size_t size)
{
	autonode node = {0};
	int r = get_content(core, id, &node);

	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : node_xattr_list(&node, list, size);
}

int core_lend(struct core *core, uint64_t id, uint64_t lookups)
{
	const struct view *view = inode_is_tree(id) ? views_at(core->views, inode_view(id)) : NULL;

	return view && lookups ? held_lend(core->held, view->tree, lookups) : 0;
}

int core_asked_fd(const struct core *core)
{
	return held_asked_fd(core->held);
}

/* Below images/ nothing is dropped while somebody waits for a pull there: who drops a name waits
 * until he is gone, and everybody who comes meanwhile waits for both. */
static bool may_drop(struct core *core, const struct view *view)
{
	bool below_images = view->above == INODE_IMAGES || inode_is_images(view->above);

	return !below_images || !core->autopull || !autopull_is_waited_for(core->autopull);
}

static void tell_place(struct core *core, const struct view *view, core_asked_fn each,
		       void *context)
{
	autofree char *name = views_name(core->views, view->number);

	each(context, view->above, name, inode_of_entry(view->number, 0));
	/* A directory that shows the root's entries without being it. */
	if (inode_is_images(view->place))
		each(context, view->above, NULL, view->place);
}

int core_asked(struct core *core, core_asked_fn each, void *context)
{
	autofree struct msb_digest *digests = NULL;
	const struct view *view;
	struct shown_tree *tree;
	size_t count;
	int r = held_asked(core->held, &digests, &count);

	for (size_t i = 0; r == 0 && i < count; i++) {
		tree = views_tree(core->views, &digests[i]);
		if (!tree)
			continue;
		held_let_go(core->held, tree);
		for (uint32_t n = tree->files_view; (view = views_at(core->views, n)); n++)
			if (view->tree == tree && may_drop(core, view))
				tell_place(core, view, each, context);
	}
	return r;
}

void core_forget(struct core *core, uint64_t id, uint64_t lookups)
{
	uint64_t before = atomic_fetch_add(&core->forgotten, 1);
	const struct view *view = inode_is_tree(id) ? views_at(core->views, inode_view(id)) : NULL;

	if (view)
		held_forget(core->held, view->tree, lookups);
	if (inode_is_disk(id))
		disk_forget(core->disk, id, lookups);
	if (before == FORGOTTEN_MAX) {
		dircache_trim(core->dirs);
		atomic_store(&core->forgotten, 0);
	}
}

int core_statfs(struct core *core, struct statvfs *ret)
{
	struct msb_store_totals totals;
	struct msb_error err = {0};
	int r = msb_store_totals(core->store, &totals, &err);

	if (r < 0)
		return core_damaged(core, &err, "totals");
	*ret = (struct statvfs){
		.f_bsize = 4096,
		.f_frsize = 4096,
		.f_blocks = totals.bytes / 4096 + (totals.bytes % 4096 != 0),
		.f_files = totals.blobs,
		.f_namemax = NAME_MAX,
		.f_flag = ST_RDONLY,
	};
	return 0;
}

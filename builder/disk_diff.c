#include "disk_diff.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"
#include "disk_entry.h"
#include "io.h"

#define MAX_LEVELS 512 /* each holds a descriptor or two */

/* A directory of one side. */
struct place {
	int fd;              /* on disk; -1 in the store */
	struct msb_dir *dir; /* in the store; owned */
};

static void place_done(struct place *place)
{
	if (place->fd >= 0)
		close(place->fd);
	msb_dir_unref(place->dir);
}

#define autoplace AUTO(place_done) struct place

/* An entry of one side, with what it points to. */
struct item {
	struct msb_entry entry;
	char *name, *target; /* on disk; owned */
	uint8_t *xattrs;     /* on disk; owned */
};

struct listing {
	struct item *items; /* owned; sorted by name */
	size_t count;
};

static void item_done(struct item *item)
{
	free(item->name);
	free(item->target);
	free(item->xattrs);
}

static void listing_done(struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++)
		item_done(&listing->items[i]);
	free(listing->items);
}

#define autolisting AUTO(listing_done) struct listing

struct walk {
	struct msb_store *store;
	msb_diff_fn each;
	void *context;
	struct buffer path; /* of the entry in hand, without a NUL */
	unsigned level;
};

static const char *shown_path(struct walk *walk)
{
	buffer_u8(&walk->path, '\0');
	if (!buffer_ok(&walk->path))
		return NULL;
	walk->path.size--;
	return walk->path.size ? (const char *)walk->path.bytes : "/";
}

static int report(struct walk *walk, enum msb_change change, const struct item *before,
		  const struct item *after, struct msb_error *err)
{
	struct msb_difference difference = {change, shown_path(walk),
					    before ? &before->entry : NULL,
					    after ? &after->entry : NULL};

	if (!difference.path)
		return msb_error_memory(err);
	return walk->each(walk->context, &difference, err);
}

/* --- What is on disk --- */

static int read_attributes(int dir, const char *name, struct item *item, struct msb_error *err)
{
	autoclose int fd = -1;
	int r;

	if (item->entry.type != MSB_FILE && item->entry.type != MSB_DIRECTORY)
		return 0;
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return msb_error_set(err, errno, "open '%s'", name);
	r = disk_xattrs(fd, NULL, &item->xattrs, &item->entry.xattrs_size, err);
	item->entry.xattrs = item->xattrs;
	return r;
}

static int read_item(int dir, const char *name, struct item *ret, struct msb_error *err)
{
	char target[PATH_MAX];
	struct stat st;
	int r;

	*ret = (struct item){0};
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return msb_error_set(err, errno, "look at '%s'", name);
	r = disk_entry(dir, name, &st, target, &ret->entry, err);
	if (r < 0)
		return r;
	ret->name = strdup(name);
	if (!ret->name)
		return msb_error_memory(err);
	ret->entry.name = ret->name;
	ret->entry.name_length = strlen(name);
	if (ret->entry.type == MSB_SYMLINK) {
		ret->target = strndup(target, ret->entry.size);
		ret->entry.target = ret->target;
		return ret->target ? 0 : msb_error_memory(err);
	}
	return read_attributes(dir, name, ret, err);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct item *)a)->name, ((const struct item *)b)->name);
}

static int add_item(struct listing *listing, int dir, const char *name, struct msb_error *err)
{
	size_t count = listing->count;
	struct item *grown = listing->items;

	/* There is room up to the next power of two. */
	if ((count & (count - 1)) == 0)
		grown = reallocarray(grown, count ? count * 2 : 1, sizeof(*grown));
	if (!grown)
		return msb_error_memory(err);
	listing->items = grown;
	listing->count++;
	return read_item(dir, name, &grown[count], err);
}

static int list_disk(int fd, struct listing *ret, struct msb_error *err)
{
	autoclosedir DIR *dir = io_open_directory(fd, ".");
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return msb_error_set(err, errno, "open a directory");
	while (r >= 0 && (errno = 0, entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = add_item(ret, fd, entry->d_name, err);
	if (r >= 0 && errno)
		r = msb_error_set(err, errno, "list a directory");
	if (r >= 0 && ret->count)
		qsort(ret->items, ret->count, sizeof(*ret->items), by_name);
	return r;
}

static int hash_file(int dir, struct item *item, struct msb_error *err)
{
	AUTO(msb_hasher_freep) struct msb_hasher *hasher = msb_hasher_new();
	autofree uint8_t *bytes = malloc(1 << 18);
	autoclose int fd = openat(dir, item->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t n;

	if (!hasher || !bytes)
		return msb_error_memory(err);
	if (fd < 0)
		return msb_error_set(err, errno, "open '%s'", item->name);
	while ((n = io_read(fd, bytes, 1 << 18)) > 0)
		msb_hasher_update(hasher, bytes, (size_t)n);
	if (n < 0)
		return msb_error_set(err, (int)n, "read '%s'", item->name);
	msb_hasher_finish(hasher, &item->entry.digest);
	return 0;
}

/* --- Either --- */

static int list_tree(const struct msb_dir *dir, struct listing *ret, struct msb_error *err)
{
	size_t count = msb_dir_count(dir);

	ret->items = calloc(count + 1, sizeof(*ret->items));
	if (!ret->items)
		return msb_error_memory(err);
	ret->count = count;
	for (size_t i = 0; i < count; i++)
		msb_dir_get(dir, i, &ret->items[i].entry);
	return 0;
}

static int list(const struct place *place, struct listing *ret, struct msb_error *err)
{
	return place->dir ? list_tree(place->dir, ret, err) : list_disk(place->fd, ret, err);
}

static int enter(struct walk *walk, const struct place *parent, const struct item *item,
		 struct place *ret, struct msb_error *err)
{
	if (walk->level >= MAX_LEVELS)
		return msb_error_say(err, ENAMETOOLONG, "'%s': more than %d levels",
				     shown_path(walk), MAX_LEVELS);
	if (parent->dir)
		return msb_tree_load(walk->store, &item->entry.digest, &ret->dir, err);
	ret->fd = openat(parent->fd, item->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return ret->fd < 0 ? msb_error_set(err, errno, "open '%s'", shown_path(walk)) : 0;
}

static size_t push(struct walk *walk, const struct msb_entry *entry)
{
	size_t kept = walk->path.size;

	buffer_char(&walk->path, '/');
	buffer_append(&walk->path, entry->name, entry->name_length);
	return kept;
}

static int add_all(struct walk *walk, const struct place *parent, const struct item *item,
		   struct msb_error *err)
{
	autoplace place = {-1, NULL};
	autolisting children = {0};
	int r = report(walk, MSB_ADDED, NULL, item, err);

	if (r < 0 || item->entry.type != MSB_DIRECTORY)
		return r;
	r = enter(walk, parent, item, &place, err);
	if (r >= 0)
		r = list(&place, &children, err);
	walk->level++;
	for (size_t i = 0; r >= 0 && i < children.count; i++) {
		size_t kept = push(walk, &children.items[i].entry);

		r = add_all(walk, &place, &children.items[i], err);
		walk->path.size = kept;
	}
	walk->level--;
	return r;
}

/* Files of one size: what is on disk is read now. */
static int settle_contents(const struct place *old, struct item *a, const struct place *new,
			   struct item *b, struct msb_error *err)
{
	int r = 0;

	b->entry.nlink = a->entry.nlink;
	if (a->entry.type != MSB_FILE || b->entry.type != MSB_FILE ||
	    a->entry.size != b->entry.size)
		return 0;
	if (!old->dir)
		r = hash_file(old->fd, a, err);
	if (r >= 0 && !new->dir)
		r = hash_file(new->fd, b, err);
	return r;
}

static int compare_children(struct walk *walk, const struct place *old, const struct place *new,
			    struct msb_error *err);

static int compare_items(struct walk *walk, const struct place *old, struct item *a,
			 const struct place *new, struct item *b, struct msb_error *err)
{
	autoplace below_old = {-1, NULL};
	autoplace below_new = {-1, NULL};
	int r;

	if (a->entry.type != b->entry.type &&
	    (a->entry.type == MSB_DIRECTORY || b->entry.type == MSB_DIRECTORY)) {
		r = report(walk, MSB_REMOVED, a, NULL, err);
		return r < 0 ? r : add_all(walk, new, b, err);
	}
	r = settle_contents(old, a, new, b, err);
	if (r >= 0 && !msb_entry_same(&a->entry, &b->entry))
		r = report(walk, MSB_CHANGED, a, b, err);
	if (r < 0 || b->entry.type != MSB_DIRECTORY)
		return r;
	r = enter(walk, old, a, &below_old, err);
	if (r >= 0)
		r = enter(walk, new, b, &below_new, err);
	return r < 0 ? r : compare_children(walk, &below_old, &below_new, err);
}

static int order_of(const struct listing *old, size_t i, const struct listing *new, size_t j)
{
	const struct msb_entry *a = &old->items[i].entry, *b = &new->items[j].entry;
	size_t shorter = a->name_length < b->name_length ? a->name_length : b->name_length;
	int order = memcmp(a->name, b->name, shorter);

	if (order)
		return order;
	return (a->name_length > b->name_length) - (a->name_length < b->name_length);
}

static int compare_children(struct walk *walk, const struct place *old, const struct place *new,
			    struct msb_error *err)
{
	autolisting before = {0};
	autolisting after = {0};
	size_t i = 0, j = 0;
	int r = list(old, &before, err);

	if (r >= 0)
		r = list(new, &after, err);
	walk->level++;
	while (r >= 0 && (i < before.count || j < after.count)) {
		int order = i == before.count  ? 1
			    : j == after.count ? -1
					       : order_of(&before, i, &after, j);
		struct item *a = order <= 0 ? &before.items[i] : NULL;
		struct item *b = order >= 0 ? &after.items[j] : NULL;
		size_t kept = push(walk, a ? &a->entry : &b->entry);

		if (!b)
			r = report(walk, MSB_REMOVED, a, NULL, err);
		else if (!a)
			r = add_all(walk, new, b, err);
		else
			r = compare_items(walk, old, a, new, b, err);
		walk->path.size = kept;
		i += order <= 0;
		j += order >= 0;
	}
	walk->level--;
	return r;
}

/* The root directory's own entry, and the place to look for its children. */
static int open_side(struct msb_store *store, const struct diff_side *side, struct item *ret_root,
		     struct place *ret, struct msb_error *err)
{
	struct msb_found found;
	int r;

	if (!side->tree) {
		ret->fd = open(side->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (ret->fd < 0)
			return msb_error_set(err, errno, "open '%s'", side->directory);
		return read_item(ret->fd, ".", ret_root, err);
	}
	r = msb_tree_find(store, side->tree, "/", 0, &found, err);
	if (r < 0)
		return r;
	ret_root->entry = found.entry;
	ret->dir = found.dir;
	free(found.path);
	return 0;
}

int disk_diff(struct msb_store *store, const struct diff_side *before,
	      const struct diff_side *after, msb_diff_fn each, void *context, struct msb_error *err)
{
	struct walk walk = {.store = store, .each = each, .context = context};
	autoplace old = {-1, NULL};
	autoplace new = {-1, NULL};
	AUTO(item_done) struct item a = {0};
	AUTO(item_done) struct item b = {0};
	int r = open_side(store, before, &a, &old, err);

	if (r >= 0)
		r = open_side(store, after, &b, &new, err);
	if (r >= 0)
		r = compare_items(&walk, &old, &a, &new, &b, err);
	buffer_done(&walk.path);
	return r < 0 ? r : 0;
}

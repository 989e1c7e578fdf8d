/* The directories of RUN --mount=type=cache, one by one. exec/cache_directory.c makes them. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"
#include "io.h"
#include "mounted.h"

#define MAX_ID 65536

/* One of ROOT/caches/: the file "id", directories "0", "1"…, and a lock beside each. */
struct place {
	int fd;
	char *id; /* owned */
	int64_t used_ns;
};

static void place_done(struct place *place)
{
	if (place->fd >= 0)
		close(place->fd);
	free(place->id);
}

#define autoplace AUTO(place_done) struct place

/* -ENOENT for what is none, or was never finished. */
static int open_place(int caches, const char *name, struct place *ret, struct msb_error *err)
{
	autobuffer id = {0};
	struct stat st;
	int r;

	ret->fd = openat(caches, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (ret->fd < 0)
		return errno == ENOTDIR || errno == ELOOP ? -ENOENT : -errno;
	r = io_read_file(ret->fd, "id", MAX_ID, &id, err);
	if (r < 0)
		return r;
	if (fstatat(ret->fd, "id", &st, 0) < 0)
		return msb_error_set(err, errno, "look at cache '%s'", name);
	ret->used_ns = st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec;
	ret->id = buffer_text(&id);
	return ret->id ? 0 : msb_error_memory(err);
}

typedef int (*name_fn)(void *context, int dir, const char *name, struct msb_error *err);

static int each_name(int fd, name_fn each, void *context, struct msb_error *err)
{
	autoclosedir DIR *dir = io_open_directory(fd, ".");
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return msb_error_set(err, errno, "list a cache");
	while (r >= 0 && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			r = each(context, fd, entry->d_name, err);
	return r;
}

/* The places of all caches, or of one. */
struct search {
	const char *id; /* NULL: all */
	int (*each)(void *context, const struct place *place, struct msb_error *err);
	void *context;
};

static int visit_place(void *context, int caches, const char *name, struct msb_error *err)
{
	const struct search *search = context;
	autoplace place = {.fd = -1};
	int r = open_place(caches, name, &place, err);

	if (r == -ENOENT || (r >= 0 && search->id && strcmp(search->id, place.id) != 0))
		return 0;
	return r < 0 ? r : search->each(search->context, &place, err);
}

static int each_place(struct msb_store *store, struct search *search, struct msb_error *err)
{
	autoclose int caches =
		openat(msb_store_directory(store), MSB_CACHES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (caches < 0)
		return errno == ENOENT ? 0 : msb_error_set(err, errno, "open '%s'", MSB_CACHES);
	return each_name(caches, visit_place, search, err);
}

/* --- Listing --- */

struct list {
	struct msb_cache *caches;
	size_t count;
};

static bool is_directory(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static bool is_locked(int dir, const char *name)
{
	autoclose int fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
}

static int measure_name(void *context, int dir, const char *name, struct msb_error *err)
{
	struct msb_cache *cache = context;
	uint64_t bytes;
	int r;

	if (strstr(name, ".lock"))
		cache->busy |= is_locked(dir, name);
	if (!isdigit((unsigned char)name[0]) || !is_directory(dir, name))
		return 0;
	r = mounted_measure_one(dir, name, &bytes, err);
	cache->directories++;
	cache->bytes += bytes;
	return r;
}

static int add_cache(void *context, const struct place *place, struct msb_error *err)
{
	struct list *list = context;
	struct msb_cache *grown =
		reallocarray(list->caches, list->count + 1, sizeof(*list->caches));
	struct msb_cache *cache;
	int r;

	if (!grown)
		return msb_error_memory(err);
	list->caches = grown;
	cache = &grown[list->count];
	*cache = (struct msb_cache){.used_ns = place->used_ns};
	r = each_name(place->fd, measure_name, cache, err);
	if (r < 0 || cache->directories == 0)
		return r; /* emptied: its locks stay */
	cache->id = strdup(place->id);
	if (!cache->id)
		return msb_error_memory(err);
	list->count++;
	return 0;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct msb_cache *)a)->id, ((const struct msb_cache *)b)->id);
}

int msb_caches(const char *root, struct msb_cache **ret, size_t *ret_count, struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	struct list list = {0};
	struct search search = {.each = add_cache, .context = &list};
	int r = open_store(root, &store, err);

	if (r >= 0)
		r = each_place(store, &search, err);
	if (r < 0) {
		msb_caches_free(list.caches, list.count);
		return r;
	}
	if (list.count)
		qsort(list.caches, list.count, sizeof(*list.caches), by_id);
	*ret = list.caches;
	*ret_count = list.count;
	return 0;
}

void msb_caches_free(struct msb_cache *caches, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(caches[i].id);
	free(caches);
}

/* --- Removing --- */

struct locks {
	int *fds; /* owned */
	size_t count;
};

static void locks_done(struct locks *locks)
{
	for (size_t i = 0; i < locks->count; i++)
		close(locks->fds[i]);
	free(locks->fds);
}

static int take_lock(void *context, int dir, const char *name, struct msb_error *err)
{
	struct locks *locks = context;
	autoclose int fd = -1;
	int *grown;

	if (!strstr(name, ".lock"))
		return 0;
	fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return msb_error_set(err, errno, "open '%s'", name);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return msb_error_say(err, errno == EWOULDBLOCK ? EBUSY : errno,
				     "a build is using it: try again when it is done");
	grown = reallocarray(locks->fds, locks->count + 1, sizeof(*grown));
	if (!grown)
		return msb_error_memory(err);
	locks->fds = grown;
	grown[locks->count++] = steal_fd(&fd);
	return 0;
}

static int remove_name(void *context, int dir, const char *name, struct msb_error *err)
{
	size_t *removed = context;

	if (!isdigit((unsigned char)name[0]) || !is_directory(dir, name))
		return 0;
	++*removed;
	return io_remove_tree(dir, name, err);
}

/* The locks stay: a step may be waiting for one, and the next one must meet it there. */
static int empty_place(void *context, const struct place *place, struct msb_error *err)
{
	AUTO(locks_done) struct locks locks = {0};
	int r = each_name(place->fd, take_lock, &locks, err);

	if (r >= 0)
		r = each_name(place->fd, remove_name, context, err);
	return r < 0 ? msb_error_prefix(err, r, "cache '%s'", place->id) : 0;
}

int msb_cache_remove(const char *root, const char *id, struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	size_t removed = 0;
	struct search search = {.id = id, .each = empty_place, .context = &removed};
	int r = open_store(root, &store, err);

	if (r >= 0)
		r = each_place(store, &search, err);
	if (r < 0)
		return r;
	return removed ? 0
		       : msb_error_say(err, ENOENT, "there is no cache '%s': see msb cache ls", id);
}

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "context.h"
#include "disk_entry.h"
#include "io.h"
#include "path.h"

/* A file changed this recently might change again without its times telling. */
#define SETTLED_NS INT64_C(2000000000)

/* Of a .dockerignore, bytes. */
#define MAX_IGNORE (16u * 1024 * 1024)

struct learned {
	struct stat_key key;
	struct msb_digest digest;
};

struct context {
	int directory;
	struct ignore *ignore;
	struct store_writer *writer;
	struct msb_store *store;
	struct tree_edit *tree;
	void *scanned; /* tsearch: paths of directories whose names are known */
	struct link_numbers *links;
	struct learned *learned;
	size_t learned_count, learned_capacity;
	uint8_t *xattrs;       /* of the file read last; owned */
	char target[PATH_MAX]; /* of the link looked at last */
	pthread_mutex_t lock;
};

int context_read_ignore(const char *path, struct ignore **ret, struct msb_error *err)
{
	autobuffer text = {0};
	int r;

	*ret = NULL;
	if (access(path, F_OK) < 0)
		return 0;
	r = io_read_file(AT_FDCWD, path, MAX_IGNORE, &text, err);
	if (r < 0)
		return r;
	return ignore_parse(path_base(path), text.bytes ? (const char *)text.bytes : "", text.size,
			    ret, err);
}

static int compare_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* As every directory of the context: its time, and root's. */
static int put_root(struct context *context, struct msb_error *err)
{
	struct msb_entry root = {.type = MSB_DIRECTORY, .mode = 0755, .nlink = 1};
	struct stat st;

	if (fstat(context->directory, &st) < 0)
		return msb_error_set(err, errno, "the build context");
	root.mtime_sec = st.st_mtim.tv_sec;
	root.mtime_nsec = (uint32_t)st.st_mtim.tv_nsec;
	return edit_put(context->tree, "/", &root, err);
}

int context_open(const char *directory, struct ignore *ignore, struct msb_store *store,
		 struct store_writer *writer, struct context **ret, struct msb_error *err)
{
	AUTO(context_freep) struct context *context = calloc(1, sizeof(*context));
	int r;

	if (!context) {
		ignore_free(ignore);
		return msb_error_memory(err);
	}
	pthread_mutex_init(&context->lock, NULL);
	context->ignore = ignore;
	context->writer = writer;
	context->store = store;
	context->directory = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (context->directory < 0)
		return msb_error_set(err, errno, "build context '%s'", directory);
	context->links = link_numbers_new();
	if (!context->links)
		return msb_error_memory(err);
	r = tree_edit_new(store, NULL, &context->tree, err);
	if (r >= 0)
		r = put_root(context, err);
	if (r < 0)
		return r;
	*ret = steal(&context);
	return 0;
}

void context_free(struct context *context)
{
	if (!context)
		return;
	if (context->directory >= 0)
		close(context->directory);
	ignore_free(context->ignore);
	tree_edit_free(context->tree);
	tdestroy(context->scanned, free);
	link_numbers_free(context->links);
	free(context->learned);
	free(context->xattrs);
	pthread_mutex_destroy(&context->lock);
	free(context);
}

void context_lock(struct context *context)
{
	pthread_mutex_lock(&context->lock);
}

void context_unlock(struct context *context)
{
	pthread_mutex_unlock(&context->lock);
}

struct tree_edit *context_tree(struct context *context)
{
	return context->tree;
}

/* 1 when this call is the first for path. */
static int mark_scanned(struct context *context, const char *path)
{
	char *copy = strdup(path);
	char *const *found = copy ? tsearch(copy, &context->scanned, compare_text) : NULL;

	if (!found) {
		free(copy);
		return -ENOMEM;
	}
	if (*found == copy)
		return 1;
	free(copy);
	return 0;
}

static int add_name(struct context *context, int dir, const char *path, const char *name,
		    struct msb_error *err);

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

int context_scan(struct context *context, const char *path, struct msb_error *err)
{
	autoclosedir DIR *dir = NULL;
	const struct dirent *entry;
	int fd, r = mark_scanned(context, path);

	if (r < 0)
		return msb_error_memory(err);
	if (r == 0)
		return 0;
	fd = io_open_in_root(context->directory, path[1] ? path + 1 : ".",
			     O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (fd < 0)
		return msb_error_set(err, fd, "build context: open directory '%s'", path);
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return msb_error_memory(err);
	}
	while (r >= 0 && (errno = 0, entry = readdir(dir)))
		if (!is_dots(entry->d_name))
			r = add_name(context, dirfd(dir), path, entry->d_name, err);
	if (r >= 0 && errno)
		return msb_error_set(err, errno, "build context: read directory '%s'", path);
	return r < 0 ? r : 1;
}

static int count_name(void *context, const struct msb_entry *entry)
{
	size_t *count = context;

	(void)entry;
	(*count)++;
	return 0;
}

/* A directory that is left out is there all the same when something below it is not. */
static int add_ignored_directory(struct context *context, const char *path,
				 const struct msb_entry *entry, struct msb_error *err)
{
	size_t names = 0;
	int r;

	if (!ignore_may_reinclude(context->ignore, path + 1))
		return 0;
	r = edit_put(context->tree, path, entry, err);
	if (r >= 0)
		r = context_scan(context, path, err);
	if (r >= 0)
		r = edit_list(context->tree, path, count_name, &names, err);
	if (r >= 0 && names == 0)
		r = edit_remove(context->tree, path, err);
	return r;
}

static int add_name(struct context *context, int dir, const char *path, const char *name,
		    struct msb_error *err)
{
	autofree char *whole = malloc(strlen(path) + strlen(name) + 2);
	struct msb_entry entry;
	struct stat st;
	bool ignored;
	int r;

	if (!whole)
		return msb_error_memory(err);
	sprintf(whole, "%s/%s", path[1] ? path : "", name);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT) /* gone since the listing */
			return 0;
		return msb_error_set(err, errno, "build context: '%s'", whole + 1);
	}
	ignored = ignore_match(context->ignore, whole + 1);
	if (S_ISSOCK(st.st_mode) || (ignored && !S_ISDIR(st.st_mode)))
		return 0;
	r = disk_entry(dir, name, &st, context->target, &entry, err);
	if (r < 0)
		return msb_error_prefix(err, r, "build context");
	entry.uid = entry.gid = 0;
	if (S_ISREG(st.st_mode) && st.st_nlink > 1) {
		entry.link = link_number(context->links, &st);
		if (entry.link == 0)
			return msb_error_memory(err);
	}
	if (ignored)
		return add_ignored_directory(context, whole, &entry, err);
	return edit_put(context->tree, whole, &entry, err);
}

static struct stat_key key_of(const struct stat *st)
{
	return (struct stat_key){
		.device = st->st_dev,
		.inode = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
		.ctime_ns = (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec,
	};
}

static int learn(struct context *context, const struct stat_key *key,
		 const struct msb_digest *digest)
{
	int64_t settled = io_now() - SETTLED_NS;

	if (key->mtime_ns > settled || key->ctime_ns > settled)
		return 0;
	if (context->learned_count == context->learned_capacity) {
		size_t capacity = context->learned_capacity ? context->learned_capacity * 2 : 64;
		struct learned *grown = reallocarray(context->learned, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		context->learned = grown;
		context->learned_capacity = capacity;
	}
	context->learned[context->learned_count++] = (struct learned){*key, *digest};
	return 0;
}

static int content_of(struct context *context, int fd, const char *path, const struct stat *st,
		      struct msb_digest *ret, struct msb_error *err)
{
	struct stat_key key = key_of(st);
	struct stat after;
	int r = store_stat_find(context->writer, &key, ret, err);

	if (r >= 0 && msb_store_has(context->store, ret, NULL, NULL) == MSB_HERE)
		return 0;
	if (r < 0 && r != -ENOENT)
		return r;
	r = store_put_fd(context->writer, fd, (uint64_t)st->st_size, ret, err);
	if (r < 0)
		return msb_error_prefix(err, r, "build context: '%s'", path);
	if (fstat(fd, &after) < 0 || memcmp(&after.st_mtim, &st->st_mtim, sizeof(after.st_mtim)))
		return msb_error_say(err, EBUSY, "build context: '%s' changed while it was read",
				     path);
	return learn(context, &key, ret) < 0 ? msb_error_memory(err) : 0;
}

int context_read(struct context *context, const char *path, struct msb_entry *entry,
		 struct msb_error *err)
{
	autoclose int fd =
		io_open_in_root(context->directory, path + 1, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	int r;

	if (fd < 0)
		return msb_error_set(err, fd, "build context: '%s'", path + 1);
	if (fstat(fd, &st) < 0)
		return msb_error_set(err, errno, "build context: '%s'", path + 1);
	if (!S_ISREG(st.st_mode))
		return msb_error_say(err, EBUSY, "build context: '%s' changed while it was read",
				     path + 1);
	disk_entry_times(&st, entry);
	r = content_of(context, fd, path + 1, &st, &entry->digest, err);
	if (r < 0)
		return r;
	free(context->xattrs);
	context->xattrs = NULL;
	r = disk_xattrs(fd, NULL, &context->xattrs, &entry->xattrs_size, err);
	entry->xattrs = context->xattrs;
	return r;
}

int context_record(struct context *context, struct msb_error *err)
{
	for (size_t i = 0; i < context->learned_count; i++) {
		int r = store_stat_set(context->writer, &context->learned[i].key,
				       &context->learned[i].digest, err);

		if (r < 0)
			return r;
	}
	context->learned_count = 0;
	return 0;
}

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "disk.h"
#include "inode.h"
#include "io.h"

#define BUCKETS   1024
#define DEPTH_MAX 2048

struct disk_node {
	uint64_t number; /* the id, without its tag */
	uint64_t above;  /* of one without a parent: where it is shown */
	struct disk_node *parent;
	uint64_t users; /* lookups, and nodes whose parent this is */
	ino_t ino;      /* which file the name meant */
	mode_t type;
	struct disk_node *next_by_number, *next_by_name;
	size_t depth;
	char name[];
};

struct disk {
	int store;
	char *ground; /* owned */
	pthread_mutex_t lock;
	/* Guarded by the lock, with all nodes: */
	uint64_t last;
	struct disk_node *by_number[BUCKETS], *by_name[BUCKETS];
};

struct disk *disk_new(int store, const char *ground)
{
	struct disk *disk = calloc(1, sizeof(*disk));

	if (!disk)
		return NULL;
	disk->store = store;
	disk->ground = strdup(ground);
	pthread_mutex_init(&disk->lock, NULL);
	if (disk->ground)
		return disk;
	disk_free(disk);
	return NULL;
}

void disk_free(struct disk *disk)
{
	struct disk_node *next;

	if (!disk)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct disk_node *node = disk->by_number[i]; node; node = next) {
			next = node->next_by_number;
			free(node);
		}
	pthread_mutex_destroy(&disk->lock);
	free(disk->ground);
	free(disk);
}

int disk_ground(const struct disk *disk)
{
	int fd = openat(disk->store, disk->ground, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* --- The table; all of it under the lock --- */

static struct disk_node **bucket_by_number(struct disk *disk, uint64_t number)
{
	return &disk->by_number[number % BUCKETS];
}

static struct disk_node **bucket_by_name(struct disk *disk, const struct disk_node *parent,
					 const char *name)
{
	uint64_t hash = parent ? parent->number : 0;

	for (const char *c = name; *c; c++)
		hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
	return &disk->by_name[(hash ^ hash >> 32) % BUCKETS];
}

static struct disk_node *find(struct disk *disk, uint64_t id)
{
	uint64_t number = inode_disk_number(id);
	struct disk_node *node = *bucket_by_number(disk, number);

	while (node && node->number != number)
		node = node->next_by_number;
	return node;
}

static void unlink_node(struct disk *disk, struct disk_node *node)
{
	struct disk_node **at = bucket_by_number(disk, node->number);

	while (*at != node)
		at = &(*at)->next_by_number;
	*at = node->next_by_number;
	at = bucket_by_name(disk, node->parent, node->name);
	while (*at != node)
		at = &(*at)->next_by_name;
	*at = node->next_by_name;
}

static void leave(struct disk *disk, struct disk_node *node, uint64_t users)
{
	struct disk_node *parent;

	while (node) {
		node->users -= users < node->users ? users : node->users;
		if (node->users)
			return;
		parent = node->parent;
		unlink_node(disk, node);
		free(node);
		node = parent;
		users = 1;
	}
}

/* The node for this file by this name, with one more user. NULL: no memory. */
static struct disk_node *enter(struct disk *disk, struct disk_node *parent, const char *name,
			       uint64_t above, const struct stat *st)
{
	struct disk_node **named = bucket_by_name(disk, parent, name), **numbered;
	struct disk_node *node;

	for (node = *named; node; node = node->next_by_name)
		if (node->parent == parent && node->ino == st->st_ino &&
		    node->type == (st->st_mode & S_IFMT) && strcmp(node->name, name) == 0) {
			node->users++;
			return node;
		}
	node = calloc(1, sizeof(*node) + strlen(name) + 1);
	if (!node)
		return NULL;
	strcpy(node->name, name);
	node->number = ++disk->last;
	node->above = above;
	node->parent = parent;
	node->depth = parent ? parent->depth + 1 : 0;
	node->users = 1;
	node->ino = st->st_ino;
	node->type = st->st_mode & S_IFMT;
	if (parent)
		parent->users++;
	node->next_by_name = *named;
	*named = node;
	numbered = bucket_by_number(disk, node->number);
	node->next_by_number = *numbered;
	*numbered = node;
	return node;
}

/* The path below the ground; owned. NULL: no memory. */
static char *path_of(const struct disk_node *node)
{
	const struct disk_node *chain[DEPTH_MAX + 1];
	autobuffer path = {0};
	size_t count = 0;

	for (; node; node = node->parent)
		chain[count++] = node;
	while (count--) {
		buffer_string(&path, chain[count]->name);
		if (count)
			buffer_char(&path, '/');
	}
	return buffer_text(&path);
}

/* --- The disk --- */

/* A descriptor on what the path means (O_PATH), and its attributes. */
static int look(const struct disk *disk, const char *path, int *ret_fd, struct stat *ret)
{
	autoclose int ground = disk_ground(disk);
	autoclose int fd = -1;

	if (ground < 0)
		return ground;
	fd = io_open_in_root(ground, path, O_PATH | O_NOFOLLOW);
	if (fd < 0)
		return fd;
	if (fstatat(fd, "", ret, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	*ret_fd = steal_fd(&fd);
	return 0;
}

/* The same for a node, as long as it is still the same file. */
static int look_at(struct disk *disk, uint64_t id, int *ret_fd, struct stat *ret)
{
	autofree char *path = NULL;
	autoclose int fd = -1;
	struct disk_node *node;
	mode_t type = 0;
	ino_t ino = 0;
	int r;

	pthread_mutex_lock(&disk->lock);
	node = find(disk, id);
	if (node) {
		path = path_of(node);
		ino = node->ino;
		type = node->type;
	}
	pthread_mutex_unlock(&disk->lock);
	if (!path)
		return node ? -ENOMEM : -ESTALE;
	r = look(disk, path, &fd, ret);
	if (r == 0 && (ret->st_ino != ino || (ret->st_mode & S_IFMT) != type))
		r = -ESTALE;
	if (r == 0)
		*ret_fd = steal_fd(&fd);
	return r;
}

/* The same file, to be read. What it is was seen first: a device or a pipe is never opened. */
static int open_again(int fd, int flags)
{
	char path[sizeof("/proc/self/fd/") + 12];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | flags);
	return again < 0 ? -errno : again;
}

static int open_file(struct disk *disk, uint64_t id)
{
	autoclose int fd = -1;
	struct stat st;
	int r = look_at(disk, id, &fd, &st);

	if (r < 0)
		return r;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	return open_again(fd, 0);
}

static void answer(uint64_t number, const struct stat *st, struct core_node *ret)
{
	*ret = (struct core_node){.id = inode_of_disk(number), .st = *st};
	/* Beside the numbers of trees, which are below it. */
	ret->st.st_ino = inode_of_disk(st->st_ino);
}

/* --- Requests --- */

int disk_begin(struct disk *disk, const char *path, uint64_t above, struct core_node *ret)
{
	autoclose int fd = -1;
	struct disk_node *node;
	struct stat st;
	int r = look(disk, path, &fd, &st);

	if (r < 0)
		return r;
	if (!S_ISDIR(st.st_mode))
		return -ENOENT;
	pthread_mutex_lock(&disk->lock);
	node = enter(disk, NULL, path, above, &st);
	if (node)
		answer(node->number, &st, ret);
	pthread_mutex_unlock(&disk->lock);
	return node ? 0 : -ENOMEM;
}

/* "." or "..". */
static int lookup_dots(struct disk *disk, uint64_t id, bool up, struct core_node *ret,
		       uint64_t *ret_above)
{
	struct disk_node *node;
	int r;

	pthread_mutex_lock(&disk->lock);
	node = find(disk, id);
	if (node && up && !node->parent)
		*ret_above = node->above;
	if (node && up)
		node = node->parent;
	if (node) {
		node->users++;
		id = inode_of_disk(node->number);
	}
	pthread_mutex_unlock(&disk->lock);
	if (!node)
		return *ret_above ? 0 : -ESTALE;
	r = disk_stat(disk, id, ret);
	if (r < 0)
		disk_forget(disk, id, 1);
	return r;
}

int disk_lookup(struct disk *disk, uint64_t parent, const char *name, struct core_node *ret,
		uint64_t *ret_above)
{
	autoclose int directory = -1;
	struct disk_node *node = NULL, *above;
	struct stat st;
	int r;

	*ret_above = 0;
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return lookup_dots(disk, parent, name[1], ret, ret_above);
	r = look_at(disk, parent, &directory, &st);
	if (r < 0)
		return r;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	pthread_mutex_lock(&disk->lock);
	above = find(disk, parent);
	r = !above ? -ESTALE : above->depth >= DEPTH_MAX - 1 ? -ENAMETOOLONG : 0;
	if (r == 0)
		node = enter(disk, above, name, 0, &st);
	if (node)
		answer(node->number, &st, ret);
	pthread_mutex_unlock(&disk->lock);
	return r == 0 && !node ? -ENOMEM : r;
}

void disk_forget(struct disk *disk, uint64_t id, uint64_t lookups)
{
	struct disk_node *node;

	pthread_mutex_lock(&disk->lock);
	node = find(disk, id);
	if (node)
		leave(disk, node, lookups);
	pthread_mutex_unlock(&disk->lock);
}

int disk_stat(struct disk *disk, uint64_t id, struct core_node *ret)
{
	autoclose int fd = -1;
	struct stat st;
	int r = look_at(disk, id, &fd, &st);

	if (r == 0)
		answer(inode_disk_number(id), &st, ret);
	return r;
}

int disk_list(struct disk *disk, uint64_t id, uint64_t offset, core_list_fn each, void *context)
{
	autoclose int fd = -1;
	autoclosedir DIR *dir = NULL;
	const struct dirent *entry;
	struct stat st;
	int r = look_at(disk, id, &fd, &st), again;

	if (r < 0)
		return r;
	again = open_again(fd, O_DIRECTORY);
	if (again < 0)
		return again;
	dir = fdopendir(again);
	if (!dir) {
		close(again);
		return -ENOMEM;
	}
	if (offset)
		seekdir(dir, (long)offset);
	for (errno = 0; (entry = readdir(dir)); errno = 0) {
		/* Looked up by name when somebody is interested: a listing holds no node. */
		struct core_node node = {.st = {.st_ino = inode_of_disk(entry->d_ino),
						.st_mode = DTTOIF(entry->d_type)}};

		if (!each(context, entry->d_name, &node, (uint64_t)entry->d_off))
			return 0;
	}
	return -errno;
}

int disk_readlink(struct disk *disk, uint64_t id, char **ret)
{
	autofree char *target = malloc(PATH_MAX);
	autoclose int fd = -1;
	struct stat st;
	ssize_t n;
	int r = look_at(disk, id, &fd, &st);

	if (r < 0)
		return r;
	if (!target)
		return -ENOMEM;
	n = readlinkat(fd, "", target, PATH_MAX - 1);
	if (n < 0)
		return S_ISLNK(st.st_mode) ? -errno : -EINVAL;
	target[n] = '\0';
	*ret = steal(&target);
	return 0;
}

ssize_t disk_read(struct disk *disk, uint64_t id, void *bytes, size_t size, uint64_t offset)
{
	autoclose int fd = open_file(disk, id);

	return fd < 0 ? fd : io_pread(fd, bytes, size, offset);
}

int disk_seek(struct disk *disk, uint64_t id, uint64_t offset, int whence, uint64_t *ret)
{
	autoclose int fd = open_file(disk, id);
	off_t at;

	if (fd < 0)
		return fd;
	at = lseek(fd, (off_t)offset, whence);
	if (at < 0)
		return -errno;
	*ret = (uint64_t)at;
	return 0;
}

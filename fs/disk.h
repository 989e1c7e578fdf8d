/*
 * Directories of the disk as nodes: what cache mounts hold. They change whenever a step writes, so
 * nothing about them lasts, and every request looks at the disk again. A node is the name by which
 * a file was found, and which file that was; it is forgotten when the kernel forgets it.
 *
 * A name is followed beneath the ground alone: a link that a command left there is shown as a link.
 */
#ifndef DISK_H
#define DISK_H

#include "core.h"

struct disk;

/* ground: a directory's name in the store's directory. It may come and go. */
struct disk *disk_new(int store, const char *ground);
void disk_free(struct disk *disk);
DEFINE_AUTO(struct disk, disk_free)

/* The ground's descriptor, for the caller to close. -ENOENT. */
int disk_ground(const struct disk *disk);

/* A node for the directory at path below the ground, shown in the directory `above`. Each answer of
 * this and of disk_lookup() is to be forgotten once. */
int disk_begin(struct disk *disk, const char *path, uint64_t above, struct core_node *ret);
/* "." and ".." are names, too; *ret_above is set instead where ".." leads out. */
int disk_lookup(struct disk *disk, uint64_t parent, const char *name, struct core_node *ret,
		uint64_t *ret_above);
void disk_forget(struct disk *disk, uint64_t id, uint64_t lookups);

/* -ESTALE where another file has taken the place of the node's. */
int disk_stat(struct disk *disk, uint64_t id, struct core_node *ret);
int disk_list(struct disk *disk, uint64_t id, uint64_t offset, core_list_fn each, void *context);
int disk_readlink(struct disk *disk, uint64_t id, char **ret);
ssize_t disk_read(struct disk *disk, uint64_t id, void *bytes, size_t size, uint64_t offset);
int disk_seek(struct disk *disk, uint64_t id, uint64_t offset, int whence, uint64_t *ret);

#endif

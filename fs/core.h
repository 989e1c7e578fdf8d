/*
 * The mounted file system without FUSE in it: nodes by 64-bit number, in errno terms. Everything
 * is read from the store when it is asked for; nothing here knows how a request arrived.
 *
 * All functions may be called by several threads at once. They return 0 (or a count) or a negative
 * errno value; what a damaged store did wrong goes to the log as a sentence.
 */
#ifndef CORE_H
#define CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>

#include <msb/cleanup.h>
#include <msb/error.h>

struct core;

typedef void (*core_log_fn)(void *context, const char *sentence);

struct core_options {
	/* Large files are compared with their digests, too, when they are first read, for which the
	 * reader waits. Directories always are, and packs are checked for damage. */
	bool verify;
	size_t cache_bytes; /* of decoded directories; 0: the default, 64 MiB */
	const char *fetch;  /* msb's path, which brings what is in a registry; NULL: nobody does */
	bool autopull;      /* a name below images/ that is not there is pulled */
	core_log_fn log;    /* NULL: nobody listens */
	void *log_context;
};

/* The root directory's node, as FUSE wants it. */
#define CORE_ROOT 1

struct core_node {
	uint64_t id; /* 0 in a listing: the node is to be looked up by name */
	struct stat st;
	bool name_lasts; /* this name in this directory means this node for good */
	bool stat_lasts; /* st and the content never change */
};

/* What has to be fetched first is -EREMOTE for a thread that did not say that it may wait
 * (fetch.h); whoever does not answer in time is -EIO. */
int core_open(const char *store, const struct core_options *options, struct core **ret,
	      struct msb_error *err);
/* Ends fetching: whoever waits for it gets -EIO. */
void core_stop_fetching(struct core *core);
void core_close(struct core *core);
DEFINE_AUTO(struct core, core_close)
/* As msb_store_set_before_wait(). */
void core_set_before_wait(struct core *core, void (*before_wait)(void *context), void *context);

/* -ENOENT: no such name. *ret_lasts then says whether it will never appear (NULL: never mind). */
int core_lookup(struct core *core, uint64_t parent, const char *name, struct core_node *ret,
		bool *ret_lasts);
/* That directory, and what is in it, changes by builds alone, and by their removal. */
bool core_is_of_builds(uint64_t directory);
int core_stat(struct core *core, uint64_t id, struct core_node *ret);

/* Each returns false when it has no room for this entry. next is the offset that goes on behind
 * it. "." and ".." come first. */
typedef bool (*core_list_fn)(void *context, const char *name, const struct core_node *node,
			     uint64_t next);
int core_list(struct core *core, uint64_t id, uint64_t offset, core_list_fn each, void *context);

/* A symlink's target, NUL-terminated, owned by the caller. */
int core_readlink(struct core *core, uint64_t id, char **ret);

/* Where a file stands: the entry at index of a directory. */
struct core_place {
	uint64_t directory; /* its node; 0: in no tree, or one of several names */
	uint64_t index;
};

/* Fewer bytes than size at the file's end only. ret_place may be NULL. */
ssize_t core_read(struct core *core, uint64_t id, void *bytes, size_t size, uint64_t offset,
		  struct core_place *ret_place);
/* The whole file at place, and its node. -ENODATA: not a file, or empty, or larger than size, or
 * a hard link; -ENOENT: behind the last entry. */
ssize_t core_read_at(struct core *core, const struct core_place *place, void *bytes, size_t size,
		     uint64_t *ret_id);
/* How many files that core_read_at() would read, were they small enough, a directory has from one
 * index up to another; at most max, and max for what cannot be told soon. */
unsigned core_count_files(struct core *core, uint64_t directory, uint64_t from, uint64_t to,
			  unsigned max);
/* whence is SEEK_DATA or SEEK_HOLE. -ENXIO at or behind the end. */
int core_seek(struct core *core, uint64_t id, uint64_t offset, int whence, uint64_t *ret);

/* The value's size; it is copied when size allows, -ERANGE when not, and size 0 only asks. The list
 * is names one after the other, each with its NUL. */
ssize_t core_xattr(struct core *core, uint64_t id, const char *name, void *value, size_t size);
ssize_t core_xattr_list(struct core *core, uint64_t id, char *list, size_t size);

/* Before the kernel is answered so many nodes of the tree that id is in: from now on a collection
 * leaves the tree alone. -ESTALE: it is gone. */
int core_lend(struct core *core, uint64_t id, uint64_t lookups);
/* The kernel dropped a node that core_lookup() answered so many times. When it drops many, as it
 * does when memory is short, the core gives some, too. */
void core_forget(struct core *core, uint64_t id, uint64_t lookups);

/* Becomes readable when a collection asks for trees that nothing but the kernel has any more; -1:
 * none ever will. core_asked() then tells the root directories of these: where each was shown, by
 * which name (NULL: none), and its node. What the kernel lets go of then comes as forgets. */
typedef void (*core_asked_fn)(void *context, uint64_t above, const char *name, uint64_t root);
int core_asked_fd(const struct core *core);
int core_asked(struct core *core, core_asked_fn each, void *context);

int core_statfs(struct core *core, struct statvfs *ret);

#endif

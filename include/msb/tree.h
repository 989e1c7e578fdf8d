/*
 * File trees as immutable objects, as their readers see them.
 *
 * Each directory is one object, a blob of the store: its entries in bytewise order of names, with
 * all metadata, the digests of files' contents and of child directories' objects, and each
 * child directory's totals. So a subtree is compared, copied or sized without being walked.
 *
 * A tree as a whole is named by the digest of its root object: a directory object with a single
 * entry whose name is empty, the root directory itself with its owner, mode and times.
 *
 * The encoding is canonical: equal trees have equal digests. ARCHITECTURE.md gives it byte by byte.
 */
#ifndef MSB_TREE_H
#define MSB_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <msb/cleanup.h>
#include <msb/digest.h>
#include <msb/error.h>
#include <msb/store.h>

enum msb_type {
	MSB_FILE = 1,
	MSB_DIRECTORY = 2,
	MSB_SYMLINK = 3,
	MSB_CHARACTER = 4,
	MSB_BLOCK = 5,
	MSB_FIFO = 6,
	MSB_SOCKET = 7,
};

/* What a directory's subtree holds, so that nobody needs to walk it to know. */
enum {
	MSB_BELOW_XATTRS = 1, /* some entry, this one included, has extended attributes */
	MSB_BELOW_LINKS = 2,  /* something below is hard-linked */
};

/*
 * One entry. Pointers are borrowed from the directory it came from (or from the caller who fills
 * one in). Zeroed fields are the natural defaults.
 */
struct msb_entry {
	const char *name; /* not NUL-terminated when it comes from a directory */
	size_t name_length;
	enum msb_type type;
	uint16_t mode; /* permission bits, 07777 */
	uint32_t uid, gid;
	int64_t mtime_sec;
	uint32_t mtime_nsec;

	uint64_t size;            /* file: bytes; symlink: length of its target */
	struct msb_digest digest; /* file: its content; directory: its object */
	bool sparse;              /* file with holes: then allocated counts */
	uint64_t allocated;       /* bytes that are not holes; of what was read, always right */

	/* Hard links of anything but directories: entries of one tree with the same non-zero number
	 * are one file. Numbers are below 2^27, unique within a tree, and mean nothing outside it.
	 * nlink counts them. */
	uint32_t link;
	uint32_t nlink; /* 1 where there are none */

	const char *target; /* symlink; size bytes, not NUL-terminated */
	uint32_t device_major, device_minor;

	/* Directory: its object's digest with times, link numbers and holes left out, what lies
	 * below it (itself not counted; the bytes of a hard-linked file shared out among its
	 * names), and MSB_BELOW_*. */
	struct msb_digest key;
	uint64_t entries, bytes;
	uint32_t subdirectories; /* immediate ones: st_nlink is this + 2 */
	uint32_t below;

	const uint8_t *xattrs; /* encoded, sorted by name; walk with msb_entry_xattr() */
	size_t xattrs_size;
};

/* A decoded directory object: immutable, shared by whoever holds a reference. */
struct msb_dir;

/* Takes bytes (malloc) in any case. Refuses whatever is not a canonical encoding with -EBADMSG:
 * it may be handed any bytes at all. */
int msb_dir_decode(uint8_t *bytes, size_t size, struct msb_dir **ret, struct msb_error *err);
struct msb_dir *msb_dir_ref(struct msb_dir *dir);
void msb_dir_unref(struct msb_dir *dir);
DEFINE_AUTO(struct msb_dir, msb_dir_unref)

size_t msb_dir_count(const struct msb_dir *dir);
/* Bytes of memory it occupies. */
size_t msb_dir_footprint(const struct msb_dir *dir);
/* index < count. */
void msb_dir_get(const struct msb_dir *dir, size_t index, struct msb_entry *ret);
/* -ENOENT when there is none. */
int msb_dir_find(const struct msb_dir *dir, const char *name, size_t length, size_t *ret_index);

/*
 * Preorder numbers: within a tree the root directory is 0, and a directory numbered n has its
 * first child at n + 1, each child followed by all that lies below it. msb_dir_rank() gives the
 * distance of child `index` from its directory (1 for the first); msb_dir_at_rank() the child
 * in whose subtree (itself included) the entry at that distance lies, count when there is none.
 */
uint64_t msb_dir_rank(const struct msb_dir *dir, size_t index);
size_t msb_dir_at_rank(const struct msb_dir *dir, uint64_t rank);

/* Loads and verifies the object. -ENOENT, -EBADMSG, -EIO. */
int msb_tree_load(struct msb_store *store, const struct msb_digest *object, struct msb_dir **ret,
		  struct msb_error *err);

/* The next extended attribute behind *position (0 at first); false behind the last. The name is
 * NUL-terminated; both are borrowed. */
bool msb_entry_xattr(const struct msb_entry *entry, size_t *position, const char **ret_name,
		     const uint8_t **ret_value, size_t *ret_size);

/* S_IFMT bits and permission bits together. */
mode_t msb_entry_mode(const struct msb_entry *entry);

/* An entry found in a tree, and the directory that keeps its pointers valid. */
struct msb_found {
	struct msb_dir *dir; /* owned */
	struct msb_entry entry;
	char *path; /* where it really is after symlinks, absolute, owned */
};

enum {
	MSB_NOFOLLOW = 1, /* a symlink in last place is itself the answer */
};

/*
 * Walks path inside the tree; symlinks and ".." never leave it, at most 40 links are followed
 * (-ELOOP). -ENOENT, -ENOTDIR as the kernel. "/" and "" are the root directory.
 */
int msb_tree_find(struct msb_store *store, const struct msb_digest *tree, const char *path,
		  unsigned flags, struct msb_found *ret, struct msb_error *err);
void msb_found_done(struct msb_found *found);

#endif

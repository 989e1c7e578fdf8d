/*
 * The encoding of a directory object, shared by the one who writes it and the one who reads it.
 * All numbers are little-endian. ARCHITECTURE.md, "Tree objects", shows it as a table.
 */
#ifndef TREE_FORMAT_H
#define TREE_FORMAT_H

#include <msb/tree.h>

#define OBJECT_MAGIC       "msbdir1\n"
#define OBJECT_MAGIC_SIZE  8
#define OBJECT_HEADER_SIZE 12 /* magic, u32 count */
#define OBJECT_MAX_SIZE    (1024u * 1024 * 1024)
#define OBJECT_ENTRY_SIZE  28 /* fixed part of an entry, before its name */

/* Flags of an entry. */
#define ENTRY_XATTRS 1
#define ENTRY_LINKED 2
#define ENTRY_SPARSE 4

#define MAX_NAME     255
#define MAX_TARGET   4095
#define MAX_XATTR    65536               /* bytes of one value, as Linux has it */
#define MAX_XATTRS   (16u << 20)         /* bytes of all of an entry, encoded */
#define MAX_LINK     ((1u << 27) - 1)    /* link numbers are 1 to this */
#define MAX_ENTRIES  (UINT64_C(1) << 40) /* in one tree: keeps every sum of totals in range */
#define MAX_DEPTH    2048                /* levels, the root included: bounds every recursion */

/* dir.c: bytewise, as memcmp(); a name comes before those that begin with it. */
int order_of_names(const char *a, size_t a_length, const char *b, size_t b_length);

/* dir.c: what is wrong with all but the name of an entry, or NULL. Nothing else may be encoded, for
 * nothing else is decoded. With complete, a directory's totals and a file's links must fit too. */
const char *entry_fault(const struct msb_entry *entry, bool complete);

/* find.c: the object of a directory inside a tree. That it is missing is damage (-EBADMSG), never
 * -ENOENT, which would say that the path does not exist. */
int load_directory(struct msb_store *store, const struct msb_entry *directory, struct msb_dir **ret,
		   struct msb_error *err);

#endif

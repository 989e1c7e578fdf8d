/*
 * The encoding of a directory object, shared by the one who writes it and the one who reads it.
 * All numbers are little-endian. ARCHITECTURE.md, "Tree objects", shows it as a table.
 */
#ifndef TREE_FORMAT_H
#define TREE_FORMAT_H

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
#define MAX_LINK     ((1u << 27) - 1)
#define MAX_ENTRIES  (UINT64_C(1) << 40) /* in one tree: keeps every sum of totals in range */

#endif

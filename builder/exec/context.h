/*
 * The build context: a directory on disk seen as a tree, as far as a step asks. Directories are
 * listed when a path leads into them, contents are hashed when a COPY selects them, and a file
 * that looks the same as last time (device, inode, size, both times) is not read again.
 *
 * What .dockerignore leaves out is not there. All owners are 0:0 (as docker has it); sockets are
 * left out. Not thread-safe: lock around a sequence of calls with context_lock().
 */
#ifndef CONTEXT_H
#define CONTEXT_H

#include <msb/cleanup.h>
#include <msb/error.h>
#include <msb/tree.h>

#include "ignore.h"
#include "store_writer.h"
#include "tree_edit.h"

struct context;

/* The patterns of the .dockerignore at path; NULL where there is none. */
int context_read_ignore(const char *path, struct ignore **ret, struct msb_error *err);

/* ignore may be NULL and is owned from now on, whatever the outcome. */
int context_open(const char *directory, struct ignore *ignore, struct msb_store *store,
		 struct store_writer *writer, struct context **ret, struct msb_error *err);
void context_free(struct context *context);
DEFINE_AUTO(struct context, context_free)

void context_lock(struct context *context);
void context_unlock(struct context *context);

/* The tree as far as it was scanned; file contents that nobody asked for have a zero digest. */
struct tree_edit *context_tree(struct context *context);

/* Makes the names in the directory at path (literal, absolute) known. 1 when they were not. */
int context_scan(struct context *context, const char *path, struct msb_error *err);

/* Puts the content of the regular file at path into the store, and completes entry with digest,
 * holes and extended attributes. entry->xattrs is borrowed from the context. */
int context_read(struct context *context, const char *path, struct msb_entry *entry,
		 struct msb_error *err);

/* Within a transaction: remembers how the files that were read looked. */
int context_record(struct context *context, struct msb_error *err);

#endif

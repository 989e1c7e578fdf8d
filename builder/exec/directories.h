/* Directories of a tree that a step makes or puts something into. */
#ifndef DIRECTORIES_H
#define DIRECTORIES_H

#include <stdint.h>

#include <msb/error.h>

#include "tree_edit.h"

/* A new directory, 0755, whose time is now (nanoseconds). */
struct msb_entry directory_new(uid_t uid, gid_t gid, int64_t now);

/* As edit_make_dirs(); the directory that receives the first new one is touched. */
int directory_make(struct tree_edit *edit, const char *path, const struct msb_entry *pattern,
		   struct msb_error *err);

#endif

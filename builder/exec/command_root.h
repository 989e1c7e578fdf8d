/*
 * The root directory of one command: an overlay whose lower side is the base tree, shown by msbfs
 * and never unpacked, and whose upper side takes what the command changes.
 *
 * A second lower layer, `stubs`, lies below the base: it lends mount points that the base lacks, so
 * that none of them is ever made in the upper side and nothing needs to be taken out of the layer
 * afterwards.
 */
#ifndef COMMAND_ROOT_H
#define COMMAND_ROOT_H

#include <stdbool.h>

#include <msb/cleanup.h>
#include <msb/digest.h>
#include <msb/error.h>

#include "base_mount.h"
#include "store_writer.h"

/* What commands stand upon: the store, whose writer lends its scratch directory, and the trees
 * as directories. All of it is borrowed. */
struct command_ground {
	struct msb_store *store;
	struct store_writer *writer;
	struct base_mount *mount;
};

struct command_root {
	struct command_ground ground;
	struct msb_digest tree; /* the base */
	char *path;             /* of the command's own directory, absolute; owned */
	int fd;                 /* the same, opened */
	char *root;             /* where the merged tree is; owned */
	char *bundle;           /* the sandbox's own directory; owned */
	struct tree_edit *base; /* for looking things up; nothing is committed */
	bool mounted;
};

/* Makes the directories, under a name that is unique within the ground, and the mount points that
 * every command has. */
int command_root_init(struct command_root *root, const struct command_ground *ground,
		      const struct msb_digest *tree, const char *name, struct msb_error *err);
void command_root_done(struct command_root *root);

/* A mount point at path of the root, its symlinks followed. Before command_root_mount(). *ret is
 * the path to mount on, owned by the caller; NULL: nobody asks. */
int command_root_stub(struct command_root *root, const char *path, bool directory, char **ret,
		      struct msb_error *err);

int command_root_mount(struct command_root *root, struct msb_error *err);

/* Unmounts, and makes a tree of the base and what the upper side holds. */
int command_root_capture(struct command_root *root, struct msb_digest *ret_tree,
			 struct msb_error *err);

#endif

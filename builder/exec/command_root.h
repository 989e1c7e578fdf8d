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
#include <msb/error.h>

struct step_run;

struct command_root {
	struct step_run *run;
	char *path;             /* of the step's own directory, absolute; owned */
	int fd;                 /* the same, opened */
	char *root;             /* where the merged tree is; owned */
	struct tree_edit *base; /* for looking things up; nothing is committed */
	bool mounted;
};

/* Makes the directories. */
int command_root_init(struct command_root *root, struct step_run *run, struct msb_error *err);
void command_root_done(struct command_root *root);

/* A mount point at path of the root, its symlinks followed. Before command_root_mount(). *ret is
 * the path to mount on, owned by the caller; NULL: nobody asks. */
int command_root_stub(struct command_root *root, const char *path, bool directory, char **ret,
		      struct msb_error *err);

int command_root_mount(struct command_root *root, struct msb_error *err);

/* Unmounts, and makes the run's tree of what the upper side holds. */
int command_root_capture(struct command_root *root, struct msb_error *err);

#endif

/*
 * The trees a build's commands stand upon, as directories: a private msbfs of this build's own,
 * started when the first command needs it and gone with the build. It is run through the flags a
 * user would type. A host without FUSE gets plain copies of the trees instead: slower, not
 * different.
 */
#ifndef BASE_MOUNT_H
#define BASE_MOUNT_H

#include <msb/cleanup.h>
#include <msb/digest.h>
#include <msb/error.h>
#include <msb/store.h>

struct base_mount;

/* scratch: absolute path of a directory for mount points. Starts nothing yet. Before
 * sandbox_enter(), which may leave the place where this program was found. */
int base_mount_new(struct msb_store *store, const char *scratch, struct base_mount **ret,
		   struct msb_error *err);
void base_mount_free(struct base_mount *mount);
DEFINE_AUTO(struct base_mount, base_mount_free)

/* The directory that shows tree; *ret is owned by the caller. Thread-safe. Waits at most some
 * seconds for msbfs to be ready. */
int base_mount_path(struct base_mount *mount, const struct msb_digest *tree, char **ret,
		    struct msb_error *err);

/* A descriptor to poll: readable once the daemon has died, which no command's files survive. */
int base_mount_watch(const struct base_mount *mount);

/* What the daemon had to complain about so far, a line each: a damaged object, a lost blob. Owned
 * by the caller; "" for nothing, NULL: no memory. */
char *base_mount_complaints(struct base_mount *mount);

#endif

/*
 * Images that are not here, by their names below images/: whoever enters one has it pulled. A name
 * without a tag is an image where the registry has a "latest" of it, and a directory on the way to
 * others where it has none.
 */
#ifndef AUTOPULL_H
#define AUTOPULL_H

#include "internal.h"

struct autopull;

struct autopull *autopull_new(void);
void autopull_free(struct autopull *autopull);

enum autopull_kind {
	AUTOPULL_NOTHING,   /* no image can have this name, nor a name that begins so */
	AUTOPULL_DIRECTORY, /* a registry: what follows is an image */
	AUTOPULL_IMAGE,     /* with its tag or digest */
	AUTOPULL_EITHER,    /* an image without a tag, or the beginning of a longer name */
};

/* path: below images/, "quay.io/a/b:c". */
enum autopull_kind autopull_kind_of(const char *path);

/*
 * Pulls it. -ENOENT: it is not to be had; -EIO: nobody can say, and the log knows why. Not asked
 * again for a while. -EREMOTE in a thread that may not wait for that (fetch.h).
 */
int autopull_get(struct core *core, const char *path);

/* Somebody waits for a pull: then the kernel has the directory that the name is in locked, and
 * drops nothing there. */
bool autopull_is_waited_for(struct autopull *autopull);

/* What is shown where an image of the name `path` is, of what shelf_shown_name() gives; owned.
 * NULL: no memory. */
char *autopull_shown(const char *path, enum autopull_kind kind);

#endif

/* The directory to mount on: in what state it is, told without looking into any mount. */
#ifndef MOUNTPOINT_H
#define MOUNTPOINT_H

#include <msb/error.h>

/* Checks that path can be mounted on and gives its absolute form (owned). What a daemon that was
 * killed left there is detached. store is the absolute path of the store to be shown. */
int mountpoint_prepare(const char *path, const char *store, char **ret, struct msb_error *err);

/* Lets the kernel read ahead this much on the mount at path, where this process may say so. */
void mountpoint_read_ahead(const char *path, unsigned bytes);

#endif

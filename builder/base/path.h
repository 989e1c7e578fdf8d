/* Paths as text: nothing here looks at a file system. */
#ifndef PATH_H
#define PATH_H

#include <stdbool.h>
#include <stddef.h>

/* Shortest equivalent path by words alone: no "//", ".", inner ".." or trailing slash; "" becomes
 * ".", and ".." above "/" vanishes (as path.Clean in Go). Owned by the caller; NULL: no memory. */
char *path_clean(const char *path);

/* path seen from directory base: path itself when absolute, else base/path; cleaned. Owned. */
char *path_join(const char *base, const char *path);

/* The last component of a cleaned path, borrowed from it; "/" for the root. */
const char *path_base(const char *path);

/* True for a name that may be a directory entry: no slash, not empty, not "." or "..",
 * at most 255 bytes. */
bool path_is_name(const char *name, size_t length);

#endif

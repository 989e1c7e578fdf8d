/* "REF:PATH": a file of a tree, as users name it. */
#ifndef TREE_PATH_H
#define TREE_PATH_H

#include <stdbool.h>

#include <msb/error.h>

/* Both results are owned; the path is absolute. No reference has ":/" in it, but nearly every path
 * begins with "/": "image:node:alpine:/etc". whole: without ":/" it is a REF, and "/" is meant.
 * -EINVAL for what is not of that form. */
int tree_path_split(const char *text, bool whole, char **ret_ref, char **ret_path,
		    struct msb_error *err);

#endif

/*
 * .dockerignore patterns: last match wins, anchored at the context's root, "!" re-includes even
 * below an excluded directory (moby/patternmatcher's rules). Pure.
 */
#ifndef IGNORE_H
#define IGNORE_H

#include <stdbool.h>
#include <stddef.h>

#include <msb/cleanup.h>
#include <msb/error.h>

struct ignore;

/* name is used in messages alone. */
int ignore_parse(const char *name, const char *text, size_t size, struct ignore **ret,
		 struct msb_error *err);
/* Is path (relative to the root, no leading slash, cleaned) left out? A NULL ignore leaves out
 * nothing. */
bool ignore_match(const struct ignore *ignore, const char *path);
/* May anything below the left-out directory path be re-included? False: need not be entered. */
bool ignore_may_reinclude(const struct ignore *ignore, const char *path);
void ignore_free(struct ignore *ignore);
DEFINE_AUTO(struct ignore, ignore_free)

/* Go's path/filepath.Match for one whole path: '*' and '?' stop at '/', [a-z], [^a], \c.
 * 1 match, 0 none, -EINVAL for a malformed pattern. */
int glob_match(const char *pattern, const char *path);

#endif

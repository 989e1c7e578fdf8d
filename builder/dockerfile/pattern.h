/* The patterns of ${x#p}, ${x%p} and ${x/p/r}: '*', '?' and escapes, no brackets. */
#ifndef PATTERN_H
#define PATTERN_H

#include <stdbool.h>

#include <msb/error.h>

/* value without the shortest or longest prefix (suffix) that matches; itself where none does.
 * ret is owned by the caller. -EINVAL for a bad escape or a pattern that takes too long. */
int pattern_trim(const char *pattern, const char *value, bool suffix, bool longest, char **ret,
		 struct msb_error *err);
/* value with its first match, or all, replaced. */
int pattern_replace(const char *pattern, const char *value, const char *replacement, bool all,
		    char **ret, struct msb_error *err);

#endif

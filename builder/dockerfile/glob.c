/* Go's path/filepath.Match, without backtracking beyond the last '*'. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "glob.h"
#include "ignore.h"

size_t glob_character(const char *text)
{
	unsigned char lead = (unsigned char)*text;
	size_t n = lead < 0xc0 || lead >= 0xf8 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;

	for (size_t i = 1; i < n; i++)
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return 1;
	return n;
}

unsigned glob_code(const char *text, size_t length)
{
	unsigned value = 0;

	for (size_t i = 0; i < length; i++)
		value = value << 8 | (unsigned char)text[i];
	return value;
}

/* One end of a range in a class; NULL for a malformed one. */
static const char *class_end(const char *pattern, unsigned *ret)
{
	size_t length;

	if (!*pattern || *pattern == '-' || *pattern == ']')
		return NULL;
	if (*pattern == '\\' && !*++pattern)
		return NULL;
	length = glob_character(pattern);
	*ret = glob_code(pattern, length);
	return pattern[length] ? pattern + length : NULL;
}

const char *glob_class(const char *pattern, unsigned c, bool *ret)
{
	bool negated = *pattern == '^', found = false;
	size_t ranges = 0;

	pattern += negated;
	while (*pattern != ']' || ranges == 0) {
		unsigned low, high;

		pattern = class_end(pattern, &low);
		if (!pattern)
			return NULL;
		high = low;
		if (*pattern == '-')
			pattern = class_end(pattern + 1, &high);
		if (!pattern)
			return NULL;
		found = found || (low <= c && c <= high);
		ranges++;
	}
	*ret = found != negated;
	return pattern + 1;
}

/* One element of pattern that is not '*' against the character at path. 1, 0 or -EINVAL;
 * *ret_next is the element's end even where it does not match. */
static int match_one(const char *pattern, const char *path, const char **ret_next)
{
	size_t length = *path ? glob_character(path) : 0;
	bool found;

	switch (*pattern) {
	case '?':
		*ret_next = pattern + 1;
		return length > 0 && *path != '/';
	case '[':
		*ret_next = glob_class(pattern + 1, glob_code(path, length), &found);
		if (!*ret_next)
			return -EINVAL;
		return length > 0 && *path != '/' && found;
	case '\\':
		if (!*++pattern)
			return -EINVAL;
	}
	*ret_next = pattern + glob_character(pattern);
	return length > 0 && glob_character(pattern) == length &&
	       memcmp(pattern, path, length) == 0;
}

static int check(const char *pattern)
{
	while (*pattern) {
		if (*pattern == '*')
			pattern++;
		else if (match_one(pattern, "", &pattern) < 0)
			return -EINVAL;
	}
	return 0;
}

int glob_match(const char *pattern, const char *path)
{
	const char *star = NULL, *resume = NULL;

	if (check(pattern) < 0)
		return -EINVAL;
	while (*path || *pattern) {
		const char *next;

		if (*pattern == '*') {
			star = ++pattern;
			resume = path;
			continue;
		}
		if (*pattern && match_one(pattern, path, &next) > 0) {
			pattern = next;
			path += glob_character(path);
			continue;
		}
		/* The last star takes one more character, if it may. */
		if (!star || !*resume || *resume == '/')
			return 0;
		resume += glob_character(resume);
		path = resume;
		pattern = star;
	}
	return 1;
}

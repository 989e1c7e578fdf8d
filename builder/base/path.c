#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msb/cleanup.h>

#include "path.h"

/* Drops the last component of out[0..length), which never ends in a slash beyond the root. */
static size_t drop_component(const char *out, size_t length, size_t floor)
{
	while (length > floor && out[length - 1] != '/')
		length--;
	if (length > floor)
		length--;
	return length;
}

static bool ends_in_dotdot(const char *out, size_t length, size_t floor)
{
	return length >= floor + 2 && memcmp(out + length - 2, "..", 2) == 0 &&
	       (length == floor + 2 || out[length - 3] == '/');
}

char *path_clean(const char *path)
{
	bool rooted = *path == '/';
	size_t floor = rooted ? 1 : 0, length = floor;
	char *out = malloc(strlen(path) + 2);

	if (!out)
		return NULL;
	if (rooted)
		out[0] = '/';
	while (*path) {
		size_t part = strcspn(path, "/");
		bool dotdot = part == 2 && memcmp(path, "..", 2) == 0;

		if (dotdot && length > floor && !ends_in_dotdot(out, length, floor)) {
			length = drop_component(out, length, floor);
		} else if (part > 0 && !(part == 1 && *path == '.') && !(dotdot && rooted)) {
			if (length > floor)
				out[length++] = '/';
			memcpy(out + length, path, part);
			length += part;
		}
		path += part;
		path += strspn(path, "/");
	}
	if (length == 0)
		out[length++] = '.';
	out[length] = '\0';
	return out;
}

char *path_join(const char *base, const char *path)
{
	autofree char *joined = NULL;

	if (*path == '/')
		return path_clean(path);
	joined = malloc(strlen(base) + strlen(path) + 2);
	if (!joined)
		return NULL;
	sprintf(joined, "%s/%s", base, path);
	return path_clean(joined);
}

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

bool path_is_name(const char *name, size_t length)
{
	if (length == 0 || length > 255 || memchr(name, '/', length) || memchr(name, '\0', length))
		return false;
	return !(length == 1 && name[0] == '.') &&
	       !(length == 2 && name[0] == '.' && name[1] == '.');
}

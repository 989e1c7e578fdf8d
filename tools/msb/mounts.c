#include "mounts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <msb/cleanup.h>

/* A dead mount cannot be resolved itself, but the directory that it lies in can. */
static char *resolve(const char *directory)
{
	char *whole = realpath(directory, NULL);
	autofree char *copy = NULL;
	autofree char *parent = NULL;
	char *slash;
	size_t length;

	if (whole || errno != ENOTCONN)
		return whole;
	copy = strdup(directory);
	if (!copy)
		return NULL;
	length = strlen(copy);
	while (length > 1 && copy[length - 1] == '/')
		copy[--length] = '\0';
	slash = strrchr(copy, '/');
	if (slash)
		*slash = '\0';
	parent = realpath(!slash ? "." : *copy ? copy : "/", NULL);
	if (!parent)
		return NULL;
	if (asprintf(&whole, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent,
		     slash ? slash + 1 : copy) < 0)
		return NULL;
	return whole;
}

/* mountinfo writes blanks and backslashes of paths as \ooo (proc(5)). */
static void unescape(char *text)
{
	char *to = text;

	while (*text) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] && text[3]) {
			*to++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 |
				       (text[3] - '0'));
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

/* The type of the topmost mount at path, "" for none. */
static int mount_type(const char *path, char type[64], struct msb_error *err)
{
	autofclose FILE *file = fopen("/proc/self/mountinfo", "re");
	autofree char *line = NULL;
	size_t capacity = 0;

	if (!file)
		return msb_error_set(err, errno, "open /proc/self/mountinfo");
	type[0] = '\0';
	while (getline(&line, &capacity, file) > 0) {
		char *rest = NULL;
		char *behind = strstr(line, " - ");
		char *point = NULL;

		if (!behind)
			continue;
		*behind = '\0';
		strtok_r(line, " ", &rest);
		for (int field = 2; field <= 5; field++)
			point = strtok_r(NULL, " ", &rest);
		if (!point)
			continue;
		unescape(point);
		if (strcmp(point, path) == 0)
			sscanf(behind + 3, "%63s", type);
	}
	return 0;
}

int mounts_find(const char *directory, char **ret, bool *ret_stale, struct msb_error *err)
{
	autofree char *path = resolve(directory);
	char type[64];
	struct stat st;
	int r;

	if (!path)
		return msb_error_set(err, errno, "%s", directory);
	r = mount_type(path, type, err);
	if (r < 0)
		return r;
	if (!type[0])
		return msb_error_say(err, EINVAL, "nothing is mounted on '%s'", directory);
	if (strcmp(type, "fuse.msbfs") != 0 && strcmp(type, "fuse") != 0)
		return msb_error_say(err, EINVAL, "what is mounted on '%s' is not msb's: %s",
				     directory, type);
	*ret_stale = stat(path, &st) < 0 && errno == ENOTCONN;
	*ret = steal(&path);
	return 0;
}

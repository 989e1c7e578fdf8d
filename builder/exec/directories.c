#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "directories.h"

struct msb_entry directory_new(uid_t uid, gid_t gid, int64_t now)
{
	return (struct msb_entry){
		.type = MSB_DIRECTORY,
		.mode = 0755,
		.nlink = 1,
		.uid = uid,
		.gid = gid,
		.mtime_sec = now / 1000000000,
		.mtime_nsec = (uint32_t)(now % 1000000000),
	};
}

int directory_make(struct tree_edit *edit, const char *path, const struct msb_entry *pattern,
		   struct msb_error *err)
{
	autofree char *above = strdup(path);
	struct msb_entry there;
	int r = edit_get(edit, path, &there, err);

	if (!above)
		return msb_error_memory(err);
	if (r >= 0 || r != -ENOENT)
		return edit_make_dirs(edit, path, pattern, err);
	while (r == -ENOENT) {
		*strrchr(above, '/') = '\0';
		r = edit_get(edit, *above ? above : "/", &there, err);
	}
	if (r >= 0)
		r = edit_make_dirs(edit, path, pattern, err);
	return r < 0 ? r : edit_touch(edit, *above ? above : "/", pattern, err);
}

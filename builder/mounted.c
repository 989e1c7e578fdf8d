#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "io.h"
#include "mounted.h"
#include "path.h"

static int measure(FTS *walk, uint64_t *ret_count, uint64_t *ret_bytes)
{
	const FTSENT *entry;

	*ret_count = *ret_bytes = 0;
	errno = 0;
	while ((entry = fts_read(walk))) {
		if (entry->fts_info == FTS_DP || entry->fts_info == FTS_NS)
			continue;
		if (entry->fts_info == FTS_D && entry->fts_level == 1)
			++*ret_count;
		/* A hard link counts with its first name only, as far as it lies here. */
		*ret_bytes += (uint64_t)entry->fts_statp->st_blocks * 512 /
			      (entry->fts_info == FTS_F && entry->fts_statp->st_nlink > 1
				       ? entry->fts_statp->st_nlink
				       : 1);
	}
	return errno ? -errno : 0;
}

static int measure_path(char *path, uint64_t *ret_count, uint64_t *ret_bytes, struct msb_error *err)
{
	char *const paths[] = {path, NULL};
	struct stat st;
	FTS *walk;
	int r;

	*ret_count = *ret_bytes = 0;
	if (lstat(path, &st) < 0 && errno == ENOENT)
		return 0;
	walk = fts_open(paths, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);
	if (!walk)
		return msb_error_set(err, errno, "look into '%s'", path);
	r = measure(walk, ret_count, ret_bytes);
	fts_close(walk);
	return r < 0 ? msb_error_set(err, r, "look into '%s'", path) : 0;
}

int mounted_measure(struct msb_store *store, uint64_t *ret_count, uint64_t *ret_bytes,
		    struct msb_error *err)
{
	autofree char *path = path_join(msb_store_path(store), MSB_CACHES);

	return path ? measure_path(path, ret_count, ret_bytes, err) : msb_error_memory(err);
}

int mounted_measure_one(int dir, const char *name, uint64_t *ret_bytes, struct msb_error *err)
{
	autofree char *path = buffer_format("/proc/self/fd/%d/%s", dir, name);
	uint64_t count;

	return path ? measure_path(path, &count, ret_bytes, err) : msb_error_memory(err);
}

int mounted_remove(struct msb_store *store, struct msb_error *err)
{
	return io_remove_tree(msb_store_directory(store), MSB_CACHES, err);
}

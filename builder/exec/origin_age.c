#include "origin_age.h"

#include <errno.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>

#include <msb/tree_diff.h>

struct youngest {
	bool found;
	int64_t seconds;
};

static void consider(struct youngest *youngest, int64_t seconds)
{
	if (!youngest->found || seconds > youngest->seconds)
		youngest->seconds = seconds;
	youngest->found = true;
}

static int consider_entry(void *context, const struct msb_difference *difference,
			  struct msb_error *err)
{
	(void)err;
	if (difference->after && difference->after->type != MSB_DIRECTORY)
		consider(context, difference->after->mtime_sec);
	return 0;
}

/* One of fts_read()'s, whose path in the context is path. */
static void consider_file(FTS *walk, FTSENT *item, const char *path, const struct ignore *ignore,
			  struct youngest *youngest)
{
	bool left_out = *path && ignore_match(ignore, path);

	if (item->fts_info == FTS_D) {
		if (left_out && !ignore_may_reinclude(ignore, path))
			fts_set(walk, item, FTS_SKIP);
	} else if (item->fts_info == FTS_F || item->fts_info == FTS_SL ||
		   item->fts_info == FTS_SLNONE) {
		if (!left_out)
			consider(youngest, item->fts_statp->st_mtime);
	}
}

static int walk_directory(const char *directory, const struct ignore *ignore,
			  struct youngest *youngest, struct msb_error *err)
{
	char *const roots[] = {(char *)(uintptr_t)directory, NULL};
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	size_t length = strlen(directory);
	FTSENT *item;

	if (!walk)
		return msb_error_set(err, errno, "read '%s'", directory);
	while ((item = fts_read(walk))) {
		const char *path = item->fts_path + length;

		consider_file(walk, item, path + strspn(path, "/"), ignore, youngest);
	}
	fts_close(walk);
	return 0;
}

int origin_age(const struct origin *origin, const struct ignore *ignore, struct msb_store *store,
	       int64_t *ret, struct msb_error *err)
{
	struct youngest youngest = {0};
	int r = 0;

	if (origin->commit_time > 0)
		consider(&youngest, origin->commit_time);
	else if (origin->directory)
		r = walk_directory(origin->directory, ignore, &youngest, err);
	else
		r = msb_tree_diff(store, NULL, &origin->tree, consider_entry, &youngest, err);
	if (r < 0)
		return r;
	if (!youngest.found || youngest.seconds < 0)
		return msb_error_say(err, ENODATA,
				     "SOURCE_DATE_EPOCH=context: the context has no files; give a "
				     "number of seconds");
	*ret = youngest.seconds;
	return 0;
}

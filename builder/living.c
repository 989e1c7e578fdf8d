#include "living.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <msb/builder.h>

#include "buffer.h"
#include "io.h"
#include "live_log.h"

/* What went away meanwhile is no error. */
static int each_name(int dir, const char *name, living_fn each, void *context,
		     struct msb_error *err)
{
	autoclosedir DIR *listing = io_open_directory(dir, name);
	const struct dirent *entry;
	int r = 0;

	while (listing && r >= 0 && (entry = readdir(listing)))
		if (entry->d_name[0] != '.')
			r = each(context, dirfd(listing), entry->d_name, err);
	return r;
}

/* A scratch directory's owner holds the lock beside it as long as it lives. */
static bool has_owner(int tmp, const char *name)
{
	autofree char *lock = buffer_format("%s.lock", name);
	autoclose int fd = lock ? openat(tmp, lock, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0;
}

struct walk {
	living_fn each;
	void *context;
};

static int look_into(void *context, int tmp, const char *name, struct msb_error *err)
{
	const struct walk *walk = context;

	if (strchr(name, '.') || !has_owner(tmp, name))
		return 0;
	return each_name(tmp, name, walk->each, walk->context, err);
}

int living_each(struct msb_store *store, living_fn each, void *context, struct msb_error *err)
{
	struct walk walk = {each, context};

	return each_name(msb_store_directory(store), "tmp", look_into, &walk, err);
}

/* --- Builds --- */

struct search {
	long long build;
	bool found;
};

static int compare(void *context, int dir, const char *name, struct msb_error *err)
{
	struct search *search = context;
	long long build;
	int end = 0;

	(void)dir, (void)err;
	if (sscanf(name, LIVE_BUILD "%n", &build, &end) == 1 && !name[end])
		search->found |= build == search->build;
	return 0;
}

/* What is not alive may have ended well since its record was read. */
bool msb_build_was_killed(struct msb_store *store, const struct msb_build *build)
{
	struct search search = {.build = build->id};
	struct msb_build *now;
	bool running;

	if (build->state != MSB_RUNNING || living_each(store, compare, &search, NULL) < 0 ||
	    search.found || msb_records_build(store, build->id, &now, NULL) < 0)
		return false;
	running = now->state == MSB_RUNNING;
	msb_builds_free(now, 1);
	return running;
}

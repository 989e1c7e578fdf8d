#include "epoch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msb/tree_diff.h>

#include "tree_edit.h"

#define NAME   "SOURCE_DATE_EPOCH"
#define SECOND INT64_C(1000000000)

static int parse(const char *what, const char *text, struct epoch *ret, struct msb_error *err)
{
	char *end;
	long long seconds;

	errno = 0;
	seconds = strtoll(text, &end, 10);
	if (end == text || *end || errno || seconds < 0 || seconds > INT64_MAX / SECOND)
		return msb_error_say(err, EINVAL, "%s: '%s' is no number of seconds since 1970",
				     what, text);
	*ret = (struct epoch){true, seconds * SECOND};
	return 0;
}

bool epoch_wants_context(const struct strlist *args)
{
	const char *given = strlist_get_env(args, NAME);

	if (!given)
		given = getenv(NAME);
	return given && strcmp(given, "context") == 0;
}

int epoch_set_context(struct strlist *args, int64_t seconds)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)seconds);
	return strlist_set_env(args, NAME, text);
}

int epoch_find(const struct msb_build_options *options, struct strlist *args, struct epoch *ret,
	       struct msb_error *err)
{
	const char *given = strlist_get_env(args, NAME);
	int r;

	*ret = (struct epoch){0};
	if (options->timestamp) {
		r = parse("--timestamp", options->timestamp, ret, err);
		if (r >= 0 && strlist_set_env(args, NAME, options->timestamp) < 0)
			return msb_error_memory(err);
		return r;
	}
	if (!given && (given = getenv(NAME)) && *given) {
		if (strlist_set_env(args, NAME, given) < 0)
			return msb_error_memory(err);
	}
	return given && *given ? parse(NAME, given, ret, err) : 0;
}

struct clamping {
	const struct epoch *epoch;
	struct tree_edit *edit;
	bool changed;
};

/* All names of a hard-linked file have its time, and get the new one together. */
static int clamp_entry(void *context, const struct msb_difference *difference,
		       struct msb_error *err)
{
	struct clamping *clamping = context;
	int64_t second = clamping->epoch->ns / SECOND;
	struct msb_entry entry;

	if (difference->change == MSB_REMOVED)
		return 0;
	entry = *difference->after;
	if (entry.mtime_sec < second || (entry.mtime_sec == second && entry.mtime_nsec == 0))
		return 0;
	entry.mtime_sec = second;
	entry.mtime_nsec = 0;
	if (entry.type == MSB_DIRECTORY)
		entry.digest = (struct msb_digest){0};
	clamping->changed = true;
	return edit_put(clamping->edit, difference->path, &entry, err);
}

int epoch_clamp(const struct epoch *epoch, struct store_writer *writer,
		const struct msb_digest *base, const struct msb_digest *tree,
		struct msb_digest *ret, struct msb_error *err)
{
	struct msb_store *store = store_writer_store(writer);
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	struct clamping clamping = {.epoch = epoch};
	int r = tree_edit_new(store, tree, &edit, err);

	clamping.edit = edit;
	if (r >= 0)
		r = msb_tree_diff(store, base, tree, clamp_entry, &clamping, err);
	if (r < 0)
		return r;
	if (clamping.changed)
		return edit_commit(edit, writer, ret, err);
	*ret = *tree;
	return 0;
}

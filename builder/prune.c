/* Taking away what is wanted no more. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "marking.h"
#include "mounted.h"

/* Seconds until a build that runs is a reason to give up. */
#define PATIENCE    60
#define KEEP_BUILDS 20

struct prune {
	struct msb_store *store;
	struct store_care *care;
	const struct msb_prune_options *options;
	int64_t until;
	struct msb_prune_result *result;
};

int msb_keep_builds(size_t *ret, struct msb_error *err)
{
	const char *text = getenv("MSB_KEEP_BUILDS");
	size_t length = text ? strlen(text) : 0;

	if (length > 9 || (text && strspn(text, "0123456789") != length))
		return msb_error_say(err, EINVAL, "MSB_KEEP_BUILDS: '%s' is no number of builds",
				     text);
	*ret = length ? strtoul(text, NULL, 10) : KEEP_BUILDS;
	return 0;
}

static int forget_records(struct prune *prune, struct msb_error *err)
{
	int r = store_forget_builds(prune->care, prune->options->keep_builds, prune->until,
				    &prune->result->builds, err);

	return r < 0 ? r
		     : store_forget_images(prune->care, prune->options->all_images, prune->until,
					   &prune->result->images, err);
}

/* What is left of the records is what stays, with all that lies below. */
static int mark_records(struct prune *prune, struct msb_error *err)
{
	struct marking marking = {.store = prune->store, .care = prune->care};
	int r = marking_roots(&marking, STORE_ROOTS_TAGGED, 0, err);

	if (r >= 0)
		r = marking_roots(&marking, STORE_ROOTS_UNTAGGED, 0, err);
	if (r >= 0)
		r = marking_roots(&marking, STORE_ROOTS_BUILDS, 0, err);
	/* With a time limit, younger steps stay though nothing else shows their trees. */
	if (r >= 0)
		r = marking_roots(&marking, STORE_ROOTS_CACHE, prune->until, err);
	return r;
}

static int remove_caches(struct prune *prune, struct msb_error *err)
{
	uint64_t bytes;
	int r = mounted_measure(prune->store, &prune->result->caches, &bytes, err);

	if (r >= 0 && !prune->options->dry_run)
		r = mounted_remove(prune->store, err);
	if (r >= 0)
		prune->result->bytes += bytes;
	return r;
}

static int collect(struct prune *prune, struct msb_error *err)
{
	struct msb_prune_result *result = prune->result;
	int r = forget_records(prune, err);

	if (r >= 0)
		r = mark_records(prune, err);
	if (r >= 0)
		r = store_forget_unreached(prune->care, prune->until, &result->cached_steps,
					   &result->layers, err);
	if (r >= 0)
		r = store_sweep(prune->care, &result->blobs, &result->bytes, err);
	/* Without a commit all of that did not happen. */
	if (r >= 0 && !prune->options->dry_run) {
		r = store_care_commit(prune->care, err);
		if (r >= 0)
			r = store_compact(prune->care, &result->bytes, err);
	}
	if (r >= 0 && prune->options->caches)
		r = remove_caches(prune, err);
	return r;
}

int msb_prune(const char *root, const struct msb_prune_options *options,
	      struct msb_prune_result *result, struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	AUTO(store_care_closep) struct store_care *care = NULL;
	struct prune prune = {.options = options, .result = result};
	int r = open_store(root, &store, err);

	*result = (struct msb_prune_result){0};
	if (r >= 0)
		r = store_care_open(store, true, PATIENCE, &care, err);
	if (r < 0)
		return r;
	prune.store = store;
	prune.care = care;
	prune.until = options->until_ns ? options->until_ns : INT64_MAX;
	return collect(&prune, err);
}

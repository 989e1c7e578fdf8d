/* Taking away what is wanted no more. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "internal.h"
#include "io.h"
#include "marking.h"
#include "mounted.h"
#include "pins.h"

/* Seconds until a build that runs is a reason to give up. */
#define PATIENCE    60
#define KEEP_BUILDS 20
/* So long mounts have to let go of what nobody uses, and so long between two looks. */
#define LET_GO_NS 1500000000
#define LOOK_NS   10000000

struct prune {
	struct msb_store *store;
	struct store_care *care;
	const struct msb_prune_options *options;
	int64_t until;
	struct pins pins;
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
	struct msb_prune_result *result = prune->result;
	uint64_t builds = 0, images = 0;
	int r = store_forget_builds(prune->care, prune->options->keep_builds, prune->until, &builds,
				    err);

	if (r >= 0)
		r = store_forget_images(prune->care, prune->options->all_images, prune->until,
					&images, err);
	result->builds += builds;
	result->images += images;
	return r;
}

static int count_one(void *context, const struct msb_digest *tree, struct msb_error *err)
{
	size_t *count = context;

	(void)tree, (void)err;
	++*count;
	return 0;
}

/* Where mounts are, the names go first, in a transaction of their own: what they led to is then
 * not looked up any more while it is being collected. */
static int forget_names(struct prune *prune, struct msb_error *err)
{
	size_t count = 0;
	int r = pins_each(&prune->pins, count_one, &count, err);

	if (r < 0 || count == 0)
		return r;
	r = forget_records(prune, err);
	if (r >= 0)
		r = store_care_commit(prune->care, err);
	if (r < 0)
		return r;
	store_care_close(steal(&prune->care));
	return store_care_open(prune->store, true, PATIENCE, &prune->care, err);
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

/* Trees in lists of mounts that no record leads to. */
struct loose {
	struct prune *prune;
	struct msb_digest *trees; /* owned */
	size_t count, capacity;
};

static int add_loose(void *context, const struct msb_digest *tree, struct msb_error *err)
{
	struct loose *loose = context;
	size_t capacity = loose->capacity ? loose->capacity * 2 : 64;
	struct msb_digest *larger;
	int r = store_is_marked(loose->prune->care, tree, err);

	if (r != 0)
		return r < 0 ? r : 0;
	if (loose->count == loose->capacity) {
		larger = reallocarray(loose->trees, capacity, sizeof(*larger));
		if (!larger)
			return msb_error_memory(err);
		loose->trees = larger;
		loose->capacity = capacity;
	}
	loose->trees[loose->count++] = *tree;
	return 0;
}

static int find_loose(struct loose *loose, struct msb_error *err)
{
	loose->count = 0;
	return pins_each(&loose->prune->pins, add_loose, loose, err);
}

/* A mount that cannot be asked (its user's store is somebody else's) keeps what it has. */
static int wait_for_mounts(struct prune *prune, struct msb_error *err)
{
	const struct timespec pause = {.tv_nsec = LOOK_NS};
	struct loose loose = {.prune = prune};
	struct msb_error why = {0};
	int64_t until = io_now() + LET_GO_NS;
	int r = find_loose(&loose, err);

	if (r == 0 && loose.count && pins_ask(&prune->pins, loose.trees, loose.count, &why) == 0)
		while (r == 0 && loose.count && io_now() < until) {
			nanosleep(&pause, NULL);
			r = find_loose(&loose, err);
		}
	free(loose.trees);
	return r;
}

static int mark_open(void *context, const struct msb_digest *tree, struct msb_error *err)
{
	struct prune *prune = context;
	/* What is damaged there is an error for whoever reads it, and no reason to keep anything.
	 */
	struct marking marking = {.store = prune->store, .care = prune->care, .tolerant = true};
	int r = marking_tree(&marking, tree, err);

	if (r == 1)
		prune->result->open++;
	return r < 0 ? r : 0;
}

/* What mounts have open stays, though no record leads there. The last look is taken when nothing
 * new can come. */
static int keep_open(struct prune *prune, struct msb_error *err)
{
	int r = wait_for_mounts(prune, err);

	if (r >= 0)
		r = pins_each(&prune->pins, mark_open, prune, err);
	if (r >= 0)
		r = pins_lock(&prune->pins, err);
	return r < 0 ? r : pins_each(&prune->pins, mark_open, prune, err);
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
	bool dry_run = prune->options->dry_run;
	int r = dry_run ? 0 : forget_names(prune, err);

	if (r >= 0)
		r = forget_records(prune, err);
	if (r >= 0)
		r = mark_records(prune, err);
	if (r >= 0)
		r = store_forget_unreached(prune->care, prune->until, &result->cached_steps,
					   &result->layers, err);
	if (r >= 0 && !dry_run)
		r = keep_open(prune, err);
	if (r >= 0)
		r = store_sweep(prune->care, &result->blobs, &result->bytes, err);
	/* Without a commit all of that did not happen. */
	if (r >= 0 && !dry_run) {
		r = store_care_commit(prune->care, err);
		pins_done(&prune->pins);
		if (r >= 0)
			r = store_compact(prune->care, &result->bytes, &result->crowded, err);
	}
	if (r >= 0 && prune->options->caches)
		r = remove_caches(prune, err);
	return r;
}

int msb_prune(const char *root, const struct msb_prune_options *options,
	      struct msb_prune_result *result, struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	struct prune prune = {.options = options, .pins.directory = -1, .result = result};
	int r = open_store(root, &store, err);

	*result = (struct msb_prune_result){0};
	if (r >= 0)
		r = store_care_open(store, true, PATIENCE, &prune.care, err);
	if (r >= 0)
		r = pins_open(store, &prune.pins, err);
	if (r >= 0) {
		prune.store = store;
		prune.until = options->until_ns ? options->until_ns : INT64_MAX;
		r = collect(&prune, err);
	}
	pins_done(&prune.pins);
	store_care_close(prune.care);
	return r;
}

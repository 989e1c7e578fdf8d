/* What takes how much room. */
#include <stdlib.h>

#include <msb/records.h>

#include "internal.h"
#include "marking.h"
#include "mounted.h"

/* In this order: what a prune keeps comes first, so that what only the rest reaches is counted
 * with the rest. */
enum grade {
	GRADE_LOGS,
	GRADE_TAGGED,
	GRADE_NEW_BUILDS,
	GRADE_LAYERS,
	GRADE_UNTAGGED,
	GRADE_OLD_BUILDS,
	GRADE_CACHE,
	GRADES,
};

static const struct {
	enum store_roots roots;
	enum msb_usage_kind kind;
	bool goes; /* with a prune */
} grades[GRADES] = {
	[GRADE_LOGS] = {STORE_ROOTS_LOGS, MSB_USAGE_LOGS, false},
	[GRADE_TAGGED] = {STORE_ROOTS_TAGGED, MSB_USAGE_IMAGES, false},
	[GRADE_NEW_BUILDS] = {STORE_ROOTS_BUILDS, MSB_USAGE_BUILDS, false},
	[GRADE_LAYERS] = {STORE_ROOTS_LAYERS, MSB_USAGE_IMAGES, false},
	[GRADE_UNTAGGED] = {STORE_ROOTS_UNTAGGED, MSB_USAGE_IMAGES, true},
	[GRADE_OLD_BUILDS] = {STORE_ROOTS_BUILDS, MSB_USAGE_BUILDS, true},
	[GRADE_CACHE] = {STORE_ROOTS_CACHE, MSB_USAGE_CACHE, true},
};

/* The number of the oldest build that a prune keeps, and how many there are. */
static int oldest_kept(struct msb_store *store, int64_t *ret, uint64_t *ret_count,
		       struct msb_error *err)
{
	struct msb_build *builds;
	size_t count, kept;
	int r = msb_keep_builds(&kept, err);

	if (r >= 0)
		r = msb_records_builds(store, 0, &builds, &count, err);
	if (r < 0)
		return r;
	*ret = count <= kept ? 0 : kept ? builds[kept - 1].id : INT64_MAX;
	*ret_count = count;
	msb_builds_free(builds, count);
	return 0;
}

static int count_images(struct msb_store *store, uint64_t *ret, struct msb_error *err)
{
	struct msb_image *images;
	size_t count;
	int r = msb_records_images(store, &images, &count, err);

	if (r < 0)
		return r;
	*ret = 0;
	/* Names of one image stand together. */
	for (size_t i = 0; i < count; i++)
		*ret += i == 0 || !msb_digest_equal(&images[i].id, &images[i - 1].id);
	msb_images_free(images, count);
	return 0;
}

static int count_one(void *context, const struct msb_digest *digest, enum store_root_kind kind,
		     const char *who, struct msb_error *err)
{
	(void)digest, (void)who, (void)err;
	*(uint64_t *)context += kind == STORE_ROOT_TREE;
	return 0;
}

static int mark_grade(struct marking *marking, enum grade grade, int64_t oldest,
		      struct msb_usage *usage, struct msb_error *err)
{
	struct msb_usage *kind = &usage[grades[grade].kind];
	uint64_t blobs = 0, bytes = 0;
	int r;

	marking->grade = (int)grade;
	r = marking_roots(marking, grades[grade].roots,
			  grade == GRADE_NEW_BUILDS ? oldest : grade == GRADE_LAYERS, err);
	if (r >= 0)
		r = store_mark_sum(marking->care, (int)grade, &blobs, &bytes, err);
	if (r >= 0 && grade == GRADE_CACHE)
		r = store_care_roots(marking->care, STORE_ROOTS_CACHE, 0, count_one, &kind->count,
				     err);
	if (r < 0)
		return r;
	if (grade == GRADE_LOGS)
		kind->count = blobs;
	kind->bytes += bytes;
	if (grades[grade].goes)
		kind->reclaimable += bytes;
	return 0;
}

static int measure_blobs(struct msb_store *store, struct store_care *care, struct msb_usage *usage,
			 struct msb_error *err)
{
	struct marking marking = {.store = store, .care = care, .tolerant = true};
	struct msb_usage *garbage = &usage[MSB_USAGE_GARBAGE];
	int64_t oldest = 0;
	int r = oldest_kept(store, &oldest, &usage[MSB_USAGE_BUILDS].count, err);

	if (r >= 0)
		r = count_images(store, &usage[MSB_USAGE_IMAGES].count, err);
	for (int grade = 0; r >= 0 && grade < GRADES; grade++)
		r = mark_grade(&marking, (enum grade)grade, oldest, usage, err);
	if (r >= 0)
		r = store_mark_sum(care, -1, &garbage->count, &garbage->bytes, err);
	garbage->reclaimable = garbage->bytes;
	return r;
}

int msb_usage(const char *root, struct msb_usage ret[MSB_USAGE_KINDS], struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	AUTO(store_care_closep) struct store_care *care = NULL;
	struct msb_usage usage[MSB_USAGE_KINDS] = {0};
	struct msb_usage *caches = &usage[MSB_USAGE_CACHES];
	int r = open_store(root, &store, err);

	if (r >= 0)
		r = store_care_open(store, false, 0, &care, err);
	if (r >= 0)
		r = measure_blobs(store, care, usage, err);
	if (r >= 0)
		r = mounted_measure(store, &caches->count, &caches->bytes, err);
	if (r < 0)
		return r;
	caches->reclaimable = caches->bytes;
	for (size_t i = 0; i < MSB_USAGE_KINDS; i++)
		ret[i] = usage[i];
	return 0;
}

/* Each image is followed by itself: what was met before belongs to both. */
static int measure_images(struct msb_store *store, struct store_care *care,
			  const struct msb_image *images, size_t count,
			  struct msb_image_usage *usages, struct msb_error *err)
{
	struct marking marking = {.store = store, .care = care, .tolerant = true};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < count; i++) {
		usages[i].id = images[i].id;
		if (i > 0 && msb_digest_equal(&images[i].id, &images[i - 1].id))
			continue;
		r = marking_image(&marking, &images[i], err);
		if (r >= 0)
			r = store_mark_keep(care, (int64_t)i, err);
	}
	for (size_t i = 0; r >= 0 && i < count; i++) {
		if (i > 0 && msb_digest_equal(&images[i].id, &images[i - 1].id))
			usages[i] = usages[i - 1];
		else
			r = store_mark_own(care, (int64_t)i, &usages[i].bytes, &usages[i].unique,
					   err);
	}
	return r;
}

int msb_image_usages(const char *root, struct msb_image_usage **ret, size_t *ret_count,
		     struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	AUTO(store_care_closep) struct store_care *care = NULL;
	autofree struct msb_image_usage *usages = NULL;
	struct msb_image *images = NULL;
	size_t count = 0;
	int r = open_store(root, &store, err);

	if (r >= 0)
		r = store_care_open(store, false, 0, &care, err);
	if (r >= 0)
		r = msb_records_images(store, &images, &count, err);
	if (r >= 0 && !(usages = calloc(count + 1, sizeof(*usages))))
		r = msb_error_memory(err);
	if (r >= 0)
		r = measure_images(store, care, images, count, usages, err);
	msb_images_free(images, count);
	if (r < 0)
		return r;
	*ret = steal(&usages);
	*ret_count = count;
	return 0;
}

/* The store and the host. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <msb/builder.h>
#include <msb/records.h>

#include "fake.h"

int msb_caches(const char *root, struct msb_cache **ret, size_t *ret_count, struct msb_error *err)
{
	if (strcmp(root, "/empty") == 0)
		return msb_error_say(err, ENOENT, "there is no store");
	*ret = calloc(2, sizeof(**ret));
	if (!*ret)
		return msb_error_memory(err);
	(*ret)[0] = (struct msb_cache){strdup("/root/.npm"), 1, 123456, ago(3 * HOUR), false};
	(*ret)[1] = (struct msb_cache){strdup("a\033[31m b"), 2, 0, ago(HOUR), true};
	*ret_count = 2;
	return 0;
}

void msb_caches_free(struct msb_cache *caches, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(caches[i].id);
	free(caches);
}

int msb_cache_remove(const char *root, const char *id, struct msb_error *err)
{
	(void)root;
	return strcmp(id, "absent") == 0 ? msb_error_say(err, ENOENT, "there is no cache 'absent'")
					 : 0;
}

int msb_store_sweep(const char *root, struct msb_error *err)
{
	(void)root, (void)err;
	return 0;
}

int msb_store_make(const char *root, struct msb_error *err)
{
	return strcmp(root, "/broken") == 0
		       ? msb_error_say(err, EPROTO, "the store at %s has format 9", root)
		       : 0;
}

int msb_prune(const char *root, const struct msb_prune_options *options,
	      struct msb_prune_result *result, struct msb_error *err)
{
	*result = (struct msb_prune_result){0};
	if (strcmp(root, "/busy") == 0)
		return msb_error_say(err, EBUSY, "store '%s': a build is running", root);
	if (strcmp(root, "/empty") == 0)
		return 0;
	result->builds = options->keep_builds < 3 ? 3 - options->keep_builds : 0;
	result->images = options->all_images ? 2 : 1;
	result->cached_steps = options->until_ns ? 0 : 5;
	result->blobs = 1200;
	result->caches = options->caches ? 1 : 0;
	result->bytes = 1234567890;
	return 0;
}

int msb_keep_builds(size_t *ret, struct msb_error *err)
{
	(void)err;
	*ret = 20;
	return 0;
}

int msb_usage(const char *root, struct msb_usage ret[MSB_USAGE_KINDS], struct msb_error *err)
{
	static const struct msb_usage usage[MSB_USAGE_KINDS] = {
		{2, 1200000000, 300000000}, {3, 45678, 0}, {5, 4096, 4096}, {7, 999, 0},
		{1, 20000000, 20000000},    {0, 0, 0},
	};

	if (strcmp(root, "/empty") == 0)
		return msb_error_say(err, ENOENT, "there is no store at '%s' yet", root);
	memcpy(ret, usage, sizeof(usage));
	return 0;
}

int msb_image_usages(const char *root, struct msb_image_usage **ret, size_t *ret_count,
		     struct msb_error *err)
{
	struct msb_image *images;
	size_t count;
	int r = msb_records_images(NULL, &images, &count, err);

	(void)root;
	if (r < 0)
		return r;
	*ret = calloc(count, sizeof(**ret));
	for (size_t i = 0; *ret && i < count; i++)
		(*ret)[i] = (struct msb_image_usage){images[i].id, 1000000 * (i + 1), 70000 * i};
	msb_images_free(images, count);
	*ret_count = count;
	return *ret ? 0 : msb_error_memory(err);
}

int msb_fsck(const char *root, const struct msb_fsck_options *options, msb_problem_fn each,
	     void *context, struct msb_fsck_result *result, struct msb_error *err)
{
	*result = (struct msb_fsck_result){0};
	if (strcmp(root, "/empty") == 0)
		return msb_error_say(err, ENOENT, "there is no store at '%s' yet", root);
	if (strcmp(root, "/damaged") != 0)
		return 0;
	each(context, "sha256:0101: its file has changed: image node:latest: /bin/\033[31mls: "
		      "load the image anew");
	if (!options->quick)
		each(context, options->repair ? "sha256:0202: it is missing: forgotten"
					      : "sha256:0202: it is missing");
	result->problems = options->quick ? 1 : 2;
	return 0;
}

int msb_host_facts(const char *root, struct msb_host_fact **ret, size_t *ret_count,
		   struct msb_error *err)
{
	*ret = calloc(2, sizeof(**ret));
	if (!*ret)
		return msb_error_memory(err);
	(*ret)[0] = (struct msb_host_fact){"fuse", true, "/dev/fuse"};
	(*ret)[1] = (struct msb_host_fact){"runtime", strcmp(root, "/broken") != 0, "crun 1.8"};
	*ret_count = 2;
	return 0;
}

/* store.h and records.h, as far as the command line reads them itself. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <msb/builder.h>
#include <msb/records.h>

#include "fake.h"

struct msb_store {
	int unused;
};

char *msb_store_default_root(void)
{
	const char *root = getenv("MSB_ROOT");

	return strdup(root ? root : "/fake");
}

int msb_store_open(const char *root, struct msb_store **ret, struct msb_error *err)
{
	if (strcmp(root, "/empty") == 0)
		return msb_error_say(err, ENOENT, "there is no store at %s", root);
	if (strcmp(root, "/broken") == 0)
		return msb_error_say(err, EPROTO, "the store at %s has format 9", root);
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : msb_error_memory(err);
}

/* A content that follows from the digest's first byte. */
int msb_store_load(struct msb_store *store, const struct msb_digest *of, size_t max, uint8_t **ret,
		   size_t *ret_size, struct msb_error *err)
{
	static const char *const texts[] = {"one\ntwo\n", "one\nTWO\n", "a\0b"};
	size_t which = of->bytes[0] % 3;

	(void)store;
	*ret_size = which == 2 ? 3 : strlen(texts[which]);
	if (*ret_size > max)
		return msb_error_say(err, EFBIG, "too large");
	*ret = malloc(*ret_size);
	if (!*ret)
		return msb_error_memory(err);
	memcpy(*ret, texts[which], *ret_size);
	return 0;
}

void msb_store_close(struct msb_store *store)
{
	free(store);
}

void fake_make_build(struct msb_build *build, int64_t id)
{
	*build = (struct msb_build){
		.id = id,
		.state = id == 7   ? MSB_FAILED
			 : id == 6 ? MSB_RUNNING
				   : MSB_DONE,
		.started_ns = ago((8 - id) * 49 * HOUR),
		.dockerfile_name = strdup("Dockerfile"),
		.target = strdup(id == 6 ? "1" : "build"),
		.tags = strdup(id == 5 ? "docker.io/library/nodeapp:a docker.io/library/nodeapp:b"
				       : ""),
		.error = id == 7 ? strdup("Dockerfile:7: RUN false: exit code: 1") : NULL,
		.stage_count = 2,
	};
	build->finished_ns = id == 6 ? 0 : build->started_ns + 75 * SECOND + 300000000;
}

int msb_records_changed(struct msb_store *store, int64_t *ret_ns, struct msb_error *err)
{
	(void)store;
	*ret_ns = 1;
	(void)err;
	return 0;
}

bool msb_build_was_killed(struct msb_store *store, const struct msb_build *build)
{
	(void)store;
	return build->state == MSB_RUNNING;
}

int msb_records_builds(struct msb_store *store, size_t limit, struct msb_build **ret,
		       size_t *ret_count, struct msb_error *err)
{
	(void)store, (void)limit;
	*ret = calloc(3, sizeof(**ret));
	if (!*ret)
		return msb_error_memory(err);
	for (size_t i = 0; i < 3; i++)
		fake_make_build(&(*ret)[i], 7 - (int64_t)i);
	*ret_count = 3;
	return 0;
}

int msb_records_build(struct msb_store *store, int64_t id, struct msb_build **ret,
		      struct msb_error *err)
{
	(void)store;
	if (id && (id < 5 || id > 7))
		return msb_error_say(err, ENOENT, "no such build");
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return msb_error_memory(err);
	fake_make_build(*ret, id ? id : 7);
	return 0;
}

void msb_builds_free(struct msb_build *builds, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(builds[i].dockerfile_name);
		free(builds[i].target);
		free(builds[i].tags);
		free(builds[i].error);
	}
	free(builds);
}

int msb_records_stages(struct msb_store *store, int64_t build, struct msb_stage **ret,
		       size_t *ret_count, struct msb_error *err)
{
	(void)store;
	*ret = calloc(2, sizeof(**ret));
	if (!*ret)
		return msb_error_memory(err);
	(*ret)[0] = (struct msb_stage){build, 0, strdup("build"), MSB_DONE, 3, true, digest(0xaa)};
	(*ret)[1] = (struct msb_stage){build, 1, NULL, MSB_FAILED, 5, true, digest(0xbb)};
	*ret_count = 2;
	return 0;
}

void msb_stages_free(struct msb_stage *stages, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(stages[i].name);
	free(stages);
}

int msb_records_steps(struct msb_store *store, int64_t build, size_t stage, struct msb_step **ret,
		      size_t *ret_count, struct msb_error *err)
{
	(void)store;
	*ret = calloc(3, sizeof(**ret));
	if (!*ret)
		return msb_error_memory(err);
	for (size_t i = 0; i < 3; i++)
		(*ret)[i] = (struct msb_step){build, stage, i + 1, MSB_DONE};
	if (stage == 1)
		(*ret)[2].state = MSB_FAILED;
	*ret_count = 3;
	return 0;
}

void msb_steps_free(struct msb_step *steps, size_t count)
{
	(void)count;
	free(steps);
}

int msb_records_images(struct msb_store *store, struct msb_image **ret, size_t *ret_count,
		       struct msb_error *err)
{
	(void)store;
	*ret = calloc(3, sizeof(**ret));
	if (!*ret)
		return msb_error_memory(err);
	(*ret)[0] = (struct msb_image){strdup("docker.io/library/nodeapp:multi-stage"),
				       digest(0x01),
				       digest(0x11),
				       digest(0x21),
				       ago(50 * HOUR),
				       133400000};
	(*ret)[1] = (struct msb_image){NULL,         digest(0x02),    digest(0x12),
				       digest(0x22), ago(500 * HOUR), 4500000};
	(*ret)[2] = (struct msb_image){
		strdup("quay.io/a/b:1"), digest(0x03), digest(0x13), digest(0x23),
		ago(5000 * HOUR),        1234567890};
	*ret_count = 3;
	return 0;
}

int msb_records_origins(struct msb_store *store, struct msb_origin **ret, size_t *ret_count,
			struct msb_error *err)
{
	(void)store;
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return msb_error_memory(err);
	(*ret)[0] = (struct msb_origin){strdup("docker.io/library/nodeapp"), digest(0x11),
					digest(0x01)};
	*ret_count = 1;
	return 0;
}

void msb_origins_free(struct msb_origin *origins, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(origins[i].repository);
	free(origins);
}

void msb_images_free(struct msb_image *images, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(images[i].name);
	free(images);
}

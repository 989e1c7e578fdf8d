/* The words that name a tree: "build", "0", "build@4", "7/build@4", "image:node", "tree:sha256:…",
 * "Dockerfile:17". */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "image.h"
#include "internal.h"
#include "reference.h"
#include "strlist.h"
#include "suggest.h"

struct ref {
	int64_t build; /* 0: the newest */
	char stage[256];
	long step; /* 0: the newest */
};

static bool parse_number(const char *text, size_t length, long max, long *ret)
{
	long value = 0;

	if (length == 0)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!isdigit((unsigned char)text[i]) || value > max / 10)
			return false;
		value = value * 10 + (text[i] - '0');
	}
	*ret = value;
	return value <= max;
}

/* [BUILD/]STAGE[@STEP]. False for what does not have that shape. */
static bool parse_ref(const char *text, struct ref *ret)
{
	const char *slash = strchr(text, '/');
	const char *at;
	size_t length;
	long build = 0;

	*ret = (struct ref){0};
	if (slash) {
		if (!parse_number(text, (size_t)(slash - text), INT32_MAX, &build))
			return false;
		ret->build = build;
		text = slash + 1;
	}
	at = strchr(text, '@');
	length = at ? (size_t)(at - text) : strlen(text);
	if (length == 0 || length >= sizeof(ret->stage) || memchr(text, '/', length) ||
	    memchr(text, ':', length))
		return false;
	memcpy(ret->stage, text, length);
	return !at ||
	       (parse_number(at + 1, strlen(at + 1), INT32_MAX, &ret->step) && ret->step > 0);
}

static bool is_stage(const struct msb_stage *stage, const char *name)
{
	long index;

	if (stage->name && strcasecmp(stage->name, name) == 0)
		return true;
	return parse_number(name, strlen(name), INT32_MAX, &index) && (size_t)index == stage->index;
}

int find_newest_build(struct msb_store *store, int64_t *ret, struct msb_error *err)
{
	struct msb_build *builds;
	size_t count;
	int r = msb_records_builds(store, 64, &builds, &count, err);
	bool found = false;

	for (size_t i = 0; r >= 0 && i < count && !found; i++) {
		struct msb_stage *stages;
		size_t stage_count;

		r = msb_records_stages(store, builds[i].id, &stages, &stage_count, err);
		for (size_t j = 0; r >= 0 && j < stage_count; j++)
			found |= stages[j].has_tree;
		if (r >= 0)
			msb_stages_free(stages, stage_count);
		*ret = builds[i].id;
	}
	if (r >= 0)
		msb_builds_free(builds, count);
	return r < 0 ? r : found ? 0 : -ENOENT;
}

static int find_step(struct msb_store *store, const struct msb_stage *stage, long number,
		     struct ref_place *ret, struct msb_error *err)
{
	struct msb_step *steps;
	char label[MSB_STAGE_LABEL];
	size_t count;
	int r = msb_records_steps(store, stage->build, stage->index, &steps, &count, err);
	int found = -ENOENT;

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		if (steps[i].number != (size_t)number || !steps[i].has_tree)
			continue;
		ret->tree = steps[i].tree;
		ret->step = steps[i].number;
		found = 0;
	}
	msb_steps_free(steps, count);
	if (found < 0)
		return msb_error_say(err, ENOENT,
				     "stage '%s' of build %lld has no step %ld: msb stages %lld",
				     msb_stage_label(stage, label), (long long)stage->build, number,
				     (long long)stage->build);
	return 0;
}

/* -ENOENT without a message when the build has no such stage. */
static int find_stage(struct msb_store *store, const struct ref *ref, struct ref_place *ret,
		      struct msb_error *err)
{
	struct msb_stage *stages, *found = NULL;
	int64_t build = ref->build;
	size_t count;
	int r = build ? 0 : find_newest_build(store, &build, err);

	if (r >= 0)
		r = msb_records_stages(store, build, &stages, &count, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		if (is_stage(&stages[i], ref->stage) && stages[i].has_tree)
			found = &stages[i]; /* of two with one name, the last */
	if (!found) {
		r = -ENOENT;
	} else {
		*ret = (struct ref_place){found->tree, build, found->index, found->step_count};
		if (ref->step)
			r = find_step(store, found, ref->step, ret, err);
	}
	msb_stages_free(stages, count);
	return r;
}

static int find_image(struct msb_store *store, const char *name, struct ref_place *ret,
		      struct msb_error *err)
{
	struct msb_image *image;
	int r = image_find(store, name, &image, err);

	if (r < 0)
		return r;
	*ret = (struct ref_place){.tree = image->tree};
	msb_images_free(image, 1);
	return 0;
}

/* The last step that has a tree and stands on that line; *ret stays as it is without one. */
static int find_line_in(struct msb_store *store, const struct msb_stage *stage, long line,
			struct ref_place *ret, struct msb_error *err)
{
	struct msb_step *steps;
	size_t count;
	int r = msb_records_steps(store, stage->build, stage->index, &steps, &count, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		if (steps[i].has_tree && steps[i].line <= line && line <= steps[i].end_line)
			*ret = (struct ref_place){steps[i].tree, stage->build, stage->index,
						  steps[i].number};
	msb_steps_free(steps, count);
	return 0;
}

/* "Dockerfile:17" where the newest build's file has that name; -ENOENT without a sentence for
 * everything else. */
static int find_line(struct msb_store *store, const char *text, struct ref_place *ret,
		     struct msb_error *err)
{
	const char *colon = strrchr(text, ':');
	struct msb_build *build;
	struct msb_stage *stages;
	int64_t newest;
	size_t count;
	long line;
	int r;

	if (!colon || !parse_number(colon + 1, strlen(colon + 1), INT32_MAX, &line))
		return -ENOENT;
	r = find_newest_build(store, &newest, err);
	if (r >= 0)
		r = msb_records_build(store, newest, &build, err);
	if (r < 0)
		return r;
	if (!build->dockerfile_name || strlen(build->dockerfile_name) != (size_t)(colon - text) ||
	    strncmp(build->dockerfile_name, text, (size_t)(colon - text)) != 0)
		r = -ENOENT;
	msb_builds_free(build, 1);
	if (r >= 0)
		r = msb_records_stages(store, newest, &stages, &count, err);
	if (r < 0)
		return r;
	*ret = (struct ref_place){0};
	for (size_t i = 0; r >= 0 && i < count; i++)
		r = find_line_in(store, &stages[i], line, ret, err);
	msb_stages_free(stages, count);
	if (r >= 0 && !ret->build)
		return msb_error_say(err, ENOENT,
				     "no step that build %lld came to is on line %ld of '%.*s'",
				     (long long)newest, line, (int)(colon - text), text);
	return r;
}

/* The name of a stage of the newest build, or of an image, that may have been meant; owned. NULL:
 * none. */
static char *nearest_name(struct msb_store *store, const char *text)
{
	autostrlist names = {0};
	struct msb_stage *stages = NULL;
	size_t stage_count = 0;
	const char *near;
	int64_t build;

	if (find_newest_build(store, &build, NULL) >= 0 &&
	    msb_records_stages(store, build, &stages, &stage_count, NULL) >= 0)
		for (size_t i = 0; i < stage_count; i++)
			if (stages[i].name)
				strlist_add(&names, stages[i].name);
	msb_stages_free(stages, stage_count);
	image_repositories(store, &names, NULL);
	near = suggest(text, (const char *const *)names.items, names.count);
	return near ? strdup(near) : NULL;
}

static int say_unknown(struct msb_store *store, const char *text, int code, struct msb_error *err)
{
	autofree char *name = strndup(text, strcspn(text, "@"));
	autofree char *near = name ? nearest_name(store, name) : NULL;

	if (near)
		return msb_error_say(err, code,
				     "'%s' names neither a stage of a build nor an image (did you "
				     "mean %s%s?)",
				     text, near, strchrnul(text, '@'));
	return msb_error_say(err, code,
			     "'%s' names neither a stage of a build nor an image ('msb stages' and "
			     "'msb images' list them)",
			     text);
}

int find_place(struct msb_store *store, const char *text, struct ref_place *ret,
	       struct msb_error *err)
{
	struct msb_error said = {0};
	struct msb_digest digest;
	struct ref ref;
	int r;

	if (strncmp(text, "image:", 6) == 0)
		return find_image(store, text + 6, ret, err);
	if (strncmp(text, "tree:", 5) == 0) {
		if (msb_digest_parse(text + 5, &digest) < 0)
			return msb_error_say(err, EINVAL, "'%s' is not a digest", text + 5);
		if (msb_store_has(store, &digest, NULL, NULL) != MSB_HERE)
			return msb_error_say(err, ENOENT, "'%s' is not in the store", text);
		*ret = (struct ref_place){.tree = digest};
		return 0;
	}
	if (parse_ref(text, &ref)) {
		r = find_stage(store, &ref, ret, &said);
		if (r >= 0)
			return 0;
		if (r != -ENOENT || said.code) {
			if (err)
				*err = said;
			return r;
		}
	}
	r = find_line(store, text, ret, &said);
	if (r >= 0 || said.code) {
		if (err)
			*err = said;
		return r;
	}
	r = find_image(store, text, ret, &said);
	if (r >= 0)
		return 0;
	return say_unknown(store, text, r, err);
}

int find_steps(struct msb_store *store, const char *ref, struct steps_ref *ret,
	       struct msb_error *err)
{
	struct ref_place place;
	struct msb_build *build;
	long id = 0;
	int r = ref ? find_place(store, ref, &place, err) : -ENOENT;

	/* A plain number is a stage where there is one of that number, else a build. */
	if (r >= 0 && place.build > 0) {
		bool one = strpbrk(ref, "@:") != NULL;

		*ret = (struct steps_ref){place.build, place.stage, one ? place.step : 0};
		return 0;
	}
	if (r >= 0)
		return msb_error_say(err, EINVAL, "'%s' is an image: only builds have steps", ref);
	if (r != -ENOENT || (ref && (!parse_number(ref, strlen(ref), INT32_MAX, &id) || id == 0)))
		return r;
	r = msb_records_build(store, id, &build, err);
	if (r == -ENOENT && !ref)
		return msb_error_say(err, ENOENT, "nothing was built yet");
	if (r < 0)
		return r;
	*ret = (struct steps_ref){build->id, SIZE_MAX, 0};
	msb_builds_free(build, 1);
	return 0;
}

int find_file(const char *root, const char *ref, const char *path, unsigned flags,
	      struct msb_store **ret_store, struct msb_found *ret, struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	struct ref_place place;
	int r = open_store(root, &store, err);

	if (r >= 0)
		r = find_place(store, ref, &place, err);
	if (r < 0)
		return r;
	r = msb_tree_find(store, &place.tree, path, flags, ret, err);
	if (r < 0)
		return msb_error_prefix(err, r, "%s", ref);
	*ret_store = steal(&store);
	return 0;
}

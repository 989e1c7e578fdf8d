/* The façade: what the command line can do, one screen per call. Start reading here. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dockerfile.h"
#include "exec.h"
#include "image.h"
#include "internal.h"
#include "io.h"
#include "layer.h"
#include "lazy.h"
#include "path.h"
#include "plan.h"
#include "reference.h"
#include "sandbox.h"

int msb_store_make(const char *root, struct msb_error *err)
{
	struct msb_error said = {0};
	int r = io_make_dirs(AT_FDCWD, root, 0755, &said);

	if (r == -EACCES || r == -EROFS)
		return msb_error_say(
			err, r, "%s; for the store, --root DIR or MSB_ROOT names another place",
			said.text);
	if (r >= 0)
		return store_create(root, err);
	if (err)
		*err = said;
	return r;
}

/* What is still in a registry comes when it is wanted. writer NULL: none is open. */
static int set_fetcher(struct msb_store *store, struct store_writer *writer, struct msb_error *err)
{
	struct lazy_fetcher *fetcher;
	int r = lazy_fetcher_new(store, writer, &fetcher, err);

	if (r >= 0)
		msb_store_set_fetcher(store, lazy_fetch, lazy_fetcher_free, fetcher);
	return r;
}

int open_store(const char *root, struct msb_store **ret, struct msb_error *err)
{
	int r = msb_store_open(root, ret, err);

	if (r == -ENOENT)
		return msb_error_say(err, ENOENT,
				     "there is no store at '%s' yet ('msb build', 'msb load' and "
				     "'msb import' make one)",
				     root);
	return r < 0 ? r : set_fetcher(*ret, NULL, err);
}

int workshop_open(const char *root, struct workshop *ret, struct msb_error *err)
{
	int r = msb_store_make(root, err);

	*ret = (struct workshop){0};
	if (r >= 0)
		r = msb_store_open(root, &ret->store, err);
	if (r >= 0)
		r = store_writer_open(ret->store, &ret->writer, err);
	return r < 0 ? r : set_fetcher(ret->store, ret->writer, err);
}

void workshop_done(struct workshop *workshop)
{
	store_writer_close(workshop->writer);
	msb_store_close(workshop->store);
}

int msb_store_sweep(const char *root, struct msb_error *err)
{
	AUTO(workshop_done) struct workshop workshop = {0};
	/* What an ordinary user's build made may belong to his subordinate ids. */
	int r = geteuid() == 0 ? 0 : sandbox_enter(err);

	return r < 0 ? r : workshop_open(root, &workshop, err);
}

int msb_build(const char *root, const struct msb_build_options *options, msb_event_fn event,
	      void *context, struct msb_build_result *result, struct msb_error *err)
{
	AUTO(workshop_done) struct workshop workshop;
	struct exec_request request = {.options = options, .event = event, .context = context};
	int r;

	*result = (struct msb_build_result){0};
	r = workshop_open(root, &workshop, err);
	request.store = workshop.store;
	request.writer = workshop.writer;
	return r < 0 ? r : exec_build(&request, result, err);
}

void msb_build_result_done(struct msb_build_result *result)
{
	for (size_t i = 0; i < result->target_count; i++)
		free(result->targets[i].label);
	free(result->targets);
	free(result->failed_stage);
	free(result->excerpt);
	free(result->failed_log);
	*result = (struct msb_build_result){0};
}

int msb_image_load(const char *root, const char *path,
		   int (*each)(void *context, const struct msb_image *image), void *context,
		   struct msb_error *err)
{
	AUTO(workshop_done) struct workshop workshop;
	int r = workshop_open(root, &workshop, err);

	if (r < 0)
		return r;
	return image_load(workshop.store, workshop.writer, path, each, context, err);
}

/* Unlike scratch, which has a working directory. */
static int empty_base(void *context, const char *reference, const char *platform,
		      struct config *ret, struct msb_error *err)
{
	(void)context, (void)reference, (void)platform, (void)ret, (void)err;
	return 0;
}

/* Instructions applied to an empty configuration: a stage of nothing else says what they make. */
static int apply_changes(const char *const *changes, struct config *ret, struct msb_error *err)
{
	AUTO(dockerfile_freep) struct dockerfile *dockerfile = NULL;
	AUTO(plan_freep) struct plan *plan = NULL;
	const struct strlist nothing = {0};
	struct plan_inputs inputs = {
		.build_args = &nothing, .labels = &nothing, .image_config = empty_base};
	const struct plan_stage *stage;
	autobuffer text = {0};
	int r;

	buffer_string(&text, "FROM nothing\n");
	for (; changes && *changes; changes++)
		buffer_printf(&text, "%s\n", *changes);
	if (!buffer_ok(&text))
		return msb_error_memory(err);
	r = dockerfile_parse("--change", (const char *)text.bytes, text.size, &dockerfile, err);
	inputs.dockerfile = dockerfile;
	if (r >= 0)
		r = plan_make(&inputs, &plan, err);
	if (r < 0)
		return r;
	if (plan->stage_count > 1)
		return msb_error_say(err, EINVAL, "--change: FROM is no change");
	stage = &plan->stages[0];
	for (size_t i = 1; i < stage->step_count; i++)
		if (stage->steps[i].kind == STEP_RUN || stage->steps[i].kind == STEP_COPY ||
		    stage->steps[i].kind == STEP_ADD)
			return msb_error_say(err, EINVAL,
					     "--change: '%s' does more than change the "
					     "configuration",
					     stage->steps[i].text);
	return config_copy(&stage->steps[stage->step_count - 1].config, ret) < 0
		       ? msb_error_memory(err)
		       : 0;
}

int msb_image_import(const char *root, const char *path, const char *name,
		     const char *const *changes, const char *message, struct msb_digest *ret_id,
		     struct msb_error *err)
{
	AUTO(workshop_done) struct workshop workshop = {0};
	autofree char *normalized = NULL;
	autoconfig config = {0};
	struct msb_image *image = NULL;
	int r = name ? reference_normalize(name, &normalized, err) : 0;

	if (r >= 0)
		r = apply_changes(changes, &config, err);
	if (r >= 0)
		r = workshop_open(root, &workshop, err);
	if (r >= 0)
		r = image_import(workshop.store, workshop.writer, path, normalized, &config,
				 message, &image, err);
	if (r >= 0)
		*ret_id = image->id;
	msb_images_free(image, image ? 1 : 0);
	return r;
}

int msb_image_save(const char *root, const char *const *names, size_t count, int fd,
		   struct msb_error *err)
{
	AUTO(workshop_done) struct workshop workshop = {0};
	int r = workshop_open(root, &workshop, err);

	return r < 0 ? r : image_save(workshop.writer, names, count, fd, err);
}

static int set_image(struct store_writer *writer, const struct msb_image *image,
		     struct msb_error *err)
{
	int r = store_begin(writer, err);

	if (r < 0)
		return r;
	r = store_set_image(writer, image, err);
	return store_end(writer, r, err);
}

int msb_image_tag(const char *root, const char *source, const char *name, struct msb_error *err)
{
	AUTO(workshop_done) struct workshop workshop = {0};
	autofree char *normalized = NULL;
	struct msb_image *image = NULL;
	int r = reference_normalize(name, &normalized, err);

	if (r >= 0)
		r = workshop_open(root, &workshop, err);
	if (r >= 0)
		r = image_find(workshop.store, source, &image, err);
	if (r >= 0) {
		struct msb_image tagged = *image;

		tagged.name = normalized;
		r = set_image(workshop.writer, &tagged, err);
	}
	msb_images_free(image, image ? 1 : 0);
	return r;
}

int msb_reference_normalize(const char *text, char **ret, struct msb_error *err)
{
	return reference_normalize(text, ret, err);
}

int msb_reference_split(const char *normalized, char **ret_repository, char **ret_tag,
			struct msb_error *err)
{
	return reference_split(normalized, ret_repository, ret_tag, err);
}

int msb_export(const char *root, const char *ref, const char *since, int fd, struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	const struct layer_sink sink = layer_sink_fd(&fd);
	struct ref_place place, parent;
	int r = open_store(root, &store, err);

	if (r >= 0)
		r = find_place(store, ref, &place, err);
	if (r >= 0 && since)
		r = find_place(store, since, &parent, err);
	if (r < 0)
		return r;
	return since ? layer_write(store, &parent.tree, &place.tree, &sink, err)
		     : layer_export(store, &place.tree, &sink, err);
}

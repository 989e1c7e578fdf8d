/* Dockerfiles looked at: checks before a build, and all that is told without one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* "linux/arm64/v8"; NULL where the image does not say. Owned. */
static int platform_of(const struct image *image, char **ret)
{
	if (!image->architecture)
		return 0;
	*ret = buffer_format("%s/%s%s%s", image->os ? image->os : "linux", image->architecture,
			     image->variant ? "/" : "", image->variant ? image->variant : "");
	return *ret ? 0 : -ENOMEM;
}

/* An image that is not there is none that is known. */
static int find_base(void *context, const char *reference, const char *platform,
		     struct lint_base *ret, struct msb_error *err)
{
	struct build *build = context;
	struct source named = {0};
	const struct base_image *image;
	int r = named_contexts_find(&build->named, reference, &named, err);

	if (r == 1 && named.kind == SOURCE_NAMED)
		return 0;
	if (r >= 0)
		r = base_images_get(&build->images, r ? named.image : reference, platform, &image,
				    err);
	free(named.image);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	if (config_copy(&image->image.config, &ret->config) < 0 ||
	    platform_of(&image->image, &ret->platform) < 0)
		return msb_error_memory(err);
	return 1;
}

int build_check(struct build *build, bool all_stages, struct msb_error *err)
{
	AUTO(ignore_freep) struct ignore *ignore = NULL;
	struct lint_inputs inputs = {
		.dockerfile = build->dockerfile,
		.build_args = &build->build_args,
		.plan = all_stages ? NULL : build->plan,
		.platform = build->platform,
		.build_platform = build->own_platform,
		.base = find_base,
		.context = build,
	};
	autofree char *rules = NULL;
	int r = build_read_ignore(build, &ignore, err);

	inputs.ignore = ignore;
	if (r >= 0)
		r = lint_run(&inputs, &build->lint, err);
	if (r < 0 || !build->lint->is_error || build->only_looks)
		return r;
	rules = lint_rules(build->lint);
	if (!rules)
		return msb_error_memory(err);
	return msb_error_say(err, EINVAL, "%s: lint violation found for rules: %s",
			     build->dockerfile->name, rules);
}

void build_note(struct build *build, const char *text)
{
	const struct msb_event event = {.kind = MSB_EVENT_NOTE, .stage = "", .text = text};

	events_tell(&build->events, &event);
}

void build_tell_warnings(struct build *build)
{
	const struct lint *lint = build->lint;
	autofree char *head = NULL;

	if (!lint || lint->count == 0)
		return;
	head = buffer_format("%zu warning%s found (msb build --check shows more):", lint->count,
			     lint->count == 1 ? "" : "s");
	if (head)
		build_note(build, head);
	for (size_t i = 0; i < lint->count; i++) {
		const struct lint_warning *warning = &lint->warnings[i];
		autofree char *text = buffer_format(" - %s: %s (line %d)", warning->rule,
						    warning->message, warning->line);

		if (text)
			build_note(build, text);
	}
}

int exec_look(const struct exec_request *request, struct exec_view *ret, struct msb_error *err)
{
	AUTO(build_done) struct build build;
	AUTO(outline_freep) struct outline *outline = NULL;
	int r;

	build_init(&build, request);
	build.only_looks = true;
	build.images.source.writer = NULL; /* a look is not worth an image's layers */
	r = build_read_inputs(&build, err);
	if (r >= 0)
		r = named_contexts_open(build.options->build_contexts, &build.lent, build.store,
					build.writer, &build.named, err);
	if (r >= 0)
		r = build_plan(&build, err);
	if (r >= 0)
		r = build_check(&build, !build.options->targets, err);
	if (r >= 0)
		r = outline_make(&build.inputs, build.plan, &outline, err);
	if (r < 0)
		return r;
	*ret = (struct exec_view){
		.dockerfile = steal(&build.dockerfile),
		.text = steal(&build.dockerfile_text),
		.plan = steal(&build.plan),
		.lint = steal(&build.lint),
		.outline = steal(&outline),
	};
	return 0;
}

void exec_view_done(struct exec_view *view)
{
	outline_free(view->outline);
	lint_free(view->lint);
	plan_free(view->plan);
	free(view->text);
	dockerfile_free(view->dockerfile);
	*view = (struct exec_view){0};
}

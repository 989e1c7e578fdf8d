#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "platform.h"
#include "platforms.h"
#include "sandbox.h"

int platforms_read(struct build *build, struct msb_error *err)
{
	struct platform here = platform_here(), wanted = here;
	char text[PLATFORM_TEXT];
	int r = 0;

	if (build->options->platform) {
		if (strchr(build->options->platform, ','))
			return msb_error_say(err, EINVAL,
					     "--platform %s: build one platform at a time",
					     build->options->platform);
		r = platform_parse(build->options->platform, &wanted, err);
	}
	if (r < 0)
		return r;
	build->own_platform = strdup(platform_format(&here, text));
	build->platform = strdup(platform_format(&wanted, text));
	return build->own_platform && build->platform ? 0 : msb_error_memory(err);
}

static const struct plan_stage *bottom_of(const struct build *build, const struct plan_stage *stage)
{
	while (stage->base.kind == SOURCE_STAGE)
		stage = &build->plan->stages[stage->base.stage];
	return stage;
}

const char *platforms_of_stage(const struct build *build, const struct plan_stage *stage)
{
	const char *own = bottom_of(build, stage)->platform;

	return own ? own : build->platform;
}

static int check_runs(const struct build *build, const struct platform *platform, int line,
		      struct msb_error *err)
{
	char text[PLATFORM_TEXT];

	if (strcmp(platform->os, "linux") == 0 && sandbox_can_run(NULL, platform->architecture))
		return 0;
	return msb_error_say(err, EOPNOTSUPP,
			     "%s:%d: commands for platform %s cannot be run here: this machine is "
			     "%s, and binfmt_misc has no handler for the other (install "
			     "qemu-user-static)",
			     build->dockerfile->name, line, platform_format(platform, text),
			     build->own_platform);
}

/* What the base image says it is; an image that says nothing is what was asked for. */
static int find_real(struct build *build, const struct plan_stage *stage, struct platform *platform,
		     struct msb_error *err)
{
	const struct plan_stage *bottom = bottom_of(build, stage);
	const struct base_image *base;
	int r;

	if (bottom->base.kind != SOURCE_IMAGE)
		return 0;
	r = base_images_get(&build->images, bottom->base.image, platforms_of_stage(build, bottom),
			    &base, err);
	if (r < 0 || !base->image.architecture ||
	    strlen(base->image.architecture) >= sizeof(platform->architecture))
		return r < 0 ? r : 0;
	strcpy(platform->architecture, base->image.architecture);
	platform->variant[0] = '\0';
	return 0;
}

/* NULL: the stage runs no command. */
static const struct step *find_command(const struct plan_stage *stage)
{
	for (size_t i = 0; i < stage->step_count; i++)
		if (stage->steps[i].kind == STEP_RUN)
			return &stage->steps[i];
	return NULL;
}

static int check_stage(struct build *build, const struct plan_stage *stage, struct msb_error *err)
{
	const struct step *command = find_command(stage);
	struct platform platform;
	int r = platform_parse(platforms_of_stage(build, stage), &platform, err);

	if (r < 0)
		return msb_error_prefix(err, r, "%s:%d", build->dockerfile->name,
					stage->steps[0].line);
	if (!command)
		return 0;
	r = check_runs(build, &platform, command->line, err);
	if (r >= 0)
		r = find_real(build, stage, &platform, err);
	return r < 0 ? r : check_runs(build, &platform, command->line, err);
}

int platforms_check(struct build *build, struct msb_error *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < build->plan->stage_count; i++)
		if (build->plan->stages[i].wanted)
			r = check_stage(build, &build->plan->stages[i], err);
	return r;
}

static int set_text(char **target, const char *text)
{
	char *copy = text && *text ? strdup(text) : NULL;

	if (text && *text && !copy)
		return -ENOMEM;
	free(*target);
	*target = copy;
	return 0;
}

int platforms_name(struct build *build, const struct plan_stage *stage, struct image *image,
		   struct msb_error *err)
{
	const char *wanted = platforms_of_stage(build, stage);
	const struct plan_stage *bottom = bottom_of(build, stage);
	const struct base_image *base = NULL;
	struct platform platform;
	int r = platform_parse(wanted, &platform, err);

	if (r >= 0 && bottom->base.kind == SOURCE_IMAGE)
		r = base_images_get(&build->images, bottom->base.image, wanted, &base, err);
	if (r < 0)
		return r;
	if (base && base->image.architecture)
		r = set_text(&image->architecture, base->image.architecture) < 0 ||
		    set_text(&image->os, base->image.os) < 0 ||
		    set_text(&image->variant, base->image.variant) < 0;
	else
		r = set_text(&image->architecture, platform.architecture) < 0 ||
		    set_text(&image->os, platform.os) < 0 ||
		    set_text(&image->variant, platform.variant) < 0;
	return r ? msb_error_memory(err) : 0;
}

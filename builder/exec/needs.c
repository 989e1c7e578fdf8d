#include "needs.h"

#include <errno.h>

#include "platforms.h"
#include "secrets.h"

static int check_image(struct build *build, const struct plan_stage *stage,
		       const struct source *source, struct msb_error *err)
{
	const struct base_image *image;
	int r;

	if (source->kind != SOURCE_IMAGE)
		return 0;
	r = base_images_get(&build->images, source->image, platforms_of_stage(build, stage), &image,
			    err);
	return r < 0 ? plan_suggest_stage(build->plan, source->image, r, err) : 0;
}

static int check_secret(const struct build *build, const struct run_mount *mount,
			struct msb_error *err)
{
	autosecret secret = {0};
	int r = secret_find(build->options->secrets, mount->id, &secret, err);

	return r == -ENOENT && !mount->required ? 0 : r;
}

static int check_mount(struct build *build, const struct plan_stage *stage,
		       const struct run_mount *mount, struct msb_error *err)
{
	const char *socket;

	if (mount->kind == MOUNT_SECRET)
		return check_secret(build, mount, err);
	if (mount->kind == MOUNT_SSH && mount->required)
		return agents_find(&build->agents, mount->id, &socket, err);
	return check_image(build, stage, &mount->from, err);
}

static int check_step(struct build *build, const struct plan_stage *stage, const struct step *step,
		      struct msb_error *err)
{
	int r = check_image(build, stage, &step->copy.from, err);

	for (size_t i = 0; r >= 0 && i < step->run.mount_count; i++)
		r = check_mount(build, stage, &step->run.mounts[i], err);
	if (r < 0)
		return msb_error_prefix(err, r, "%s:%d", build->dockerfile->name, step->line);
	return 0;
}

int needs_check(struct build *build, struct msb_error *err)
{
	const struct plan *plan = build->plan;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < plan->stage_count; i++)
		for (size_t j = 0; r >= 0 && j < plan->stages[i].step_count; j++)
			r = check_step(build, &plan->stages[i], &plan->stages[i].steps[j], err);
	return r;
}

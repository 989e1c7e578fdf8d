/* Where COPY, ADD and RUN --mount look paths up: the context, a stage, an image. */
#include "internal.h"
#include "platforms.h"
#include "selection.h"

static void set_origin(const struct origin *origin, struct selection_source *ret)
{
	if (origin->files)
		ret->context = origin->files;
	else
		ret->tree = &origin->tree;
}

int source_find(struct step_run *run, const struct source *from, struct selection_source *ret,
		struct msb_error *err)
{
	struct build *build = run->build;
	const struct base_image *image;
	int r = 0;

	switch (from->kind) {
	case SOURCE_CONTEXT:
		set_origin(&build->origin, ret);
		break;
	case SOURCE_NAMED:
		set_origin(&build->named.items[from->named].origin, ret);
		break;
	case SOURCE_STAGE:
		ret->tree = &build->stages[from->stage].tree;
		break;
	case SOURCE_IMAGE:
		r = base_images_get(&build->images, from->image,
				    platforms_of_stage(build, run->stage->plan), &image, err);
		if (r >= 0)
			ret->tree = &image->record->tree;
		break;
	case SOURCE_SCRATCH:
		break;
	}
	return r;
}

int source_scratch(struct step_run *run, struct msb_digest *ret, struct msb_error *err)
{
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	int r = tree_edit_new(run->build->store, NULL, &edit, err);

	return r < 0 ? r : edit_commit(edit, run->build->writer, ret, err);
}

/* The steps that need a page or less: FROM, WORKDIR, and all that only change the configuration. */
#include <errno.h>
#include <stdlib.h>

#include "accounts.h"
#include "directories.h"
#include "internal.h"
#include "io.h"
#include "platforms.h"
#include "selection.h"

/* All of a directory as a root file system. */
static int named_tree(struct step_run *run, const struct source *base, struct msb_error *err)
{
	AUTO(selection_freep) struct selection *selection = NULL;
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	struct selection_source source = {0};
	struct msb_digest selected;
	struct msb_found found;
	int r = source_find(run, base, &source, err);

	if (r >= 0)
		r = selection_new(run->build->store, &selection, err);
	if (r >= 0)
		r = selection_add(selection, &source, "/", err);
	if (r >= 0)
		r = selection_commit(selection, run->build->writer, &selected, err);
	if (r >= 0)
		r = tree_edit_new(run->build->store, NULL, &edit, err);
	if (r >= 0)
		r = msb_tree_find(run->build->store, &selected, "/0", 0, &found, err);
	if (r < 0)
		return r;
	r = edit_graft(edit, "/", &found.entry, 1, err);
	msb_found_done(&found);
	return r < 0 ? r : edit_commit(edit, run->build->writer, &run->after, err);
}

static int execute_from(struct step_run *run, struct msb_error *err)
{
	const struct source *base = &run->stage->plan->base;
	const struct base_image *image;
	int r = 0;

	switch (base->kind) {
	case SOURCE_SCRATCH:
		r = source_scratch(run, &run->after, err);
		break;
	case SOURCE_STAGE:
		run->after = run->build->stages[base->stage].tree;
		break;
	case SOURCE_IMAGE:
		r = base_images_get(&run->build->images, base->image,
				    platforms_of_stage(run->build, run->stage->plan), &image, err);
		if (r >= 0)
			run->after = image->record->tree;
		break;
	case SOURCE_NAMED:
		r = named_tree(run, base, err);
		break;
	case SOURCE_CONTEXT:
		return msb_error_say(err, EINVAL, "a stage cannot start from the build context");
	}
	run->has_after = r >= 0;
	return r;
}

const struct step_operation step_from = {.execute = execute_from};

static int execute_config(struct step_run *run, struct msb_error *err)
{
	(void)err;
	run->after = run->before;
	run->has_after = true;
	return 0;
}

const struct step_operation step_config = {.execute = execute_config, .cached = true};

/* A name means nothing in an empty tree, and never will. */
static int find_maker(struct step_run *run, struct tree_edit *edit, uid_t *ret_uid, gid_t *ret_gid,
		      struct msb_error *err)
{
	struct msb_entry root;
	int r = edit_get(edit, "/", &root, err);

	if (r < 0)
		return r;
	return (root.entries ? account_maker : account_owner)(
		run->build->store, &run->before, run->step->user ? run->step->user : "0", ret_uid,
		ret_gid, err);
}

/* Makes the directory and its missing parents, owned by the user in effect. */
static int execute_workdir(struct step_run *run, struct msb_error *err)
{
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	autofree char *path = NULL;
	struct msb_entry pattern;
	uid_t uid;
	gid_t gid;
	int r;

	r = tree_edit_new(run->build->store, &run->before, &edit, err);
	if (r >= 0)
		r = edit_resolve(edit, run->step->directory, 0, &path, err);
	if (r >= 0)
		r = find_maker(run, edit, &uid, &gid, err);
	if (r < 0)
		return r;
	pattern = directory_new(uid, gid, io_now());
	r = directory_make(edit, path, &pattern, err);
	if (r == -ENOTDIR)
		return msb_error_say(err, ENOTDIR,
				     "cannot make the working directory '%s': "
				     "a component of it is not a directory",
				     run->step->directory);
	if (r >= 0)
		r = edit_commit(edit, run->build->writer, &run->after, err);
	run->has_after = r >= 0;
	return r;
}

const struct step_operation step_workdir = {.execute = execute_workdir, .cached = true};

const struct step_operation *step_operation_of(enum step_kind kind)
{
	static const struct step_operation *const operations[] = {
		[STEP_FROM] = &step_from,       [STEP_RUN] = &step_command,
		[STEP_COPY] = &step_copy,       [STEP_ADD] = &step_copy,
		[STEP_WORKDIR] = &step_workdir, [STEP_CONFIG] = &step_config,
	};

	return operations[kind];
}

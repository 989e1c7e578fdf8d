/* Release of plans. */
#include <stdlib.h>

#include "internal.h"

static void files_done(struct inline_file *files, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(files[i].name);
		free(files[i].content);
	}
	free(files);
}

static void copy_done(struct copy_step *copy)
{
	free(copy->from.image);
	strlist_done(&copy->sources);
	free(copy->dest);
	files_done(copy->files, copy->file_count);
	free(copy->chown);
	free(copy->chmod);
	free(copy->checksum);
	strlist_done(&copy->exclude);
}

void run_mounts_free(struct run_mount *mounts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(mounts[i].from.image);
		free(mounts[i].id);
		free(mounts[i].source);
		free(mounts[i].target);
		free(mounts[i].env);
	}
	free(mounts);
}

static void run_done(struct run_step *run)
{
	strlist_done(&run->argv);
	strlist_done(&run->env);
	strlist_done(&run->hidden_env);
	files_done(run->script, run->script ? 1 : 0);
	run_mounts_free(run->mounts, run->mount_count);
}

static void step_done(struct step *step)
{
	free(step->text);
	free(step->expanded);
	free(step->created_by);
	config_done(&step->config);
	strlist_done(&step->args);
	free(step->user);
	free(step->directory);
	copy_done(&step->copy);
	run_done(&step->run);
}

static void stage_done(struct plan_stage *stage)
{
	free(stage->name);
	free(stage->label);
	free(stage->base.image);
	free(stage->platform);
	for (size_t i = 0; i < stage->step_count; i++)
		step_done(&stage->steps[i]);
	free(stage->steps);
	free(stage->needs);
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->stage_count; i++)
		stage_done(&plan->stages[i]);
	free(plan->stages);
	free(plan->targets);
	free(plan);
}

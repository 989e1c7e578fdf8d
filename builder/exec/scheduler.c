/* All wanted stages: each in a thread of its own, begun when the stages it reads from are done. */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"

/* True when every stage that this one reads from is done; called with the lock held. */
static bool is_ready(const struct build *build, const struct stage_run *stage)
{
	for (size_t i = 0; i < stage->plan->need_count; i++)
		if (!build->stages[stage->plan->needs[i]].finished)
			return false;
	return true;
}

/* Waits for its turn; false when the build stopped meanwhile. */
static bool take_turn(struct build *build, const struct stage_run *stage)
{
	bool go;

	pthread_mutex_lock(&build->lock);
	while (!build->stop && !(build->workers_left > 0 && is_ready(build, stage)))
		pthread_cond_wait(&build->changed, &build->lock);
	go = !build->stop;
	build->workers_left -= go;
	pthread_mutex_unlock(&build->lock);
	return go;
}

static void end_turn(struct build *build, struct stage_run *stage, bool failed)
{
	pthread_mutex_lock(&build->lock);
	build->workers_left++;
	stage->failed = failed;
	stage->finished = !failed;
	build->stop |= failed;
	pthread_cond_broadcast(&build->changed);
	pthread_mutex_unlock(&build->lock);
}

static bool is_stopped(struct build *build)
{
	bool stop;

	pthread_mutex_lock(&build->lock);
	stop = build->stop;
	pthread_mutex_unlock(&build->lock);
	return stop;
}

struct turn {
	struct build *build;
	struct stage_run *stage;
};

static void *run_stage(void *argument)
{
	struct turn turn = *(struct turn *)argument;
	const struct plan_stage *plan = turn.stage->plan;
	struct msb_error err = {0};
	int r = 0;

	free(argument);
	if (!take_turn(turn.build, turn.stage))
		return NULL;
	for (size_t i = 0; r >= 0 && i < plan->step_count && !is_stopped(turn.build); i++)
		r = build_run_step(turn.build, turn.stage, &plan->steps[i], &err);
	if (r < 0) {
		pthread_mutex_lock(&turn.build->lock);
		if (turn.build->error.code == 0)
			turn.build->error = err;
		pthread_mutex_unlock(&turn.build->lock);
	}
	end_turn(turn.build, turn.stage, r < 0);
	return NULL;
}

static int start_stage(struct build *build, struct stage_run *stage, struct msb_error *err)
{
	struct turn *turn = malloc(sizeof(*turn));
	int r;

	if (!turn)
		return msb_error_memory(err);
	*turn = (struct turn){build, stage};
	r = pthread_create(&stage->thread, NULL, run_stage, turn);
	if (r != 0) {
		free(turn);
		return msb_error_set(err, r, "start a thread");
	}
	stage->has_thread = true;
	return 0;
}

int build_run_stages(struct build *build, struct msb_error *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < build->plan->stage_count; i++)
		if (build->stages[i].plan->wanted)
			r = start_stage(build, &build->stages[i], err);
	if (r < 0) {
		pthread_mutex_lock(&build->lock);
		build->stop = true;
		pthread_cond_broadcast(&build->changed);
		pthread_mutex_unlock(&build->lock);
	}
	for (size_t i = 0; i < build->plan->stage_count; i++)
		if (build->stages[i].has_thread)
			pthread_join(build->stages[i].thread, NULL);
	if (r >= 0 && build->error.code < 0) {
		r = build->error.code;
		if (err)
			*err = build->error;
	}
	return r;
}

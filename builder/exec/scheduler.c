/* All wanted stages: each in a thread of its own, begun when the stages it reads from are done. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>

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

/* With the lock held. */
static void stop(struct build *build)
{
	build->stop = true;
	eventfd_write(build->stopped, 1);
	pthread_cond_broadcast(&build->changed);
}

static void end_turn(struct build *build, struct stage_run *stage, bool failed)
{
	pthread_mutex_lock(&build->lock);
	build->workers_left++;
	stage->failed = failed;
	stage->finished = !failed;
	if (failed)
		stop(build);
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

static void run_steps(const struct turn *turn)
{
	const struct plan_stage *plan = turn->stage->plan;
	struct msb_error err = {0};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < plan->step_count && !is_stopped(turn->build); i++)
		r = build_run_step(turn->build, turn->stage, &plan->steps[i], &err);
	if (r < 0) {
		pthread_mutex_lock(&turn->build->lock);
		if (turn->build->error.code == 0)
			turn->build->error = err;
		pthread_mutex_unlock(&turn->build->lock);
	}
	end_turn(turn->build, turn->stage, r < 0);
}

static void *run_stage(void *argument)
{
	struct turn turn = *(struct turn *)argument;

	free(argument);
	if (take_turn(turn.build, turn.stage))
		run_steps(&turn);
	eventfd_write(turn.build->stages_ended, 1);
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

static void stop_for(struct build *build, const struct msb_error *reason)
{
	pthread_mutex_lock(&build->lock);
	if (reason && build->error.code == 0)
		build->error = *reason;
	stop(build);
	pthread_mutex_unlock(&build->lock);
}

/* Until `left` threads are about to end. */
static void wait_for_stages(struct build *build, size_t left)
{
	struct pollfd polls[] = {
		{build->stages_ended, POLLIN, 0},
		{build->options->stop_fd > 0 ? build->options->stop_fd : -1, POLLIN, 0},
		{build->mount ? base_mount_watch(build->mount) : -1, POLLIN, 0},
	};
	struct msb_error reason = {0};
	eventfd_t ended;

	while (left > 0) {
		if (poll(polls, 3, -1) < 0)
			continue; /* EINTR */
		if (polls[1].revents) {
			msb_error_say(&reason, ECANCELED, "the build was stopped");
			stop_for(build, &reason);
			polls[1] = (struct pollfd){.fd = -1};
		}
		if (polls[2].revents) {
			msb_error_say(&reason, EIO,
				      "msbfs, which shows the commands their files, has ended (was "
				      "it killed? memory may be short); build again");
			stop_for(build, &reason);
			polls[2] = (struct pollfd){.fd = -1};
		}
		if (polls[0].revents && eventfd_read(build->stages_ended, &ended) == 0)
			left -= ended < left ? ended : left;
	}
}

int build_run_stages(struct build *build, struct msb_error *err)
{
	size_t started = 0;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < build->plan->stage_count; i++) {
		if (!build->stages[i].plan->wanted)
			continue;
		r = start_stage(build, &build->stages[i], err);
		started += r >= 0;
	}
	if (r < 0)
		stop_for(build, NULL);
	wait_for_stages(build, started);
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

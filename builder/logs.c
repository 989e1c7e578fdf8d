/* What steps printed, out of the records. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "io.h"
#include "step_log.h"

#define MAX_LOG (256u * 1024 * 1024)

static int write_text(const uint8_t *log, size_t size, bool times, int fd, struct msb_error *err)
{
	autobuffer timed = {0};
	int r;

	if (!times) {
		r = io_write(fd, log, step_log_text_of(log, size));
	} else {
		step_log_timed(log, size, &timed);
		if (!buffer_ok(&timed))
			return msb_error_memory(err);
		r = io_write(fd, timed.bytes, timed.size);
	}
	return r < 0 ? msb_error_set(err, r, "write the log") : 0;
}

static int write_step(struct msb_store *store, const struct msb_stage *stage,
		      const struct msb_step *step, bool heading, bool times, int fd,
		      struct msb_error *err)
{
	autofree uint8_t *bytes = NULL;
	char label[MSB_STAGE_LABEL];
	size_t size = 0, text;
	int r = 0;

	if (step->has_log)
		r = msb_store_load(store, &step->log, MAX_LOG, &bytes, &size, err);
	if (r < 0)
		return r;
	if (heading && dprintf(fd, "[%s %zu/%zu] %s\n", msb_stage_label(stage, label), step->number,
			       stage->step_count, step->expanded) < 0)
		return msb_error_set(err, errno, "write the log");
	r = write_text(bytes, size, times, fd, err);
	text = step_log_text_of(bytes, size);
	if (r < 0 || !heading || text == 0 || bytes[text - 1] == '\n')
		return r;
	r = io_write(fd, "\n", 1); /* for the next heading to begin a line */
	return r < 0 ? msb_error_set(err, r, "write the log") : 0;
}

/* number 0: all steps. */
static int write_stage(struct msb_store *store, const struct msb_stage *stage, size_t number,
		       bool times, int fd, struct msb_error *err)
{
	struct msb_step *steps;
	size_t count;
	int r = msb_records_steps(store, stage->build, stage->index, &steps, &count, err);

	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < count; i++)
		if (number == 0 || steps[i].number == number)
			r = write_step(store, stage, &steps[i], number == 0, times, fd, err);
	msb_steps_free(steps, count);
	return r;
}

/* stage SIZE_MAX: all of them. */
static int write_build(struct msb_store *store, int64_t build, size_t stage, size_t step,
		       bool times, int fd, struct msb_error *err)
{
	struct msb_stage *stages;
	size_t count;
	int r = msb_records_stages(store, build, &stages, &count, err);

	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < count; i++)
		if (stage == SIZE_MAX || stages[i].index == stage)
			r = write_stage(store, &stages[i], step, times, fd, err);
	msb_stages_free(stages, count);
	return r;
}

int msb_log(const char *root, const char *ref, bool times, int fd, struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	struct steps_ref steps;
	int r = open_store(root, &store, err);

	if (r >= 0)
		r = find_steps(store, ref, &steps, err);
	return r < 0 ? r : write_build(store, steps.build, steps.stage, steps.step, times, fd, err);
}

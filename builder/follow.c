/*
 * A build's log while it grows. Steps that have ended come from the records; of commands that run,
 * the builder keeps a file each in its scratch directory (exec/live_log.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"
#include "io.h"
#include "live_log.h"
#include "living.h"
#include "step_log.h"

#define MAX_LOG     (256u * 1024 * 1024)
#define MAX_HEADING 65536
#define MAX_PIECE   65536     /* a builder reads fewer bytes at once */
#define INTERVAL_NS 100000000 /* between two looks */

/* A step of which something was shown. */
struct followed {
	size_t stage, step;
	uint64_t shown; /* bytes of its log */
	uint64_t place; /* in the file of a command that runs, behind the heading */
	bool line_begins;
	bool ended;
};

struct follow {
	struct msb_store *store;
	struct steps_ref wanted;
	bool times; /* before each line */
	int fd;
	struct followed *steps; /* owned */
	size_t count;
	size_t current;  /* whose lines are written: place in steps; SIZE_MAX: nobody's */
	bool line_ended; /* of what was written last */
	bool alive;      /* the builder was seen in this look */
};

static bool is_wanted(const struct follow *follow, size_t stage, size_t step)
{
	return (follow->wanted.stage == SIZE_MAX || follow->wanted.stage == stage) &&
	       (follow->wanted.step == 0 || follow->wanted.step == step);
}

static struct followed *find_step(struct follow *follow, size_t stage, size_t step)
{
	struct followed *grown;

	for (size_t i = 0; i < follow->count; i++)
		if (follow->steps[i].stage == stage && follow->steps[i].step == step)
			return &follow->steps[i];
	grown = reallocarray(follow->steps, follow->count + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	follow->steps = grown;
	grown[follow->count] = (struct followed){.stage = stage, .step = step, .line_begins = true};
	return &grown[follow->count++];
}

static int put(struct follow *follow, const char *bytes, size_t size, struct msb_error *err)
{
	int r = size > 0 ? io_write(follow->fd, bytes, size) : 0;

	if (size > 0)
		follow->line_ended = bytes[size - 1] == '\n';
	return r < 0 ? msb_error_set(err, r, "write the log") : 0;
}

/* Says whose the next lines are, where that is not clear. */
static int put_heading(struct follow *follow, const struct followed *step, const char *heading,
		       size_t length, struct msb_error *err)
{
	size_t place = (size_t)(step - follow->steps);
	int r = 0;

	if (follow->wanted.step != 0 || follow->current == place)
		return 0;
	if (!follow->line_ended)
		r = put(follow, "\n", 1, err);
	if (r >= 0)
		r = put(follow, heading, length, err);
	if (r >= 0)
		r = put(follow, "\n", 1, err);
	follow->current = place;
	return r;
}

/* --- Steps that have ended --- */

static int show_rest(struct follow *follow, struct followed *step, const char *heading,
		     const struct msb_step *record, struct msb_error *err)
{
	autofree uint8_t *bytes = NULL;
	autobuffer timed = {0};
	size_t size = 0, text;
	int r = 0;

	if (record->has_log)
		r = msb_store_load(follow->store, &record->log, MAX_LOG, &bytes, &size, err);
	text = step_log_text_of(bytes, size);
	if (r >= 0 && (step->shown == 0 || text > step->shown))
		r = put_heading(follow, step, heading, strlen(heading), err);
	if (r >= 0 && text > step->shown && follow->times)
		step_log_timed_rest(bytes, size, step->shown, &step->line_begins, &timed);
	if (!buffer_ok(&timed))
		r = msb_error_memory(err);
	else if (r >= 0 && follow->times)
		r = put(follow, (const char *)timed.bytes, timed.size, err);
	else if (r >= 0 && text > step->shown)
		r = put(follow, (const char *)bytes + step->shown, text - step->shown, err);
	step->ended = true;
	return r;
}

static int show_record(struct follow *follow, const struct msb_stage *stage,
		       const struct msb_step *record, struct msb_error *err)
{
	struct followed *step = find_step(follow, record->stage, record->number);
	autofree char *heading = NULL;
	char label[MSB_STAGE_LABEL];

	if (!step)
		return msb_error_memory(err);
	if (step->ended || record->state == MSB_RUNNING)
		return 0;
	heading = buffer_format("[%s %zu/%zu] %s", msb_stage_label(stage, label), record->number,
				stage->step_count, record->expanded);
	return heading ? show_rest(follow, step, heading, record, err) : msb_error_memory(err);
}

static int show_stage(struct follow *follow, const struct msb_stage *stage, struct msb_error *err)
{
	struct msb_step *steps;
	size_t count;
	int r = msb_records_steps(follow->store, stage->build, stage->index, &steps, &count, err);

	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < count; i++)
		if (is_wanted(follow, stage->index, steps[i].number))
			r = show_record(follow, stage, &steps[i], err);
	msb_steps_free(steps, count);
	return r;
}

/* *ret_over: what is wanted has ended. */
static int show_records(struct follow *follow, bool *ret_over, struct msb_error *err)
{
	struct msb_stage *stages;
	size_t count;
	int r = msb_records_stages(follow->store, follow->wanted.build, &stages, &count, err);

	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < count; i++) {
		if (follow->wanted.stage != SIZE_MAX && follow->wanted.stage != stages[i].index)
			continue;
		r = show_stage(follow, &stages[i], err);
		if (follow->wanted.stage != SIZE_MAX)
			*ret_over |= stages[i].state != MSB_RUNNING;
	}
	for (size_t i = 0; follow->wanted.step != 0 && i < follow->count; i++)
		*ret_over |= follow->steps[i].ended;
	msb_stages_free(stages, count);
	return r;
}

/* --- Commands that run --- */

/* Of the file's piece at that place: its length with the mark; 0: it is not all there yet. */
static size_t read_piece(int fd, uint64_t place, uint8_t *bytes)
{
	size_t size;

	if (io_pread(fd, bytes, STEP_LOG_MARK, place) != STEP_LOG_MARK)
		return 0;
	size = step_log_piece(bytes);
	if (size > MAX_PIECE ||
	    io_pread(fd, bytes + STEP_LOG_MARK, size, place + STEP_LOG_MARK) != (ssize_t)size)
		return 0;
	return STEP_LOG_MARK + size;
}

static int put_piece(struct follow *follow, struct followed *step, const uint8_t *bytes,
		     struct msb_error *err)
{
	const uint8_t *piece = bytes + STEP_LOG_MARK;
	autobuffer timed = {0};

	if (!follow->times)
		return put(follow, (const char *)piece, step_log_piece(bytes), err);
	step_log_timed_piece(piece, bytes, &step->line_begins, &timed);
	return buffer_ok(&timed) ? put(follow, (const char *)timed.bytes, timed.size, err)
				 : msb_error_memory(err);
}

static int show_live(struct follow *follow, struct followed *step, int fd, struct msb_error *err)
{
	autofree char *bytes = malloc(STEP_LOG_MARK + MAX_PIECE);
	ssize_t n = bytes ? io_pread(fd, bytes, MAX_HEADING, 0) : -ENOMEM;
	const char *feed = n > 0 ? memchr(bytes, '\n', (size_t)n) : NULL;
	size_t heading, size;
	int r;

	if (n < 0)
		return msb_error_set(err, (int)n, "read what a step prints");
	if (!feed)
		return 0;
	heading = (size_t)(feed - bytes) + 1;
	r = put_heading(follow, step, bytes, heading - 1, err);
	while (r >= 0 && (size = read_piece(fd, heading + step->place, (uint8_t *)bytes)) > 0) {
		r = put_piece(follow, step, (const uint8_t *)bytes, err);
		step->place += size;
		step->shown += size - STEP_LOG_MARK;
	}
	return r;
}

static int look_at(void *context, int dir, const char *name, struct msb_error *err)
{
	struct follow *follow = context;
	autoclose int fd = -1;
	struct followed *step;
	size_t stage, number;
	long long build;
	int end = 0;

	if (sscanf(name, LIVE_BUILD "%n", &build, &end) == 1 && !name[end]) {
		follow->alive |= build == follow->wanted.build;
		return 0;
	}
	if (sscanf(name, LIVE_LOG "%n", &build, &stage, &number, &end) != 3 || name[end] ||
	    build != follow->wanted.build || !is_wanted(follow, stage, number))
		return 0;
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return 0; /* it has just ended */
	step = find_step(follow, stage, number);
	if (!step)
		return msb_error_memory(err);
	return step->ended ? 0 : show_live(follow, step, fd, err);
}

/* --- Both --- */

static int is_over(struct follow *follow, bool *ret, struct msb_error *err)
{
	struct msb_build *build;
	int r = msb_records_build(follow->store, follow->wanted.build, &build, err);

	if (r < 0)
		return r;
	*ret = build->state != MSB_RUNNING;
	msb_builds_free(build, 1);
	return 0;
}

/* One look. A build that was over before it has nothing more to say after it. */
static int look(struct follow *follow, bool *ret_over, struct msb_error *err)
{
	bool over = false;
	int r;

	follow->alive = false;
	r = living_each(follow->store, look_at, follow, err);
	if (r >= 0)
		r = is_over(follow, &over, err);
	if (r >= 0)
		r = show_records(follow, &over, err);
	if (r < 0)
		return r;
	*ret_over = over;
	if (over || follow->alive)
		return 0;
	/* Its last moment may lie between the two: then there is one more look. */
	r = is_over(follow, &over, err);
	if (r >= 0 && !over)
		return msb_error_say(err, ESRCH, "the builder of build %lld was killed",
				     (long long)follow->wanted.build);
	return r;
}

int msb_log_follow(const char *root, const char *ref, bool times, int fd, struct msb_error *err)
{
	const struct timespec interval = {0, INTERVAL_NS};
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	struct follow follow = {.fd = fd, .times = times, .current = SIZE_MAX, .line_ended = true};
	bool over = false;
	int r = open_store(root, &store, err);

	if (r >= 0)
		r = find_steps(store, ref, &follow.wanted, err);
	if (r < 0)
		return r;
	follow.store = store;
	for (;;) {
		r = look(&follow, &over, err);
		if (r < 0 || over)
			break;
		nanosleep(&interval, NULL);
	}
	free(follow.steps);
	return r;
}

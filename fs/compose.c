#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#include <msb/tree_diff.h>

#include "compose.h"
#include "step_log.h"

#define LOG_MAX     ((size_t)64 << 20)
#define CHANGES_MAX ((size_t)256 << 20)

static const char *state_name(enum msb_state state)
{
	switch (state) {
	case MSB_DONE:
		return "done";
	case MSB_CACHED:
		return "cached";
	case MSB_FAILED:
		return "failed";
	default:
		return "running";
	}
}

static json_t *time_json(int64_t ns)
{
	time_t seconds = (time_t)(ns / 1000000000);
	struct tm tm;

	if (ns <= 0 || !gmtime_r(&seconds, &tm))
		return json_null();
	return json_sprintf("%04d-%02d-%02dT%02d:%02d:%02d.%09" PRId64 "Z", tm.tm_year + 1900,
			    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
			    ns % 1000000000);
}

/* JSON is UTF-8, a Dockerfile need not be: what does not fit shows as '?'. */
static json_t *text_json(const char *text)
{
	autofree char *plain = NULL;
	json_t *json;

	if (!text)
		return json_null();
	json = json_string(text);
	if (json)
		return json;
	plain = strdup(text);
	if (!plain)
		return NULL;
	for (char *c = plain; *c; c++)
		if (*c & 0x80)
			*c = '?';
	return json_string(plain);
}

static json_t *digest_json(bool present, const struct msb_digest *digest)
{
	char text[MSB_DIGEST_TEXT];

	return present ? json_string(msb_digest_format(digest, text)) : json_null();
}

static json_t *step_json(const struct msb_step *step)
{
	return json_pack(
		"{s:I, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:i}", "number",
		(json_int_t)step->number, "state", state_name(step->state), "line",
		(json_int_t)step->line, "text", text_json(step->text), "expanded",
		text_json(step->expanded), "tree", digest_json(step->has_tree, &step->tree), "log",
		digest_json(step->has_log, &step->log), "started", time_json(step->started_ns),
		"duration_ns", (json_int_t)step->duration_ns, "exit_status", step->exit_status);
}

static json_t *stage_json(const struct told_build *told, size_t at)
{
	const struct msb_stage *stage = &told->stages[at];
	json_t *steps = json_array();

	for (size_t i = 0; i < told->step_counts[at]; i++)
		json_array_append_new(steps, step_json(&told->steps[at][i]));
	return json_pack("{s:I, s:o, s:s, s:I, s:o, s:o}", "index", (json_int_t)stage->index,
			 "name", text_json(stage->name), "state", state_name(stage->state),
			 "step_count", (json_int_t)stage->step_count, "tree",
			 digest_json(stage->has_tree, &stage->tree), "steps", steps);
}

static json_t *tags_json(const char *tags)
{
	json_t *list = json_array();
	size_t length;

	for (tags += strspn(tags, " "); *tags; tags += length, tags += strspn(tags, " ")) {
		length = strcspn(tags, " ");
		json_array_append_new(list, json_stringn(tags, length));
	}
	return list;
}

int compose_info(const struct told_build *told, struct buffer *ret, struct msb_error *err)
{
	const struct msb_build *build = told->build;
	json_t *stages = json_array(), *info;
	char *text;

	for (size_t i = 0; i < told->stage_count; i++)
		json_array_append_new(stages, stage_json(told, i));
	info = json_pack("{s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
			 (json_int_t)build->id, "state", state_name(build->state), "started",
			 time_json(build->started_ns), "finished", time_json(build->finished_ns),
			 "dockerfile", text_json(build->dockerfile_name), "target",
			 text_json(build->target), "tags",
			 tags_json(build->tags ? build->tags : ""), "error",
			 text_json(build->error), "stages", stages);
	text = info ? json_dumps(info, JSON_INDENT(2)) : NULL;
	json_decref(info);
	if (!text)
		return msb_error_memory(err);
	buffer_string(ret, text);
	buffer_char(ret, '\n');
	free(text);
	return buffer_ok(ret) ? 0 : msb_error_memory(err);
}

/* "#3 [build 2/5] RUN make": the first line of the instruction, as the progress shows it. */
static void log_heading(const struct msb_stage *stage, const struct msb_step *step, size_t number,
			struct buffer *ret)
{
	const char *text = step->text ? step->text : "";

	buffer_printf(ret, "#%zu [", number);
	if (stage->name)
		buffer_string(ret, stage->name);
	else
		buffer_printf(ret, "%zu", stage->index);
	buffer_printf(ret, " %zu/%zu] ", step->number, stage->step_count);
	buffer_append(ret, text, strcspn(text, "\n"));
	buffer_string(ret, step->state == MSB_CACHED   ? " (cached)\n"
			   : step->state == MSB_FAILED ? " (failed)\n"
						       : "\n");
}

int compose_step_log(struct msb_store *store, const struct msb_step *step, struct buffer *ret,
		     struct msb_error *err)
{
	autofree uint8_t *bytes = NULL;
	size_t size;
	int r;

	if (!step->has_log)
		return 0;
	r = msb_store_load(store, &step->log, LOG_MAX, &bytes, &size, err);
	if (r == -EFBIG) {
		buffer_string(ret, "(too long to be repeated here: see the step's output)\n");
		return 0;
	}
	if (r < 0)
		return r;
	step_log_timed(bytes, size, ret);
	return buffer_ok(ret) ? 0 : msb_error_memory(err);
}

int compose_log(struct msb_store *store, const struct told_build *told, struct buffer *ret,
		struct msb_error *err)
{
	size_t number = 0;
	int r;

	for (size_t i = 0; i < told->stage_count; i++)
		for (size_t k = 0; k < told->step_counts[i]; k++) {
			if (number)
				buffer_char(ret, '\n');
			log_heading(&told->stages[i], &told->steps[i][k], ++number, ret);
			r = compose_step_log(store, &told->steps[i][k], ret, err);
			if (r < 0)
				return r;
			if (ret->size && ret->bytes[ret->size - 1] != '\n')
				buffer_char(ret, '\n');
		}
	if (told->build->error)
		buffer_printf(ret, "\nerror: %s\n", told->build->error);
	return buffer_ok(ret) ? 0 : msb_error_memory(err);
}

int compose_instruction(const struct msb_step *step, struct buffer *ret, struct msb_error *err)
{
	buffer_string(ret, step->text ? step->text : "");
	buffer_char(ret, '\n');
	if (step->text && step->expanded && strcmp(step->text, step->expanded) != 0)
		buffer_printf(ret, "%s\n", step->expanded);
	return buffer_ok(ret) ? 0 : msb_error_memory(err);
}

static void change_sizes(const struct msb_difference *difference, struct buffer *ret)
{
	const struct msb_entry *before = difference->before, *after = difference->after;
	const struct msb_entry *shown = after ? after : before;

	if (before && after && before->type == MSB_FILE && after->type == MSB_FILE &&
	    before->size != after->size)
		buffer_printf(ret, "\t%" PRIu64 " -> %" PRIu64, before->size, after->size);
	else if (shown->type == MSB_FILE)
		buffer_printf(ret, "\t%" PRIu64, shown->size);
	else if (!after && shown->type == MSB_DIRECTORY)
		buffer_printf(ret, "\t%" PRIu64, shown->bytes);
}

static int change_line(void *context, const struct msb_difference *difference,
		       struct msb_error *err)
{
	static const char letters[] = {[MSB_ADDED] = 'A', [MSB_REMOVED] = 'D', [MSB_CHANGED] = 'C'};
	struct buffer *text = context;

	if (text->size > CHANGES_MAX)
		return msb_error_say(err, EFBIG, "too many changes to list");
	buffer_char(text, letters[difference->change]);
	buffer_char(text, ' ');
	buffer_string(text, difference->path);
	change_sizes(difference, text);
	buffer_char(text, '\n');
	return buffer_ok(text) ? 0 : msb_error_memory(err);
}

int compose_changes(struct msb_store *store, const struct msb_step *before,
		    const struct msb_step *step, struct buffer *ret, struct msb_error *err)
{
	if (!step->has_tree || !before || !before->has_tree)
		return 0;
	return msb_tree_diff(store, &before->tree, &step->tree, change_line, ret, err);
}

/* What a build looks like: on a terminal, which is played here, and in a log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msb/cleanup.h>

#include "progress.h"

#define ROWS    64
#define COLUMNS 80

struct screen {
	char lines[ROWS][COLUMNS + 1];
	size_t row, column;
};

static void clear_below(struct screen *screen)
{
	screen->lines[screen->row][screen->column] = '\0';
	for (size_t i = screen->row + 1; i < ROWS; i++)
		screen->lines[i][0] = '\0';
}

/* Of others than ASCII "~" a column: the ellipsis has one, all others are taken for wide ones. */
static size_t show_character(struct screen *screen, const char *bytes)
{
	bool plain = (unsigned char)*bytes < 0x80;
	size_t columns = plain || strncmp(bytes, "\xe2\x80\xa6", 3) == 0 ? 1 : 2;

	assert_true((unsigned char)*bytes >= 0x20);
	for (; columns > 0; columns--) {
		assert_true(screen->column < COLUMNS);
		screen->lines[screen->row][screen->column++] = *bytes;
		if (!plain)
			screen->lines[screen->row][screen->column - 1] = '~';
	}
	screen->lines[screen->row][screen->column] = '\0';
	return plain ? 1 : 3;
}

/* Obeys what the display may send, and nothing else: all other control characters fail. */
static void show(struct screen *screen, const char *bytes)
{
	while (*bytes) {
		size_t up;
		int length = 0;

		if (sscanf(bytes, "\033[%zuA%n", &up, &length) == 1 && length) {
			assert_true(up <= screen->row);
			screen->row -= up;
			bytes += length;
		} else if (strncmp(bytes, "\033[J", 3) == 0) {
			clear_below(screen);
			bytes += 3;
		} else if (strncmp(bytes, "\033[?7l", 5) == 0 ||
			   strncmp(bytes, "\033[?7h", 5) == 0) {
			bytes += 5;
		} else if (*bytes == '\r') {
			screen->column = 0;
			bytes++;
		} else if (*bytes == '\n') {
			screen->row++;
			screen->column = 0;
			assert_true(screen->row < ROWS);
			bytes++;
		} else {
			bytes += show_character(screen, bytes);
		}
	}
}

struct scene {
	struct progress *progress;
	FILE *out;
	char *bytes;
	size_t size;
};

static void open_scene(struct scene *scene, enum progress_mode mode)
{
	*scene = (struct scene){0};
	scene->out = open_memstream(&scene->bytes, &scene->size);
	assert_non_null(scene->out);
	assert_int_equal(progress_new(mode, scene->out, &scene->progress), 0);
}

static size_t close_scene(struct scene *scene, struct screen *screen)
{
	size_t next = progress_end(scene->progress);

	progress_free(scene->progress);
	fclose(scene->out);
	*screen = (struct screen){0};
	show(screen, scene->bytes);
	free(scene->bytes);
	return next;
}

static void tell(const struct scene *scene, enum msb_event_kind kind, size_t vertex,
		 const char *text, enum msb_state state)
{
	const struct msb_event event = {
		.kind = kind,
		.vertex = vertex,
		.stage = "build",
		.step = vertex,
		.steps = 9,
		.text = text,
		.output = text,
		.output_size = strlen(text),
		.state = state,
		.duration_ns = 200000000,
	};

	progress_event(scene->progress, &event);
}

static void finished_steps_stay_as_a_line_each(void **state)
{
	struct scene scene;
	struct screen screen;

	(void)state;
	open_scene(&scene, PROGRESS_TTY);
	tell(&scene, MSB_EVENT_BEGIN, 1, "FROM node", MSB_RUNNING);
	tell(&scene, MSB_EVENT_BEGIN, 2, "RUN make", MSB_RUNNING);
	tell(&scene, MSB_EVENT_OUTPUT, 2, "compiling\n", MSB_RUNNING);
	tell(&scene, MSB_EVENT_END, 1, "", MSB_CACHED);
	tell(&scene, MSB_EVENT_NOTE, 0, "a\033[2Jwarning", MSB_RUNNING);
	tell(&scene, MSB_EVENT_OUTPUT, 2, "\033[9A\033[2Jlinking\n", MSB_RUNNING);
	tell(&scene, MSB_EVENT_BEGIN, 3, "RUN false", MSB_RUNNING);
	tell(&scene, MSB_EVENT_END, 2, "", MSB_DONE);
	tell(&scene, MSB_EVENT_END, 3, "", MSB_FAILED);
	assert_int_equal(close_scene(&scene, &screen), 4);
	assert_string_equal(screen.lines[0], "#1 [build 1/9] FROM node CACHED");
	assert_string_equal(screen.lines[1], "awarning");
	assert_string_equal(screen.lines[2], "#2 [build 2/9] RUN make 0.2s");
	assert_string_equal(screen.lines[3], "#3 [build 3/9] RUN false ERROR");
	assert_string_equal(screen.lines[4], "");
}

static void running_steps_are_taken_away_at_the_end(void **state)
{
	struct scene scene;
	struct screen screen;

	(void)state;
	open_scene(&scene, PROGRESS_TTY);
	tell(&scene, MSB_EVENT_BEGIN, 1, "RUN make", MSB_RUNNING);
	tell(&scene, MSB_EVENT_OUTPUT, 1, "half a li", MSB_RUNNING);
	close_scene(&scene, &screen);
	assert_string_equal(screen.lines[0], "");
}

static void more_steps_than_rows_never_scroll_the_view(void **state)
{
	struct scene scene;
	struct screen screen;

	(void)state;
	open_scene(&scene, PROGRESS_TTY);
	for (size_t i = 1; i <= 100; i++) {
		tell(&scene, MSB_EVENT_BEGIN, i, "RUN x", MSB_RUNNING);
		tell(&scene, MSB_EVENT_OUTPUT, i, "line\n", MSB_RUNNING);
	}
	close_scene(&scene, &screen);
	assert_string_equal(screen.lines[0], "");
}

static void a_long_instruction_is_cut_to_the_terminal(void **state)
{
	struct scene scene;
	struct screen screen;
	char text[1000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	open_scene(&scene, PROGRESS_TTY);
	tell(&scene, MSB_EVENT_BEGIN, 1, text, MSB_RUNNING);
	tell(&scene, MSB_EVENT_END, 1, "", MSB_DONE);
	close_scene(&scene, &screen);
	assert_int_equal(strlen(screen.lines[0]), COLUMNS - 1);
	assert_non_null(strstr(screen.lines[0], "xxx~ 0.2s"));
}

static void wide_characters_are_cut_by_their_columns(void **state)
{
	struct scene scene;
	struct screen screen;
	char text[301];

	(void)state;
	for (size_t i = 0; i < 100; i++)
		memcpy(text + 3 * i, "長", 4);
	open_scene(&scene, PROGRESS_TTY);
	tell(&scene, MSB_EVENT_BEGIN, 1, text, MSB_RUNNING);
	tell(&scene, MSB_EVENT_END, 1, "", MSB_DONE);
	close_scene(&scene, &screen);
	assert_in_range(strlen(screen.lines[0]), COLUMNS - 2, COLUMNS - 1);
	assert_non_null(strstr(screen.lines[0], "~~~ 0.2s"));
}

static void a_long_name_of_a_stage_leaves_room_for_the_instruction(void **state)
{
	struct msb_event event = {
		.kind = MSB_EVENT_BEGIN,
		.vertex = 1,
		.stage = "a-stage-whose-name-alone-would-fill-what-a-terminal-has-of-columns",
		.step = 1,
		.steps = 9,
		.text = "RUN make install DESTDIR=/out",
	};
	struct scene scene;
	struct screen screen;

	(void)state;
	open_scene(&scene, PROGRESS_TTY);
	progress_event(scene.progress, &event);
	event.kind = MSB_EVENT_END;
	event.state = MSB_CACHED;
	progress_event(scene.progress, &event);
	close_scene(&scene, &screen);
	assert_string_equal(screen.lines[0],
			    "#1 [a-stage-whose-name-alone-wo~ 1/9] RUN make install DESTDIR=/out "
			    "CACHED");
}

static void a_line_that_is_not_complete_is_shown(void **state)
{
	struct scene scene;
	struct screen screen = {0};

	(void)state;
	open_scene(&scene, PROGRESS_TTY);
	tell(&scene, MSB_EVENT_BEGIN, 1, "RUN fetch", MSB_RUNNING);
	tell(&scene, MSB_EVENT_OUTPUT, 1, "\r 10 %\r 20 %", MSB_RUNNING);
	tell(&scene, MSB_EVENT_BEGIN, 2, "RUN other", MSB_RUNNING);
	show(&screen, scene.bytes);
	assert_string_equal(screen.lines[1], "    20 %");
	close_scene(&scene, &screen);
	assert_string_equal(screen.lines[0], "");
}

static void a_line_without_end_is_broken_in_a_log(void **state)
{
	struct scene scene;
	char part[1025];

	(void)state;
	memset(part, 'x', sizeof(part) - 1);
	part[sizeof(part) - 1] = '\0';
	open_scene(&scene, PROGRESS_PLAIN);
	tell(&scene, MSB_EVENT_BEGIN, 1, "RUN yes", MSB_RUNNING);
	for (size_t i = 0; i < 9; i++)
		tell(&scene, MSB_EVENT_OUTPUT, 1, part, MSB_RUNNING);
	tell(&scene, MSB_EVENT_END, 1, "", MSB_DONE);
	progress_end(scene.progress);
	progress_free(scene.progress);
	fclose(scene.out);
	for (const char *line = scene.bytes; *line; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") < 4200);
	free(scene.bytes);
}

static void quiet_says_nothing_and_still_counts(void **state)
{
	struct scene scene;
	struct screen screen;

	(void)state;
	open_scene(&scene, PROGRESS_QUIET);
	tell(&scene, MSB_EVENT_BEGIN, 1, "RUN x", MSB_RUNNING);
	tell(&scene, MSB_EVENT_OUTPUT, 1, "line\n", MSB_RUNNING);
	tell(&scene, MSB_EVENT_END, 1, "", MSB_DONE);
	assert_int_equal(close_scene(&scene, &screen), 2);
	assert_string_equal(screen.lines[0], "");
}

static void a_step_number_beyond_reason_is_not_shown(void **state)
{
	struct scene scene;
	struct screen screen;

	(void)state;
	open_scene(&scene, PROGRESS_PLAIN);
	tell(&scene, MSB_EVENT_BEGIN, SIZE_MAX - 1, "RUN x", MSB_RUNNING);
	close_scene(&scene, &screen);
	assert_string_equal(screen.lines[0], "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finished_steps_stay_as_a_line_each),
		cmocka_unit_test(running_steps_are_taken_away_at_the_end),
		cmocka_unit_test(more_steps_than_rows_never_scroll_the_view),
		cmocka_unit_test(a_long_instruction_is_cut_to_the_terminal),
		cmocka_unit_test(wide_characters_are_cut_by_their_columns),
		cmocka_unit_test(a_long_name_of_a_stage_leaves_room_for_the_instruction),
		cmocka_unit_test(a_line_that_is_not_complete_is_shown),
		cmocka_unit_test(a_line_without_end_is_broken_in_a_log),
		cmocka_unit_test(quiet_says_nothing_and_still_counts),
		cmocka_unit_test(a_step_number_beyond_reason_is_not_shown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

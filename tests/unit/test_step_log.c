/* A step's log as it is stored: the text, and when which of it came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "step_log.h"

static void add(struct buffer *text, struct buffer *marks, int fd, uint64_t ms, const char *piece)
{
	buffer_string(text, piece);
	step_log_mark(marks, fd, ms, strlen(piece));
}

static void is_timed(const struct buffer *log, const char *wanted)
{
	autobuffer timed = {0};

	step_log_timed(log->bytes, log->size, &timed);
	buffer_u8(&timed, 0);
	assert_string_equal((const char *)timed.bytes, wanted);
}

static void a_line_tells_when_and_by_which_stream_it_came(void **state)
{
	autobuffer text = {0}, marks = {0}, log = {0};

	(void)state;
	add(&text, &marks, 1, 5, "one\nt");
	add(&text, &marks, 1, 1234, "wo\n");
	add(&text, &marks, 2, 1234, "bad\n");
	add(&text, &marks, 1, 99999999, "three");
	buffer_string(&text, "\nof nobody\n");
	step_log_encode(&text, &marks, &log);
	assert_int_equal(step_log_text_of(log.bytes, log.size), text.size);
	assert_memory_equal(log.bytes, text.bytes, text.size);
	is_timed(&log, "   0.005 1> one\n   0.005 1> two\n   1.234 2> bad\n99999.999 1> three\n"
		       "of nobody\n");
}

static void pieces_of_one_moment_are_one(void **state)
{
	autobuffer text = {0}, marks = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		add(&text, &marks, 1, 7, "x\n");
	assert_int_equal(marks.size, 8);
	add(&text, &marks, 2, 7, "x\n");
	assert_int_equal(marks.size, 16);
}

static void a_log_without_marks_is_text_alone(void **state)
{
	autobuffer text = {0}, marks = {0}, log = {0};

	(void)state;
	buffer_string(&text, "old\n");
	step_log_encode(&text, &marks, &log);
	assert_int_equal(log.size, 4);
	is_timed(&log, "old\n");
}

/* Whatever the last bytes of a log say, nobody reads beyond it. */
static void marks_that_lie_are_text_or_end_with_it(void **state)
{
	autobuffer text = {0}, marks = {0}, log = {0};
	uint8_t bytes[64];

	(void)state;
	add(&text, &marks, 1, 1, "a\nb\n");
	step_log_encode(&text, &marks, &log);
	assert_true(log.size < sizeof(bytes));
	for (size_t at = 0; at < log.size; at++)
		for (int value = 0; value < 256; value++) {
			autobuffer timed = {0};

			memcpy(bytes, log.bytes, log.size);
			bytes[at] = (uint8_t)value;
			assert_true(step_log_text_of(bytes, log.size) <= log.size);
			step_log_timed(bytes, log.size, &timed);
		}
	for (size_t size = 0; size < log.size; size++) {
		autobuffer timed = {0};

		assert_int_equal(step_log_text_of(log.bytes, size), size);
		step_log_timed(log.bytes, size, &timed);
		assert_int_equal(timed.size, size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_tells_when_and_by_which_stream_it_came),
		cmocka_unit_test(pieces_of_one_moment_are_one),
		cmocka_unit_test(a_log_without_marks_is_text_alone),
		cmocka_unit_test(marks_that_lie_are_text_or_end_with_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

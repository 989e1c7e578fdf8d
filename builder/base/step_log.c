#include <string.h>

#include "little_endian.h"
#include "step_log.h"

/* Behind the text: for each piece the milliseconds (u32), then its length with the stream in the
 * highest bit (u32). Then the text's size (u64) and the magic. */
#define MAGIC      "msblog1\n"
#define MAGIC_SIZE 8
#define MARK_SIZE  STEP_LOG_MARK
#define ERRORS     UINT32_C(0x80000000)

/* True when the last mark is of this moment and stream, and has room: it is longer now. */
static bool extend(struct buffer *marks, uint32_t ms, uint32_t stream, size_t size)
{
	uint8_t *last;
	uint32_t length;

	if (marks->failed || marks->size < MARK_SIZE)
		return false;
	last = marks->bytes + marks->size - MARK_SIZE;
	length = le_get_u32(last + 4);
	if (le_get_u32(last) != ms || (length & ERRORS) != stream || size >= ERRORS ||
	    (length & ~ERRORS) + size >= ERRORS)
		return false;
	marks->size -= 4;
	buffer_u32(marks, length + (uint32_t)size);
	return true;
}

void step_log_mark(struct buffer *marks, int fd, uint64_t ms, size_t size)
{
	uint32_t stream = fd == 2 ? ERRORS : 0,
		 moment = ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;

	if (size >= ERRORS || extend(marks, moment, stream, size))
		return;
	buffer_u32(marks, moment);
	buffer_u32(marks, (uint32_t)size | stream);
}

void step_log_encode(const struct buffer *text, const struct buffer *marks, struct buffer *ret)
{
	buffer_append(ret, text->bytes, text->size);
	if (marks->size == 0)
		return;
	buffer_append(ret, marks->bytes, marks->size);
	buffer_u64(ret, text->size);
	buffer_append(ret, MAGIC, MAGIC_SIZE);
}

uint64_t step_log_text(const uint8_t *tail, size_t tail_size, uint64_t size)
{
	const uint8_t *end = tail + tail_size;
	uint64_t text;

	if (tail_size < STEP_LOG_TAIL || size < STEP_LOG_TAIL ||
	    memcmp(end - MAGIC_SIZE, MAGIC, MAGIC_SIZE) != 0)
		return size;
	text = le_get_u64(end - STEP_LOG_TAIL);
	if (text > size - STEP_LOG_TAIL || (size - STEP_LOG_TAIL - text) % MARK_SIZE != 0)
		return size;
	return text;
}

size_t step_log_text_of(const uint8_t *log, size_t size)
{
	return (size_t)step_log_text(log, size, size);
}

static void add_piece(const uint8_t *piece, size_t size, const uint8_t *mark, bool *line_begins,
		      struct buffer *ret)
{
	uint32_t ms = mark ? le_get_u32(mark) : 0;
	const uint8_t *feed;
	size_t length;

	for (; size > 0; piece += length, size -= length) {
		feed = memchr(piece, '\n', size);
		length = feed ? (size_t)(feed - piece) + 1 : size;
		if (*line_begins && mark)
			buffer_printf(ret, "%4u.%03u %c> ", ms / 1000, ms % 1000,
				      le_get_u32(mark + 4) & ERRORS ? '2' : '1');
		buffer_append(ret, piece, length);
		*line_begins = feed != NULL;
	}
}

size_t step_log_piece(const uint8_t mark[STEP_LOG_MARK])
{
	return le_get_u32(mark + 4) & ~ERRORS;
}

void step_log_timed_piece(const uint8_t *piece, const uint8_t mark[STEP_LOG_MARK],
			  bool *line_begins, struct buffer *ret)
{
	add_piece(piece, step_log_piece(mark), mark, line_begins, ret);
}

void step_log_timed_rest(const uint8_t *log, size_t size, size_t from, bool *line_begins,
			 struct buffer *ret)
{
	size_t text = step_log_text_of(log, size), at = 0, length;
	const uint8_t *mark = log + text;
	uint64_t left = text == size ? 0 : (size - text - STEP_LOG_TAIL) / MARK_SIZE;

	if (from > text)
		from = text;
	for (; left > 0 && at < text; left--, mark += MARK_SIZE, at += length) {
		length = step_log_piece(mark);
		if (length > text - at)
			length = text - at;
		if (at + length > from) {
			size_t skip = from > at ? from - at : 0;

			add_piece(log + at + skip, length - skip, mark, line_begins, ret);
		}
	}
	at = at > from ? at : from;
	add_piece(log + at, text - at, NULL, line_begins, ret);
}

void step_log_timed(const uint8_t *log, size_t size, struct buffer *ret)
{
	bool line_begins = true;

	step_log_timed_rest(log, size, 0, &line_begins, ret);
}

/*
 * A step's log as it is stored: what the command printed to both of its streams, in order; behind
 * it, where it is known, when which piece came by which stream; at the end 16 bytes that say how
 * much is text. A log without them is text alone.
 */
#ifndef STEP_LOG_H
#define STEP_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

/* Notes the next `size` bytes of the text: from file descriptor fd (1 or 2), ms after the step
 * began. Pieces of one moment become one. */
void step_log_mark(struct buffer *marks, int fd, uint64_t ms, size_t size);
/* text with its marks, as it is stored. */
void step_log_encode(const struct buffer *text, const struct buffer *marks, struct buffer *ret);

#define STEP_LOG_TAIL 16

/* How many bytes of a log of this size are text, told by the last of its bytes; tail_size is
 * STEP_LOG_TAIL, or all there are. */
uint64_t step_log_text(const uint8_t *tail, size_t tail_size, uint64_t size);
/* The same of a whole log. */
size_t step_log_text_of(const uint8_t *log, size_t size);

/* The text with "   1.234 1> " before each line: the seconds, and by which stream it came. Lines
 * of which nothing is known have nothing before them. */
void step_log_timed(const uint8_t *log, size_t size, struct buffer *ret);

/* --- The same of a log that grows --- */

#define STEP_LOG_MARK 8 /* bytes of what step_log_mark() notes of one piece */

/* How long the piece is that this is the mark of. */
size_t step_log_piece(const uint8_t mark[STEP_LOG_MARK]);
/* That piece, timed as above. *line_begins: where it does; true at first. */
void step_log_timed_piece(const uint8_t *piece, const uint8_t mark[STEP_LOG_MARK],
			  bool *line_begins, struct buffer *ret);
/* The text of a whole log behind its first `from` bytes. */
void step_log_timed_rest(const uint8_t *log, size_t size, size_t from, bool *line_begins,
			 struct buffer *ret);

#endif

/*
 * Physical lines to logical ones. A line that ends in one escape character goes on in the next;
 * comments and blank lines between the two vanish, and the parts meet without anything between
 * them. Heredoc bodies bypass all of this: they are read with lexer_line().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "internal.h"

void lexer_init(struct lexer *lexer, const char *text, size_t size, char escape)
{
	*lexer = (struct lexer){.text = text, .size = size, .escape = escape};
	if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		lexer->at = 3;
}

void lexer_done(struct lexer *lexer)
{
	free(lexer->check);
	strlist_done(&lexer->comments);
}

int lexer_line(struct lexer *lexer, const char **ret, size_t *ret_length, size_t *ret_raw,
	       struct msb_error *err)
{
	const char *start = lexer->text + lexer->at;
	size_t left = lexer->size - lexer->at, length;
	const char *newline;

	if (left == 0)
		return 0;
	newline = memchr(start, '\n', left);
	*ret_raw = newline ? (size_t)(newline - start) + 1 : left;
	length = *ret_raw;
	while (length > 0 && (start[length - 1] == '\n' || start[length - 1] == '\r'))
		length--;
	lexer->line++;
	if (length > LINE_MAX_BYTES)
		return msb_error_say(err, EINVAL,
				     "line longer than %d bytes; break it with \\ at the ends",
				     LINE_MAX_BYTES);
	lexer->at += *ret_raw;
	*ret = start;
	*ret_length = length;
	return 1;
}

static size_t leading_blanks(const char *line, size_t length)
{
	size_t n = 0;

	while (n < length && strchr(BLANKS, line[n]) && line[n])
		n++;
	return n;
}

/* Cuts a continuation mark off. Two escape characters at the end are none, nor are three: the
 * reference implementation's regular expression wants exactly one. */
static bool cut_continuation(const char *line, size_t *length, char escape)
{
	size_t end = *length;

	while (end > 0 && (line[end - 1] == ' ' || line[end - 1] == '\t'))
		end--;
	if (end == 0 || line[end - 1] != escape || (end > 1 && line[end - 2] == escape))
		return false;
	*length = end - 1;
	return true;
}

/* Appends the lines that continue an instruction; the end of the file ends it, too. */
static int read_continuation(struct lexer *lexer, struct buffer *joined, struct msb_error *err)
{
	for (;;) {
		const char *line;
		size_t length, raw, blanks;
		bool continues;
		int r = lexer_line(lexer, &line, &length, &raw, err);

		if (r <= 0)
			return r;
		blanks = leading_blanks(line, length);
		lexer->empty_continuation |= blanks == length;
		if (blanks == length || line[blanks] == '#')
			continue;
		continues = cut_continuation(line, &length, lexer->escape);
		buffer_append(joined, line, length);
		if (!continues)
			return 0;
	}
}

/* length: without blanks in front. */
static int take_comment(struct lexer *lexer, const char *line, size_t length, struct msb_error *err)
{
	autofree char *text = NULL;
	int r = directive_read(lexer, line, length, err);

	if (r != 0)
		return r < 0 ? r : 0;
	text = trimmed(line + 1, length - 1);
	return text && strlist_add(&lexer->comments, text) == 0 ? 0 : msb_error_memory(err);
}

/* Blanks that stand in front when the first line was a mark and nothing else go, too. */
static int take_text(struct buffer *joined, char **ret, struct msb_error *err)
{
	autofree char *text = buffer_text(joined);

	*ret = text ? strdup(text + strspn(text, BLANKS)) : NULL;
	return *ret ? 1 : msb_error_memory(err);
}

int lexer_next(struct lexer *lexer, char **ret, int *ret_line, struct msb_error *err)
{
	strlist_done(&lexer->comments);
	lexer->empty_continuation = false;
	for (;;) {
		autobuffer joined = {0};
		const char *line;
		size_t length, raw, blanks;
		bool continues;
		int r = lexer_line(lexer, &line, &length, &raw, err);

		if (r <= 0)
			return r;
		blanks = leading_blanks(line, length);
		line += blanks;
		length -= blanks;
		if (length > 0 && *line == '#') {
			r = take_comment(lexer, line, length, err);
			if (r < 0)
				return r;
			continue;
		}
		lexer->directives_done = true;
		if (length == 0) {
			strlist_done(&lexer->comments);
			continue;
		}
		*ret_line = lexer->line;
		continues = cut_continuation(line, &length, lexer->escape);
		buffer_append(&joined, line, length);
		if (continues) {
			r = read_continuation(lexer, &joined, err);
			if (r < 0)
				return r;
		}
		return take_text(&joined, ret, err);
	}
}

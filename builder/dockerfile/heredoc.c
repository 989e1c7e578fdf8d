/*
 * Heredocs: words of the form [digits]<<[-]NAME, whose bodies follow the instruction. The name
 * is unquoted as a shell would; a quote in it means that the body is not expanded. "<<" within
 * quotes, within a word or as "<<<" is none.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "internal.h"

/* The end of the shell word at at; *ret_open: a quote in it is not closed. */
static size_t word_end(const char *text, size_t at, bool *ret_open)
{
	char quote = '\0';

	for (; text[at] && (quote || !strchr(BLANKS, text[at])); at++) {
		if (text[at] == '\\' && quote != '\'' && text[at + 1])
			at++;
		else if (quote && text[at] == quote)
			quote = '\0';
		else if (!quote && (text[at] == '"' || text[at] == '\''))
			quote = text[at];
	}
	*ret_open = quote != '\0';
	return at;
}

/* An open quote hides all heredocs of the line, as it does where the line is split in words. */
static bool has_open_quote(const char *text)
{
	bool open = false;
	size_t at = 0;

	while (text[at] && !open) {
		at += strspn(text + at, BLANKS);
		at = word_end(text, at, &open);
	}
	return open;
}

/* The name without quotes and escapes; *ret_quoted: there were quotes. */
static char *unquote(const char *word, size_t length, bool *ret_quoted)
{
	autobuffer name = {0};
	char quote = '\0';

	*ret_quoted = false;
	for (size_t i = 0; i < length; i++) {
		char c = word[i];

		if (c == '\\' && !quote && i + 1 < length) {
			buffer_char(&name, word[++i]);
		} else if (quote ? c == quote : c == '"' || c == '\'') {
			quote = quote ? '\0' : c;
			*ret_quoted = true;
		} else {
			buffer_char(&name, c);
		}
	}
	return buffer_text(&name);
}

static int add_heredoc(struct instruction *instruction, const struct heredoc *heredoc)
{
	struct heredoc *grown =
		reallocarray(instruction->heredocs, instruction->heredoc_count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	instruction->heredocs = grown;
	grown[instruction->heredoc_count++] = *heredoc;
	return 0;
}

/* A heredoc word at text: 1 and its length, or 0. */
static int take_heredoc(const char *text, struct instruction *instruction, size_t *ret_length)
{
	struct heredoc heredoc = {.descriptor = -1};
	autofree char *name = NULL;
	size_t digits = strspn(text, "0123456789"), at = digits, end;
	bool quoted, open;

	if (strncmp(text + at, "<<", 2) != 0 || digits > 9)
		return 0;
	at += 2;
	heredoc.chomp = text[at] == '-';
	at += heredoc.chomp;
	at += strspn(text + at, BLANKS);
	end = word_end(text, at, &open);
	if (memchr(text + at, '<', end - at))
		return 0;
	name = unquote(text + at, end - at, &quoted);
	if (!name)
		return -ENOMEM;
	if (!*name)
		return 0;
	if (digits)
		heredoc.descriptor = atoi(text);
	heredoc.expand = !quoted;
	heredoc.name = name;
	if (add_heredoc(instruction, &heredoc) < 0)
		return -ENOMEM;
	steal(&name);
	*ret_length = end;
	return 1;
}

int heredoc_find(const char *text, struct instruction *instruction, char **ret_rest, bool *ret_last,
		 struct msb_error *err)
{
	autofree char *rest = strdup(text);
	size_t at = strspn(text, BLANKS);
	bool open = has_open_quote(text);

	if (!rest)
		return msb_error_memory(err);
	*ret_last = false;
	while (!open && text[at]) {
		size_t length = 0;
		int r = take_heredoc(text + at, instruction, &length);

		if (r < 0)
			return msb_error_memory(err);
		*ret_last = r > 0;
		if (r > 0)
			memset(rest + at, ' ', length);
		at = r > 0 ? at + length : word_end(text, at, &open);
		at += strspn(text + at, BLANKS);
	}
	*ret_rest = steal(&rest);
	return 0;
}

static int read_body(struct lexer *lexer, struct heredoc *heredoc, struct msb_error *err)
{
	size_t name = strlen(heredoc->name);
	autobuffer body = {0};

	for (;;) {
		const char *line;
		size_t length, raw, tabs = 0;
		int r = lexer_line(lexer, &line, &length, &raw, err);

		if (r < 0)
			return r;
		if (r == 0)
			return msb_error_say(err, EINVAL,
					     "heredoc '%s' has no end; write a line that is just "
					     "%s behind its text",
					     heredoc->name, heredoc->name);
		while (heredoc->chomp && tabs < length && line[tabs] == '\t')
			tabs++;
		if (length - tabs == name && memcmp(line + tabs, heredoc->name, name) == 0)
			break;
		buffer_append(&body, line + tabs, raw - tabs);
	}
	heredoc->size = body.size;
	heredoc->body = buffer_text(&body);
	return heredoc->body ? 0 : msb_error_memory(err);
}

int heredoc_read(struct lexer *lexer, struct instruction *instruction, struct msb_error *err)
{
	for (size_t i = 0; i < instruction->heredoc_count; i++) {
		int r = read_body(lexer, &instruction->heredocs[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

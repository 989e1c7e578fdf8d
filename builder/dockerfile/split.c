/* Words of an instruction's line. */
#include <errno.h>
#include <string.h>

#include "internal.h"

char *trimmed(const char *text, size_t length)
{
	while (length > 0 && strchr(BLANKS, *text)) {
		text++;
		length--;
	}
	while (length > 0 && strchr(BLANKS, text[length - 1]))
		length--;
	return strndup(text, length);
}

int split_blanks(const char *text, struct strlist *ret)
{
	for (;;) {
		size_t length;

		text += strspn(text, BLANKS);
		if (!*text)
			return 0;
		length = strcspn(text, BLANKS);
		if (strlist_add_bytes(ret, text, length) < 0)
			return -ENOMEM;
		text += length;
	}
}

/* The end of the word at text. An escape protects the next character, but not within single
 * quotes; an escape at the very end belongs to nothing and is left out by the caller. */
static size_t quoted_length(const char *text, char escape)
{
	char quote = '\0';
	size_t at = 0;

	for (; text[at] && (quote || !strchr(BLANKS, text[at])); at++) {
		if (text[at] == escape && quote != '\'') {
			if (!text[at + 1])
				return at;
			at++;
		} else if (quote ? text[at] == quote : text[at] == '"' || text[at] == '\'') {
			quote = quote ? '\0' : text[at];
		}
	}
	return at;
}

int split_quoted(const char *text, char escape, struct strlist *ret)
{
	for (;;) {
		size_t length;

		text += strspn(text, BLANKS);
		if (!*text)
			return 0;
		length = quoted_length(text, escape);
		if (length > 0 && strlist_add_bytes(ret, text, length) < 0)
			return -ENOMEM;
		text += length;
		if (*text == escape)
			return 0;
	}
}

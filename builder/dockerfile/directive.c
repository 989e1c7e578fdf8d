/* Parser directives: "# key=value" comments at the very top. */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "internal.h"

enum { ESCAPE, SYNTAX, CHECK, DIRECTIVES };

static const char *const directives[] = {
	[ESCAPE] = "escape", [SYNTAX] = "syntax", [CHECK] = "check"};

/* "# key = value" to its parts; false for an ordinary comment. */
static bool split(const char *comment, size_t length, size_t *ret_key, size_t *ret_key_length,
		  size_t *ret_value, size_t *ret_value_length)
{
	size_t at = 1, end = length;

	while (at < length && isspace((unsigned char)comment[at]))
		at++;
	*ret_key = at;
	if (at == length || !isalpha((unsigned char)comment[at]))
		return false;
	while (at < length && isalnum((unsigned char)comment[at]))
		at++;
	*ret_key_length = at - *ret_key;
	while (at < length && isspace((unsigned char)comment[at]))
		at++;
	if (at == length || comment[at] != '=')
		return false;
	at++;
	while (at < length && isspace((unsigned char)comment[at]))
		at++;
	while (end > at && isspace((unsigned char)comment[end - 1]))
		end--;
	*ret_value = at;
	*ret_value_length = end - at;
	return end > at;
}

int directive_read(struct lexer *lexer, const char *comment, size_t length, struct msb_error *err)
{
	size_t key, key_length, value, value_length, which;

	if (lexer->directives_done)
		return 0;
	if (lexer->line == 1 && length > 1 && comment[1] == '!') {
		lexer->shebang = true;
		return 0;
	}
	lexer->directives_done = true;
	if (!split(comment, length, &key, &key_length, &value, &value_length))
		return 0;
	for (which = 0; which < DIRECTIVES; which++)
		if (strlen(directives[which]) == key_length &&
		    strncasecmp(directives[which], comment + key, key_length) == 0)
			break;
	if (which == DIRECTIVES)
		return 0;
	if (lexer->directives_seen & (1u << which))
		return msb_error_say(err, EINVAL, "directive '%s' is given twice; remove this one",
				     directives[which]);
	lexer->directives_seen |= 1u << which;
	lexer->directives_done = false;
	if (which == CHECK) {
		lexer->check_line = lexer->line;
		lexer->check = strndup(comment + value, value_length);
		return lexer->check ? 1 : msb_error_memory(err);
	}
	if (which != ESCAPE || lexer->shebang)
		return 1;
	if (value_length != 1 || !strchr("\\`", comment[value]))
		return msb_error_say(err, EINVAL,
				     "invalid escape token '%.*s'; write # escape=` or # escape=\\",
				     (int)value_length, comment + value);
	lexer->escape = comment[value];
	return 1;
}

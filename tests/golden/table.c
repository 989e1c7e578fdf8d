/*
 * Tables: one case a row, "environment | input | expected". Columns are trimmed; one in «» keeps
 * its blanks; ⏎ stands for a line break. Lines that begin with '#' are comments.
 */
#include <stdlib.h>
#include <string.h>

#include <msb/cleanup.h>

#include "golden.h"
#include "ignore.h"
#include "words.h"

static void replace(char *text, const char *from, const char *to)
{
	char *at;

	while ((at = strstr(text, from))) {
		memcpy(at, to, strlen(to));
		memmove(at + strlen(to), at + strlen(from), strlen(at + strlen(from)) + 1);
	}
}

/* The column at *row, which moves behind its bar. */
static char *column(char **row)
{
	char *start = *row, *end = strstr(start, " |");

	while (end && end[2] && end[2] != ' ')
		end = strstr(end + 2, " |");
	if (end) {
		*row = end + 2;
		*end = '\0';
	} else {
		*row = start + strlen(start);
	}
	start += strspn(start, " ");
	for (end = start + strlen(start); end > start && end[-1] == ' ';)
		*--end = '\0';
	if (strncmp(start, "«", strlen("«")) == 0) {
		start += strlen("«");
		replace(start, "»", "");
	}
	replace(start, "⏎", "\n");
	return start;
}

/* "A=b; C=; @split; @escape=`" */
static void read_environment(char *text, struct words *words, struct strlist *env, bool *ret_split)
{
	char *rest = text, *word;

	*words = (struct words){.escape = '\\', .env = env};
	*ret_split = false;
	while ((word = strsep(&rest, ";"))) {
		word += strspn(word, " ");
		if (strcmp(word, "@split") == 0)
			*ret_split = true;
		else if (strncmp(word, "@escape=", 8) == 0)
			words->escape = word[8];
		else if (strcmp(word, "@heredoc") == 0)
			words->plain_quotes = true;
		else if (strcmp(word, "@people") == 0)
			words->keep_quotes = words->keep_unset = true;
		else if (*word && strlist_add(env, word) < 0)
			abort();
	}
}

static char *words_result(char *environment, const char *input)
{
	struct words words;
	struct msb_error err = {0};
	autostrlist env = {0}, list = {0};
	autofree char *text = NULL;
	autobuffer out = {0};
	bool split;
	int r;

	read_environment(environment, &words, &env, &split);
	r = split ? words_split(&words, input, &list, &err)
		  : words_expand(&words, input, &text, &err);
	if (r < 0)
		buffer_printf(&out, "error: %s", err.text);
	else if (!split)
		buffer_string(&out, text);
	for (size_t i = 0; r == 0 && i < list.count; i++)
		buffer_printf(&out, "%s[%s]", i > 0 ? " " : "", list.items[i]);
	return buffer_text(&out);
}

/* "out", "in"; for "below PATH": "enter" or "skip". */
static char *ignore_result(char *patterns, const char *path)
{
	AUTO(ignore_freep) struct ignore *ignore = NULL;
	struct msb_error err = {0};
	char *text;

	for (char *at = patterns; (at = strstr(at, "; "));)
		memcpy(at, "\n\n", 2);
	if (ignore_parse("list", patterns, strlen(patterns), &ignore, &err) < 0)
		return asprintf(&text, "error: %s", err.text) < 0 ? NULL : text;
	if (strncmp(path, "below ", 6) == 0)
		return strdup(ignore_may_reinclude(ignore, path + 6) ? "enter" : "skip");
	return strdup(ignore_match(ignore, path) ? "out" : "in");
}

static char *glob_result(const char *pattern, const char *path)
{
	int r = glob_match(pattern, path);

	return strdup(r < 0 ? "malformed" : r ? "match" : "none");
}

static void check_row(enum table_kind kind, char *row, int number, struct buffer *out)
{
	char *first = column(&row), *input = column(&row), *expected = column(&row);
	autofree char *result = kind == TABLE_WORDS    ? words_result(first, input)
				: kind == TABLE_IGNORE ? ignore_result(first, input)
						       : glob_result(first, input);

	if (!result || strcmp(result, expected) != 0)
		buffer_printf(out, "row %d: '%s': expected '%s', got '%s'\n", number, input,
			      expected, result ? result : "(no memory)");
}

size_t table_check(enum table_kind kind, char *text, struct buffer *out)
{
	char *rest = text, *row;
	size_t rows = 0;
	int number = 0;

	while ((row = strsep(&rest, "\n"))) {
		number++;
		if (number == 1 || !*row || *row == '#')
			continue;
		check_row(kind, row, number, out);
		rows++;
	}
	return rows;
}

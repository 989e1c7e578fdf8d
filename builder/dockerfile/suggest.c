#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <msb/cleanup.h>

#include "buffer.h"
#include "suggest.h"

enum { LONGEST = 64, FURTHEST = 2 };

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Insertions, removals, replacements and swaps of neighbours that make b of a; three rows of the
 * table at a time. Both are at most LONGEST long. */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][LONGEST + 1], width = strlen(b), i;

	for (size_t j = 0; j <= width; j++)
		rows[0][j] = j;
	for (i = 1; a[i - 1]; i++) {
		const size_t *earlier = rows[(i + 1) % 3], *last = rows[(i + 2) % 3];
		size_t *row = rows[i % 3];

		row[0] = i;
		for (size_t j = 1; j <= width; j++) {
			row[j] = least(least(last[j], row[j - 1]) + 1,
				       last[j - 1] + !same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				row[j] = least(row[j], earlier[j - 2] + 1);
		}
	}
	return rows[(i - 1) % 3][width];
}

const char *suggest(const char *word, const char *const *candidates, size_t count)
{
	size_t length = strnlen(word, LONGEST + 1), best = FURTHEST + 1;
	const char *found = NULL;

	if (length > LONGEST)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t d;

		if (!candidates[i] || strnlen(candidates[i], LONGEST + 1) > LONGEST)
			continue;
		d = distance(word, candidates[i]);
		/* A word that would have to change whole is not meant. */
		if (d < best && d < length && d < strlen(candidates[i])) {
			best = d;
			found = candidates[i];
		}
	}
	return found;
}

int suggest_instead(const char *what, const char *mark, const char *word,
		    const char *const *candidates, size_t count, struct msb_error *err)
{
	const char *near = suggest(word, candidates, count);
	autobuffer list = {0};
	autofree char *text = NULL;

	if (near)
		return msb_error_say(err, EINVAL, "%s '%s%.200s' (did you mean %s%s?)", what, mark,
				     word, mark, near);
	for (size_t i = 0; i < count; i++)
		buffer_printf(&list, "%s%s%s", i ? ", " : "", mark, candidates[i]);
	text = buffer_text(&list);
	if (!text)
		return msb_error_memory(err);
	return msb_error_say(err, EINVAL, "%s '%s%.200s'; write %s%.800s", what, mark, word,
			     count > 1 ? "one of " : "", text);
}

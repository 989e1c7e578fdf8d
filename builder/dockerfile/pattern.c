/*
 * A pattern is a list of tokens, a value a list of characters; both can be turned around, which
 * makes a suffix a prefix. Matching follows all ways through the pattern at once, one character
 * at a time: no backtracking, and a budget for the whole call.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <msb/cleanup.h>

#include "buffer.h"
#include "pattern.h"

enum { BUDGET = 20000000, PATTERN_MAX = 1 << 20 };

#define ANY  UINT32_MAX
#define STAR (UINT32_MAX - 1)

/* Characters as their UTF-8 bytes in one number, so that equal numbers are equal characters;
 * what is not well formed counts byte by byte. */
struct letters {
	uint32_t *items; /* owned */
	size_t count;
};

static void letters_done(struct letters *letters)
{
	free(letters->items);
}

#define autoletters __attribute__((cleanup(letters_done))) struct letters

static uint32_t take_letter(const char **text)
{
	const unsigned char *at = (const unsigned char *)*text;
	int more = at[0] < 0xc0 || at[0] >= 0xf8 ? 0 : at[0] >= 0xf0 ? 3 : at[0] >= 0xe0 ? 2 : 1;
	uint32_t letter = at[0];

	for (int i = 1; i <= more; i++) {
		if ((at[i] & 0xc0) != 0x80) {
			letter = at[0];
			more = 0;
			break;
		}
		letter = letter << 8 | at[i];
	}
	*text += more + 1;
	return letter;
}

static void put_letters(struct buffer *out, const uint32_t *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (int shift = 24; shift >= 0; shift -= 8)
			if (shift == 0 || items[i] >> shift)
				buffer_char(out, (char)(items[i] >> shift));
}

static int read_value(const char *value, struct letters *ret)
{
	ret->items = calloc(strlen(value) + 1, sizeof(*ret->items));
	if (!ret->items)
		return -ENOMEM;
	while (*value)
		ret->items[ret->count++] = take_letter(&value);
	return 0;
}

static int read_pattern(const char *pattern, struct letters *ret, struct msb_error *err)
{
	const char *whole = pattern;

	ret->items = calloc(strlen(pattern) + 1, sizeof(*ret->items));
	if (!ret->items)
		return msb_error_memory(err);
	while (*pattern) {
		uint32_t token = take_letter(&pattern);

		if (token == '*' || token == '?') {
			token = token == '*' ? STAR : ANY;
		} else if (token == '\\') {
			if (!*pattern || !strchr("*?\\}/", *pattern))
				return msb_error_say(err, EINVAL,
						     "invalid escape '\\%.1s' in pattern '%.200s'; "
						     "write \\\\ for a backslash",
						     pattern, whole);
			token = take_letter(&pattern);
		}
		ret->items[ret->count++] = token;
	}
	return 0;
}

static void turn_around(struct letters *letters)
{
	for (size_t i = 0; i < letters->count / 2; i++) {
		uint32_t kept = letters->items[i];

		letters->items[i] = letters->items[letters->count - 1 - i];
		letters->items[letters->count - 1 - i] = kept;
	}
}

struct matcher {
	const struct letters *pattern;
	bool *states; /* before each token, and behind the last: can we be there? owned */
	bool longest;
	long budget;
};

static int matcher_init(struct matcher *matcher, const struct letters *pattern, bool longest)
{
	*matcher = (struct matcher){
		.pattern = pattern,
		.states = calloc(pattern->count + 1, sizeof(bool)),
		.longest = longest,
		.budget = BUDGET,
	};
	return matcher->states ? 0 : -ENOMEM;
}

static void matcher_done(struct matcher *matcher)
{
	free(matcher->states);
}

/* A star may match nothing: where we can be before one, we can be behind it. */
static void pass_stars(struct matcher *matcher)
{
	for (size_t i = 0; i < matcher->pattern->count; i++)
		if (matcher->states[i] && matcher->pattern->items[i] == STAR)
			matcher->states[i + 1] = true;
}

/* Takes one character; false when no way is left. Goes from the end, so that a state that was
 * just reached does not take the same character again. Wildcards match no newline. */
static bool step(struct matcher *matcher, uint32_t letter)
{
	const struct letters *pattern = matcher->pattern;
	bool any = false;

	matcher->states[pattern->count] = false;
	for (size_t i = pattern->count; i-- > 0;) {
		uint32_t token = pattern->items[i];
		bool here = matcher->states[i];

		if (token == STAR) {
			matcher->states[i] = here && letter != '\n';
		} else {
			matcher->states[i] = false;
			if (here && (token == letter || (token == ANY && letter != '\n')))
				matcher->states[i + 1] = any = true;
		}
		any = any || matcher->states[i];
	}
	pass_stars(matcher);
	return any;
}

/* The length of the match at the beginning of value, or -1; -2 when the budget is spent. */
static long match(struct matcher *matcher, const uint32_t *value, size_t count)
{
	size_t end = matcher->pattern->count;
	long found = -1;

	memset(matcher->states, 0, (end + 1) * sizeof(bool));
	matcher->states[0] = true;
	pass_stars(matcher);
	for (size_t i = 0;; i++) {
		if (matcher->states[end]) {
			found = (long)i;
			if (!matcher->longest)
				return found;
		}
		if (i == count)
			return found;
		matcher->budget -= (long)end + 1;
		if (matcher->budget < 0)
			return -2;
		if (!step(matcher, value[i]))
			return found;
	}
}

static int too_long(const char *pattern, struct msb_error *err)
{
	return msb_error_say(err, EINVAL, "pattern '%.200s' takes too long; use fewer *", pattern);
}

int pattern_trim(const char *pattern, const char *value, bool suffix, bool longest, char **ret,
		 struct msb_error *err)
{
	autoletters tokens = {0}, letters = {0};
	__attribute__((cleanup(matcher_done))) struct matcher matcher = {0};
	autobuffer out = {0};
	long found;
	int r = read_pattern(pattern, &tokens, err);

	if (r < 0)
		return r;
	if (read_value(value, &letters) < 0 || matcher_init(&matcher, &tokens, longest) < 0)
		return msb_error_memory(err);
	if (suffix) {
		turn_around(&tokens);
		turn_around(&letters);
	}
	found = match(&matcher, letters.items, letters.count);
	if (found == -2)
		return too_long(pattern, err);
	if (suffix)
		turn_around(&letters);
	if (found < 0)
		found = 0;
	put_letters(&out, letters.items + (suffix ? 0 : found), letters.count - (size_t)found);
	*ret = buffer_text(&out);
	return *ret ? 0 : msb_error_memory(err);
}

int pattern_replace(const char *pattern, const char *value, const char *replacement, bool all,
		    char **ret, struct msb_error *err)
{
	autoletters tokens = {0}, letters = {0};
	__attribute__((cleanup(matcher_done))) struct matcher matcher = {0};
	autobuffer out = {0};
	size_t at = 0, last_end = SIZE_MAX;
	bool searching = true;
	int r = read_pattern(pattern, &tokens, err);

	if (r < 0)
		return r;
	if (read_value(value, &letters) < 0 || matcher_init(&matcher, &tokens, true) < 0)
		return msb_error_memory(err);
	while (at <= letters.count) {
		long found =
			searching ? match(&matcher, letters.items + at, letters.count - at) : -1;

		if (found == -2 || out.size > PATTERN_MAX)
			return too_long(pattern, err);
		/* An empty match right behind the last one is none. */
		if (found > 0 || (found == 0 && at != last_end)) {
			buffer_string(&out, replacement);
			searching = all;
			last_end = at + (size_t)found;
		}
		if (found > 0) {
			at += (size_t)found;
			continue;
		}
		if (at < letters.count)
			put_letters(&out, letters.items + at, 1);
		at++;
	}
	*ret = buffer_text(&out);
	return *ret ? 0 : msb_error_memory(err);
}

/*
 * Patterns are compiled to tokens and matched against a path by following all ways through the
 * tokens at once, so that no pattern can cost more than its length times the path's. One pass
 * sees the parents of the path, too: a match that ends at a slash is a parent's.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "glob.h"
#include "ignore.h"
#include "path.h"

enum { TOKENS_MAX = 1024 };

struct token {
	enum {
		TOKEN_LETTER,
		TOKEN_ONE,   /* '?': one character, not a slash */
		TOKEN_STAR,  /* any number of them */
		TOKEN_DIRS,  /* "**" before something: nothing, or anything up to a slash */
		TOKEN_ALL,   /* "**" at the end: anything */
		TOKEN_CLASS, /* [a-z] */
	} kind;
	unsigned letter;
	const char *class; /* behind the '[', within the pattern's text */
};

struct pattern {
	char *text; /* owned */
	bool reinclude;
	bool suffix; /* begins with "**" and holds no other wildcard: what ends in text + 2 */
	struct token *tokens; /* owned */
	size_t count;
};

struct ignore {
	struct pattern *patterns;
	size_t count;
	size_t capacity;
	bool any_reinclude;
};

void ignore_free(struct ignore *ignore)
{
	if (!ignore)
		return;
	for (size_t i = 0; i < ignore->count; i++) {
		free(ignore->patterns[i].text);
		free(ignore->patterns[i].tokens);
	}
	free(ignore->patterns);
	free(ignore);
}

/* Behind a "**" or the '*' at at. */
static const char *compile_star(const char *at, struct token *token)
{
	if (at[1] != '*') {
		token->kind = TOKEN_STAR;
		return at + 1;
	}
	at += 2;
	at += *at == '/';
	token->kind = *at ? TOKEN_DIRS : TOKEN_ALL;
	return at;
}

static int compile(struct pattern *pattern)
{
	const char *at = pattern->text;
	bool other_wildcards = false;

	pattern->tokens = calloc(strlen(at) + 1, sizeof(*pattern->tokens));
	if (!pattern->tokens)
		return -ENOMEM;
	while (*at) {
		struct token *token = &pattern->tokens[pattern->count++];
		bool first = at == pattern->text, found;
		size_t length;

		if (*at == '*') {
			at = compile_star(at, token);
			if (first && token->kind != TOKEN_STAR)
				pattern->suffix = true;
			else
				other_wildcards = true;
			continue;
		}
		other_wildcards = other_wildcards || strchr("?[\\", *at);
		if (*at == '?') {
			token->kind = TOKEN_ONE;
			at++;
			continue;
		}
		if (*at == '[') {
			token->kind = TOKEN_CLASS;
			token->class = at + 1;
			at = glob_class(at + 1, 0, &found);
			if (!at)
				return -EINVAL;
			continue;
		}
		at += *at == '\\' && at[1];
		length = glob_character(at);
		token->kind = TOKEN_LETTER;
		token->letter = glob_code(at, length);
		at += length;
	}
	pattern->suffix = pattern->suffix && !other_wildcards;
	return 0;
}

/* The states of a match under way: may we stand before token i (here[i]), or inside the
 * directories that a "**" skips (inside[i])? */
struct states {
	bool here[TOKENS_MAX + 1];
	bool inside[TOKENS_MAX + 1];
};

static void pass_empty(const struct pattern *pattern, bool *here)
{
	for (size_t i = 0; i < pattern->count; i++)
		if (here[i] &&
		    (pattern->tokens[i].kind == TOKEN_STAR ||
		     pattern->tokens[i].kind == TOKEN_ALL || pattern->tokens[i].kind == TOKEN_DIRS))
			here[i + 1] = true;
}

static bool takes(const struct token *token, unsigned c)
{
	bool found = false;

	switch (token->kind) {
	case TOKEN_LETTER:
		return c == token->letter;
	case TOKEN_ONE:
		return c != '/';
	case TOKEN_CLASS:
		glob_class(token->class, c, &found);
		return found;
	default:
		return false;
	}
}

/* Takes one character; false when no way is left. Goes backwards, so that nothing moves twice. */
static bool step(const struct pattern *pattern, struct states *states, unsigned c)
{
	bool any = false;

	states->here[pattern->count] = false;
	for (size_t i = pattern->count; i-- > 0;) {
		const struct token *token = &pattern->tokens[i];
		bool here = states->here[i], inside = here || states->inside[i];

		states->here[i] = false;
		if (token->kind == TOKEN_STAR) {
			states->here[i] = here && c != '/';
		} else if (token->kind == TOKEN_ALL) {
			states->here[i] = here;
		} else if (token->kind == TOKEN_DIRS) {
			states->inside[i] = inside;
			if (inside && c == '/')
				states->here[i + 1] = true;
		} else if (here && takes(token, c)) {
			states->here[i + 1] = true;
		}
		any = any || states->here[i] || states->here[i + 1] || states->inside[i];
	}
	pass_empty(pattern, states->here);
	return any;
}

static void begin(const struct pattern *pattern, struct states *states)
{
	memset(states->here, 0, pattern->count + 1);
	memset(states->inside, 0, pattern->count + 1);
	states->here[0] = true;
	pass_empty(pattern, states->here);
}

static bool has_suffix(const char *path, size_t length, const char *suffix)
{
	size_t size = strlen(suffix);

	if (length >= size && memcmp(path + length - size, suffix, size) == 0)
		return true;
	return *suffix == '/' && length == size - 1 && memcmp(path, suffix + 1, length) == 0;
}

/* Does pattern match path or a parent? */
static bool match_pattern(const struct pattern *pattern, const char *path)
{
	struct states states;
	const char *at = path;

	begin(pattern, &states);
	for (;;) {
		size_t length;

		if (!*at || (*at == '/' && at > path)) {
			if (pattern->suffix
				    ? has_suffix(path, (size_t)(at - path), pattern->text + 2)
				    : states.here[pattern->count])
				return true;
		}
		if (!*at)
			return false;
		length = glob_character(at);
		if (!pattern->suffix && !step(pattern, &states, glob_code(at, length)))
			return false;
		at += length;
	}
}

bool ignore_match(const struct ignore *ignore, const char *path)
{
	bool matched = false;

	if (!ignore)
		return false;
	for (size_t i = 0; i < ignore->count; i++) {
		const struct pattern *pattern = &ignore->patterns[i];

		if (pattern->reinclude == matched && match_pattern(pattern, path))
			matched = !pattern->reinclude;
	}
	return matched;
}

/* Can a match go on behind "path/", or has it been there already? */
static bool may_match_below(const struct pattern *pattern, const char *path)
{
	struct states states;

	if (pattern->suffix || match_pattern(pattern, path))
		return true;
	begin(pattern, &states);
	while (*path) {
		size_t length = glob_character(path);

		if (!step(pattern, &states, glob_code(path, length)))
			return false;
		path += length;
	}
	return step(pattern, &states, '/');
}

bool ignore_may_reinclude(const struct ignore *ignore, const char *path)
{
	if (!ignore || !ignore->any_reinclude)
		return false;
	for (size_t i = 0; i < ignore->count; i++)
		if (ignore->patterns[i].reinclude && may_match_below(&ignore->patterns[i], path))
			return true;
	return false;
}

static bool is_space(char c)
{
	return c && strchr(" \t\v\f\r\n", c);
}

/* A line without blanks at both ends, cleaned as a path, "/" in front gone; "" for none. */
static char *read_pattern(const char *line, size_t length, bool *ret_reinclude)
{
	autofree char *raw = NULL;
	char *clean;

	while (length > 0 && is_space(line[length - 1]))
		length--;
	while (length > 0 && is_space(*line)) {
		line++;
		length--;
	}
	*ret_reinclude = length > 0 && *line == '!';
	if (*ret_reinclude) {
		line++;
		length--;
	}
	while (length > 0 && is_space(*line)) {
		line++;
		length--;
	}
	raw = strndup(line, length);
	if (!raw)
		return NULL;
	if (!*raw)
		return steal(&raw);
	clean = path_clean(raw);
	if (clean && clean[0] == '/' && clean[1])
		memmove(clean, clean + 1, strlen(clean));
	return clean;
}

static int add_pattern(struct ignore *ignore, char *text, bool reinclude)
{
	struct pattern *pattern;

	if (ignore->count == ignore->capacity) {
		size_t capacity = ignore->capacity ? ignore->capacity * 2 : 16;
		struct pattern *grown = reallocarray(ignore->patterns, capacity, sizeof(*grown));

		if (!grown) {
			free(text);
			return -ENOMEM;
		}
		ignore->patterns = grown;
		ignore->capacity = capacity;
	}
	pattern = &ignore->patterns[ignore->count++];
	*pattern = (struct pattern){.text = text, .reinclude = reinclude};
	ignore->any_reinclude = ignore->any_reinclude || reinclude;
	return compile(pattern);
}

static int parse_line(struct ignore *ignore, const char *line, size_t length, struct msb_error *err)
{
	autofree char *text = NULL;
	bool reinclude;
	int r;

	if (length > 0 && *line == '#')
		return 0;
	text = read_pattern(line, length, &reinclude);
	if (!text)
		return msb_error_memory(err);
	if (!*text && reinclude)
		return msb_error_say(err, EINVAL, "'!' stands alone; write !PATTERN");
	if (!*text)
		return 0;
	if (strlen(text) > TOKENS_MAX)
		return msb_error_say(err, EINVAL,
				     "pattern longer than %d bytes; write a shorter one with *",
				     TOKENS_MAX);
	if (glob_match(text, ".") < 0)
		return msb_error_say(err, EINVAL,
				     "syntax error in pattern '%s'; close its [, and write \\[ for "
				     "the character",
				     text);
	r = add_pattern(ignore, text, reinclude);
	steal(&text);
	if (r == -ENOMEM)
		return msb_error_memory(err);
	if (r < 0)
		return msb_error_say(err, EINVAL, "syntax error in pattern; close its [");
	return 0;
}

int ignore_parse(const char *name, const char *text, size_t size, struct ignore **ret,
		 struct msb_error *err)
{
	AUTO(ignore_freep) struct ignore *ignore = calloc(1, sizeof(*ignore));
	size_t at = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	int line = 0;

	if (!ignore)
		return msb_error_memory(err);
	while (at < size) {
		const char *start = text + at, *newline = memchr(start, '\n', size - at);
		size_t length = newline ? (size_t)(newline - start) : size - at;
		int r;

		line++;
		r = memchr(start, '\0', length)
			    ? msb_error_say(err, EINVAL, "holds a NUL byte; save it as a text file")
			    : parse_line(ignore, start, length, err);
		if (r < 0)
			return msb_error_prefix(err, r, "%s:%d", name, line);
		at += length + (newline != NULL);
	}
	*ret = steal(&ignore);
	return 0;
}

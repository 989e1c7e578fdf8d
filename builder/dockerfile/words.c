/*
 * A recursive reader over the text. It builds the one-word result and, beside it, the several
 * words: there, blanks that came from the text or from an unquoted value end a word, quoted ones
 * do not.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <msb/cleanup.h>

#include "buffer.h"
#include "pattern.h"
#include "words.h"

#define NO_BRACE "missing '}'; write ${NAME}"

struct reader {
	const struct words *words;
	const char *at;
	int depth;
	struct msb_error *err;
};

/* What a reader has read: the result, and its split form where list is there. */
struct output {
	struct buffer text;
	struct buffer word;
	struct strlist *list;
	bool failed;
};

static void output_done(struct output *out)
{
	buffer_done(&out->text);
	buffer_done(&out->word);
}

#define autooutput __attribute__((cleanup(output_done))) struct output

static void end_word(struct output *out)
{
	if (out->word.size > 0 &&
	    strlist_add_bytes(out->list, (const char *)out->word.bytes, out->word.size) < 0)
		out->failed = true;
	out->word.size = 0;
}

/* Bytes that never split. */
static void put_raw(struct output *out, const char *bytes, size_t size)
{
	buffer_append(&out->text, bytes, size);
	if (out->list)
		buffer_append(&out->word, bytes, size);
}

/* Bytes that split at blanks. */
static void put(struct output *out, const char *bytes, size_t size)
{
	buffer_append(&out->text, bytes, size);
	for (size_t i = 0; out->list && i < size; i++) {
		if (isspace((unsigned char)bytes[i]))
			end_word(out);
		else
			buffer_char(&out->word, bytes[i]);
	}
}

static int check_size(const struct reader *reader, const struct output *out)
{
	size_t max = reader->words->max ? reader->words->max : WORDS_MAX;

	if (out->text.failed || out->word.failed || out->failed)
		return msb_error_memory(reader->err);
	if (out->text.size > max)
		return msb_error_say(reader->err, E2BIG,
				     "longer than %zu KiB once expanded; keep long text in a file",
				     max >> 10);
	return 0;
}

static int syntax(const struct reader *reader, const char *what)
{
	return msb_error_say(reader->err, EINVAL, "syntax error: %s", what);
}

static const char *look_up(const struct words *words, const char *name)
{
	if (words->lookup)
		return words->lookup(words->context, name);
	return words->env ? strlist_get_env(words->env, name) : NULL;
}

/* True for a UTF-8 sequence that begins a letter, as far as names need it: everything beyond
 * ASCII but the blocks of punctuation, symbols and emoji. */
static bool is_wide_letter(const char *at)
{
	unsigned char a = (unsigned char)at[0], b = (unsigned char)at[1];

	if (a < 0xc2 || a >= 0xf0)
		return false;
	if (a == 0xc2)
		return b == 0xaa || b == 0xb5 || b == 0xba;
	if (a == 0xc3)
		return b != 0x97 && b != 0xb7;
	if (a == 0xe2 || (a == 0xe3 && b == 0x80) || (a == 0xef && b == 0xbc))
		return false;
	return true;
}

static size_t name_character(const char *at)
{
	size_t n = 1;

	if (isalnum((unsigned char)*at) || *at == '_')
		return 1;
	if ((unsigned char)*at < 0x80 || !is_wide_letter(at))
		return 0;
	while (((unsigned char)at[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* Digits, one special parameter, or a name; may be empty. */
static char *take_name(struct reader *reader)
{
	const char *start = reader->at;
	size_t n;

	if (isdigit((unsigned char)*start)) {
		reader->at += strspn(start, "0123456789");
	} else if (*start && strchr("@*#?-$!", *start)) {
		reader->at++;
	} else {
		while ((n = name_character(reader->at)) > 0)
			reader->at += n;
	}
	return strndup(start, (size_t)(reader->at - start));
}

static int read_until(struct reader *reader, char stop, bool keep_escapes, struct output *out);

/* The word of a ${} form up to stop; ret is owned. */
static int take_operand(struct reader *reader, char stop, bool keep_escapes, const char *missing,
			char **ret)
{
	autooutput operand = {0};
	int r;

	if (++reader->depth > WORDS_DEPTH)
		return syntax(reader, "substitutions are nested too deeply; use an ARG between");
	r = read_until(reader, stop, keep_escapes, &operand);
	reader->depth--;
	if (r == -ENODATA)
		return syntax(reader, missing);
	if (r < 0)
		return r;
	*ret = buffer_text(&operand.text);
	return *ret ? 0 : msb_error_memory(reader->err);
}

static int refuse_unset(const struct reader *reader, const char *name, const char *word,
			const char *otherwise)
{
	return msb_error_say(reader->err, EINVAL, "%s: %s; give it with --build-arg %s=VALUE", name,
			     *word ? word : otherwise, name);
}

/* ${name-word} and its kin; colon: an empty value counts as unset. */
static int apply_default(struct reader *reader, const char *name, const char *value, char operator,
			 bool colon, struct output *out)
{
	autofree char *word = NULL;
	bool given = value && !(colon && !*value);
	int r = take_operand(reader, '}', false, NO_BRACE, &word);

	if (r < 0)
		return r;
	if (operator== '?' && !given)
		return refuse_unset(reader, name, word,
				    value ? "is not allowed to be empty"
					  : "is not allowed to be unset");
	if (operator== '+')
		value = given ? word : "";
	else if (!given)
		value = word;
	put(out, value, strlen(value));
	return 0;
}

static int apply_trim(struct reader *reader, const char *value, char operator, struct output * out)
{
	autofree char *pattern = NULL, *result = NULL;
	bool longest;
	int r = take_operand(reader, '}', true, NO_BRACE, &pattern);

	if (r < 0)
		return r;
	longest = *pattern == operator;
	r = pattern_trim(pattern + longest, value, operator== '%', longest, &result, reader->err);
	if (r < 0)
		return r;
	put(out, result, strlen(result));
	return 0;
}

static int apply_replace(struct reader *reader, const char *value, struct output *out)
{
	autofree char *pattern = NULL, *replacement = NULL, *result = NULL;
	bool all = *reader->at == '/';
	int r;

	reader->at += all;
	r = take_operand(reader, '/', true, "missing '/'; write ${NAME/PATTERN/REPLACEMENT}",
			 &pattern);
	if (r == 0)
		r = take_operand(reader, '}', true, NO_BRACE, &replacement);
	if (r == 0)
		r = pattern_replace(pattern, value, replacement, all, &result, reader->err);
	if (r < 0)
		return r;
	put(out, result, strlen(result));
	return 0;
}

static int unsupported(const struct reader *reader, const char *modifier, size_t length)
{
	return msb_error_say(
		reader->err, EINVAL,
		"unsupported modifier (%.*s) in substitution; write ${NAME} with one of "
		":- - :+ + :? ? # ## %% %%%% / // behind the name",
		(int)length, modifier);
}

/* Behind "${NAME". */
static int apply_modifier(struct reader *reader, const char *name, struct output *out)
{
	const char *value = look_up(reader->words, name), *modifier = reader->at;
	bool colon = *modifier == ':';

	if (*modifier == '}') {
		reader->at++;
		put(out, value ? value : "", value ? strlen(value) : 0);
		return 0;
	}
	if (!*modifier || (colon && !modifier[1]))
		return syntax(reader, NO_BRACE);
	reader->at += 1 + colon;
	switch (modifier[colon]) {
	case '-':
	case '+':
	case '?':
		return apply_default(reader, name, value, modifier[colon], colon, out);
	case '#':
	case '%':
		if (colon)
			break;
		return apply_trim(reader, value ? value : "", *modifier, out);
	case '/':
		if (colon)
			break;
		return apply_replace(reader, value ? value : "", out);
	}
	return unsupported(reader, modifier, 1u + colon);
}

/* Is the variable at hand unset and to be kept? Reads the form into out as it is written. */
static int keep_form(struct reader *reader, const char *start, const char *name, bool braced,
		     struct output *out)
{
	autooutput ignored = {0};

	if (braced && *reader->at == '}') {
		reader->at++;
	} else if (braced) {
		int r = apply_modifier(reader, name, &ignored);

		if (r < 0)
			return r;
	}
	put(out, start, (size_t)(reader->at - start));
	return 0;
}

static int read_dollar(struct reader *reader, struct output *out)
{
	const char *start = reader->at++;
	autofree char *name = NULL;
	bool braced = *reader->at == '{';

	if (braced) {
		reader->at++;
		if (!*reader->at)
			return syntax(reader, NO_BRACE);
		if (strchr("{}:", *reader->at))
			return syntax(reader, "bad substitution; write ${NAME}");
	}
	name = take_name(reader);
	if (!name)
		return msb_error_memory(reader->err);
	if (!braced && !*name) {
		put(out, "$", 1);
		return 0;
	}
	if (reader->words->keep_unset && !look_up(reader->words, name))
		return keep_form(reader, start, name, braced, out);
	if (!braced) {
		const char *value = look_up(reader->words, name);

		put(out, value ? value : "", value ? strlen(value) : 0);
		return 0;
	}
	return apply_modifier(reader, name, out);
}

static int read_single_quotes(struct reader *reader, struct output *out)
{
	const char *start = reader->at, *end = strchr(start + 1, '\'');
	bool keep = reader->words->keep_quotes;

	if (!end)
		return msb_error_say(reader->err, EINVAL, "single quote without its end; close it");
	reader->at = end + 1;
	if (keep)
		put_raw(out, start, (size_t)(end + 1 - start));
	else
		put_raw(out, start + 1, (size_t)(end - start - 1));
	return 0;
}

/* An escape counts only before a quote, a dollar sign and itself. */
static int read_double_quotes(struct reader *reader, bool keep_escapes, struct output *out)
{
	char escape = reader->words->escape;
	autooutput inner = {0};
	int r = 0;

	if (reader->words->keep_quotes)
		buffer_char(&inner.text, '"');
	for (reader->at++; *reader->at != '"' && r == 0;) {
		if (!*reader->at)
			return msb_error_say(reader->err, EINVAL,
					     "double quote without its end; close it");
		if (*reader->at == '$') {
			r = read_dollar(reader, &inner);
		} else if (*reader->at == escape && reader->at[1]) {
			bool counts = strchr("\"$", reader->at[1]) || reader->at[1] == escape;

			if (!counts || keep_escapes)
				buffer_char(&inner.text, escape);
			if (counts)
				buffer_char(&inner.text, reader->at[1]);
			reader->at += 1 + counts;
		} else {
			if (*reader->at != escape)
				buffer_char(&inner.text, *reader->at);
			reader->at++;
		}
		if (r == 0)
			r = check_size(reader, &inner);
	}
	if (r < 0)
		return r;
	reader->at++;
	if (reader->words->keep_quotes)
		buffer_char(&inner.text, '"');
	put_raw(out, (const char *)inner.text.bytes, inner.text.size);
	return 0;
}

/* An escape outside quotes: the next character, whatever it is. */
static void read_escape(struct reader *reader, bool keep_escapes, struct output *out)
{
	if (keep_escapes)
		put_raw(out, reader->at, 1);
	reader->at++;
	if (*reader->at)
		put_raw(out, reader->at++, 1);
}

/* Up to stop, which is taken, too; '\0' is the end. -ENODATA when it does not come. */
static int read_until(struct reader *reader, char stop, bool keep_escapes, struct output *out)
{
	const struct words *words = reader->words;

	while (*reader->at) {
		char c = *reader->at;
		int r = 0;

		if (stop && c == stop) {
			reader->at++;
			return 0;
		}
		if (c == '$')
			r = read_dollar(reader, out);
		else if (c == '\'' && !words->plain_quotes)
			r = read_single_quotes(reader, out);
		else if (c == '"' && !words->plain_quotes)
			r = read_double_quotes(reader, keep_escapes, out);
		else if (c == words->escape)
			read_escape(reader, keep_escapes, out);
		else
			put(out, reader->at++, 1);
		if (r == 0)
			r = check_size(reader, out);
		if (r < 0)
			return r;
	}
	return stop ? -ENODATA : 0;
}

static int read_whole(const struct words *words, const char *text, struct output *out,
		      struct msb_error *err)
{
	struct reader reader = {.words = words, .at = text, .err = err};
	int r = read_until(&reader, '\0', words->keep_quotes, out);

	if (r < 0)
		return msb_error_prefix(err, r, "failed to process '%.200s'", text);
	return 0;
}

int words_expand(const struct words *words, const char *text, char **ret, struct msb_error *err)
{
	autooutput out = {0};
	int r = read_whole(words, text, &out, err);

	if (r < 0)
		return r;
	*ret = buffer_text(&out.text);
	return *ret ? 0 : msb_error_memory(err);
}

int words_split(const struct words *words, const char *text, struct strlist *ret,
		struct msb_error *err)
{
	autooutput out = {.list = ret};
	int r = read_whole(words, text, &out, err);

	if (r < 0)
		return r;
	end_word(&out);
	return check_size(&(struct reader){.words = words, .err = err}, &out);
}

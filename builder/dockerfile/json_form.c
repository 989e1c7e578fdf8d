/*
 * The exec form: a JSON array of strings (RFC 8259). What is no JSON at all silently means the
 * shell form, so "no JSON" is an answer here and not an error; JSON with other members is one.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "internal.h"

enum { DEPTH_MAX = 100 };

static const char *skip_space(const char *at)
{
	return at + strspn(at, " \t\r\n");
}

static void put_utf8(struct buffer *out, unsigned c)
{
	if (c < 0x80) {
		buffer_char(out, (char)c);
	} else if (c < 0x800) {
		buffer_char(out, (char)(0xc0 | c >> 6));
		buffer_char(out, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buffer_char(out, (char)(0xe0 | c >> 12));
		buffer_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buffer_char(out, (char)(0x80 | (c & 0x3f)));
	} else {
		buffer_char(out, (char)(0xf0 | c >> 18));
		buffer_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
		buffer_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buffer_char(out, (char)(0x80 | (c & 0x3f)));
	}
}

static bool hex4(const char *at, unsigned *ret)
{
	*ret = 0;
	for (int i = 0; i < 4; i++) {
		if (!isxdigit((unsigned char)at[i]))
			return false;
		*ret = *ret * 16 + (unsigned)(isdigit((unsigned char)at[i])
						      ? at[i] - '0'
						      : tolower((unsigned char)at[i]) - 'a' + 10);
	}
	return true;
}

/* Behind "\u": one or two groups of digits. A half of a pair alone becomes U+FFFD. A NUL cannot
 * be part of an argument. */
static const char *take_unicode(const char *at, struct buffer *out)
{
	unsigned c, low;

	if (!hex4(at, &c) || c == 0)
		return NULL;
	at += 4;
	if (c >= 0xd800 && c < 0xdc00 && at[0] == '\\' && at[1] == 'u' && hex4(at + 2, &low) &&
	    low >= 0xdc00 && low < 0xe000) {
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		at += 6;
	} else if (c >= 0xd800 && c < 0xe000) {
		c = 0xfffd;
	}
	put_utf8(out, c);
	return at;
}

/* Behind the opening quote; behind the closing one, or NULL. */
static const char *take_string(const char *at, struct buffer *out)
{
	static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";

	while (*at != '"') {
		const char *found;

		if ((unsigned char)*at < 0x20)
			return NULL;
		if (*at != '\\') {
			buffer_char(out, *at++);
			continue;
		}
		at++;
		if (*at == 'u') {
			at = take_unicode(at + 1, out);
			if (!at)
				return NULL;
			continue;
		}
		found = *at ? strchr(escapes, *at) : NULL;
		if (!found)
			return NULL;
		buffer_char(out, meanings[found - escapes]);
		at++;
	}
	return at + 1;
}

static const char *take_digits(const char *at)
{
	size_t n = strspn(at, "0123456789");

	return n ? at + n : NULL;
}

static const char *take_number(const char *at)
{
	at += *at == '-';
	if (*at == '0')
		at++;
	else
		at = take_digits(at);
	if (at && *at == '.')
		at = take_digits(at + 1);
	if (at && (*at == 'e' || *at == 'E')) {
		at++;
		at += *at == '+' || *at == '-';
		at = take_digits(at);
	}
	return at;
}

static const char *take_value(const char *at, int depth);

/* The members of an array or object behind its opening bracket. */
static const char *take_members(const char *at, char close, int depth)
{
	at = skip_space(at);
	if (*at == close)
		return at + 1;
	for (;;) {
		if (close == '}') {
			autobuffer key = {0};

			at = skip_space(at);
			at = *at == '"' ? take_string(at + 1, &key) : NULL;
			at = at ? skip_space(at) : NULL;
			if (!at || *at++ != ':')
				return NULL;
		}
		at = take_value(skip_space(at), depth + 1);
		at = at ? skip_space(at) : NULL;
		if (!at || (*at != ',' && *at != close))
			return NULL;
		if (*at++ == close)
			return at;
	}
}

/* Behind the value at at, or NULL where there is none. */
static const char *take_value(const char *at, int depth)
{
	static const char *const words[] = {"true", "false", "null"};
	autobuffer ignored = {0};

	if (depth > DEPTH_MAX)
		return NULL;
	if (*at == '"')
		return take_string(at + 1, &ignored);
	if (*at == '[' || *at == '{')
		return take_members(at + 1, *at == '[' ? ']' : '}', depth);
	for (size_t i = 0; i < 3; i++)
		if (strncmp(at, words[i], strlen(words[i])) == 0)
			return at + strlen(words[i]);
	return take_number(at);
}

static int add_member(struct buffer *member, struct strlist *ret)
{
	autofree char *text = buffer_text(member);

	return text ? strlist_add(ret, text) : -ENOMEM;
}

int json_form_strings(const char *text, struct strlist *ret, struct msb_error *err)
{
	const char *at = skip_space(text), *end;

	if (*at != '[')
		return 0;
	end = take_value(at, 0);
	if (!end || *skip_space(end))
		return 0;
	at = skip_space(at + 1);
	while (*at != ']') {
		autobuffer member = {0};

		if (*at != '"')
			return msb_error_say(err, EINVAL,
					     "the JSON array holds what is no string; put every "
					     "member in double quotes");
		at = skip_space(take_string(at + 1, &member));
		if (add_member(&member, ret) < 0)
			return msb_error_memory(err);
		if (*at == ',')
			at = skip_space(at + 1);
	}
	return 1;
}

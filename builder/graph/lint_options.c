/* The options of "# check=", in a directive, in a comment above an instruction, in a build arg. */
#include <errno.h>
#include <string.h>

#include "lint_internal.h"

#define BLANKS " \t\v\f\r\n"

void check_options_done(struct check_options *options)
{
	strlist_done(&options->skip);
	strlist_done(&options->experimental);
	*options = (struct check_options){0};
}

static void trim(const char **text, size_t *length)
{
	while (*length > 0 && strchr(BLANKS, **text)) {
		++*text;
		--*length;
	}
	while (*length > 0 && strchr(BLANKS, (*text)[*length - 1]))
		--*length;
}

static bool is(const char *text, size_t length, const char *word)
{
	return strlen(word) == length && strncmp(text, word, length) == 0;
}

/* "A,B", or "all". */
static int take_rules(const char *text, size_t length, struct strlist *ret, bool *ret_all,
		      struct msb_error *err)
{
	*ret_all = is(text, length, "all");
	for (;;) {
		const char *comma = memchr(text, ',', length);
		const char *name = text;
		size_t size = comma ? (size_t)(comma - text) : length;
		size_t kept = size;

		trim(&name, &size);
		if (size > 0 && strlist_add_bytes(ret, name, size) < 0)
			return msb_error_memory(err);
		if (!comma)
			return 0;
		text += kept + 1;
		length -= kept + 1;
	}
}

/* The words that Go takes for a boolean. */
static int take_bool(const char *text, size_t length, bool *ret, struct msb_error *err)
{
	static const char *const words[] = {"0", "f", "F", "false", "False", "FALSE",
					    "1", "t", "T", "true",  "True",  "TRUE"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (is(text, length, words[i])) {
			*ret = i >= 6;
			return 0;
		}
	}
	return msb_error_say(err, EINVAL,
			     "check option error is '%.*s'; write error=true or error=false",
			     (int)(length < 100 ? length : 100), text);
}

static int take_option(const char *text, size_t length, struct check_options *ret,
		       struct msb_error *err)
{
	const char *equals = memchr(text, '=', length), *value;
	size_t name = equals ? (size_t)(equals - text) : length, size;

	if (equals) {
		value = equals + 1;
		size = length - name - 1;
		trim(&text, &name);
		trim(&value, &size);
		if (is(text, name, "skip"))
			return take_rules(value, size, &ret->skip, &ret->skip_all, err);
		if (is(text, name, "experimental"))
			return take_rules(value, size, &ret->experimental, &ret->experimental_all,
					  err);
		if (is(text, name, "error"))
			return take_bool(value, size, &ret->error, err);
	}
	return msb_error_say(err, EINVAL,
			     "invalid check option '%.*s'; write skip=RULE,…, error=true or "
			     "experimental=RULE,…",
			     (int)(name < 100 ? name : 100), text);
}

int check_options_parse(const char *text, struct check_options *ret, struct msb_error *err)
{
	*ret = (struct check_options){0};
	text += strspn(text, BLANKS);
	while (*text) {
		size_t length = strcspn(text, ";");
		int r = take_option(text, length, ret, err);

		if (r < 0)
			return r;
		text += length + (text[length] == ';');
	}
	return 0;
}

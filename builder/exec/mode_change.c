#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mode_change.h"

enum {
	USER = 04700,
	GROUP = 02070,
	OTHER = 01007,
	EXECUTE = 0111,
};

static bool parse_octal(const char *text, uint16_t *ret)
{
	char *end;
	unsigned long value = strtoul(text, &end, 8);

	if (end == text || *end || *text == '+' || *text == '-' || value > 07777)
		return false;
	*ret = (uint16_t)value;
	return true;
}

static const char *parse_who(const char *text, uint16_t *ret)
{
	for (*ret = 0;; text++) {
		if (*text == 'u')
			*ret |= USER;
		else if (*text == 'g')
			*ret |= GROUP;
		else if (*text == 'o')
			*ret |= OTHER;
		else if (*text == 'a')
			*ret |= USER | GROUP | OTHER;
		else
			break;
	}
	if (*ret == 0)
		*ret = USER | GROUP | OTHER;
	return text;
}

static const char *parse_permissions(const char *text, struct mode_clause *clause)
{
	if (*text && strchr("ugo", *text)) {
		clause->copy = *text;
		return text + 1;
	}
	for (;; text++) {
		switch (*text) {
		case 'r':
			clause->permissions |= 0444;
			break;
		case 'w':
			clause->permissions |= 0222;
			break;
		case 'x':
			clause->permissions |= EXECUTE;
			break;
		case 'X':
			clause->conditional_x = true;
			break;
		case 's':
			clause->permissions |= 06000;
			break;
		case 't':
			clause->permissions |= 01000;
			break;
		default:
			return text;
		}
	}
}

static int malformed(const char *text, struct msb_error *err)
{
	return msb_error_say(err, EINVAL,
			     "invalid mode '%s': expected octal digits up to 7777 or words like "
			     "u=rwX,go=rX",
			     text);
}

int mode_change_parse(const char *text, struct mode_change *ret, struct msb_error *err)
{
	struct mode_change change = {0};
	const char *rest = text;
	uint16_t who;

	if (parse_octal(text, &change.mode)) {
		change.numeric = true;
		*ret = change;
		return 0;
	}
	do {
		rest = parse_who(rest, &who);
		if (!*rest || !strchr("+-=", *rest))
			return malformed(text, err);
		while (*rest && strchr("+-=", *rest)) {
			struct mode_clause *clause = &change.clauses[change.count];

			if (change.count++ == MODE_CHANGE_CLAUSES)
				return malformed(text, err);
			*clause = (struct mode_clause){.who = who, .operation = *rest};
			rest = parse_permissions(rest + 1, clause);
		}
	} while (*rest++ == ',');
	if (rest[-1] != '\0')
		return malformed(text, err);
	*ret = change;
	return 0;
}

/* The bits of one class, repeated for all three. */
static uint16_t spread(uint16_t mode, char class)
{
	unsigned bits = (class == 'u' ? mode >> 6 : class == 'g' ? mode >> 3 : mode) & 7;

	return (uint16_t)(bits << 6 | bits << 3 | bits);
}

uint16_t mode_change_apply(const struct mode_change *change, uint16_t mode, bool directory)
{
	if (change->numeric)
		return change->mode;
	for (size_t i = 0; i < change->count; i++) {
		const struct mode_clause *clause = &change->clauses[i];
		uint16_t bits = clause->permissions;

		if (clause->copy)
			bits = spread(mode, clause->copy);
		if (clause->conditional_x && (directory || mode & EXECUTE))
			bits |= EXECUTE;
		bits &= clause->who;
		if (clause->operation == '+')
			mode |= bits;
		else if (clause->operation == '-')
			mode &= (uint16_t)~bits;
		else
			mode = (uint16_t)((mode & ~clause->who) | bits);
	}
	return mode;
}

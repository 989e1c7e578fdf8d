#include "challenge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <msb/cleanup.h>

#define TOKEN "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

void challenge_done(struct challenge *challenge)
{
	free(challenge->realm);
	free(challenge->service);
	free(challenge->scope);
	*challenge = (struct challenge){0};
}

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

/* The value behind "=", a token or a quoted string; owned. NULL: malformed or no memory. */
static char *take_value(const char **text)
{
	const char *at = skip_blanks(*text);
	size_t length = 0;
	char *value;

	if (*at != '"') {
		/* Some servers do not quote addresses. */
		length = strcspn(at, ", \t");
		*text = at + length;
		return strndup(at, length);
	}
	value = malloc(strlen(at) + 1);
	if (!value)
		return NULL;
	for (at++; *at && *at != '"'; at++) {
		if (*at == '\\' && at[1])
			at++;
		value[length++] = *at;
	}
	value[length] = '\0';
	*text = *at ? at + 1 : at;
	return value;
}

static void keep(struct challenge *challenge, const char *name, size_t length, char *value)
{
	const struct {
		const char *name;
		char **place;
	} wanted[] = {
		{"realm", &challenge->realm},
		{"service", &challenge->service},
		{"scope", &challenge->scope},
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (strlen(wanted[i].name) != length ||
		    strncasecmp(wanted[i].name, name, length) != 0)
			continue;
		free(*wanted[i].place);
		*wanted[i].place = value;
		return;
	}
	free(value);
}

static enum challenge_kind kind_of(const char *scheme, size_t length)
{
	if (length == 6 && strncasecmp(scheme, "bearer", 6) == 0)
		return CHALLENGE_BEARER;
	if (length == 5 && strncasecmp(scheme, "basic", 5) == 0)
		return CHALLENGE_BASIC;
	return CHALLENGE_NONE;
}

/* Bearer without a realm leads nowhere. */
static bool is_better(const struct challenge *challenge, const struct challenge *best)
{
	return challenge->kind > best->kind &&
	       (challenge->kind != CHALLENGE_BEARER || challenge->realm);
}

static void settle(struct challenge *challenge, struct challenge *best)
{
	if (is_better(challenge, best)) {
		challenge_done(best);
		*best = *challenge;
		*challenge = (struct challenge){0};
	}
	challenge_done(challenge);
}

/* A word that no "=" follows begins the next challenge. */
static int parse_one(const char *text, struct challenge *best)
{
	struct challenge challenge = {0};

	while (*(text += strspn(text, ", \t"))) {
		size_t length = strspn(text, TOKEN);
		const char *name = text, *rest = skip_blanks(text + length);
		char *value;

		if (length == 0)
			break;
		if (*rest != '=') {
			settle(&challenge, best);
			challenge.kind = kind_of(name, length);
			text = rest;
			continue;
		}
		text = rest + 1;
		value = take_value(&text);
		if (!value) {
			challenge_done(&challenge);
			return -ENOMEM;
		}
		keep(&challenge, name, length, value);
	}
	settle(&challenge, best);
	return 0;
}

int challenge_parse(const struct strlist *headers, struct challenge *ret)
{
	struct challenge best = {0};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < headers->count; i++)
		r = parse_one(headers->items[i], &best);
	if (r < 0) {
		challenge_done(&best);
		return r;
	}
	*ret = best;
	return 0;
}

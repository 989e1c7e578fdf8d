#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "rfc3339.h"

#define NSEC_PER_SEC 1000000000

/* Exactly `count` digits. */
static bool take_digits(const char **text, int count, int *ret)
{
	*ret = 0;
	for (int i = 0; i < count; i++, (*text)++) {
		if (**text < '0' || **text > '9')
			return false;
		*ret = *ret * 10 + (**text - '0');
	}
	return true;
}

static bool take_char(const char **text, const char *accepted)
{
	if (**text == '\0' || !strchr(accepted, **text))
		return false;
	(*text)++;
	return true;
}

static bool take_fraction(const char **text, int64_t *ret_ns)
{
	int64_t unit = NSEC_PER_SEC;

	*ret_ns = 0;
	if (**text != '.')
		return true;
	(*text)++;
	if (**text < '0' || **text > '9')
		return false;
	for (; **text >= '0' && **text <= '9'; (*text)++) {
		unit /= 10; /* digits beyond the ninth count nothing */
		*ret_ns += unit * (**text - '0');
	}
	return true;
}

static bool take_zone(const char **text, int64_t *ret_sec)
{
	bool west = **text == '-';
	int hours, minutes;

	*ret_sec = 0;
	if (take_char(text, "Zz"))
		return true;
	if (!take_char(text, "+-") || !take_digits(text, 2, &hours) || !take_char(text, ":") ||
	    !take_digits(text, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_sec = (hours * 60 + minutes) * 60 * (west ? -1 : 1);
	return true;
}

int time_parse(const char *text, int64_t *ret_ns)
{
	int64_t fraction, zone, sec, ns;
	struct tm tm = {0};

	if (!take_digits(&text, 4, &tm.tm_year) || !take_char(&text, "-") ||
	    !take_digits(&text, 2, &tm.tm_mon) || !take_char(&text, "-") ||
	    !take_digits(&text, 2, &tm.tm_mday) || !take_char(&text, "Tt ") ||
	    !take_digits(&text, 2, &tm.tm_hour) || !take_char(&text, ":") ||
	    !take_digits(&text, 2, &tm.tm_min) || !take_char(&text, ":") ||
	    !take_digits(&text, 2, &tm.tm_sec) || !take_fraction(&text, &fraction) ||
	    !take_zone(&text, &zone) || *text != '\0')
		return -EINVAL;
	if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
	    tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	sec = (int64_t)timegm(&tm) - zone;
	if (__builtin_mul_overflow(sec, NSEC_PER_SEC, &ns) ||
	    __builtin_add_overflow(ns, fraction, &ns))
		ns = 0;
	*ret_ns = ns;
	return 0;
}

char *time_format(int64_t ns, char text[TIME_TEXT])
{
	int64_t fraction = ns % NSEC_PER_SEC;
	time_t sec = (time_t)(ns / NSEC_PER_SEC);
	struct tm tm;
	size_t length;

	if (fraction < 0) {
		fraction += NSEC_PER_SEC;
		sec--;
	}
	gmtime_r(&sec, &tm);
	length = strftime(text, TIME_TEXT - 16, "%Y-%m-%dT%H:%M:%S", &tm);
	if (fraction > 0) {
		length += (size_t)snprintf(text + length, 12, ".%09d", (int)fraction);
		while (text[length - 1] == '0')
			length--;
	}
	memcpy(text + length, "Z", 2);
	return text;
}

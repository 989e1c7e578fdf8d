#include "human.h"

#include <stdio.h>
#include <time.h>

#define SECOND 1000000000LL

char *human_size(uint64_t bytes, char text[HUMAN_TEXT])
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	double size = (double)bytes;
	size_t unit = 0;

	/* 999.5 would be written with four digits: it belongs to the next unit. */
	while (size >= 999.5 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		size /= 1000.0;
		unit++;
	}
	snprintf(text, HUMAN_TEXT, "%.3g%s", size, units[unit]);
	return text;
}

char *human_duration(int64_t ns, char text[HUMAN_TEXT])
{
	int64_t seconds = ns / SECOND;
	int64_t minutes = seconds / 60;
	int64_t hours = (seconds + 1800) / 3600; /* rounded, as the limits below expect */

	if (seconds < 1)
		snprintf(text, HUMAN_TEXT, "Less than a second");
	else if (seconds == 1)
		snprintf(text, HUMAN_TEXT, "1 second");
	else if (seconds < 60)
		snprintf(text, HUMAN_TEXT, "%lld seconds", (long long)seconds);
	else if (minutes == 1)
		snprintf(text, HUMAN_TEXT, "About a minute");
	else if (minutes < 60)
		snprintf(text, HUMAN_TEXT, "%lld minutes", (long long)minutes);
	else if (hours == 1)
		snprintf(text, HUMAN_TEXT, "About an hour");
	else if (hours < 48)
		snprintf(text, HUMAN_TEXT, "%lld hours", (long long)hours);
	else if (hours < 24 * 7 * 2)
		snprintf(text, HUMAN_TEXT, "%lld days", (long long)hours / 24);
	else if (hours < 24 * 30 * 2)
		snprintf(text, HUMAN_TEXT, "%lld weeks", (long long)hours / 24 / 7);
	else if (hours < 24 * 365 * 2)
		snprintf(text, HUMAN_TEXT, "%lld months", (long long)hours / 24 / 30);
	else
		snprintf(text, HUMAN_TEXT, "%lld years", (long long)seconds / 3600 / 24 / 365);
	return text;
}

char *human_since(int64_t then_ns, int64_t now_ns, char text[HUMAN_TEXT])
{
	char duration[HUMAN_TEXT];
	int64_t ns;

	if (__builtin_sub_overflow(now_ns, then_ns, &ns))
		ns = then_ns > now_ns ? 0 : INT64_MAX;
	snprintf(text, HUMAN_TEXT, "%.50s ago", human_duration(ns, duration));
	return text;
}

char *human_seconds(int64_t ns, char text[HUMAN_TEXT])
{
	snprintf(text, HUMAN_TEXT, "%.1fs", (double)(ns < 0 ? 0 : ns) / (double)SECOND);
	return text;
}

static time_t whole_seconds(int64_t ns)
{
	return (time_t)(ns / SECOND - (ns % SECOND < 0));
}

char *human_time(int64_t ns, char text[HUMAN_TEXT])
{
	time_t seconds = whole_seconds(ns);
	struct tm tm;

	if (!localtime_r(&seconds, &tm) ||
	    !strftime(text, HUMAN_TEXT, "%Y-%m-%d %H:%M:%S %z %Z", &tm))
		text[0] = '\0';
	return text;
}

char *human_time_iso(int64_t ns, char text[HUMAN_TEXT])
{
	time_t seconds = whole_seconds(ns);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || !strftime(text, HUMAN_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm))
		text[0] = '\0';
	return text;
}

int64_t human_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

/* HEALTHCHECK's flags: durations as Go writes them, and a count. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define MILLISECOND 1000000

static const struct {
	const char *name;
	double nanoseconds;
} units[] = {
	/* longer names first: "ms" is not "m" and an 's' */
	{"ns", 1},   {"us", 1e3}, {"\xc2\xb5s", 1e3}, {"\xce\xbcs", 1e3},
	{"ms", 1e6}, {"s", 1e9},  {"m", 60e9},        {"h", 3600e9},
};

/* The unit at text, or NULL; *ret_factor is its length in nanoseconds. */
static const char *take_unit(const char *text, double *ret_factor)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		size_t length = strlen(units[i].name);

		if (strncmp(text, units[i].name, length) == 0) {
			*ret_factor = units[i].nanoseconds;
			return text + length;
		}
	}
	return NULL;
}

/* "1m30s", "500ms", "0". */
static bool parse_duration(const char *text, int64_t *ret)
{
	double total = 0, factor, sign = *text == '-' ? -1 : 1;

	text += *text == '-' || *text == '+';
	if (strcmp(text, "0") == 0) {
		*ret = 0;
		return true;
	}
	if (!*text)
		return false;
	while (*text) {
		size_t digits = strspn(text, "0123456789."), dots = 0;
		double value;

		for (size_t i = 0; i < digits; i++)
			dots += text[i] == '.';
		if (digits == 0 || digits > 30 || dots > 1 || digits == dots)
			return false;
		value = strtod(text, NULL);
		text = take_unit(text + digits, &factor);
		if (!text)
			return false;
		total += value * factor;
	}
	if (total > 9e18)
		return false;
	*ret = (int64_t)(sign * total);
	return true;
}

static int take_duration(const struct instruction *instruction, const char *flag, int64_t *ret,
			 struct msb_error *err)
{
	const char *text = instruction_flag(instruction, flag);

	*ret = 0;
	if (!text || !*text)
		return 0;
	if (!parse_duration(text, ret))
		return msb_error_say(err, EINVAL,
				     "invalid duration '%s' for --%s; write 30s or 1m30s", text,
				     flag);
	if (*ret != 0 && *ret < MILLISECOND)
		return msb_error_say(err, EINVAL,
				     "--%s=%s is less than 1ms; write a longer one, or 0s for the "
				     "default",
				     flag, text);
	return 0;
}

static int take_retries(const struct instruction *instruction, int64_t *ret, struct msb_error *err)
{
	const char *text = instruction_flag(instruction, "retries");
	char *end;
	long value;

	*ret = 0;
	if (!text || !*text)
		return 0;
	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || *end || value > INT32_MAX)
		return msb_error_say(err, EINVAL,
				     "invalid number '%s' for --retries; write --retries=3", text);
	if (value < 0)
		return msb_error_say(err, EINVAL, "--retries=%ld is negative; write --retries=3",
				     value);
	*ret = value;
	return 0;
}

int instruction_healthcheck(const struct instruction *instruction, struct healthcheck *ret,
			    struct msb_error *err)
{
	const struct strlist *args = &instruction->args;
	autostrlist test = {0};
	struct healthcheck check = {0};
	bool shell = !instruction->json && strcmp(args->items[0], "CMD") == 0;
	int r;

	if (strlist_add(&test, shell ? "CMD-SHELL" : args->items[0]) < 0)
		return msb_error_memory(err);
	for (size_t i = 1; i < args->count; i++)
		if (strlist_add(&test, args->items[i]) < 0)
			return msb_error_memory(err);
	if ((r = take_duration(instruction, "interval", &check.interval_ns, err)) < 0 ||
	    (r = take_duration(instruction, "timeout", &check.timeout_ns, err)) < 0 ||
	    (r = take_duration(instruction, "start-period", &check.start_period_ns, err)) < 0 ||
	    (r = take_duration(instruction, "start-interval", &check.start_interval_ns, err)) < 0 ||
	    (r = take_retries(instruction, &check.retries, err)) < 0)
		return r;
	check.test = test;
	test = (struct strlist){0};
	*ret = check;
	return 0;
}

#include "limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "size.h"

static const struct {
	const char *word;
	const char *name;
	int resource;
} resources[] = {
	{"core", "RLIMIT_CORE", RLIMIT_CORE},
	{"cpu", "RLIMIT_CPU", RLIMIT_CPU},
	{"data", "RLIMIT_DATA", RLIMIT_DATA},
	{"fsize", "RLIMIT_FSIZE", RLIMIT_FSIZE},
	{"locks", "RLIMIT_LOCKS", RLIMIT_LOCKS},
	{"memlock", "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
	{"msgqueue", "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
	{"nice", "RLIMIT_NICE", RLIMIT_NICE},
	{"nofile", "RLIMIT_NOFILE", RLIMIT_NOFILE},
	{"nproc", "RLIMIT_NPROC", RLIMIT_NPROC},
	{"rss", "RLIMIT_RSS", RLIMIT_RSS},
	{"rtprio", "RLIMIT_RTPRIO", RLIMIT_RTPRIO},
	{"rttime", "RLIMIT_RTTIME", RLIMIT_RTTIME},
	{"sigpending", "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
	{"stack", "RLIMIT_STACK", RLIMIT_STACK},
};

#define RESOURCE_COUNT (sizeof(resources) / sizeof(*resources))

/* A number, or -1. *text is left behind it. */
static int take_value(const char **text, uint64_t *ret)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(*text, &end, 10);
	if (end == *text || errno || value < -1)
		return -EINVAL;
	*text = end;
	*ret = value < 0 ? RLIM_INFINITY : (uint64_t)value;
	return 0;
}

static int check_allowed(const char *word, size_t resource, const struct sandbox_limit *limit,
			 struct msb_error *err)
{
	struct rlimit own;

	if (getrlimit(resources[resource].resource, &own) < 0)
		return msb_error_set(err, errno, "read the limits of this process");
	if (limit->hard <= own.rlim_max)
		return 0;
	return msb_error_say(err, EPERM,
			     "--ulimit %s: this process itself may not have more than %llu (raise "
			     "its own limit first: ulimit)",
			     word, (unsigned long long)own.rlim_max);
}

static int parse_limit(const char *word, struct sandbox_limit *ret, struct msb_error *err)
{
	size_t length = strcspn(word, "="), i = 0;
	const char *rest = word + length;
	bool good;

	while (i < RESOURCE_COUNT && (strlen(resources[i].word) != length ||
				      strncmp(resources[i].word, word, length) != 0))
		i++;
	if (i == RESOURCE_COUNT)
		return msb_error_say(err, EINVAL, "--ulimit %s: unknown limit '%.*s'", word,
				     (int)length, word);
	ret->name = resources[i].name;
	good = *rest++ == '=' && take_value(&rest, &ret->soft) == 0;
	ret->hard = ret->soft;
	if (good && *rest == ':') {
		rest++;
		good = take_value(&rest, &ret->hard) == 0;
	}
	if (!good || *rest)
		return msb_error_say(err, EINVAL, "--ulimit %s: expected NAME=SOFT[:HARD]", word);
	if (ret->soft > ret->hard)
		return msb_error_say(err, EINVAL,
				     "--ulimit %s: the soft limit is above the hard one", word);
	return check_allowed(word, i, ret, err);
}

static void set_limit(struct limits *limits, const struct sandbox_limit *limit)
{
	size_t i = 0;

	while (i < limits->count && strcmp(limits->items[i].name, limit->name) != 0)
		i++;
	limits->items[i] = *limit;
	limits->count += i == limits->count;
}

int limits_parse(const char *const *ulimits, const char *shm_size, struct limits *ret,
		 struct msb_error *err)
{
	int r = 0;

	*ret = (struct limits){.items = calloc(RESOURCE_COUNT, sizeof(*ret->items))};
	if (!ret->items)
		return msb_error_memory(err);
	for (; r >= 0 && ulimits && *ulimits; ulimits++) {
		struct sandbox_limit limit = {0};

		r = parse_limit(*ulimits, &limit, err);
		if (r >= 0)
			set_limit(ret, &limit);
	}
	if (r >= 0 && shm_size && !size_parse(shm_size, &ret->shm_size))
		return msb_error_say(err, EINVAL, "--shm-size: '%s' is no size; write such as 64m",
				     shm_size);
	return r;
}

void limits_done(struct limits *limits)
{
	free(limits->items);
	*limits = (struct limits){0};
}

void limits_define(const struct limits *limits, struct buffer *definition)
{
	if (limits->shm_size)
		buffer_printf(definition, "shm-size %llu\n", (unsigned long long)limits->shm_size);
	for (size_t i = 0; i < limits->count; i++)
		buffer_printf(definition, "ulimit %s=%llu:%llu\n", limits->items[i].name,
			      (unsigned long long)limits->items[i].soft,
			      (unsigned long long)limits->items[i].hard);
}

/*
 * Programs of system call filters, made by libseccomp. crun would make the same at every start, in
 * more time (11 ms) than all else that it does, and as one long chain of comparisons; made once
 * they may also be made well: a tree.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <msb/cleanup.h>

#include "filter.h"
#include "io.h"
#include "libseccomp.h"

#define MAX_PROGRAM  (1u << 20)
#define MAX_ARGS     6
#define DEFAULT_CODE EPERM /* of an error whose number is not said (OCI runtime-spec) */

static void filter_release(scmp_filter_ctx *context)
{
	if (*context)
		libseccomp.release(*context);
}

struct word {
	const char *name;
	uint32_t value;
};

static const struct word actions[] = {
	{"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
	{"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD},
	{"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
	{"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
	{"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
	{"SCMP_ACT_LOG", SCMP_ACT_LOG},
	{"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0)},
	{"SCMP_ACT_TRACE", SCMP_ACT_TRACE(0)},
	{NULL, 0},
};

static const struct word comparisons[] = {
	{"SCMP_CMP_NE", SCMP_CMP_NE},
	{"SCMP_CMP_LT", SCMP_CMP_LT},
	{"SCMP_CMP_LE", SCMP_CMP_LE},
	{"SCMP_CMP_EQ", SCMP_CMP_EQ},
	{"SCMP_CMP_GE", SCMP_CMP_GE},
	{"SCMP_CMP_GT", SCMP_CMP_GT},
	{"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
	{NULL, 0},
};

static int find_word(const struct word *words, const json_t *name, uint32_t *ret,
		     struct msb_error *err)
{
	const char *wanted = json_string_value(name);

	for (; words->name; words++)
		if (wanted && strcmp(words->name, wanted) == 0) {
			*ret = words->value;
			return 0;
		}
	return msb_error_say(err, EINVAL, "unknown word '%s'", wanted ? wanted : "");
}

/* SCMP_ACT_ERRNO and SCMP_ACT_TRACE carry a number in their lower half. */
static int read_action(const json_t *action, const json_t *number, uint32_t *ret,
		       struct msb_error *err)
{
	int r = find_word(actions, action, ret, err);

	if (r >= 0 && (*ret == SCMP_ACT_ERRNO(0) || *ret == SCMP_ACT_TRACE(0)))
		*ret |= json_is_integer(number) ? (uint32_t)json_integer_value(number) & 0xffff
						: DEFAULT_CODE;
	return r;
}

/* "SCMP_ARCH_X86_64" is the library's "x86_64"; 0 for what it does not know. */
static uint32_t find_architecture(const char *name)
{
	static const char prefix[] = "SCMP_ARCH_";
	char lower[32];
	size_t i = 0;

	if (strncmp(name, prefix, strlen(prefix)) != 0)
		return 0;
	for (name += strlen(prefix); *name && i + 1 < sizeof(lower); i++)
		lower[i] = (char)tolower((unsigned char)*name++);
	lower[i] = '\0';
	return *name ? 0 : libseccomp.arch_resolve_name(lower);
}

static int add_architectures(scmp_filter_ctx context, const json_t *names, struct msb_error *err)
{
	const json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
	{
		const char *text = json_string_value(name);
		uint32_t token = text ? find_architecture(text) : 0;
		int r = token ? libseccomp.arch_add(context, token) : -EINVAL;

		if (r < 0 && r != -EEXIST)
			return msb_error_say(err, EINVAL, "unknown architecture '%s'",
					     text ? text : "");
	}
	return 0;
}

static int read_arguments(const json_t *list, struct scmp_arg_cmp ret[MAX_ARGS],
			  unsigned *ret_count, struct msb_error *err)
{
	const json_t *item;
	size_t i;

	if (json_array_size(list) > MAX_ARGS)
		return msb_error_say(err, EINVAL, "more than %d arguments are compared", MAX_ARGS);
	json_array_foreach(list, i, item)
	{
		json_int_t index = json_integer_value(json_object_get(item, "index"));
		uint32_t comparison;
		int r = find_word(comparisons, json_object_get(item, "op"), &comparison, err);

		if (r < 0)
			return r;
		if (index < 0 || index >= MAX_ARGS)
			return msb_error_say(err, EINVAL, "a call has no argument %lld",
					     (long long)index);
		ret[i] = SCMP_CMP(
			(unsigned)index, (enum scmp_compare)comparison,
			(scmp_datum_t)json_integer_value(json_object_get(item, "value")),
			(scmp_datum_t)json_integer_value(json_object_get(item, "valueTwo")));
	}
	*ret_count = (unsigned)json_array_size(list);
	return 0;
}

static bool compares_one_twice(const struct scmp_arg_cmp *arguments, unsigned count)
{
	unsigned seen = 0;

	for (unsigned i = 0; i < count; i++) {
		if (seen >> arguments[i].arg & 1)
			return true;
		seen |= 1u << arguments[i].arg;
	}
	return false;
}

/* libseccomp compares an argument once a rule; the runtimes make a rule of each comparison then. */
static int add_call(scmp_filter_ctx context, uint32_t action, int number,
		    const struct scmp_arg_cmp *arguments, unsigned count)
{
	int r = 0;

	if (!compares_one_twice(arguments, count))
		return libseccomp.rule_add_array(context, action, number, count, arguments);
	for (unsigned i = 0; r >= 0 && i < count; i++)
		r = libseccomp.rule_add_array(context, action, number, 1, &arguments[i]);
	return r;
}

static int add_rule(scmp_filter_ctx context, uint32_t otherwise, const json_t *rule,
		    struct msb_error *err)
{
	struct scmp_arg_cmp arguments[MAX_ARGS];
	unsigned count = 0;
	uint32_t action;
	const json_t *name;
	size_t i;
	int r = read_action(json_object_get(rule, "action"), json_object_get(rule, "errnoRet"),
			    &action, err);

	if (r >= 0)
		r = read_arguments(json_object_get(rule, "args"), arguments, &count, err);
	if (r < 0 || action == otherwise)
		return r;
	json_array_foreach(json_object_get(rule, "names"), i, name)
	{
		const char *text = json_string_value(name);
		int number = text ? libseccomp.syscall_resolve_name(text) : __NR_SCMP_ERROR;

		if (number == __NR_SCMP_ERROR)
			continue;
		r = add_call(context, action, number, arguments, count);
		if (r < 0)
			return msb_error_set(err, r, "the rule for '%s'", text);
	}
	return 0;
}

static int export(scmp_filter_ctx context, struct buffer *ret, struct msb_error *err)
{
	autoclose int fd = memfd_create("filter", MFD_CLOEXEC);
	int r = fd < 0 ? -errno : libseccomp.export_bpf(context, fd);

	if (r >= 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	if (r < 0)
		return msb_error_set(err, r, "compile it");
	while (buffer_reserve(ret, 4096)) {
		ssize_t n = io_read(fd, ret->bytes + ret->size, 4096);

		if (n < 0 || ret->size > MAX_PROGRAM)
			return msb_error_set(err, n < 0 ? n : EFBIG, "read its program");
		ret->size += (size_t)n;
		if (n == 0)
			return 0;
	}
	return msb_error_memory(err);
}

int filter_compile(const json_t *filter, struct buffer *ret, struct msb_error *err)
{
	AUTO(filter_release) scmp_filter_ctx context = NULL;
	const json_t *rule;
	uint32_t otherwise;
	size_t i;
	int r = read_action(json_object_get(filter, "defaultAction"),
			    json_object_get(filter, "defaultErrnoRet"), &otherwise, err);

	if (r < 0)
		return r;
	r = libseccomp_load(err);
	if (r < 0)
		return r;
	context = libseccomp.init(otherwise);
	if (!context)
		return msb_error_memory(err);
	libseccomp.attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	r = add_architectures(context, json_object_get(filter, "architectures"), err);
	json_array_foreach(json_object_get(filter, "syscalls"), i, rule)
	{
		if (r < 0)
			return r;
		r = add_rule(context, otherwise, rule, err);
	}
	return r < 0 ? r : export(context, ret, err);
}

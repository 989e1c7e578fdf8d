/* Docker's profiles of system calls ("seccomp profiles") as an OCI runtime wants them: what depends
 * on the machine, its kernel and the command's capabilities is decided here. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "filter.h"

static bool list_has(const json_t *list, const char *word)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i,
			   item) if (json_is_string(item) &&
				     strcmp(json_string_value(item), word) == 0) return true;
	return false;
}

static bool kernel_is_at_least(const char *wanted)
{
	struct utsname host;
	int major = 0, minor = 0, own_major = 0, own_minor = 0;

	if (uname(&host) < 0 || sscanf(host.release, "%d.%d", &own_major, &own_minor) < 2 ||
	    sscanf(wanted, "%d.%d", &major, &minor) < 1)
		return false;
	return own_major > major || (own_major == major && own_minor >= minor);
}

static bool has_all(const json_t *wanted, const json_t *capabilities)
{
	const json_t *item;
	size_t i;

	json_array_foreach(wanted, i,
			   item) if (!json_is_string(item) ||
				     !list_has(capabilities, json_string_value(item))) return false;
	return true;
}

static bool has_any(const json_t *wanted, const json_t *capabilities)
{
	const json_t *item;
	size_t i;

	json_array_foreach(wanted, i,
			   item) if (json_is_string(item) &&
				     list_has(capabilities, json_string_value(item))) return true;
	return false;
}

/* "includes" names what all must be so, "excludes" what none may be so. */
static bool rule_counts(const json_t *rule, const struct filter_setting *setting)
{
	const json_t *includes = json_object_get(rule, "includes");
	const json_t *excludes = json_object_get(rule, "excludes");
	const json_t *list = json_object_get(includes, "arches");
	const char *kernel = json_string_value(json_object_get(includes, "minKernel"));

	if (json_array_size(list) > 0 && !list_has(list, setting->architecture))
		return false;
	if (list_has(json_object_get(excludes, "arches"), setting->architecture))
		return false;
	if (!has_all(json_object_get(includes, "caps"), setting->capabilities) ||
	    has_any(json_object_get(excludes, "caps"), setting->capabilities))
		return false;
	if (kernel && !kernel_is_at_least(kernel))
		return false;
	kernel = json_string_value(json_object_get(excludes, "minKernel"));
	return !kernel || !kernel_is_at_least(kernel);
}

static void copy(json_t *to, const json_t *from, const char *key)
{
	json_t *value = json_object_get(from, key);

	if (value && !json_is_null(value))
		json_object_set(to, key, value);
}

/* Older profiles name one call a rule. */
static json_t *names_of(const json_t *rule)
{
	json_t *names = json_object_get(rule, "names"), *name = json_object_get(rule, "name");

	if (json_is_array(names))
		return json_incref(names);
	return json_is_string(name) ? json_pack("[O]", name) : NULL;
}

static json_t *make_rule(const json_t *rule)
{
	json_t *made = json_pack("{s:o}", "names", names_of(rule));

	if (!made || json_array_size(json_object_get(made, "names")) == 0) {
		json_decref(made);
		return NULL;
	}
	copy(made, rule, "action");
	copy(made, rule, "errnoRet");
	if (json_array_size(json_object_get(rule, "args")) > 0)
		copy(made, rule, "args");
	return made;
}

/* Of a map the native one with those that its kernel runs as well. */
static json_t *make_architectures(const json_t *profile, const char *machine)
{
	const json_t *entry, *map = json_object_get(profile, "archMap");
	json_t *list = json_array();
	size_t i;

	json_array_foreach(map, i, entry)
	{
		const char *name = json_string_value(json_object_get(entry, "architecture"));

		if (!name || strcmp(name, machine) != 0)
			continue;
		json_array_append_new(list, json_string(name));
		json_array_extend(list, json_object_get(entry, "subArchitectures"));
	}
	if (json_array_size(list) == 0)
		json_array_extend(list, json_object_get(profile, "architectures"));
	return list;
}

int filter_translate(const json_t *profile, const struct filter_setting *setting, json_t **ret,
		     struct msb_error *err)
{
	const json_t *rule, *rules = json_object_get(profile, "syscalls");
	json_auto_t *made = json_object();
	json_t *list = json_array();
	size_t i;

	if (json_object_set_new(made, "syscalls", list) < 0)
		return msb_error_memory(err);
	copy(made, profile, "defaultAction");
	copy(made, profile, "defaultErrnoRet");
	if (!json_is_string(json_object_get(made, "defaultAction")) || !json_is_array(rules))
		return msb_error_say(err, EINVAL, "it has no 'defaultAction' or no 'syscalls'");
	json_object_set_new(made, "architectures", make_architectures(profile, setting->machine));
	json_array_foreach(rules, i, rule)
	{
		if (!rule_counts(rule, setting))
			continue;
		if (json_array_append_new(list, make_rule(rule)) < 0)
			return msb_error_say(err, EINVAL, "rule %zu of 'syscalls' names no calls",
					     i + 1);
	}
	*ret = json_incref(made);
	return 0;
}

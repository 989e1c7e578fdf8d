/*
 * ARG: where its value comes from and where it is seen. --build-arg goes before the ARG's own
 * default, that before the value of the global scope; with none of them the variable stays unset.
 * Globals are seen by FROM alone, until a stage redeclares them.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "internal.h"

void scope_done(struct scope *scope)
{
	strlist_done(&scope->env);
	strlist_done(&scope->args);
	config_done(&scope->config);
}

static const char *build_arg(const struct planner *planner, const char *name)
{
	const struct strlist *args = planner->inputs->build_args;

	return args ? strlist_get_env(args, name) : NULL;
}

static int set_global(struct planner *planner, const char *prefix, const char *suffix,
		      const char *value, size_t length)
{
	autobuffer name = {0};
	autofree char *key = NULL, *copy = strndup(value, length);
	const char *given;

	buffer_printf(&name, "%s%s", prefix, suffix);
	key = buffer_text(&name);
	if (!key || !copy)
		return -ENOMEM;
	given = build_arg(planner, key);
	return strlist_set_env(&planner->globals, key, given ? given : copy);
}

/* BUILD… or TARGET… of "os/arch/variant". */
static int set_platform(struct planner *planner, const char *prefix, const char *platform)
{
	size_t os = strcspn(platform, "/");
	const char *arch = platform + os + (platform[os] == '/');
	size_t arch_length = strcspn(arch, "/");
	const char *variant = arch + arch_length + (arch[arch_length] == '/');

	if (set_global(planner, prefix, "PLATFORM", platform, strlen(platform)) < 0 ||
	    set_global(planner, prefix, "OS", platform, os) < 0 ||
	    set_global(planner, prefix, "OSVERSION", "", 0) < 0 ||
	    set_global(planner, prefix, "ARCH", arch, arch_length) < 0 ||
	    set_global(planner, prefix, "VARIANT", variant, strlen(variant)) < 0)
		return -ENOMEM;
	return 0;
}

int scope_globals(struct planner *planner, struct msb_error *err)
{
	const char *const *targets = planner->inputs->targets;
	const char *platform = planner->inputs->platform, *target = NULL;
	const char *own = planner->inputs->build_platform;

	if (platform && (set_platform(planner, "BUILD", own ? own : platform) < 0 ||
			 set_platform(planner, "TARGET", platform) < 0))
		return msb_error_memory(err);
	for (; targets && *targets; targets++)
		target = *targets;
	if (!target || !*target)
		target = "default";
	if (set_global(planner, "TARGET", "STAGE", target, strlen(target)) < 0)
		return msb_error_memory(err);
	return 0;
}

/* The value of one "NAME" or "NAME=default" as env sees it: *ret_name and *ret_value are owned;
 * a value of NULL means unset. */
static int settle(const struct planner *planner, const struct strlist *env, const char *word,
		  char **ret_name, char **ret_value, struct msb_error *err)
{
	struct words words = {.escape = planner->file->escape, .env = env};
	const char *equals = strchr(word, '='), *given;
	autofree char *name = strndup(word, equals ? (size_t)(equals - word) : strlen(word));

	if (!name)
		return msb_error_memory(err);
	*ret_value = NULL;
	given = build_arg(planner, name);
	if (!given && !equals)
		given = strlist_get_env(&planner->globals, name);
	if (given) {
		*ret_value = strdup(given);
		if (!*ret_value)
			return msb_error_memory(err);
	} else if (equals) {
		int r = words_expand(&words, equals + 1, ret_value, err);

		if (r < 0)
			return r;
	}
	*ret_name = steal(&name);
	return 0;
}

int scope_global_arg(struct planner *planner, const struct instruction *instruction,
		     struct msb_error *err)
{
	for (size_t i = 0; i < instruction->args.count; i++) {
		autofree char *name = NULL, *value = NULL;
		int r = settle(planner, &planner->globals, instruction->args.items[i], &name,
			       &value, err);

		if (r < 0)
			return r;
		if (value && strlist_set_env(&planner->globals, name, value) < 0)
			return msb_error_memory(err);
	}
	return 0;
}

int scope_arg(struct site *site, struct msb_error *err)
{
	struct scope *scope = site->scope;
	autobuffer history = {0};

	buffer_string(&history, "ARG");
	for (size_t i = 0; i < site->instruction->args.count; i++) {
		autofree char *name = NULL, *value = NULL;
		int r = settle(site->planner, &scope->env, site->instruction->args.items[i], &name,
			       &value, err);

		if (r < 0)
			return r;
		if (value && strlist_set_env(&scope->env, name, value) < 0)
			return msb_error_memory(err);
		if (!strlist_has(&scope->args, name) && strlist_add(&scope->args, name) < 0)
			return msb_error_memory(err);
		buffer_printf(&history, " %s%s%s", name, value ? "=" : "", value ? value : "");
	}
	return set_history(site, &history, err);
}

int scope_read_globals(const struct plan_inputs *inputs, struct strlist *ret, struct msb_error *err)
{
	const struct dockerfile *file = inputs->dockerfile;
	struct planner planner = {.inputs = inputs, .file = file};
	int r = scope_globals(&planner, err);

	for (size_t i = 0; r == 0 && i < file->count; i++) {
		if (file->instructions[i].kind != INSTRUCTION_ARG)
			break;
		r = scope_global_arg(&planner, &file->instructions[i], err);
		if (r != -ENOMEM)
			r = 0;
	}
	*ret = planner.globals;
	return r;
}

static const char *const proxies[] = {"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY",
				      "ALL_PROXY"};

/* The build argument of that name in any case; the last one counts. */
static const char *find_proxy(const struct strlist *args, const char *name)
{
	size_t length = strlen(name);
	const char *found = NULL;

	for (size_t i = 0; i < args->count; i++)
		if (strncasecmp(args->items[i], name, length) == 0 && args->items[i][length] == '=')
			found = args->items[i] + length + 1;
	return found;
}

int scope_proxies(const struct planner *planner, const struct strlist *env, struct strlist *ret)
{
	for (size_t i = 0; i < sizeof(proxies) / sizeof(*proxies); i++) {
		char lower[16] = "";
		const char *value = planner->inputs->build_args
					    ? find_proxy(planner->inputs->build_args, proxies[i])
					    : NULL;

		if (!value)
			continue;
		for (size_t j = 0; proxies[i][j]; j++)
			lower[j] = (char)tolower((unsigned char)proxies[i][j]);
		if (!strlist_get_env(env, proxies[i]) &&
		    strlist_addf(ret, "%s=%s", proxies[i], value) < 0)
			return -ENOMEM;
		if (!strlist_get_env(env, lower) && strlist_addf(ret, "%s=%s", lower, value) < 0)
			return -ENOMEM;
	}
	return 0;
}

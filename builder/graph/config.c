/* Instructions that change the configuration and nothing else, and WORKDIR. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "internal.h"
#include "path.h"

/* ENV and LABEL: names and values as they were before the line, expanded. A name may become empty,
 * as it may in BuildKit. */
static int expand_pairs(const struct site *site, struct strlist *ret, struct msb_error *err)
{
	const struct strlist *args = &site->instruction->args;

	for (size_t i = 0; i < args->count; i++) {
		autofree char *value = NULL;
		int r = expand(site, args->items[i], &value, err);

		if (r < 0)
			return r;
		if (strlist_add(ret, value) < 0)
			return msb_error_memory(err);
	}
	return 0;
}

static int set_pairs_history(struct site *site, const struct strlist *pairs, struct msb_error *err)
{
	autobuffer history = {0};

	buffer_string(&history, instruction_name(site->instruction->kind));
	for (size_t i = 0; i < pairs->count; i += 2)
		buffer_printf(&history, " %s=%s", pairs->items[i], pairs->items[i + 1]);
	return set_history(site, &history, err);
}

int config_env(struct site *site, struct msb_error *err)
{
	autostrlist pairs = {0};
	int r = expand_pairs(site, &pairs, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < pairs.count; i += 2)
		if (strlist_set_env(&site->scope->env, pairs.items[i], pairs.items[i + 1]) < 0 ||
		    strlist_set_env(&site->scope->config.env, pairs.items[i], pairs.items[i + 1]) <
			    0)
			return msb_error_memory(err);
	return set_pairs_history(site, &pairs, err);
}

int config_label(struct site *site, struct msb_error *err)
{
	autostrlist pairs = {0};
	int r = expand_pairs(site, &pairs, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < pairs.count; i += 2)
		if (strlist_set_env(&site->scope->config.labels, pairs.items[i],
				    pairs.items[i + 1]) < 0)
			return msb_error_memory(err);
	return set_pairs_history(site, &pairs, err);
}

static int replace_list(struct strlist *list, const struct strlist *from)
{
	strlist_done(list);
	return strlist_copy(list, from);
}

static int set_list_history(struct site *site, const struct strlist *list, struct msb_error *err)
{
	autobuffer history = {0};

	buffer_printf(&history, "%s ", instruction_name(site->instruction->kind));
	put_quoted_list(&history, list);
	return set_history(site, &history, err);
}

/* The exec form, or the shell in effect with the text. */
static int set_command(const struct site *site, struct strlist *command)
{
	const struct strlist *shell = &site->scope->config.shell;

	strlist_done(command);
	if (!site->instruction->json) {
		if (shell->count > 0
			    ? strlist_copy(command, shell) < 0
			    : strlist_add(command, "/bin/sh") < 0 || strlist_add(command, "-c") < 0)
			return -ENOMEM;
	}
	return strlist_copy(command, &site->instruction->args);
}

int config_cmd(struct site *site, struct msb_error *err)
{
	struct config *config = &site->scope->config;

	if (set_command(site, &config->cmd) < 0)
		return msb_error_memory(err);
	config->has_cmd = true;
	config->args_escaped = true;
	site->scope->cmd_given = true;
	return set_list_history(site, &config->cmd, err);
}

/* A CMD that comes from the base belongs to the base's entry point and goes with it. */
int config_entrypoint(struct site *site, struct msb_error *err)
{
	struct config *config = &site->scope->config;

	if (set_command(site, &config->entrypoint) < 0)
		return msb_error_memory(err);
	config->has_entrypoint = config->entrypoint.count > 0;
	if (!site->scope->cmd_given) {
		strlist_done(&config->cmd);
		config->has_cmd = false;
	}
	return set_list_history(site, &config->entrypoint, err);
}

int config_shell(struct site *site, struct msb_error *err)
{
	autobuffer history = {0};

	if (replace_list(&site->scope->config.shell, &site->instruction->args) < 0)
		return msb_error_memory(err);
	buffer_string(&history, "SHELL ");
	put_plain_list(&history, &site->instruction->args);
	return set_history(site, &history, err);
}

int config_user(struct site *site, struct msb_error *err)
{
	autofree char *user = NULL;
	autobuffer history = {0};
	int r = expand(site, site->instruction->args.items[0], &user, err);

	if (r < 0)
		return r;
	if (replace_text(&site->scope->config.user, *user ? user : NULL) < 0)
		return msb_error_memory(err);
	buffer_printf(&history, "USER %s", user);
	return set_history(site, &history, err);
}

/* The configuration keeps an absolute path as it is written, as BuildKit's does; the step's
 * directory is clean. */
int config_workdir(struct site *site, struct msb_error *err)
{
	struct step *step = site->step;
	autofree char *given = NULL, *directory = NULL;
	autobuffer history = {0};
	const char *kept;
	int r = expand(site, site->instruction->args.items[0], &given, err);

	if (r < 0)
		return r;
	directory = path_join(step->directory, given);
	if (!directory)
		return msb_error_memory(err);
	kept = *given == '/' ? given : directory;
	if (replace_text(&site->scope->config.working_dir, kept) < 0)
		return msb_error_memory(err);
	step->empty_layer = strcmp(kept, "/") == 0;
	buffer_printf(&history, "WORKDIR %s", kept);
	free(step->directory);
	step->directory = steal(&directory);
	return set_history(site, &history, err);
}

int config_volume(struct site *site, struct msb_error *err)
{
	struct strlist *volumes = &site->scope->config.volumes;
	const struct strlist *args = &site->instruction->args;
	autostrlist given = {0};
	autobuffer history = {0};

	for (size_t i = 0; i < args->count; i++) {
		autofree char *volume = NULL;
		int r = expand(site, args->items[i], &volume, err);

		if (r < 0)
			return r;
		if (!*volume)
			return msb_error_say(err, EINVAL,
					     "VOLUME '%s' comes out empty; give its variable a "
					     "value",
					     args->items[i]);
		if (strlist_add(&given, volume) < 0 ||
		    (!strlist_has(volumes, volume) && strlist_add(volumes, volume) < 0))
			return msb_error_memory(err);
	}
	buffer_string(&history, "VOLUME ");
	put_plain_list(&history, &given);
	return set_history(site, &history, err);
}

/* Signals of Linux on all machines that msb builds for; numbers are never looked at. */
static const char *const signals[] = {
	"ABRT", "ALRM", "BUS",    "CHLD",   "CLD",   "CONT", "FPE",  "HUP",   "ILL",
	"INT",  "IO",   "IOT",    "KILL",   "PIPE",  "POLL", "PROF", "PWR",   "QUIT",
	"SEGV", "STOP", "STKFLT", "SYS",    "TERM",  "TRAP", "TSTP", "TTIN",  "TTOU",
	"URG",  "USR1", "USR2",   "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN", "RTMAX",
};

/* "RTMIN+3": at most 15 beyond, in RTMAX-3 at most 14 below. */
static bool is_realtime(const char *name)
{
	bool min = strncasecmp(name, "RTMIN+", 6) == 0, max = strncasecmp(name, "RTMAX-", 6) == 0;
	size_t digits = strspn(name + (min || max ? 6 : 0), "0123456789");

	return (min || max) && digits > 0 && digits < 3 && !name[6 + digits] &&
	       atoi(name + 6) <= (min ? 15 : 14) && atoi(name + 6) > 0;
}

static bool is_signal(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	if (digits > 0 && !text[digits])
		return digits < 4 && atoi(text) > 0;
	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		if (strcasecmp(text, signals[i]) == 0)
			return true;
	return is_realtime(text);
}

int config_stopsignal(struct site *site, struct msb_error *err)
{
	autofree char *name = NULL;
	autobuffer history = {0};
	int r = expand(site, site->instruction->args.items[0], &name, err);

	if (r < 0)
		return r;
	if (!is_signal(name))
		return msb_error_say(
			err, EINVAL,
			"invalid signal '%s'; write a name such as SIGTERM, or a number", name);
	if (replace_text(&site->scope->config.stop_signal, name) < 0)
		return msb_error_memory(err);
	buffer_printf(&history, "STOPSIGNAL %s", name);
	return set_history(site, &history, err);
}

int config_healthcheck(struct site *site, struct msb_error *err)
{
	struct config *config = &site->scope->config;
	const struct healthcheck *check = &config->healthcheck;
	const int64_t *const durations[] = {&check->interval_ns, &check->timeout_ns,
					    &check->start_period_ns, &check->start_interval_ns};
	struct healthcheck given;
	autobuffer history = {0};
	int r = instruction_healthcheck(site->instruction, &given, err);

	if (r < 0)
		return r;
	strlist_done(&config->healthcheck.test);
	config->healthcheck = given;
	config->has_healthcheck = true;
	buffer_string(&history, "HEALTHCHECK &{");
	put_quoted_list(&history, &check->test);
	for (int i = 0; i < 4; i++) {
		buffer_string(&history, " \"");
		put_duration(&history, *durations[i]);
		buffer_char(&history, '"');
	}
	buffer_printf(&history, " '\\x%02x'}", (unsigned)check->retries);
	return set_history(site, &history, err);
}

/* The author's name is text, not a word: variables in it mean nothing. */
int config_maintainer(struct site *site, struct msb_error *err)
{
	const char *author = site->instruction->args.items[0];
	autobuffer history = {0};

	if (replace_text(&site->scope->config.author, author) < 0)
		return msb_error_memory(err);
	buffer_printf(&history, "MAINTAINER %s", author);
	return set_history(site, &history, err);
}

int config_onbuild(struct site *site, struct msb_error *err)
{
	if (strlist_add(&site->scope->config.onbuild, site->instruction->args.items[0]) < 0)
		return msb_error_memory(err);
	return 0;
}

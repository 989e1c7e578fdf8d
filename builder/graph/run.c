/* RUN: the command in its forms, and the environment that it sees. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "path.h"

#define SCRIPT_DIRECTORY "/dev/pipes/"

static int set_script(struct run_step *run, const struct heredoc *heredoc, struct msb_error *err)
{
	if (!path_is_name(heredoc->name, strlen(heredoc->name)))
		return msb_error_say(err, EINVAL,
				     "heredoc '%s' is no file name; write <<NAME without slashes",
				     heredoc->name);
	run->script = calloc(1, sizeof(*run->script));
	if (!run->script)
		return msb_error_memory(err);
	run->script->name = strdup(heredoc->name);
	run->script->content = strdup(heredoc->body);
	run->script->size = heredoc->size;
	if (!run->script->name || !run->script->content ||
	    strlist_addf(&run->argv, SCRIPT_DIRECTORY "%s", heredoc->name) < 0)
		return msb_error_memory(err);
	return 0;
}

/* The text for the shell: the command, with its heredocs as a shell wants them. */
static char *shell_text(const struct instruction *instruction)
{
	autobuffer text = {0};

	if (instruction->heredoc_alone) {
		buffer_string(&text, instruction->heredocs[0].body);
		return buffer_text(&text);
	}
	buffer_string(&text, instruction->args.items[0]);
	for (size_t i = 0; i < instruction->heredoc_count; i++)
		buffer_printf(&text, "\n%s%s", instruction->heredocs[i].body,
			      instruction->heredocs[i].name);
	return buffer_text(&text);
}

static int set_argv(const struct site *site, struct run_step *run, struct msb_error *err)
{
	const struct instruction *instruction = site->instruction;
	const struct strlist *shell = &site->scope->config.shell;
	autofree char *text = NULL;

	if (instruction->json)
		return strlist_copy(&run->argv, &instruction->args) < 0 ? msb_error_memory(err) : 0;
	if (instruction->heredoc_alone && strncmp(instruction->heredocs[0].body, "#!", 2) == 0)
		return set_script(run, &instruction->heredocs[0], err);
	text = shell_text(instruction);
	if (!text ||
	    (shell->count > 0 ? strlist_copy(&run->argv, shell) < 0
			      : strlist_add(&run->argv, "/bin/sh") < 0 ||
					strlist_add(&run->argv, "-c") < 0) ||
	    strlist_add(&run->argv, text) < 0)
		return msb_error_memory(err);
	return 0;
}

/* BuildKit's history says that a shell ran a script which ran by itself. */
static void put_shell(struct buffer *history, const struct strlist *shell)
{
	if (shell->count == 0)
		buffer_string(history, " /bin/sh -c");
	for (size_t i = 0; i < shell->count; i++)
		buffer_printf(history, " %s", shell->items[i]);
}

/* "RUN |2 A=1 B= /bin/sh -c text # buildkit": the declared ARGs with the values seen. */
static int set_run_history(struct site *site, struct msb_error *err)
{
	const struct strlist *args = &site->scope->args, *argv = &site->step->run.argv;
	autobuffer history = {0};

	buffer_string(&history, "RUN");
	if (args->count > 0)
		buffer_printf(&history, " |%zu", args->count);
	for (size_t i = 0; i < args->count; i++) {
		const char *value = strlist_get_env(&site->scope->env, args->items[i]);

		buffer_printf(&history, " %s=%s", args->items[i], value ? value : "");
	}
	if (site->step->run.script)
		put_shell(&history, &site->scope->config.shell);
	for (size_t i = 0; i < argv->count; i++)
		buffer_printf(&history, " %s", argv->items[i]);
	buffer_string(&history, " # buildkit");
	return set_history(site, &history, err);
}

int run_apply(struct site *site, struct msb_error *err)
{
	struct run_step *run = &site->step->run;
	int r = set_argv(site, run, err);

	if (r < 0)
		return r;
	if (strlist_copy(&run->env, &site->scope->env) < 0 ||
	    scope_proxies(site->planner, &run->env, &run->hidden_env) < 0)
		return msb_error_memory(err);
	r = run_flags(site, err);
	return r < 0 ? r : set_run_history(site, err);
}

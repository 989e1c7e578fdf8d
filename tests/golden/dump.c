/* Instructions and plans as text. */
#include <stdlib.h>
#include <string.h>

#include <msb/cleanup.h>

#include "golden.h"

void dump_block(struct buffer *out, const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n");

		buffer_string(out, "    | ");
		for (size_t i = 0; i < length; i++) {
			if (text[i] == '\r')
				buffer_string(out, "\\r");
			else
				buffer_char(out, text[i]);
		}
		buffer_char(out, '\n');
		text += length + (text[length] == '\n');
	}
}

static void dump_list(struct buffer *out, const char *name, const struct strlist *list)
{
	if (list->count == 0)
		return;
	buffer_printf(out, "  %s", name);
	for (size_t i = 0; i < list->count; i++)
		buffer_printf(out, " [%s]", list->items[i]);
	buffer_char(out, '\n');
}

static void dump_text(struct buffer *out, const char *name, const char *text)
{
	if (text)
		buffer_printf(out, "  %s %s\n", name, text);
}

static void dump_instruction(struct buffer *out, const struct instruction *instruction)
{
	buffer_printf(out, "%d-%d %s%s%s\n", instruction->line, instruction->end_line,
		      instruction_name(instruction->kind), instruction->json ? " json" : "",
		      instruction->heredoc_alone ? " alone" : "");
	for (size_t i = 0; i < instruction->flag_count; i++)
		buffer_printf(out, "  --%s=%s\n", instruction->flags[i].name,
			      instruction->flags[i].value);
	for (size_t i = 0; i < instruction->args.count; i++)
		buffer_printf(out, "  [%s]\n", instruction->args.items[i]);
	for (size_t i = 0; i < instruction->heredoc_count; i++) {
		const struct heredoc *heredoc = &instruction->heredocs[i];

		buffer_printf(out, "  heredoc %s%s%s", heredoc->name,
			      heredoc->expand ? "" : " quoted", heredoc->chomp ? " chomped" : "");
		if (heredoc->descriptor >= 0)
			buffer_printf(out, " for %d", heredoc->descriptor);
		buffer_char(out, '\n');
		dump_block(out, heredoc->body);
	}
}

void dump_dockerfile(struct buffer *out, const struct dockerfile *dockerfile)
{
	if (dockerfile->escape != '\\')
		buffer_printf(out, "escape %c\n", dockerfile->escape);
	for (size_t i = 0; i < dockerfile->count; i++)
		dump_instruction(out, &dockerfile->instructions[i]);
}

static void dump_config(struct buffer *out, const struct config *config)
{
	buffer_string(out, "config\n");
	dump_list(out, "env", &config->env);
	dump_list(out, "labels", &config->labels);
	dump_text(out, "user", config->user);
	dump_text(out, "working-dir", config->working_dir);
	dump_list(out, "entrypoint", &config->entrypoint);
	dump_list(out, "cmd", &config->cmd);
	if (config->has_cmd && config->cmd.count == 0)
		buffer_string(out, "  cmd empty\n");
	dump_list(out, "shell", &config->shell);
	dump_list(out, "ports", &config->ports);
	dump_list(out, "volumes", &config->volumes);
	dump_list(out, "onbuild", &config->onbuild);
	dump_text(out, "stop-signal", config->stop_signal);
	dump_text(out, "author", config->author);
	if (!config->has_healthcheck)
		return;
	dump_list(out, "healthcheck", &config->healthcheck.test);
	buffer_printf(out, "  healthcheck-times %lld %lld %lld %lld retries %lld\n",
		      (long long)config->healthcheck.interval_ns,
		      (long long)config->healthcheck.timeout_ns,
		      (long long)config->healthcheck.start_period_ns,
		      (long long)config->healthcheck.start_interval_ns,
		      (long long)config->healthcheck.retries);
}

static void dump_source(struct buffer *out, const struct source *source)
{
	static const char *const kinds[] = {"context", "scratch", "stage", "image", "named"};

	buffer_printf(out, "%s", kinds[source->kind]);
	if (source->kind == SOURCE_STAGE)
		buffer_printf(out, " %zu", source->stage);
	if (source->kind == SOURCE_NAMED)
		buffer_printf(out, " %zu", source->named);
	if (source->kind == SOURCE_IMAGE)
		buffer_printf(out, " %s", source->image);
}

static void dump_files(struct buffer *out, const struct inline_file *files, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		buffer_printf(out, "  file %s\n", files[i].name);
		dump_block(out, files[i].content);
	}
}

static void dump_run(struct buffer *out, const struct run_step *run)
{
	dump_list(out, "hidden", &run->hidden_env);
	dump_files(out, run->script, run->script ? 1 : 0);
	for (size_t i = 0; i < run->mount_count; i++) {
		buffer_printf(out, "  mount %zu from ", i);
		dump_source(out, &run->mounts[i].from);
		buffer_char(out, '\n');
	}
}

static void dump_step(struct buffer *out, const struct step *step)
{
	static const char *const kinds[] = {"FROM", "RUN", "COPY", "ADD", "WORKDIR", "CONFIG"};
	autofree char *definition = plan_step_definition(step);

	buffer_printf(out, "step %zu %s line %d-%d%s%s\n", step->number, kinds[step->kind],
		      step->line, step->end_line, step->empty_layer ? " empty" : "",
		      step->from_trigger ? " trigger" : "");
	dump_text(out, "text", step->text);
	if (strcmp(step->text, step->expanded) != 0)
		dump_text(out, "means", step->expanded);
	dump_text(out, "history", step->created_by);
	if (step->kind == STEP_COPY || step->kind == STEP_ADD) {
		buffer_string(out, "  from ");
		dump_source(out, &step->copy.from);
		buffer_char(out, '\n');
		dump_list(out, "sources", &step->copy.sources);
		dump_files(out, step->copy.files, step->copy.file_count);
	}
	if (step->kind == STEP_RUN)
		dump_run(out, &step->run);
	if (step->kind != STEP_CONFIG && step->kind != STEP_FROM)
		dump_block(out, definition);
}

static bool is_target(const struct plan *plan, size_t stage)
{
	for (size_t i = 0; i < plan->target_count; i++)
		if (plan->targets[i] == stage)
			return true;
	return false;
}

void dump_plan(struct buffer *out, const struct plan *plan)
{
	for (size_t i = 0; i < plan->stage_count; i++) {
		const struct plan_stage *stage = &plan->stages[i];

		buffer_printf(out, "stage %zu %s from ", stage->index, stage->label);
		dump_source(out, &stage->base);
		if (stage->platform)
			buffer_printf(out, " for %s", stage->platform);
		if (stage->need_count > 0)
			buffer_string(out, " needs");
		for (size_t j = 0; j < stage->need_count; j++)
			buffer_printf(out, " %zu", stage->needs[j]);
		buffer_printf(out, "%s%s\n", stage->wanted ? "" : " unwanted",
			      is_target(plan, i) ? " target" : "");
		for (size_t j = 0; j < stage->step_count; j++)
			dump_step(out, &stage->steps[j]);
		if (stage->step_count > 0)
			dump_config(out, &stage->steps[stage->step_count - 1].config);
	}
}

static void dump_lines(struct buffer *out, int line, int end_line)
{
	buffer_printf(out, "%d", line);
	if (end_line != line)
		buffer_printf(out, "-%d", end_line);
}

void dump_lint(struct buffer *out, const struct lint *lint)
{
	for (size_t i = 0; i < lint->count; i++) {
		dump_lines(out, lint->warnings[i].line, lint->warnings[i].end_line);
		buffer_printf(out, " %s: %s\n", lint->warnings[i].rule, lint->warnings[i].message);
	}
	if (lint->count == 0)
		buffer_string(out, "no warnings\n");
	if (lint->is_error)
		buffer_string(out, "an error\n");
}

static void dump_outline_list(struct buffer *out, const char *kind, const struct outline_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct outline_item *item = &list->items[i];

		dump_lines(out, item->line, item->end_line);
		buffer_printf(out, " %s %s", kind, item->name);
		if (item->value)
			buffer_printf(out, " = '%s'", item->value);
		buffer_printf(out, "%s\n", item->required ? " required" : "");
		if (item->description)
			buffer_printf(out, "    | %s\n", item->description);
	}
}

void dump_outline(struct buffer *out, const struct outline *outline)
{
	buffer_printf(out, "target %s\n", outline->name ? outline->name : "(none)");
	if (outline->description)
		buffer_printf(out, "    | %s\n", outline->description);
	dump_outline_list(out, "arg", &outline->args);
	dump_outline_list(out, "secret", &outline->secrets);
	dump_outline_list(out, "ssh", &outline->agents);
}

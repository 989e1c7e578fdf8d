/* Values of variables put into an instruction's words. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "path.h"

int expand(const struct site *site, const char *text, char **ret, struct msb_error *err)
{
	struct words words = {.escape = site->planner->file->escape, .env = &site->scope->env};

	return words_expand(&words, text, ret, err);
}

/* " (first line...)" of the script that a RUN consists of. */
static void put_script_summary(struct buffer *buffer, const struct heredoc *heredoc)
{
	const char *body = heredoc->body + strspn(heredoc->body, " \t\r\n");
	size_t length = strcspn(body, "\r\n"), more = strspn(body + length, " \t\r\n");

	buffer_printf(buffer, " (%.*s%s)", (int)(length < 200 ? length : 200), body,
		      body[length + more] ? "..." : "");
}

char *expand_for_people(const struct site *site)
{
	const struct instruction *instruction = site->instruction;
	struct words words = {
		.escape = site->planner->file->escape,
		.env = &site->scope->env,
		.keep_quotes = true,
		.keep_unset = true,
	};
	autofree char *text = NULL;
	autobuffer out = {0};
	size_t keyword;

	/* Shell text that is no text of ours stays as it is. */
	if (words_expand(&words, instruction->text, &text, NULL) < 0)
		text = strdup(instruction->text);
	if (!text)
		return NULL;
	keyword = strcspn(text, " \t\v\f\r");
	for (size_t i = 0; i < keyword; i++)
		buffer_char(&out, (char)toupper((unsigned char)text[i]));
	buffer_string(&out, text + keyword);
	if (instruction->heredoc_alone)
		put_script_summary(&out, &instruction->heredocs[0]);
	return buffer_text(&out);
}

char *current_directory(const struct config *config)
{
	const char *directory = config->working_dir ? config->working_dir : "/";

	return path_join("/", directory);
}

int replace_text(char **owned, const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		return -ENOMEM;
	free(*owned);
	*owned = copy;
	return 0;
}

int set_history(struct site *site, struct buffer *buffer, struct msb_error *err)
{
	free(site->step->created_by);
	site->step->created_by = buffer_text(buffer);
	return site->step->created_by ? 0 : msb_error_memory(err);
}

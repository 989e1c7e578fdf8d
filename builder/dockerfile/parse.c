/* A whole Dockerfile: its instructions in order, and what only the whole can be wrong about. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "internal.h"

void instruction_done(struct instruction *instruction)
{
	free(instruction->text);
	free(instruction->rest);
	for (size_t i = 0; i < instruction->flag_count; i++) {
		free(instruction->flags[i].name);
		free(instruction->flags[i].value);
	}
	free(instruction->flags);
	for (size_t i = 0; i < instruction->heredoc_count; i++) {
		free(instruction->heredocs[i].name);
		free(instruction->heredocs[i].body);
	}
	free(instruction->heredocs);
	strlist_done(&instruction->args);
	strlist_done(&instruction->comments);
	*instruction = (struct instruction){0};
}

void dockerfile_free(struct dockerfile *dockerfile)
{
	if (!dockerfile)
		return;
	for (size_t i = 0; i < dockerfile->count; i++)
		instruction_done(&dockerfile->instructions[i]);
	free(dockerfile->instructions);
	free(dockerfile->check);
	free(dockerfile->name);
	free(dockerfile);
}

/* ONBUILD keeps its trigger as text, heredocs behind it as they were written. */
static int append_heredocs(struct instruction *instruction)
{
	autobuffer text = {0};
	char *whole;

	if (instruction->kind != INSTRUCTION_ONBUILD || instruction->heredoc_count == 0)
		return 0;
	buffer_string(&text, instruction->args.items[0]);
	for (size_t i = 0; i < instruction->heredoc_count; i++)
		buffer_printf(&text, "\n%s%s", instruction->heredocs[i].body,
			      instruction->heredocs[i].name);
	whole = buffer_text(&text);
	if (!whole)
		return -ENOMEM;
	free(instruction->args.items[0]);
	instruction->args.items[0] = whole;
	return 0;
}

static struct instruction *append_instruction(struct dockerfile *dockerfile, size_t *capacity)
{
	struct instruction *grown = dockerfile->instructions;

	if (dockerfile->count == *capacity) {
		*capacity = *capacity ? *capacity * 2 : 32;
		grown = reallocarray(grown, *capacity, sizeof(*grown));
		if (!grown)
			return NULL;
		dockerfile->instructions = grown;
	}
	grown[dockerfile->count] = (struct instruction){0};
	return &grown[dockerfile->count++];
}

static int parse_instruction(struct lexer *lexer, const char *line, struct instruction *ret,
			     struct msb_error *err)
{
	int r;

	ret->comments = lexer->comments;
	lexer->comments = (struct strlist){0};
	ret->empty_continuation = lexer->empty_continuation;
	r = instruction_parse(line, lexer->escape, ret, err);
	if (r < 0)
		return r;
	r = heredoc_read(lexer, ret, err);
	if (r < 0)
		return r;
	ret->end_line = lexer->line;
	return append_heredocs(ret) < 0 ? msb_error_memory(err) : 0;
}

/* All instructions of the lexer's text. */
static int parse_all(struct lexer *lexer, struct dockerfile *dockerfile, struct msb_error *err)
{
	size_t capacity = 0;

	for (;;) {
		autofree char *line = NULL;
		int at, r = lexer_next(lexer, &line, &at, err);
		struct instruction *instruction;

		if (r < 0)
			return msb_error_prefix(err, r, "%s:%d", dockerfile->name, lexer->line);
		if (r == 0)
			break;
		instruction = append_instruction(dockerfile, &capacity);
		if (!instruction)
			return msb_error_memory(err);
		instruction->line = at;
		r = parse_instruction(lexer, line, instruction, err);
		if (r < 0)
			return msb_error_prefix(err, r, "%s:%d", dockerfile->name, at);
	}
	dockerfile->escape = lexer->escape;
	dockerfile->check = steal(&lexer->check);
	dockerfile->check_line = lexer->check_line;
	return 0;
}

static int check_stages(const struct dockerfile *dockerfile, struct msb_error *err)
{
	const char *name = dockerfile->name;

	for (size_t i = 0; i < dockerfile->count; i++) {
		const struct instruction *instruction = &dockerfile->instructions[i];

		if (instruction->kind == INSTRUCTION_FROM)
			return 0;
		if (instruction->kind != INSTRUCTION_ARG)
			return msb_error_say(err, EINVAL,
					     "%s:%d: no build stage yet for this %s; write it "
					     "behind a FROM",
					     name, instruction->line,
					     instruction_name(instruction->kind));
	}
	if (dockerfile->count == 0)
		return msb_error_say(err, EINVAL,
				     "%s:1: no instructions; begin with FROM and an image", name);
	return msb_error_say(err, EINVAL, "%s:%d: no stage to build; add a FROM behind the ARGs",
			     name, dockerfile->instructions[dockerfile->count - 1].line);
}

static int check_text(const char *name, const char *text, size_t size, struct msb_error *err)
{
	const char *zero = size ? memchr(text, '\0', size) : NULL;
	size_t blank = 0;
	int line = 1;

	if (size > DOCKERFILE_MAX)
		return msb_error_say(err, EINVAL,
				     "%s:1: larger than %d MiB; keep data in files and COPY them",
				     name, DOCKERFILE_MAX >> 20);
	while (blank < size && text[blank] && strchr(BLANKS, text[blank]))
		blank++;
	if (blank == size)
		return msb_error_say(err, EINVAL,
				     "%s:1: the Dockerfile is empty; begin with FROM and an image",
				     name);
	if (!zero)
		return 0;
	for (const char *at = text; at < zero; at++)
		line += *at == '\n';
	return msb_error_say(err, EINVAL, "%s:%d: holds a NUL byte; save it as a text file", name,
			     line);
}

static struct dockerfile *dockerfile_new(const char *name)
{
	AUTO(dockerfile_freep) struct dockerfile *dockerfile = calloc(1, sizeof(*dockerfile));

	if (!dockerfile)
		return NULL;
	dockerfile->name = strdup(name);
	return dockerfile->name ? steal(&dockerfile) : NULL;
}

int dockerfile_parse(const char *name, const char *text, size_t size, struct dockerfile **ret,
		     struct msb_error *err)
{
	AUTO(dockerfile_freep) struct dockerfile *dockerfile = dockerfile_new(name);
	autolexer lexer = {0};
	int r;

	if (!dockerfile)
		return msb_error_memory(err);
	r = check_text(name, text, size, err);
	if (r < 0)
		return r;
	lexer_init(&lexer, text, size, '\\');
	r = parse_all(&lexer, dockerfile, err);
	if (r < 0)
		return r;
	r = check_stages(dockerfile, err);
	if (r < 0)
		return r;
	*ret = steal(&dockerfile);
	return 0;
}

int dockerfile_parse_trigger(const char *name, int line, const char *text, char escape,
			     struct dockerfile **ret, struct msb_error *err)
{
	AUTO(dockerfile_freep) struct dockerfile *dockerfile = dockerfile_new(name);
	enum instruction_kind kind;
	autolexer lexer = {0};
	int r;

	if (!dockerfile)
		return msb_error_memory(err);
	lexer_init(&lexer, text, strlen(text), escape);
	lexer.directives_done = true;
	/* Places are those of the FROM that brought the trigger. */
	lexer.line = line - 1;
	r = parse_all(&lexer, dockerfile, err);
	if (r < 0)
		return r;
	if (dockerfile->count != 1)
		return msb_error_say(
			err, EINVAL,
			"%s:%d: the base image's ONBUILD trigger is no single instruction; take "
			"another base image: %.200s",
			name, line, text);
	kind = dockerfile->instructions[0].kind;
	if (kind == INSTRUCTION_FROM || kind == INSTRUCTION_ONBUILD)
		return msb_error_say(
			err, EINVAL,
			"%s:%d: the base image has %s as an ONBUILD trigger, which cannot be; "
			"take another base image",
			name, line, instruction_name(kind));
	dockerfile->instructions[0].line = line;
	dockerfile->instructions[0].end_line = line;
	*ret = steal(&dockerfile);
	return 0;
}

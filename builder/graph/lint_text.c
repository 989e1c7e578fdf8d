/* Rules that need no more than the text of the file. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "lint_internal.h"

#define BLANKS " \t\v\f\r"

static bool all_lower(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (isupper((unsigned char)text[i]))
			return false;
	return true;
}

static bool all_upper(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (islower((unsigned char)text[i]))
			return false;
	return true;
}

/* The part of FROM's line: its own keyword, "as", or the name as written. Borrowed; length 0: not
 * there. */
static const char *from_word(const struct instruction *from, size_t index, size_t *ret_length)
{
	const char *at = from->rest;

	for (;; index--) {
		at += strspn(at, BLANKS);
		*ret_length = strcspn(at, BLANKS);
		if (index == 0 || *ret_length == 0)
			return at;
		at += *ret_length;
	}
}

int lint_stage_name_casing(struct linter *linter, struct msb_error *err)
{
	size_t length;
	const char *name = from_word(linter->instruction, 2, &length);

	(void)err;
	if (!all_lower(name, length))
		lint_warn(linter, "Stage name '%.*s' should be lowercase", (int)length, name);
	return 0;
}

/* A keyword that is mixed in itself is another rule's. */
int lint_from_as_casing(struct linter *linter, struct msb_error *err)
{
	const char *from = linter->instruction->text;
	size_t length;
	const char *as = from_word(linter->instruction, 1, &length);

	(void)err;
	if (length == 0 || (all_lower(from, 4) && all_lower(as, length)) ||
	    (all_upper(from, 4) && all_upper(as, length)) ||
	    (!all_lower(from, 4) && !all_upper(from, 4)))
		return 0;
	lint_warn(linter, "'%.*s' and '%.4s' keywords' casing do not match", (int)length, as, from);
	return 0;
}

int lint_empty_continuation(struct linter *linter, struct msb_error *err)
{
	int line = linter->instruction->end_line;

	(void)err;
	if (linter->instruction->empty_continuation)
		lint_warn_at(linter, line, line, "Empty continuation line");
	return 0;
}

int lint_instruction_casing(struct linter *linter, struct msb_error *err)
{
	const char *text = linter->instruction->text;
	size_t length = strlen(instruction_name(linter->instruction->kind));
	bool right = linter->lower_case ? all_lower(text, length) : all_upper(text, length);

	(void)err;
	if (linter->scope && !right)
		lint_warn(linter,
			  "Command '%.*s' should match the case of the command majority (%s)",
			  (int)length, text, linter->lower_case ? "lowercase" : "uppercase");
	return 0;
}

int lint_duplicate_stage(struct linter *linter, struct msb_error *err)
{
	const char *name = linter->stage_names.items[linter->stage_count - 1];

	(void)err;
	for (size_t i = 0; *name && i + 1 < linter->stage_count; i++) {
		if (strcmp(linter->stage_names.items[i], name) == 0) {
			lint_warn(linter,
				  "Duplicate stage name \"%s\", stage names should be unique",
				  name);
			break;
		}
	}
	return 0;
}

int lint_reserved_stage(struct linter *linter, struct msb_error *err)
{
	const char *name = linter->stage_names.items[linter->stage_count - 1];

	(void)err;
	if (strcmp(name, "scratch") == 0 || strcmp(name, "context") == 0)
		lint_warn(linter,
			  "Stage name should not use the same name as reserved stage \"%s\"", name);
	return 0;
}

int lint_maintainer(struct linter *linter, struct msb_error *err)
{
	(void)err;
	lint_warn(linter, "Maintainer instruction is deprecated in favor of using label");
	return 0;
}

int lint_legacy_pairs(struct linter *linter, struct msb_error *err)
{
	const char *name = instruction_name(linter->instruction->kind);

	(void)err;
	if (linter->instruction->legacy)
		lint_warn(linter,
			  "\"%s key=value\" should be used instead of legacy \"%s key value\" "
			  "format",
			  name, name);
	return 0;
}

static bool begins_with_name(const char *comment, const char *name, size_t length)
{
	return strncasecmp(comment, name, length) == 0 &&
	       (!comment[length] || comment[length] == ' ');
}

/* The last comment line above a named stage or an ARG describes it. */
int lint_description(struct linter *linter, struct msb_error *err)
{
	const struct instruction *instruction = linter->instruction;
	const struct strlist *comments = &instruction->comments, *args = &instruction->args;
	bool is_arg = instruction->kind == INSTRUCTION_ARG;
	const char *last;

	(void)err;
	if (comments->count == 0 || (!is_arg && args->count < 2))
		return 0;
	last = comments->items[comments->count - 1];
	if (strncmp(last, "check=", 6) == 0)
		return 0;
	for (size_t i = is_arg ? 0 : 1; i < args->count; i++)
		if (begins_with_name(last, args->items[i], strcspn(args->items[i], "=")))
			return 0;
	if (is_arg && args->count > 1)
		lint_warn(linter,
			  "Comment for ARG should follow the format: `# <arg_key> <description>`");
	else
		lint_warn(linter, "Comment for %s should follow the format: `# %.*s <description>`",
			  is_arg ? "ARG" : "FROM", (int)strcspn(args->items[is_arg ? 0 : 1], "="),
			  args->items[is_arg ? 0 : 1]);
	return 0;
}

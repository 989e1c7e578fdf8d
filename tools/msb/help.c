#include "help.h"

#include <string.h>

#include "text.h"

#define WORD_MAX 32

static bool is(const char *name, const char *word)
{
	return name && strcmp(name, word) == 0;
}

const char *help_family_of(const char *word)
{
	static const char *const families[] = {"image", "cache"};

	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
		size_t length = strlen(families[i]);

		if (strncmp(word, families[i], length) == 0 &&
		    (!word[length] || word[length] == ' '))
			return families[i];
	}
	return NULL;
}

const struct command *help_find(const char *word)
{
	for (const struct command *c = commands; c->name; c++)
		if (is(c->name, word) || is(c->short_name, word) || is(c->alias, word))
			return c;
	return NULL;
}

size_t help_distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 1];
	size_t a_length = strlen(a), b_length = strlen(b);

	if (a_length > WORD_MAX || b_length > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= b_length; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		size_t *now = rows[i % 3];
		const size_t *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);

			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			now[j] = best;
		}
	}
	return rows[a_length % 3][b_length];
}

const char *help_nearest(const char *word)
{
	const char *nearest = NULL;
	const char *family = help_family_of(word);
	size_t length = strlen(word) - (family && strchr(word, ' ') ? strlen(family) + 1 : 0);
	size_t limit = length > 4 ? 2 : 1; /* of a short word little may be wrong */

	for (const struct command *c = commands; c->name; c++) {
		const char *names[] = {c->name, c->short_name};

		for (size_t i = 0; i < 2; i++) {
			size_t d = names[i] ? help_distance(word, names[i]) : WORD_MAX;

			if (d <= limit) {
				nearest = names[i];
				limit = d ? d - 1 : 0;
			}
		}
	}
	return nearest;
}

void help_all(FILE *out)
{
	const char *group = "";

	fputs("Usage: msb [--root DIR] COMMAND [OPTION...]\n\n"
	      "Builds multi-stage Dockerfiles, and shows every stage, step and image as a "
	      "directory.\n",
	      out);
	for (const struct command *c = commands; c->name; c++) {
		char also[64] = "";

		if (!c->group)
			continue;
		if (strcmp(group, c->group) != 0)
			fprintf(out, "\n%s:\n", c->group);
		group = c->group;
		if (c->short_name)
			snprintf(also, sizeof(also), " (msb %s)", c->name);
		fprintf(out, "  %-9s %s%s\n", c->short_name ? c->short_name : c->name, c->summary,
			also);
	}
	fputs("\n"
	      "Options in front of the command:\n"
	      "  --root DIR   The store; otherwise $MSB_ROOT, /var/lib/msb for root, or\n"
	      "               $XDG_DATA_HOME/msb\n"
	      "  --version    Show the version\n"
	      "  --help       Show this\n"
	      "\n"
	      "REF names a tree: build or 0 (a stage of the newest build), build@4 (after its\n"
	      "step 4), 7/build@4 (of build 7), image:NAME, tree:sha256:...\n"
	      "\n"
	      "'msb COMMAND --help' tells more about a command.\n",
	      out);
}

void help_family(FILE *out, const char *family)
{
	size_t length = strlen(family);

	fprintf(out, "Usage: msb %s COMMAND [OPTION...]\n\nCommands:\n", family);
	for (const struct command *c = commands; c->name; c++)
		if (strncmp(c->name, family, length) == 0 && c->name[length] == ' ')
			fprintf(out, "  %-9s %s\n", c->name + length + 1, c->summary);
	fprintf(out, "\n'msb %s COMMAND --help' tells more about a command.\n", family);
}

int run_help(struct session *session, int argc, char **argv)
{
	static const struct plain_command plain = {
		NULL, "[COMMAND]", "Show all commands, or all about one.", 0, 2, "a command"};
	autowords operands = {0};
	char option[] = "--help";
	char program[160], word[128];
	char *words[] = {program, option, NULL};
	const struct command *command;

	if (plain_parse(session, &plain, argc, argv, &operands))
		return STATUS_FAILED;
	if (operands.count == 0) {
		help_all(stdout);
		return finish();
	}
	if (operands.count == 1 && help_family_of(operands.items[0])) {
		help_family(stdout, operands.items[0]);
		return finish();
	}
	snprintf(word, sizeof(word), "%s%s%s", operands.items[0], operands.count > 1 ? " " : "",
		 operands.count > 1 ? operands.items[1] : "");
	command = help_find(word);
	if (!command) {
		const char *meant = help_nearest(word);

		fprintf(stderr, "msb help: '%s' is not a command%s%s%s\n", word,
			meant ? " (did you mean " : "", meant ? meant : "", meant ? "?)" : "");
		return STATUS_USAGE;
	}
	snprintf(program, sizeof(program), "msb %s", word);
	return command->run(session, 2, words);
}

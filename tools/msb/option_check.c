#include "option_check.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "docker_words.h"
#include "help.h"

#define NAME_MAX_LENGTH 64

struct search {
	const struct argp_option *const *tables;
	size_t next_table;
	const struct argp_option *next;
};

/* Each option of all tables; NULL after the last. An alias has what the one before it has. */
static const struct argp_option *next_option(struct search *search)
{
	while (!search->next || (!search->next->name && !search->next->key)) {
		if (!search->tables[search->next_table])
			return NULL;
		search->next = search->tables[search->next_table++];
	}
	return search->next++;
}

/* By its name, or a beginning of one: what of several, argp decides. */
static const struct argp_option *find_long(const struct argp_option *const *tables,
					   const char *name, size_t length)
{
	struct search search = {.tables = tables};
	const struct argp_option *option, *found = NULL;

	while ((option = next_option(&search)) != NULL) {
		if (!option->name || strncmp(option->name, name, length) != 0)
			continue;
		if (!option->name[length])
			return option;
		found = option;
	}
	return found;
}

static const struct argp_option *find_short(const struct argp_option *const *tables, int key)
{
	struct search search = {.tables = tables};
	const struct argp_option *option;

	while ((option = next_option(&search)) != NULL)
		if (option->key == key)
			return option;
	return NULL;
}

static const char *nearest(const struct argp_option *const *tables, const char *name)
{
	struct search search = {.tables = tables};
	const struct argp_option *option;
	const char *found = NULL;
	size_t limit = strlen(name) > 4 ? 2 : 1;

	while ((option = next_option(&search)) != NULL) {
		size_t d = option->name ? help_distance(name, option->name) : limit + 1;

		if (d <= limit) {
			found = option->name;
			limit = d ? d - 1 : 0;
		}
	}
	return found;
}

static void refuse(const struct argp_option *const *tables, const char *program, const char *dashes,
		   const char *name)
{
	const char *command = strrchr(program, ' ');
	const char *instead = NULL, *meant = NULL;

	if (command && (strcmp(command, " build") == 0 || strcmp(command, " bud") == 0))
		instead = docker_words_option(name);
	if (!instead && dashes[1])
		meant = nearest(tables, name);
	fprintf(stderr, "%s: unknown option '%s%s'", program, dashes, name);
	if (instead)
		fprintf(stderr, ": %s", instead);
	if (meant)
		fprintf(stderr, " (did you mean --%s?)", meant);
	fprintf(stderr, "\nTry '%s --help'.\n", program);
	exit(STATUS_USAGE);
}

static bool takes_next_word(const struct argp_option *option)
{
	return option->arg && !(option->flags & OPTION_ARG_OPTIONAL);
}

/* "--name" or "--name=value"; 1 where its value is the next word. */
static int check_long(const struct argp_option *const *tables, const char *program,
		      const char *word)
{
	size_t length = strcspn(word, "=");
	const struct argp_option *option = find_long(tables, word, length);
	char name[NAME_MAX_LENGTH];

	if (!option) {
		snprintf(name, sizeof(name), "%.*s", (int)length, word);
		refuse(tables, program, "--", name);
	}
	return option && takes_next_word(option) && !word[length];
}

/* "-abc", each a letter; what follows one with a value is its value. */
static int check_short(const struct argp_option *const *tables, const char *program,
		       const char *letters)
{
	for (; *letters; letters++) {
		const struct argp_option *option = find_short(tables, (unsigned char)*letters);

		if (!option)
			refuse(tables, program, "-", (char[]){*letters, '\0'});
		else if (option->arg)
			return takes_next_word(option) && !letters[1];
	}
	return 0;
}

static bool asks_for_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "--usage") == 0 ||
	       strcmp(word, "-?") == 0;
}

void option_check(const struct argp_option *const *tables, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];

		if (strcmp(word, "--") == 0 || asks_for_help(word))
			return;
		if (strncmp(word, "--", 2) == 0)
			i += check_long(tables, argv[0], word + 2);
		else if (word[0] == '-' && word[1])
			i += check_short(tables, argv[0], word + 1);
	}
}

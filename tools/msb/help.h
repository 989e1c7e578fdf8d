/* The table of commands as text, and the search in it. */
#ifndef HELP_H
#define HELP_H

#include <stdio.h>

#include "command.h"

/* By name, short name or alias; NULL when there is none. */
const struct command *help_find(const char *word);

/* The name or short name nearest to word; NULL when none is near. */
const char *help_nearest(const char *word);

/* Insertions, removals, replacements and swaps of neighbours that make b of a. */
size_t help_distance(const char *a, const char *b);

/* The word in front of a command's name, "image" of "image ls", where there are such commands; NULL
 * for other words. */
const char *help_family_of(const char *word);

/* All commands in their groups; those of a family. */
void help_all(FILE *out);
void help_family(FILE *out, const char *family);

#endif

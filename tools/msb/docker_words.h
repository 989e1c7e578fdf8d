/* What docker has a word for and msb does not: with "alias docker=msb", such words come too. */
#ifndef DOCKER_WORDS_H
#define DOCKER_WORDS_H

#include <stdbool.h>

/* "buildx build", "builder prune", "system df": a word in front of a command of ours. */
bool docker_words_skip(const char *word);

/* What to do instead, as half a sentence; NULL: not one of docker's. */
const char *docker_words_instead(const char *word);

#endif

/* What docker, podman and buildah have words for and msb does not: with "alias docker=msb", such
 * words come too. */
#ifndef DOCKER_WORDS_H
#define DOCKER_WORDS_H

#include <stdbool.h>

/* "buildx build", "builder prune", "system df": the first is to be left out. */
bool docker_words_skip(const char *word, const char *next);

/* What to do instead of a command, as half a sentence; NULL: none of theirs. */
const char *docker_words_instead(const char *word);

/* What to do instead of an option of `build`, without its dashes. */
const char *docker_words_option(const char *option);

#endif

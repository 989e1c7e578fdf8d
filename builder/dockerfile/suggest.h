/* "did you mean …?": the nearest of some known names. Pure. */
#ifndef SUGGEST_H
#define SUGGEST_H

#include <stddef.h>

#include <msb/error.h>

/* The candidate at most two edits away from word, upper and lower case being equal; NULL: none.
 * Borrowed from candidates. */
const char *suggest(const char *word, const char *const *candidates, size_t count);

/* -EINVAL with "what 'word' (did you mean x?)", or where none is near "; write one of a, b". mark
 * stands in front of each word. */
int suggest_instead(const char *what, const char *mark, const char *word,
		    const char *const *candidates, size_t count, struct msb_error *err);

#endif

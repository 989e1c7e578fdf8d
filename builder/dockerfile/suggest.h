/* "did you mean …?": the nearest of some known names. Pure. */
#ifndef SUGGEST_H
#define SUGGEST_H

#include <stddef.h>

/* The candidate at most two edits away from word, upper and lower case being equal; NULL: none.
 * Borrowed from candidates. */
const char *suggest(const char *word, const char *const *candidates, size_t count);

#endif

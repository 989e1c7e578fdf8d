/* Two texts side by side, as `diff -u` shows them. */
#ifndef TEXT_DIFF_H
#define TEXT_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* False for what is shown better by its size: a NUL is in it. */
bool text_diff_is_text(const char *bytes, size_t size);

/*
 * The hunks that make b of a, each with three lines around it; nothing for equal texts. With
 * harmless, lines are cleaned for a terminal (text.h). Texts that have too little in common for it
 * to be worth the search are shown as replaced where they differ. 0 or -ENOMEM.
 */
int text_diff_hunks(FILE *out, const char *a, size_t a_size, const char *b, size_t b_size,
		    bool harmless);

#endif

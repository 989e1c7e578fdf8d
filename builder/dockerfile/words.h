/*
 * The variable language of Dockerfiles: $name and ${name…} forms, quotes and escapes, as
 * BuildKit's lexer has them. Pure; variables come through a callback or an environment list.
 * Nesting and the size of results are bounded, so that hostile text costs no more than that.
 */
#ifndef WORDS_H
#define WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include <msb/error.h>

#include "strlist.h"

#define WORDS_MAX   (128 << 10) /* bytes of one result: the kernel's limit of one argument */
#define WORDS_DEPTH 64          /* of nested ${} */

struct words {
	char escape;               /* '\\' or '`' */
	const struct strlist *env; /* NAME=VALUE; used where lookup is NULL; may be NULL */
	const char *(*lookup)(void *context, const char *name); /* NULL: not set */
	void *context;
	size_t max;        /* bytes of the result; 0: WORDS_MAX */
	bool plain_quotes; /* quotes mean nothing and stay: bodies of heredocs */
	bool keep_quotes;  /* quotes mean what they do and stay: text for people */
	bool keep_unset;   /* $x of an unset x stays as it is written */
};

/* One word, blanks and all. ret is owned by the caller. -EINVAL with what is wrong, -E2BIG for a
 * result beyond max, -ENOMEM. */
int words_expand(const struct words *words, const char *text, char **ret, struct msb_error *err);

/* Several: split at the blanks of text and of values that are not quoted. Appends to ret. */
int words_split(const struct words *words, const char *text, struct strlist *ret,
		struct msb_error *err);

#endif

/* Why two keys differ: what of their definitions does, in words. Pure. */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include <stddef.h>

struct explanation {
	char *component; /* "env", as in the definition; owned, as all below */
	char *before;    /* its value in either; NULL: not there */
	char *after;
	char *text; /* a sentence without its full stop: "argument A changed from '1' to '2'" */
};

struct explanations {
	struct explanation *items; /* owned */
	size_t count;
};

/* Appends; text as in printf. 0 or -ENOMEM. */
int explain_add(struct explanations *list, const char *component, const char *before,
		const char *after, const char *format, ...) __attribute__((format(printf, 5, 6)));

/*
 * Appends one explanation a component that differs, in the order of `after`; none for equal
 * definitions. Digests are called by what they stand for: whoever knows the trees behind
 * "content", "tree" and "mount" can say more. 0 or -ENOMEM.
 */
int explain_definitions(const char *before, const char *after, struct explanations *list);

void explanations_done(struct explanations *list);

#define autoexplanations __attribute__((cleanup(explanations_done))) struct explanations

#endif

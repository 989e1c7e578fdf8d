/* Reading definitions back (plan_step_definition() and what the executor adds to it). */
#ifndef DEFINITION_H
#define DEFINITION_H

#include <stddef.h>

struct component {
	char *name;  /* "env"; owned */
	char *value; /* without its quotes; owned */
};

struct definition {
	struct component *components; /* owned; in the text's order */
	size_t count;
};

/* Text of any kind is taken: lines that are none are components without a value. 0 or -ENOMEM (ret
 * is then empty). */
int definition_read(const char *text, struct definition *ret);
void definition_done(struct definition *definition);

#define autodefinition __attribute__((cleanup(definition_done))) struct definition

#endif

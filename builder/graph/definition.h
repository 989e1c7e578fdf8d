/* Reading definitions back (plan_step_definition() and what the executor adds to it). */
#ifndef DEFINITION_H
#define DEFINITION_H

#include <stdbool.h>
#include <stddef.h>

#include <msb/digest.h>

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

struct run_mount;
/* The mounts of a RUN, as far as they stand there: of a source no more than whether it has one
 * (SOURCE_CONTEXT). *ret is released with run_mounts_free(). -ENOMEM; -EBADMSG for what is none. */
int definition_mounts(const struct definition *definition, struct run_mount **ret,
		      size_t *ret_count);

/* The tree that its mount of this number showed; false: none is on record. */
bool definition_mounted(const struct definition *definition, size_t number, struct msb_digest *ret);

void definition_done(struct definition *definition);

#define autodefinition __attribute__((cleanup(definition_done))) struct definition

#endif

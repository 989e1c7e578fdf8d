/*
 * What a Dockerfile offers to whoever builds it: the arguments, secrets and agents of a target,
 * and its stages, with the descriptions that comments give them. Pure.
 */
#ifndef OUTLINE_H
#define OUTLINE_H

#include <stdbool.h>
#include <stddef.h>

#include <msb/cleanup.h>
#include <msb/error.h>

#include "plan.h"

struct outline_item {
	char *name;        /* owned, as all of them */
	char *value;       /* of an argument: what it has without further wishes; NULL: none */
	char *description; /* NULL: none */
	bool required;     /* of a secret or agent */
	int line, end_line;
};

/* Each name once, in the order of the file. */
struct outline_list {
	struct outline_item *items; /* owned */
	size_t count;
};

struct outline {
	char *name;        /* of the target; NULL: it has none */
	char *description; /* NULL: none */
	struct outline_list args, secrets, agents;
};

/* Of the plan's target; inputs are those that the plan was made from. -ENOMEM alone. */
int outline_make(const struct plan_inputs *inputs, const struct plan *plan, struct outline **ret,
		 struct msb_error *err);
void outline_free(struct outline *outline);
DEFINE_AUTO(struct outline, outline_free)

/* What the comments above an instruction say of name: the line "# name text", without the name.
 * Borrowed; NULL: nothing. */
const char *outline_description(const struct instruction *instruction, const char *name);

#endif

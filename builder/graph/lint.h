/*
 * Checks of a Dockerfile beyond its grammar: BuildKit's rules (build checks), by their names and
 * in their words. Pure: what lies outside comes in through the inputs.
 */
#ifndef LINT_H
#define LINT_H

#include <stdbool.h>
#include <stddef.h>

#include <msb/cleanup.h>
#include <msb/error.h>

#include "config.h"
#include "dockerfile.h"
#include "ignore.h"
#include "plan.h"

struct lint_warning {
	const char *rule; /* "StageNameCasing"; constant, as is the rule's description */
	const char *description;
	char *message; /* owned */
	int line;
	int end_line;
};

struct lint {
	struct lint_warning *warnings; /* by line; owned */
	size_t count;
	bool is_error; /* there are warnings, and "check=error=true" makes them one */
};

/* What is known of a base image. */
struct lint_base {
	struct config config;
	char *platform; /* "linux/amd64"; NULL: not known; owned */
};

struct lint_inputs {
	const struct dockerfile *dockerfile;
	const struct strlist *build_args; /* NAME=VALUE; BUILDKIT_DOCKERFILE_CHECK goes before the
					     file's own "check" directive */
	const struct plan *plan;          /* only stages that it wants; NULL: all stages */
	const struct ignore *ignore;      /* of the context; may be NULL */
	const char *platform;             /* "linux/amd64"; NULL: none */
	const char *build_platform;       /* what builds it; NULL: the same */
	/* 1 and ret, which the caller releases; 0: not known; or a negative code. NULL: none is
	 * known. Variables may then come from the image and count as defined. */
	int (*base)(void *context, const char *reference, const char *platform,
		    struct lint_base *ret, struct msb_error *err);
	void *context;
};

/* -EINVAL for a malformed "check" directive ("Dockerfile: …"), -ENOMEM, or what base returned. */
int lint_run(const struct lint_inputs *inputs, struct lint **ret, struct msb_error *err);
void lint_free(struct lint *lint);
DEFINE_AUTO(struct lint, lint_free)

/* "A, B": the rules that were broken, each once, by name. Owned; NULL: no memory. */
char *lint_rules(const struct lint *lint);

#endif

/*
 * From instructions and arguments to stages and steps: what a build will do, before it does any
 * of it. Pure: no I/O, no store. What lies outside (the configuration of a base image) comes in
 * through one callback.
 *
 * All variables are expanded here; a step holds finished values. Names of users, wildcards and
 * the existence of sources are left to the executor, which has the trees.
 */
#ifndef PLAN_H
#define PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msb/error.h>

#include "config.h"
#include "dockerfile.h"
#include "strlist.h"

enum step_kind {
	STEP_FROM, /* the base tree itself; always step 1 of a stage */
	STEP_RUN,
	STEP_COPY,
	STEP_ADD,
	STEP_WORKDIR, /* makes the directory where it is missing */
	STEP_CONFIG,  /* every instruction that only changes the configuration, ARG included */
};

/* Where files come from: FROM, COPY --from, ADD, RUN --mount from=. */
enum source_kind {
	SOURCE_CONTEXT,
	SOURCE_SCRATCH, /* the empty tree */
	SOURCE_STAGE,
	SOURCE_IMAGE,
	SOURCE_NAMED, /* a directory that --build-context named */
};

struct source {
	enum source_kind kind;
	size_t stage; /* SOURCE_STAGE */
	char *image;  /* SOURCE_IMAGE: the reference as written; owned */
	size_t named; /* SOURCE_NAMED: the caller's own number */
};

/* A file whose content stands in the Dockerfile (COPY <<name); finished text, ready to store. */
struct inline_file {
	char *name;    /* owned */
	char *content; /* owned */
	size_t size;
};

struct copy_step {
	struct source from;
	struct strlist sources; /* as written, expanded; without the inline files */
	char *dest;             /* absolute; a trailing slash says "a directory"; owned */
	struct inline_file *files;
	size_t file_count;
	char *chown; /* NULL: none; owned */
	char *chmod;
	char *checksum;
	struct strlist exclude;
	bool link;
	bool parents;
	bool keep_git_dir;
	int unpack; /* ADD: -1 by content, 0 no, 1 yes */
};

struct run_mount {
	enum { MOUNT_BIND, MOUNT_CACHE, MOUNT_TMPFS, MOUNT_SECRET, MOUNT_SSH } kind;
	struct source from;
	/* Absolute target, cleaned; NULL for a secret that is only a variable. source: "/" by
	 * default, NULL for kinds without one. id: by default what the kind derives it from.
	 * env: the secret's variable, or NULL. Owned. */
	char *id, *source, *target, *env;
	bool read_only, required;
	enum { SHARING_SHARED, SHARING_PRIVATE, SHARING_LOCKED } sharing;
	uint32_t uid, gid, mode; /* mode: the kind's default where not given */
	bool has_mode;
	uint64_t size; /* tmpfs; 0: no limit */
};

void run_mounts_free(struct run_mount *mounts, size_t count);

enum run_network { NETWORK_DEFAULT, NETWORK_NONE, NETWORK_HOST };

struct run_step {
	struct strlist argv;       /* SHELL and the text, or the exec form */
	struct strlist env;        /* the image's and the declared ARGs, as the command sees it */
	struct strlist hidden_env; /* proxies that were not declared: seen by the command, but
				      neither in the key nor in the history */
	/* RUN <<X with a "#!" body: the script, which argv[0] names by its path in the root. */
	struct inline_file *script; /* NULL: none; owned */
	struct run_mount *mounts;
	size_t mount_count;
	enum run_network network;
	bool insecure;
};

struct step {
	enum step_kind kind;
	size_t number; /* from 1, which is FROM; every instruction has one: "[build 1/5]" */
	int line;      /* of the Dockerfile, first and last; for a trigger: of its FROM */
	int end_line;
	char *text;           /* as written, continuations joined: "COPY app.js ." ; owned */
	char *expanded;       /* with its variables' values, for people; owned */
	char *created_by;     /* for the image's history; NULL: no entry (FROM, ONBUILD); owned */
	bool empty_layer;     /* history: makes no layer (STEP_CONFIG, WORKDIR / …) */
	bool from_trigger;    /* an ONBUILD of the base */
	struct config config; /* of the stage after this step; env holds no ARGs */
	struct strlist args;  /* NAME=VALUE: ARGs that a command after this step would see */
	char *user;           /* in effect before the step, for RUN and WORKDIR; NULL: root */
	char *directory; /* working directory before the step, absolute; for WORKDIR: the new one */
	struct copy_step copy; /* STEP_COPY, STEP_ADD */
	struct run_step run;   /* STEP_RUN */
};

struct plan_stage {
	size_t index;
	char *name;  /* lower case; NULL: none; owned */
	char *label; /* name, or the index in decimal: what progress shows; owned */
	struct source base;
	char *platform;     /* as written and expanded; NULL: none; owned */
	struct step *steps; /* none where the stage is not wanted */
	size_t step_count;
	size_t *needs; /* stages that it reads from, base included; ascending; owned */
	size_t need_count;
	bool wanted;   /* the target reaches it */
	bool replaced; /* a named context stands in for it: it is its FROM alone */
};

struct plan {
	struct plan_stage *stages;
	size_t stage_count;
	size_t *targets; /* indexes in the order asked for, each once; owned */
	size_t target_count;
	size_t target; /* the last of them */
};

struct plan_inputs {
	const struct dockerfile *dockerfile;
	const struct strlist *build_args; /* NAME=VALUE */
	/* Stage names or numbers, NULL-terminated; NULL or none: the last stage. */
	const char *const *targets;
	const struct strlist *labels; /* --label NAME=VALUE, applied to each target's end */
	const char *platform; /* "linux/amd64": BUILD… and TARGET… arguments; NULL: none of them */
	const char *build_platform; /* of the BUILD… ones; NULL: the same */
	/* The configuration of base image `reference`, only called for stages that are wanted.
	 * Fills ret, which the caller releases. NULL: every base image is bare. */
	int (*image_config)(void *context, const char *reference, const char *platform,
			    struct config *ret, struct msb_error *err);
	/* -EINVAL and why where `reference` is no image's name; asked of every stage's base. NULL:
	 * all are. */
	int (*check_image)(const char *reference, struct msb_error *err);
	/* What --build-context says of a name, before stages and images are asked: 1 and *ret, an
	 * image or SOURCE_NAMED; 0 for nothing. NULL: there are none. */
	int (*named)(void *context, const char *name, struct source *ret, struct msb_error *err);
	void *context;
};

/* Errors are -EINVAL with "Dockerfile:7: …" (the file's own name in front), -ENOMEM, or what
 * image_config returned, prefixed with the place. */
int plan_make(const struct plan_inputs *inputs, struct plan **ret, struct msb_error *err);
void plan_free(struct plan *plan);
DEFINE_AUTO(struct plan, plan_free)

/* Puts "(did you mean stage x?)" behind err, which says why no image of that name is to be had.
 * Returns code. */
int plan_suggest_stage(const struct plan *plan, const char *name, int code, struct msb_error *err);

/* The definition part of a step's cache key: a canonical text, one "component value" line each,
 * of everything that decides the step's result except the trees it reads. Times and names that
 * must not count (a COPY source's directory, hidden environment) are left out.
 * Two steps with the same text and equal input trees have the same result. Owned; NULL: memory. */
char *plan_step_definition(const struct step *step);

/* The step's args in the same form, a line "argument NAME=VALUE" each. They are no part of the key:
 * where a command sees them, they stand in its environment. Owned; NULL: memory. */
char *plan_step_arguments(const struct step *step);

/* What it reads beside the tree it begins with, a line each: "reads USE KIND [NAME] [PATH]", quoted
 * as a whole, with "base", "copy" or "mount" and the number of a stage or an image's reference; and
 * "body", the text of a script. No part of the key either. Owned; NULL: memory. */
char *plan_step_sources(const struct plan_stage *stage, const struct step *step);

#endif

/* For the files of this room: a build under way. */
#ifndef EXEC_INTERNAL_H
#define EXEC_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <msb/builder.h>
#include <msb/records.h>
#include <msb/tree.h>

#include "agents.h"
#include "base_images.h"
#include "base_mount.h"
#include "buffer.h"
#include "command_filter.h"
#include "context.h"
#include "dockerfile.h"
#include "epoch.h"
#include "events.h"
#include "excerpt.h"
#include "exec.h"
#include "image.h"
#include "layer_digests.h"
#include "lent.h"
#include "limits.h"
#include "lint.h"
#include "named_contexts.h"
#include "origin.h"
#include "output.h"
#include "plan.h"
#include "shared_caches.h"
#include "store_writer.h"

struct stage_run {
	const struct plan_stage *plan;
	pthread_t thread;
	bool has_thread;

	/* guarded by build->lock; read by stages that need this one once finished is set */
	bool finished, failed;

	/* the stage's own thread until finished, read-only afterwards */
	struct msb_digest tree; /* after the newest step */
	bool has_tree;
	struct image image;        /* history and diff IDs so far; the layers' trees beside it */
	struct layer_pair *layers; /* one a diff ID to be; owned */
	size_t layer_count;
	bool wants_layers; /* the target is built upon it */
};

struct build {
	struct msb_store *store;
	struct store_writer *writer;
	const struct msb_build_options *options;
	struct events events;
	struct dockerfile *dockerfile;
	char *dockerfile_text;
	struct plan_inputs inputs;
	struct strlist build_args, labels; /* of the inputs, as is the platform */
	char *platform, *own_platform;     /* what is built for, this machine's; owned */
	bool only_looks;                   /* nothing will be built: base images may be missing */
	struct plan *plan;
	struct lint *lint; /* of the stages that are wanted */
	struct msb_build record;
	struct base_images images;
	struct origin origin; /* the context */
	struct named_contexts named;
	char *dockerfile_path; /* where it stands in the user's own directory; NULL: elsewhere */
	struct base_mount *mount;
	struct layer_digests *digests;
	struct stage_run *stages;
	struct outputs outputs;
	struct shared_caches shared;
	struct strlist annotations;
	struct strlist tags; /* normalized */
	struct epoch epoch;
	struct limits limits;
	struct agents agents;
	struct lent lent;
	const char *hostname; /* of the commands' machine; borrowed from build_args */
	struct buffer hosts;  /* their /etc/hosts */
	struct command_filter filter;

	pthread_mutex_t lock;
	pthread_cond_t changed; /* a stage finished, or a place for a worker became free */
	size_t workers_left;    /* guarded by lock */
	bool stop;              /* guarded by lock: a step failed, begin no other */
	int stopped;      /* eventfd, readable once stop is set: whoever waits, wait no more */
	int stages_ended; /* eventfd: how many stages' threads are about to end */
	struct msb_error error; /* guarded by lock: of the first step that failed */
	struct msb_build_result *result;
};

/* One step under way. */
struct step_run {
	struct build *build;
	struct stage_run *stage;
	const struct step *step;
	size_t vertex;
	struct msb_digest before; /* not for FROM */
	struct msb_digest after;
	bool has_after;
	struct buffer definition; /* text of the key so far, a component a line */
	int64_t began_ns;
	struct buffer notes;     /* further lines for the record: what did not count */
	struct buffer log;       /* what it printed */
	struct buffer log_marks; /* when (step_log.h) */
	int exit_status;
	int turn;       /* (turn.h); -1: none is wanted */
	void *prepared; /* the operation's own, from prepare to release */
};

/* What a kind of step does. */
struct step_operation {
	/* Finds what the step reads and adds its digests to the definition. NULL: nothing. */
	int (*prepare)(struct step_run *run, struct msb_error *err);
	/* Makes run->after. Also called with nothing to do for a step that keeps the tree. */
	int (*execute)(struct step_run *run, struct msb_error *err);
	/* Makes run->after of what execute() or the cache gave there. NULL: it is that. */
	int (*complete)(struct step_run *run, struct msb_error *err);
	void (*release)(struct step_run *run); /* NULL: nothing */
	bool cached;                           /* may be answered by the step cache */
	bool takes_time;                       /* it is worth waiting for who does the same */
};

const struct step_operation *step_operation_of(enum step_kind kind);

extern const struct step_operation step_from, step_command, step_copy, step_workdir, step_config;

/* inputs.c: the Dockerfile, parsed; then, where steps need it, the context. */
int build_read_inputs(struct build *build, struct msb_error *err);
int build_scan_context(struct build *build, struct msb_error *err);
/* The .dockerignore that counts; NULL: none. */
int build_read_ignore(const struct build *build, struct ignore **ret, struct msb_error *err);

/* build.c: the plan. */
void build_init(struct build *build, const struct exec_request *request);
int build_plan(struct build *build, struct msb_error *err);
void build_done(struct build *build);

/* call.c: checks the stages that are wanted, or all; then says what it found, a note a line. */
int build_check(struct build *build, bool all_stages, struct msb_error *err);
void build_tell_warnings(struct build *build);
/* A sentence about the build as a whole. */
void build_note(struct build *build, const char *text);

/* sources.c: what `from` means to a step under way; SOURCE_SCRATCH leaves ret without any. */
struct selection_source;
int source_find(struct step_run *run, const struct source *from, struct selection_source *ret,
		struct msb_error *err);
/* The empty tree, which is what 'scratch' means to FROM. */
int source_scratch(struct step_run *run, struct msb_digest *ret, struct msb_error *err);

/* step_copy.c: COPY --link, which knows nothing of the tree that it goes over. */
bool copy_is_separate(const struct step *step);

/* step.c: all of one step, with its records and events. */
int build_run_step(struct build *build, struct stage_run *stage, const struct step *step,
		   struct msb_error *err);

/* scheduler.c: all wanted stages, several at once. When one fails the commands of the others are
 * ended, and so are all when options->stop_fd says so: -ECANCELED. */
int build_run_stages(struct build *build, struct msb_error *err);

/* finish.c: the target's image from its stage, published under its tags. */
int build_publish(struct build *build, struct msb_error *err);
/* finish.c: afterwards, what --output asks for. */
int build_export(struct build *build, struct msb_error *err);

/* key.c: the digest of a tree with all times left out. */
int tree_key(struct msb_store *store, const struct msb_digest *tree, struct msb_digest *ret,
	     struct msb_error *err);

#endif

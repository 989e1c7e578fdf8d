/* Between the files of this room: a plan under way. */
#ifndef PLAN_INTERNAL_H
#define PLAN_INTERNAL_H

#include "buffer.h"
#include "plan.h"
#include "words.h"

/* What the instructions of a stage see and change. Its last state is where FROM <stage> begins. */
struct scope {
	struct strlist env;  /* what RUN and $x see: ENV and ARG in one, the last of the two wins */
	struct strlist args; /* names of the declared ARGs, in order, each once */
	struct config config;
	bool cmd_given; /* CMD in this very stage */
	bool planned;
};

struct planner {
	const struct plan_inputs *inputs;
	const struct dockerfile *file;
	struct plan *plan;      /* owned */
	struct strlist globals; /* NAME=VALUE: ARGs before the first FROM and automatic ones */
	struct scope *scopes;   /* one a stage; owned */
	size_t *first;          /* index of each stage's FROM; owned */
	size_t *pending;        /* a stack of stages to plan; owned */
	size_t pending_count;
	size_t pending_capacity;
	size_t spent; /* bytes of configurations copied so far */
};

/* One instruction at its place. */
struct site {
	struct planner *planner;
	struct plan_stage *stage;
	struct scope *scope;
	const struct instruction *instruction;
	struct step *step;
};

typedef int apply_fn(struct site *site, struct msb_error *err);

/* scope.c */
int scope_globals(struct planner *planner, struct msb_error *err);
int scope_global_arg(struct planner *planner, const struct instruction *instruction,
		     struct msb_error *err);
/* Both by themselves, outside of a plan. A malformed default is left out: where it is used, the
 * plan refuses it. ret is filled even on failure. */
int scope_read_globals(const struct plan_inputs *inputs, struct strlist *ret,
		       struct msb_error *err);
apply_fn scope_arg;
/* The predefined proxies among the build arguments, in both cases, that env does not hold. */
int scope_proxies(const struct planner *planner, const struct strlist *env, struct strlist *ret);
void scope_done(struct scope *scope);

/* stage.c */
int stage_collect(struct planner *planner, struct msb_error *err);
int stage_targets(struct planner *planner, struct msb_error *err);
int stage_push(struct planner *planner, size_t stage, struct msb_error *err);
/* What `from` means in stage: a number, a stage before it, scratch or an image; noted as a need of
 * the stage. */
int stage_reference(struct planner *planner, struct plan_stage *stage, const char *from,
		    struct source *ret, struct msb_error *err);
/* 1 and the stage that `from` means in stage, wherever it stands; 0 where that is no stage. */
int stage_lookup(struct planner *planner, const struct plan_stage *stage, const char *from,
		 size_t *ret, struct msb_error *err);
/* Its error. */
int stage_reads_itself(const char *name, struct msb_error *err);
/* Adds a need of stage and sees that it will be planned. */
int stage_need(struct planner *planner, struct plan_stage *stage, size_t needed,
	       struct msb_error *err);

/* circle.c: once all that is wanted is planned */
int circle_check(struct planner *planner, struct msb_error *err);

/* Instructions, in config.c, copy.c, run.c and mount.c. */
apply_fn config_env, config_label, config_cmd, config_entrypoint, config_shell, config_user,
	config_workdir, config_volume, config_expose, config_stopsignal, config_healthcheck,
	config_maintainer, config_onbuild;
apply_fn copy_apply, run_apply, run_flags;
/* Refuses flags other than --mount that are wrong: for stages that nobody wants. */
int run_look(const struct instruction *instruction, struct msb_error *err);

/* expand.c: a value in the stage's scope; ret is owned by the caller. */
int expand(const struct site *site, const char *text, char **ret, struct msb_error *err);
/* The instruction for people: variables' values in, quotes kept. NULL: no memory. */
char *expand_for_people(const struct site *site);
/* The working directory of the configuration, absolute and clean. Owned; NULL: no memory. */
char *current_directory(const struct config *config);
int replace_text(char **owned, const char *text);
/* Takes what buffer holds as the step's entry of the history. */
int set_history(struct site *site, struct buffer *buffer, struct msb_error *err);

/* quote.c: "text" as Go's %q and JSON have it, and a list as ["a" "b"]. */
void put_quoted(struct buffer *buffer, const char *text);
void put_quoted_list(struct buffer *buffer, const struct strlist *list);
/* [a b] */
void put_plain_list(struct buffer *buffer, const struct strlist *list);
/* 1m30s, as Go writes durations. */
void put_duration(struct buffer *buffer, int64_t nanoseconds);

/* definition_read.c: the reverse of put_quoted(); what is not quoted as a whole stays as it is.
 * Owned; NULL: memory. */
char *definition_unquote(const char *text, size_t length);

#endif

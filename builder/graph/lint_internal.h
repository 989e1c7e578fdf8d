/* Between the files of the checks: one file under way, instruction by instruction. */
#ifndef LINT_INTERNAL_H
#define LINT_INTERNAL_H

#include "internal.h"
#include "lint.h"

/* "skip=A,B;error=true;experimental=C". */
struct check_options {
	struct strlist skip, experimental;
	bool skip_all, experimental_all, error;
};

/* ret is filled even on failure and wants check_options_done(). -EINVAL or -ENOMEM. */
int check_options_parse(const char *text, struct check_options *ret, struct msb_error *err);
void check_options_done(struct check_options *options);

/* What a stage's instructions see; FROM <stage> begins with a copy. */
struct lint_scope {
	struct strlist env;  /* NAME=VALUE, ENV and ARG in one */
	struct strlist args; /* names of declared ARGs, set or not */
	bool open;           /* the base image is not known, nor are its variables */
	bool has_shell;      /* SHELL was given */
	bool has_workdir;    /* and WORKDIR */
};

struct linter {
	const struct lint_inputs *inputs;
	const struct dockerfile *file;
	struct strlist globals;       /* NAME=VALUE, as FROM sees them */
	struct strlist defaults;      /* the same without any build argument */
	struct strlist known;         /* names of all of them, set or not */
	struct strlist stage_names;   /* "" for a stage without; as far as the file was read */
	struct lint_scope *scopes;    /* one a stage; owned */
	size_t stage_count;           /* stages begun */
	struct strlist pending;       /* triggers that the stage's base brings */
	struct dockerfile **triggers; /* those that were looked at; owned */
	size_t trigger_count;
	char *base_platform; /* what is wrong with that of the stage's base image, or NULL; owned */
	bool lower_case;     /* what most keywords are written in */
	struct check_options options;

	/* The instruction under way. */
	const struct instruction *instruction;
	struct lint_scope *scope; /* NULL: before the first FROM */
	struct check_options own; /* of the comments above it */
	const struct lint_rule *rule;
	/* The latest of their kind in this stage. */
	const struct instruction *once[INSTRUCTION_WORKDIR + 1];

	struct lint *result;
	size_t spent; /* bytes of environments copied */
	bool failed;  /* memory ran out while a warning was noted */
};

typedef int lint_fn(struct linter *linter, struct msb_error *err);

struct lint_rule {
	const char *name;
	const char *description;
	lint_fn *check;
	unsigned kinds;    /* KIND() of the instructions that it looks at */
	bool everywhere;   /* in stages that nobody wants, too: it needs the text alone */
	bool experimental; /* off unless asked for */
};

#define KIND(kind) (1u << INSTRUCTION_##kind)
#define ANY_KIND   (~0u)

/* Notes a warning of the rule under way, at its instruction, unless it is switched off. */
void lint_warn(struct linter *linter, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void lint_warn_at(struct linter *linter, int line, int end_line, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* A word's value, with the names of variables without one in unknown (may be NULL), each once.
 * 1; 0 for a malformed word, which is the plan's to refuse; or -ENOMEM. */
int lint_expand(const struct linter *linter, const struct strlist *env, const char *text,
		char **ret, struct strlist *unknown);
/* The same for the text of a heredoc. */
int lint_expand_heredoc(const struct strlist *env, const char *text, struct strlist *unknown);

/* Is the stage under way one that is looked into? */
bool lint_is_wanted(const struct linter *linter);

/* lint_scope.c: what is known after the instruction under way. */
int lint_begin_stage(struct linter *linter, struct msb_error *err);
int lint_advance(struct linter *linter, struct msb_error *err);

/* lint_text.c */
lint_fn lint_stage_name_casing, lint_from_as_casing, lint_empty_continuation,
	lint_instruction_casing, lint_duplicate_stage, lint_reserved_stage, lint_maintainer,
	lint_legacy_pairs, lint_description;
/* lint_from.c */
lint_fn lint_undefined_arg, lint_redundant_platform, lint_const_platform, lint_default_arg,
	lint_base_platform;
/* lint_stage.c */
lint_fn lint_json_args, lint_relative_workdir, lint_undefined_variable, lint_only_once,
	lint_secret_names, lint_ignored_source, lint_expose_protocol, lint_expose_format;

#endif

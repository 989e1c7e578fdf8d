/* The values that golden cases compare, as text. */
#ifndef GOLDEN_H
#define GOLDEN_H

#include "buffer.h"
#include "dockerfile.h"
#include "lint.h"
#include "outline.h"
#include "plan.h"

/* Where one part of a case's output comes from. Errors become a line "error: …". */
void dump_dockerfile(struct buffer *out, const struct dockerfile *dockerfile);
void dump_plan(struct buffer *out, const struct plan *plan);
void dump_lint(struct buffer *out, const struct lint *lint);
void dump_outline(struct buffer *out, const struct outline *outline);

/* text, indented, a mark before every line. */
void dump_block(struct buffer *out, const char *text);

/* What NAME.args says besides the Dockerfile: one "word value" a line. */
struct setting {
	struct strlist build_args;
	struct strlist labels;
	struct strlist images; /* "NAME KEY VALUE": configurations of base images */
	struct strlist named;  /* "NAME" or "NAME=IMAGE": --build-context */
	struct strlist ignore; /* lines of .dockerignore */
	struct strlist rest;   /* "target=x", "platform=x" */
};

void setting_read(struct setting *setting, const char *text);
void setting_done(struct setting *setting);
int setting_image_config(void *context, const char *reference, const char *platform,
			 struct config *ret, struct msb_error *err);
/* The same for checks: images that are not listed are not known. "image NAME platform P". */
int setting_lint_base(void *context, const char *reference, const char *platform,
		      struct lint_base *ret, struct msb_error *err);
/* The text of .dockerignore; owned. */
char *setting_ignore(const struct setting *setting);
int setting_named(void *context, const char *name, struct source *ret, struct msb_error *err);

/* Rows "a | b | expected"; each gives one line of differences or nothing. */
enum table_kind { TABLE_WORDS, TABLE_IGNORE, TABLE_GLOB };
/* The number of rows; what is wrong is appended to out. */
size_t table_check(enum table_kind kind, char *text, struct buffer *out);

#endif

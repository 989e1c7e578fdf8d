/*
 * Dockerfile text to instructions: lexical layer, directives, heredocs, flags, forms. Pure: no
 * I/O and no variables' values; those are expanded later, by whoever knows the scope (words.h).
 * Follows the Dockerfile reference and BuildKit's parser.
 */
#ifndef DOCKERFILE_H
#define DOCKERFILE_H

#include <stdbool.h>
#include <stddef.h>

#include <msb/cleanup.h>
#include <msb/error.h>

#include "config.h"
#include "strlist.h"

enum instruction_kind {
	INSTRUCTION_ADD,
	INSTRUCTION_ARG,
	INSTRUCTION_CMD,
	INSTRUCTION_COPY,
	INSTRUCTION_ENTRYPOINT,
	INSTRUCTION_ENV,
	INSTRUCTION_EXPOSE,
	INSTRUCTION_FROM,
	INSTRUCTION_HEALTHCHECK,
	INSTRUCTION_LABEL,
	INSTRUCTION_MAINTAINER,
	INSTRUCTION_ONBUILD,
	INSTRUCTION_RUN,
	INSTRUCTION_SHELL,
	INSTRUCTION_STOPSIGNAL,
	INSTRUCTION_USER,
	INSTRUCTION_VOLUME,
	INSTRUCTION_WORKDIR,
};

/* --name=value; a boolean's value is always "true" or "false". */
struct flag {
	char *name;
	char *value;
};

struct heredoc {
	char *name;
	char *body; /* raw text as written, leading tabs dropped for "<<-"; holds no NUL */
	size_t size;
	int descriptor; /* the number before "<<"; -1: none */
	bool expand;    /* the name was not quoted */
	bool chomp;     /* "<<-" */
};

struct instruction {
	enum instruction_kind kind;
	int line; /* first and last physical line, from 1 */
	int end_line;
	char *text; /* whole instruction, comments gone and continuations joined; owned */
	char *rest; /* text behind the keyword and the flags; owned */
	struct flag *flags;
	size_t flag_count;
	bool json; /* the exec form */
	/* What stands behind the flags, split as the instruction wants it, not expanded:
	 *   FROM: image [, stage name in lower case]; ENV, LABEL: name, value, name, value…;
	 *   ARG: "name" or "name=value" a word; exec forms: their members;
	 *   shell forms of RUN, CMD, ENTRYPOINT: one item, the text; HEALTHCHECK: "NONE" or
	 *   "CMD" and its text or members; ONBUILD: the trigger's text, heredocs included;
	 *   COPY, ADD: sources and destination, heredocs left out; MAINTAINER, STOPSIGNAL, USER,
	 *   WORKDIR: one item, the text; EXPOSE, VOLUME: their words. */
	struct strlist args;
	struct heredoc *heredocs;
	size_t heredoc_count;
	bool heredoc_alone; /* RUN: the heredoc is the whole command */
	/* For checks and descriptions: */
	struct strlist comments; /* the lines directly above, without '#' and outer blanks */
	bool legacy;             /* ENV, LABEL: "name value" without '=' */
	bool empty_continuation; /* a blank line stands between its lines */
};

struct dockerfile {
	char *name; /* for messages */
	char escape;
	char *check; /* value of the "check" directive; NULL: none; owned */
	int check_line;
	struct instruction *instructions;
	size_t count;
};

/* name is used in messages alone. -EINVAL with "NAME:LINE: what (remedy)", or -ENOMEM. */
int dockerfile_parse(const char *name, const char *text, size_t size, struct dockerfile **ret,
		     struct msb_error *err);
void dockerfile_free(struct dockerfile *dockerfile);
DEFINE_AUTO(struct dockerfile, dockerfile_free)

/* One instruction by itself, as ONBUILD triggers are kept in images. */
int dockerfile_parse_trigger(const char *name, int line, const char *text, char escape,
			     struct dockerfile **ret, struct msb_error *err);

/* The keyword in upper case. */
const char *instruction_name(enum instruction_kind kind);
/* The value of the first flag of that name, borrowed; NULL: not given. */
const char *instruction_flag(const struct instruction *instruction, const char *name);
/* What a HEALTHCHECK says; ret is overwritten and then owned by the caller. -EINVAL or -ENOMEM. */
int instruction_healthcheck(const struct instruction *instruction, struct healthcheck *ret,
			    struct msb_error *err);

#endif

/* Between the files of this room: the steps from bytes to instructions. */
#ifndef DOCKERFILE_INTERNAL_H
#define DOCKERFILE_INTERNAL_H

#include "dockerfile.h"

#define DOCKERFILE_MAX (16 << 20) /* bytes of a Dockerfile */
#define LINE_MAX_BYTES 65535      /* of one physical line, as BuildKit's scanner has it */

#define BLANKS         " \t\v\f\r\n"

/* Physical lines to logical ones. The text is borrowed. */
struct lexer {
	const char *text;
	size_t size;
	size_t at;
	int line; /* physical lines read so far */
	char escape;
	bool directives_done; /* only comments before anything else may be directives */
	unsigned directives_seen;
	bool shebang; /* the first line is "#!…": behind it "escape" means nothing */
	char *check;  /* the directive's value; NULL: none; owned */
	int check_line;
	/* Of the instruction read last: */
	struct strlist comments; /* directly above it, directives left out; owned */
	bool empty_continuation;
};

void lexer_init(struct lexer *lexer, const char *text, size_t size, char escape);
void lexer_done(struct lexer *lexer);
#define autolexer AUTO(lexer_done) struct lexer
/* The next instruction as one line, blanks in front gone, and the line where it begins.
 * 1, 0 at the end, or a negative code; ret is owned by the caller. */
int lexer_next(struct lexer *lexer, char **ret, int *ret_line, struct msb_error *err);
/* A physical line without its end, borrowed from the text, and its length with the end.
 * 1, 0 at the end, -EINVAL for one that is too long. */
int lexer_line(struct lexer *lexer, const char **ret, size_t *ret_length, size_t *ret_raw,
	       struct msb_error *err);

/* A comment line, from its '#' on, which may be a parser directive: 1, and escape or check are
 * changed; 0 for any other comment. */
int directive_read(struct lexer *lexer, const char *comment, size_t length, struct msb_error *err);

/* Finds the "<<NAME" words of text and appends them, without bodies, to instruction.
 * *ret_rest is text with these words blanked out, owned; *ret_last: the last word is one. */
int heredoc_find(const char *text, struct instruction *instruction, char **ret_rest, bool *ret_last,
		 struct msb_error *err);
/* Reads the bodies, which follow the instruction's line in order. */
int heredoc_read(struct lexer *lexer, struct instruction *instruction, struct msb_error *err);

/* A JSON array of strings, and nothing behind it. 1: it is one, appended to ret; 0: it is no JSON;
 * -EINVAL: JSON, but not all strings. */
int json_form_strings(const char *text, struct strlist *ret, struct msb_error *err);

struct flag_rule {
	const char *name;
	enum { FLAG_TEXT, FLAG_BOOL, FLAG_LIST } type;
};

/* Moves the "--name=value" words in front of *text into instruction; *text is what follows. */
int flags_take(const char **text, struct instruction *instruction, struct msb_error *err);
int flags_check(struct instruction *instruction, const struct flag_rule *rules, size_t count,
		struct msb_error *err);

/* Words at blanks, quotes and escapes respected and kept. */
int split_quoted(const char *text, char escape, struct strlist *ret);
/* Words at blanks alone. */
int split_blanks(const char *text, struct strlist *ret);
/* text without blanks at both ends. NULL: no memory. */
char *trimmed(const char *text, size_t length);

/* One logical line to an instruction, bodies of heredocs excepted. ret is filled even on failure
 * and wants instruction_done(). */
int instruction_parse(const char *line, char escape, struct instruction *ret,
		      struct msb_error *err);
void instruction_done(struct instruction *instruction);

#endif

/*
 * What every command is made of: its row in the table of main.c, the options that all share, and
 * the three ways to end.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>

#include <msb/cleanup.h>
#include <msb/error.h>

enum {
	STATUS_DONE = 0,
	STATUS_FAILED = 1, /* the operation's own failure */
	STATUS_USAGE = 2,
};

/* What is known before a command looks at its own words. */
struct session {
	char *root; /* the store's directory; owned; NULL until somebody said or needs it */
};

struct command {
	const char *name;       /* "mount"; "image ls" for those of a family */
	const char *short_name; /* the same in one word, "images"; may be NULL */
	const char *alias;      /* a further name that the help leaves out; may be NULL */
	const char *group;      /* heading in the help; NULL: it says nothing of the command */
	const char *summary;
	/* argv[0] is "msb NAME" as the user wrote it. Returns one of STATUS_*. */
	int (*run)(struct session *session, int argc, char **argv);
};

/* The table; ends with a NULL name. */
extern const struct command commands[];

/* A growing list of borrowed words, NULL-terminated once it holds any. */
struct words {
	const char **items; /* owned */
	size_t count;
};

int words_add(struct words *words, const char *word);
void words_done(struct words *words);
#define autowords __attribute__((cleanup(words_done))) struct words

/*
 * Runs argp over the command's words, with the options that all commands know beside its own, and
 * settles session->root. input goes to argp's parser. Wrong usage and --help end the process,
 * with STATUS_USAGE and 0. Returns 0, or STATUS_FAILED after saying why.
 */
int command_parse(struct session *session, const struct argp *argp, int argc, char **argv,
		  void *input);

/* For ARGP_KEY_ARGS and ARGP_KEY_END: takes the operands; wrong usage unless there are from min to
 * max (0: no limit) of them. what names them: "a directory". */
void operands_take(struct argp_state *state, struct words *ret);
void operands_check(struct argp_state *state, const struct words *operands, size_t min, size_t max,
		    const char *what);

/* A command that takes operands alone. Its options, which may be NULL, are known to docker and say
 * what is so here anyway: they are accepted. */
struct plain_command {
	const struct argp_option *options;
	const char *usage, *about;
	size_t min, max;  /* as of operands_check() */
	const char *what; /* names an operand that is missing */
};
int plain_parse(struct session *session, const struct plain_command *command, int argc, char **argv,
		struct words *ret);

/* Says "msb: sentence" and returns STATUS_FAILED. */
int fail(const struct msb_error *err);
/* The same for a sentence of the command's own. */
int fail_say(const char *format, ...) __attribute__((format(printf, 1, 2), cold));

/* Flushes stdout: STATUS_DONE, or the failure to write. */
int finish(void);

/* The value of an on/off option: bare or true, or false. Wrong usage for others. */
bool option_bool(struct argp_state *state, const char *name, const char *value);

/* What a command prints goes to path, which appears when it is complete; NULL or "-": stdout, which
 * may not be a terminal. */
struct output {
	int fd;
	char *temporary; /* owned; NULL: written in place */
	const char *path;
};

int output_open(const char *path, struct output *ret, struct msb_error *err);
/* r: how the writing went. Returns it, or the failure to finish. */
int output_close(struct output *output, int r, struct msb_error *err);

/* Entry points, a file each or a family each. */
int run_build(struct session *session, int argc, char **argv);
int run_image_ls(struct session *session, int argc, char **argv);
int run_image_inspect(struct session *session, int argc, char **argv);
int run_image_history(struct session *session, int argc, char **argv);
int run_image_tag(struct session *session, int argc, char **argv);
int run_image_rm(struct session *session, int argc, char **argv);
int run_image_load(struct session *session, int argc, char **argv);
int run_image_save(struct session *session, int argc, char **argv);
int run_image_import(struct session *session, int argc, char **argv);
int run_image_pull(struct session *session, int argc, char **argv);
int run_image_push(struct session *session, int argc, char **argv);
int run_login(struct session *session, int argc, char **argv);
int run_logout(struct session *session, int argc, char **argv);
int run_fetch(struct session *session, int argc, char **argv);
int run_mount(struct session *session, int argc, char **argv);
int run_umount(struct session *session, int argc, char **argv);
int run_builds(struct session *session, int argc, char **argv);
int run_stages(struct session *session, int argc, char **argv);
int run_log(struct session *session, int argc, char **argv);
int run_explain(struct session *session, int argc, char **argv);
int run_debug(struct session *session, int argc, char **argv);
int run_graph(struct session *session, int argc, char **argv);
int run_diff(struct session *session, int argc, char **argv);
int run_ls(struct session *session, int argc, char **argv);
int run_cat(struct session *session, int argc, char **argv);
int run_cp(struct session *session, int argc, char **argv);
int run_export(struct session *session, int argc, char **argv);
int run_image_prune(struct session *session, int argc, char **argv);
int run_du(struct session *session, int argc, char **argv);
int run_prune(struct session *session, int argc, char **argv);
int run_cache_ls(struct session *session, int argc, char **argv);
int run_cache_rm(struct session *session, int argc, char **argv);
int run_fsck(struct session *session, int argc, char **argv);
int run_info(struct session *session, int argc, char **argv);
int run_version(struct session *session, int argc, char **argv);
int run_help(struct session *session, int argc, char **argv);

#endif

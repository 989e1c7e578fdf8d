/*
 * Tests of the sandbox with a real runtime and a busybox root. A program's first argument says as
 * whom:
 *   (none)  whoever runs it
 *   user    an ordinary user who has subordinate ids
 *   alone   an ordinary user who has none
 * Root takes the part of such a user by a passwd and a subuid of its own making.
 */
#ifndef SANDBOX_FIXTURE_H
#define SANDBOX_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <sys/types.h>

#include <msb/cleanup.h>
#include <msb/error.h>

#include "sandbox.h"

#define TEST(name)    static void name(void **state __attribute__((unused)))

#define WORDS(...)    ((const char *const[]){__VA_ARGS__, NULL})
#define SHELL(script) WORDS("sh", "-c", script)

extern char root[64]; /* the busybox */
extern bool ordinary_user;
extern pid_t outside; /* a process that stays in the first mount namespace */

/* What a command said and how it ended. */
struct outcome {
	int code; /* of sandbox_run */
	int status;
	char *out; /* owned */
	char *errors;
	struct msb_error err;
};

void outcome_done(struct outcome *outcome);
#define autooutcome AUTO(outcome_done) struct outcome

/* A name in the program's own directory. */
char *path_of(char text[128], const char *name);
void make_dir(const char *name);

struct sandbox_command command_of(const char *const *argv);
void run(struct sandbox_command *command, struct outcome *ret);
void assert_ran(const struct outcome *outcome);
void run_shell(const char *script, struct outcome *ret);
void assert_says(const char *script, const char *expected);

/* Becomes whom the first argument says: 1 for "alone", 0 for others, -1 on failure. */
int sandbox_part(int argc, char **argv);
int sandbox_enter_fixture(void **state);
int sandbox_leave_fixture(void **state);

/* What main returns; both are arrays. */
#define SANDBOX_RUN(part, tests, alone)                                                            \
	((part) < 0 ? 1                                                                            \
	 : (part)   ? cmocka_run_group_tests_name("sandbox, alone", alone, sandbox_enter_fixture,  \
						  sandbox_leave_fixture)                           \
		    : cmocka_run_group_tests_name("sandbox", tests, sandbox_enter_fixture,         \
						  sandbox_leave_fixture))

#endif

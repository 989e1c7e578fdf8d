/*
 * What runs, for those who follow: files in the builder's scratch directory (ROOT/tmp/NAME), which
 * go with it however it ends. One says which build it is, and each running command has one with
 * what it printed so far: a heading line, then each piece behind its mark (step_log.h).
 */
#ifndef LIVE_LOG_H
#define LIVE_LOG_H

#include <stddef.h>
#include <stdint.h>

/* In the scratch directory: of a build, by number; of a step, by build, stage and number. */
#define LIVE_BUILD "build.%lld"
#define LIVE_LOG   "log.%lld.%zu.%zu"

struct build;
struct step_run;

/* Best effort: a build goes on without followers. */
void live_build_begin(const struct build *build);

/* A descriptor to write to, or -1; gone with live_log_end(). */
int live_log_begin(const struct step_run *run);
/* stream, ms: as step_log_mark() has them. */
void live_log_put(int fd, int stream, uint64_t ms, const char *bytes, size_t size);
void live_log_end(const struct step_run *run, int fd);

#endif

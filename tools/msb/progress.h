/* What a build is doing, on a terminal or in a log: the builder's events as lines of text. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdio.h>

#include <msb/builder.h>

enum progress_mode {
	PROGRESS_QUIET,
	PROGRESS_PLAIN,   /* every line of output behind its step's number, as BuildKit has it */
	PROGRESS_RAWJSON, /* an object a line, as BuildKit's SolveStatus */
	PROGRESS_TTY,     /* a line a finished step, and a view of what runs, repainted in place */
};

struct progress;

int progress_new(enum progress_mode mode, FILE *out, struct progress **ret);
void progress_free(struct progress *progress);
DEFINE_AUTO(struct progress, progress_free)

/* A msb_event_fn; context is the progress. */
void progress_event(void *context, const struct msb_event *event);

/* No event comes any more. Returns the number that follows the last step's. */
size_t progress_end(struct progress *progress);

#endif

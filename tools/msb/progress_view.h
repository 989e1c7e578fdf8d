/* For the files of the progress display only: what a view is told, one step at a time. */
#ifndef PROGRESS_VIEW_H
#define PROGRESS_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <msb/builder.h>

#define LINE_MAX_BYTES 4096

/* A step as it is shown. All text in it is harmless to a terminal. */
struct vertex {
	size_t number;
	char *title;      /* "[build 2/5] RUN mkdir -p /x"; owned */
	int64_t begun_ns; /* of the monotonic clock */
	bool running;
	/* The line that is not complete yet, as it came. */
	char line[LINE_MAX_BYTES];
	size_t line_size;
	bool line_returned; /* a carriage return came: what follows overwrites the line */
};

/* A way to show steps. begin, line and end come in the order of events. */
struct view {
	int (*start)(FILE *out, void **ret);
	void (*begin)(void *view, const struct vertex *vertex);
	void (*line)(void *view, const struct vertex *vertex, const char *text);
	/* As line, of one that is not complete: a prompt, a bar that moves. NULL: not wanted. */
	void (*part)(void *view, const struct vertex *vertex, const char *text);
	void (*end)(void *view, const struct vertex *vertex, const struct msb_event *event);
	void (*note)(void *view, size_t number, const char *text);
	void (*stop)(void *view); /* releases it */
	/* Instead of begin, line, end and note: every event as it comes. NULL: those. */
	void (*event)(void *view, const struct msb_event *event);
};

extern const struct view progress_plain, progress_tty, progress_rawjson;

int64_t progress_clock(void);

#endif

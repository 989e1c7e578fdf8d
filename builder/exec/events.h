/* Telling the caller what happens, one call at a time. */
#ifndef EVENTS_H
#define EVENTS_H

#include <pthread.h>
#include <stddef.h>

#include <msb/builder.h>

struct events {
	msb_event_fn call; /* may be NULL */
	void *context;
	pthread_mutex_t lock;
	size_t vertices; /* guarded by lock */
};

void events_init(struct events *events, msb_event_fn call, void *context);
void events_done(struct events *events);

/* Numbers the event's vertex itself and returns it. */
size_t events_begin(struct events *events, struct msb_event event);
void events_tell(struct events *events, const struct msb_event *event);
/* A sentence about the build, with a number of its own. Where memory runs out it is not told. */
void events_note(struct events *events, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif

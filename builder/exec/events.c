#include "events.h"

#include <stdarg.h>

#include <msb/cleanup.h>

#include "buffer.h"

void events_init(struct events *events, msb_event_fn call, void *context)
{
	*events = (struct events){.call = call, .context = context};
	pthread_mutex_init(&events->lock, NULL);
}

void events_done(struct events *events)
{
	pthread_mutex_destroy(&events->lock);
}

size_t events_begin(struct events *events, struct msb_event event)
{
	pthread_mutex_lock(&events->lock);
	event.vertex = ++events->vertices;
	if (events->call)
		events->call(events->context, &event);
	pthread_mutex_unlock(&events->lock);
	return event.vertex;
}

void events_tell(struct events *events, const struct msb_event *event)
{
	if (!events->call)
		return;
	pthread_mutex_lock(&events->lock);
	events->call(events->context, event);
	pthread_mutex_unlock(&events->lock);
}

void events_note(struct events *events, const char *format, ...)
{
	autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = buffer_vformat(format, args);
	va_end(args);
	if (text)
		events_begin(events,
			     (struct msb_event){.kind = MSB_EVENT_NOTE, .stage = "", .text = text});
}

#include "progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "progress_view.h"
#include "text.h"

#define VERTICES_MAX 1000000

struct progress {
	const struct view *view;  /* NULL: quiet */
	void *shown;              /* the view's own; NULL once it was stopped */
	struct vertex **vertices; /* by number; owned */
	size_t capacity;
	size_t newest; /* highest number seen */
};

int64_t progress_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int progress_new(enum progress_mode mode, FILE *out, struct progress **ret)
{
	static const struct view *const views[] = {
		[PROGRESS_PLAIN] = &progress_plain,
		[PROGRESS_RAWJSON] = &progress_rawjson,
		[PROGRESS_TTY] = &progress_tty,
	};
	struct progress *progress = calloc(1, sizeof(*progress));
	int r = 0;

	if (!progress)
		return -ENOMEM;
	if (mode != PROGRESS_QUIET) {
		progress->view = views[mode];
		r = progress->view->start(out, &progress->shown);
	}
	if (r < 0) {
		free(progress);
		return r;
	}
	*ret = progress;
	return 0;
}

size_t progress_end(struct progress *progress)
{
	if (progress->shown)
		progress->view->stop(progress->shown);
	progress->shown = NULL;
	return progress->newest + 1;
}

void progress_free(struct progress *progress)
{
	if (!progress)
		return;
	progress_end(progress);
	for (size_t i = 0; i < progress->capacity; i++) {
		if (!progress->vertices[i])
			continue;
		free(progress->vertices[i]->title);
		free(progress->vertices[i]);
	}
	free(progress->vertices);
	free(progress);
}

static char *make_title(const struct msb_event *event)
{
	char *raw = NULL;
	char *title;
	int length = asprintf(&raw, "[%s %zu/%zu] %s", event->stage ? event->stage : "",
			      event->step, event->steps, event->text ? event->text : "");

	if (length < 0)
		return NULL;
	title = text_harmless(raw, (size_t)length);
	free(raw);
	return title;
}

static int make_room(struct progress *progress, size_t number)
{
	size_t capacity = progress->capacity ? progress->capacity : 16;
	struct vertex **grown;

	if (number >= VERTICES_MAX)
		return -EOVERFLOW;
	if (number < progress->capacity)
		return 0;
	while (capacity <= number)
		capacity *= 2;
	grown = realloc(progress->vertices, capacity * sizeof(struct vertex *));
	if (!grown)
		return -ENOMEM;
	memset(grown + progress->capacity, 0,
	       (capacity - progress->capacity) * sizeof(struct vertex *));
	progress->vertices = grown;
	progress->capacity = capacity;
	return 0;
}

/* The event's step, which begins now if it has not yet; NULL where memory ran out: a display may
 * lose a line, a build may not end for it. */
static struct vertex *find_vertex(struct progress *progress, const struct msb_event *event)
{
	struct vertex *vertex;

	if (make_room(progress, event->vertex) < 0)
		return NULL;
	vertex = progress->vertices[event->vertex];
	if (vertex)
		return vertex;
	vertex = calloc(1, sizeof(*vertex));
	if (!vertex)
		return NULL;
	vertex->number = event->vertex;
	vertex->begun_ns = progress_clock();
	vertex->running = true;
	vertex->title = make_title(event);
	if (!vertex->title) {
		free(vertex);
		return NULL;
	}
	progress->vertices[event->vertex] = vertex;
	progress->view->begin(progress->shown, vertex);
	return vertex;
}

static void put_part(const struct progress *progress, const struct vertex *vertex,
		     void (*put)(void *view, const struct vertex *vertex, const char *text))
{
	char *text = text_printable(vertex->line, vertex->line_size);

	if (text)
		put(progress->shown, vertex, text);
	free(text);
}

static void put_line(struct progress *progress, struct vertex *vertex)
{
	put_part(progress, vertex, progress->view->line);
	vertex->line_size = 0;
	vertex->line_returned = false;
}

static void take_output(struct progress *progress, struct vertex *vertex, const char *bytes,
			size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] == '\n') {
			put_line(progress, vertex);
			continue;
		}
		if (bytes[i] == '\r') {
			vertex->line_returned = true;
			continue;
		}
		if (vertex->line_returned)
			vertex->line_size = 0;
		vertex->line_returned = false;
		if (vertex->line_size == sizeof(vertex->line))
			put_line(progress, vertex);
		vertex->line[vertex->line_size++] = bytes[i];
	}
	if (vertex->line_size && progress->view->part)
		put_part(progress, vertex, progress->view->part);
}

static void take_note(struct progress *progress, const struct msb_event *event)
{
	char *text = text_harmless(event->text, strlen(event->text));

	if (text)
		progress->view->note(progress->shown, event->vertex, text);
	free(text);
}

void progress_event(void *context, const struct msb_event *event)
{
	struct progress *progress = context;
	struct vertex *vertex;

	if (event->vertex > progress->newest)
		progress->newest = event->vertex;
	if (!progress->shown)
		return;
	if (progress->view->event) {
		progress->view->event(progress->shown, event);
		return;
	}
	if (event->kind == MSB_EVENT_NOTE) {
		if (event->text)
			take_note(progress, event);
		return;
	}
	vertex = find_vertex(progress, event);
	if (!vertex)
		return;
	if (event->kind == MSB_EVENT_OUTPUT)
		take_output(progress, vertex, event->output, event->output_size);
	if (event->kind == MSB_EVENT_END && vertex->running) {
		if (vertex->line_size)
			put_line(progress, vertex);
		vertex->running = false;
		progress->view->end(progress->shown, vertex, event);
	}
}

/* Progress as lines that are never taken back: for logs, pipes and whoever likes it so. */
#include <stdlib.h>
#include <string.h>

#include "human.h"
#include "progress_view.h"
#include "text.h"

static int plain_start(FILE *out, void **ret)
{
	*ret = out;
	return 0;
}

static void plain_begin(void *view, const struct vertex *vertex)
{
	fprintf(view, "#%zu %s\n", vertex->number, vertex->title);
}

static void plain_line(void *view, const struct vertex *vertex, const char *text)
{
	double seconds = (double)(progress_clock() - vertex->begun_ns) / 1e9;

	fprintf(view, "#%zu %.3f %s\n", vertex->number, seconds, text);
}

static void plain_end(void *view, const struct vertex *vertex, const struct msb_event *event)
{
	char seconds[HUMAN_TEXT];

	if (event->state == MSB_CACHED || event->state == MSB_RUNNING) {
		fprintf(view, "#%zu %s\n\n", vertex->number,
			event->state == MSB_CACHED ? "CACHED" : "CANCELED");
	} else if (event->state == MSB_FAILED) {
		const char *error = event->error ? event->error : "failed";
		char *text = text_harmless(error, strlen(error));

		fprintf(view, "#%zu ERROR: %s\n\n", vertex->number, text ? text : "failed");
		free(text);
	} else {
		fprintf(view, "#%zu DONE %s\n\n", vertex->number,
			human_seconds(event->duration_ns, seconds));
	}
}

static void plain_note(void *view, size_t number, const char *text)
{
	if (number)
		fprintf(view, "#%zu ", number);
	fprintf(view, "%s\n", text);
}

static void plain_stop(void *view)
{
	fflush(view);
}

const struct view progress_plain = {
	.start = plain_start,
	.begin = plain_begin,
	.line = plain_line,
	.end = plain_end,
	.note = plain_note,
	.stop = plain_stop,
};

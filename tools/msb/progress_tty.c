/*
 * Progress on a terminal. Finished steps are lines that scroll away; below them the steps that run
 * are painted again and again, each with its newest line of output.
 *
 * Events only change what is to be shown, at most a few repaints a second follow them: a command
 * that prints a megabyte costs no more than one that prints a line.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "human.h"
#include "progress_view.h"
#include "text.h"

#define PAINT_INTERVAL_NS 150000000L
#define RUNNING_MAX       64

#define TAKE_BACK_LINES   "\033[%zuA" /* cursor up (ECMA-48 8.3.22) */
#define CLEAR_BELOW       "\r\033[J"
#define WRAP_OFF          "\033[?7l"
#define WRAP_ON           "\033[?7h"

#define ELLIPSIS          "\xe2\x80\xa6" /* one column */

struct tty {
	FILE *out;
	bool colours;
	pthread_t painter;
	pthread_mutex_t lock;
	pthread_cond_t wake; /* with lock: stopping changed */

	/* guarded by lock */
	bool stopping;
	const struct vertex *running[RUNNING_MAX];
	char *newest[RUNNING_MAX]; /* of the step at the same place; owned; NULL: none */
	size_t count;
	size_t painted;                 /* lines of the view that are on the terminal */
	size_t widths[2 * RUNNING_MAX]; /* of each of them */
};

static void measure(const struct tty *tty, size_t *ret_columns, size_t *ret_rows)
{
	struct winsize size;

	*ret_columns = 80;
	*ret_rows = 24;
	if (ioctl(fileno(tty->out), TIOCGWINSZ, &size) == 0 && size.ws_col >= 20 &&
	    size.ws_row >= 4) {
		*ret_columns = size.ws_col;
		*ret_rows = size.ws_row;
	}
}

/* A terminal that was made narrower has broken the lines since. */
static size_t painted_rows(const struct tty *tty)
{
	size_t columns, rows, sum = 0;

	measure(tty, &columns, &rows);
	for (size_t i = 0; i < tty->painted; i++)
		sum += tty->widths[i] ? (tty->widths[i] - 1) / columns + 1 : 1;
	return sum < rows ? sum : rows - 1;
}

static void take_back(struct tty *tty)
{
	if (tty->painted)
		fprintf(tty->out, TAKE_BACK_LINES, painted_rows(tty));
	fputs(CLEAR_BELOW, tty->out);
	tty->painted = 0;
}

/* Returns the columns it took. */
static size_t put_cut(const struct tty *tty, const char *text, size_t columns)
{
	size_t width = text_width(text);

	if (width <= columns) {
		fputs(text, tty->out);
		return width;
	}
	if (columns == 0)
		return 0;
	fprintf(tty->out, "%.*s" ELLIPSIS, (int)text_cut(text, columns - 1), text);
	return columns;
}

/* "[stage 2/5] RUN x": of a stage's name no more than that the instruction has half of the room. */
static size_t put_title(const struct tty *tty, const char *title, size_t columns)
{
	const char *bracket = title[0] == '[' ? strchr(title, ']') : NULL;
	const char *numbers = bracket ? memrchr(title, ' ', (size_t)(bracket - title)) : NULL;
	size_t tail = numbers ? (size_t)(bracket + 1 - numbers) : 0, width;
	autofree char *name = NULL;

	if (text_width(title) <= columns || !numbers || (size_t)(bracket - title) < columns / 2 ||
	    tail >= columns / 2)
		return put_cut(tty, title, columns);
	name = strndup(title, (size_t)(numbers - title));
	if (!name)
		return 0;
	width = put_cut(tty, name, columns / 2 - tail);
	return width + put_cut(tty, numbers, columns - width);
}

enum colour { PALE = 2, RED = 31, YELLOW = 33, CYAN = 36 };

static void put_coloured(const struct tty *tty, const char *text, enum colour colour)
{
	if (tty->colours)
		fprintf(tty->out, "\033[%dm%s\033[0m", (int)colour, text);
	else
		fputs(text, tty->out);
}

/* One line: what, cut to the terminal, and how it ended or how long it has been at it. Returns its
 * width. */
static size_t put_step(const struct tty *tty, const struct vertex *vertex, const char *tail,
		       enum colour colour)
{
	size_t columns, rows, width, room;
	char number[32];

	measure(tty, &columns, &rows);
	snprintf(number, sizeof(number), "#%zu ", vertex->number);
	room = strlen(number) + strlen(tail) + 2;
	fputs(number, tty->out);
	width = put_title(tty, vertex->title, columns > room ? columns - room : 0);
	fputc(' ', tty->out);
	put_coloured(tty, tail, colour);
	fputc('\n', tty->out);
	return width + room - 1;
}

static void paint(struct tty *tty)
{
	size_t columns, rows;

	measure(tty, &columns, &rows);
	for (size_t i = 0; i < tty->count && tty->painted + 3 <= rows; i++) {
		char seconds[HUMAN_TEXT];
		const char *newest = tty->newest[i];

		tty->widths[tty->painted++] = put_step(
			tty, tty->running[i],
			human_seconds(progress_clock() - tty->running[i]->begun_ns, seconds), PALE);
		if (newest) {
			fputs("   ", tty->out);
			tty->widths[tty->painted++] = 3 + put_cut(tty, newest, columns - 4);
			fputc('\n', tty->out);
		}
	}
	fputs(WRAP_ON, tty->out);
	fflush(tty->out);
}

static void repaint(struct tty *tty)
{
	fputs(WRAP_OFF, tty->out);
	take_back(tty);
	paint(tty);
}

static void *painter(void *context)
{
	struct tty *tty = context;

	pthread_mutex_lock(&tty->lock);
	while (!tty->stopping) {
		struct timespec until;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += PAINT_INTERVAL_NS;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&tty->wake, &tty->lock, &until);
		if (!tty->stopping && tty->count)
			repaint(tty);
	}
	pthread_mutex_unlock(&tty->lock);
	return NULL;
}

static int tty_start(FILE *out, void **ret)
{
	struct tty *tty = calloc(1, sizeof(*tty));

	if (!tty)
		return -ENOMEM;
	tty->out = out;
	tty->colours = isatty(fileno(out)) && !getenv("NO_COLOR");
	pthread_mutex_init(&tty->lock, NULL);
	pthread_cond_init(&tty->wake, NULL);
	if (pthread_create(&tty->painter, NULL, painter, tty)) {
		free(tty);
		return -EAGAIN;
	}
	*ret = tty;
	return 0;
}

static void tty_begin(void *view, const struct vertex *vertex)
{
	struct tty *tty = view;

	pthread_mutex_lock(&tty->lock);
	if (tty->count < RUNNING_MAX) {
		tty->newest[tty->count] = NULL;
		tty->running[tty->count++] = vertex;
	}
	repaint(tty);
	pthread_mutex_unlock(&tty->lock);
}

static void tty_line(void *view, const struct vertex *vertex, const char *text)
{
	struct tty *tty = view;
	char *newest = text_harmless(text, strlen(text));

	pthread_mutex_lock(&tty->lock);
	for (size_t i = 0; i < tty->count && newest; i++) {
		if (tty->running[i] == vertex && *newest) {
			free(tty->newest[i]);
			tty->newest[i] = newest;
			newest = NULL;
		}
	}
	pthread_mutex_unlock(&tty->lock);
	free(newest);
}

static void forget(struct tty *tty, const struct vertex *vertex)
{
	size_t i = 0;

	while (i < tty->count && tty->running[i] != vertex)
		i++;
	if (i == tty->count)
		return;
	free(tty->newest[i]);
	tty->count--;
	memmove(&tty->running[i], &tty->running[i + 1], (tty->count - i) * sizeof(void *));
	memmove(&tty->newest[i], &tty->newest[i + 1], (tty->count - i) * sizeof(void *));
}

static void tty_end(void *view, const struct vertex *vertex, const struct msb_event *event)
{
	struct tty *tty = view;
	char seconds[HUMAN_TEXT];

	pthread_mutex_lock(&tty->lock);
	forget(tty, vertex);
	fputs(WRAP_OFF, tty->out);
	take_back(tty);
	if (event->state == MSB_CACHED)
		put_step(tty, vertex, "CACHED", CYAN);
	else if (event->state == MSB_RUNNING)
		put_step(tty, vertex, "CANCELED", YELLOW);
	else if (event->state == MSB_FAILED)
		put_step(tty, vertex, "ERROR", RED);
	else
		put_step(tty, vertex, human_seconds(event->duration_ns, seconds), PALE);
	paint(tty);
	pthread_mutex_unlock(&tty->lock);
}

static void tty_note(void *view, size_t number, const char *text)
{
	struct tty *tty = view;

	pthread_mutex_lock(&tty->lock);
	take_back(tty);
	if (number)
		fprintf(tty->out, "#%zu ", number);
	fprintf(tty->out, "%s\n" WRAP_OFF, text);
	paint(tty);
	pthread_mutex_unlock(&tty->lock);
}

static void tty_stop(void *view)
{
	struct tty *tty = view;

	pthread_mutex_lock(&tty->lock);
	tty->stopping = true;
	pthread_cond_signal(&tty->wake);
	pthread_mutex_unlock(&tty->lock);
	pthread_join(tty->painter, NULL);
	take_back(tty);
	fflush(tty->out);
	while (tty->count)
		free(tty->newest[--tty->count]);
	pthread_cond_destroy(&tty->wake);
	pthread_mutex_destroy(&tty->lock);
	free(tty);
}

const struct view progress_tty = {
	.start = tty_start,
	.begin = tty_begin,
	.line = tty_line,
	.part = tty_line,
	.end = tty_end,
	.note = tty_note,
	.stop = tty_stop,
};

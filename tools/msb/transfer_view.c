#include "transfer_view.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "human.h"

#define UP    "\033[%zuA" /* cursor up and down (ECMA-48 8.3.22, 8.3.19) */
#define DOWN  "\033[%zuB"
#define CLEAR "\r\033[K"
#define BAR   50

/* What each state is called. NULL: not worth a line where nothing is repainted. */
static const struct {
	const char *pull, *push;
	bool changing; /* shown on a terminal alone */
} names[] = {
	[MSB_TRANSFER_WAITING] = {"Pulling fs layer", "Preparing", false},
	[MSB_TRANSFER_PRESENT] = {"Already exists", "Layer already exists", false},
	[MSB_TRANSFER_PREPARING] = {"Compressing", "Compressing", false},
	[MSB_TRANSFER_MOVING] = {"Downloading", "Pushing", true},
	[MSB_TRANSFER_FETCHED] = {"Download complete", "Download complete", false},
	[MSB_TRANSFER_DONE] = {"Pull complete", "Pushed", false},
	[MSB_TRANSFER_MOUNTED] = {"Mounted from", "Mounted from", false},
};

void transfer_view_init(struct transfer_view *view, FILE *out, bool push)
{
	const char *term = getenv("TERM");
	struct winsize size;

	*view = (struct transfer_view){.out = out, .push = push, .columns = 80, .rows = 24};
	view->repaints = isatty(fileno(out)) && term && *term && strcmp(term, "dumb") != 0;
	if (view->repaints && ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col >= 20 &&
	    size.ws_row >= 4) {
		view->columns = size.ws_col;
		view->rows = size.ws_row;
	}
}

void transfer_view_done(struct transfer_view *view)
{
	free(view->lines);
	view->lines = NULL;
}

void transfer_view_next(struct transfer_view *view)
{
	view->count = 0;
}

/* "[====>     ]  12MB/30MB", as far as there is room. */
static void put_measure(const struct transfer_view *view, const struct msb_transfer *event)
{
	char done[HUMAN_TEXT], total[HUMAN_TEXT];
	size_t filled =
		event->total > 0 ? (size_t)((double)event->done / (double)event->total * BAR) : 0;

	if (view->columns >= 14 + 12 + BAR + 3 + 16) {
		fputs(" [", view->out);
		for (size_t i = 0; i < BAR; i++)
			fputc(i < filled ? '=' : i == filled ? '>' : ' ', view->out);
		fputc(']', view->out);
	}
	fprintf(view->out, " %s/%s", human_size(event->done, done),
		human_size(event->total, total));
}

static void put_line(const struct transfer_view *view, const struct msb_transfer *event)
{
	const char *name = view->push ? names[event->state].push : names[event->state].pull;
	char text[MSB_DIGEST_TEXT];

	/* Twelve digits of it, as docker shows layers. */
	fprintf(view->out, "%.12s: %s", msb_digest_format(event->layer, text) + 7, name);
	if (event->state == MSB_TRANSFER_MOVING)
		put_measure(view, event);
	if (event->state == MSB_TRANSFER_MOUNTED)
		fprintf(view->out, " %s", event->from);
	fputc('\n', view->out);
}

/* The line of this layer; count where it has none. */
static size_t find_line(const struct transfer_view *view, const struct msb_digest *layer)
{
	size_t i = 0;

	while (i < view->count && !msb_digest_equal(&view->lines[i].layer, layer))
		i++;
	return i;
}

static bool add_line(struct transfer_view *view, const struct msb_transfer *event)
{
	struct transfer_line *grown =
		reallocarray(view->lines, view->count + 1, sizeof(*view->lines));

	if (!grown)
		return false;
	view->lines = grown;
	grown[view->count++] = (struct transfer_line){*event->layer, event->state};
	return true;
}

static void repaint(struct transfer_view *view, const struct msb_transfer *event)
{
	size_t index = find_line(view, event->layer), up = view->count - index;

	if (up == 0) {
		if (add_line(view, event))
			put_line(view, event);
	} else if (up < view->rows) {
		/* What has left the screen is out of reach. */
		fprintf(view->out, UP CLEAR, up);
		put_line(view, event);
		if (up > 1)
			fprintf(view->out, DOWN, up - 1);
		fputc('\r', view->out);
	}
}

void transfer_view_show(struct transfer_view *view, const struct msb_transfer *event)
{
	if ((size_t)event->state >= sizeof(names) / sizeof(*names) || !names[event->state].pull)
		return;
	if (view->repaints)
		repaint(view, event);
	else if (!names[event->state].changing)
		put_line(view, event);
	fflush(view->out);
}

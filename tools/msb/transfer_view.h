/*
 * What a pull or push shows of its layers: on a terminal a line each, repainted in its place as
 * docker has it; elsewhere a line a change.
 */
#ifndef TRANSFER_VIEW_H
#define TRANSFER_VIEW_H

#include <stdbool.h>
#include <stdio.h>

#include <msb/builder.h>

struct transfer_line {
	struct msb_digest layer;
	enum msb_transfer_state state; /* shown last */
};

struct transfer_view {
	FILE *out;
	bool push;      /* sends, does not fetch */
	bool repaints;  /* out is a terminal */
	size_t columns; /* of the terminal, as the next */
	size_t rows;
	struct transfer_line *lines; /* owned */
	size_t count;
};

void transfer_view_init(struct transfer_view *view, FILE *out, bool push);
void transfer_view_done(struct transfer_view *view);
/* An event about a layer. */
void transfer_view_show(struct transfer_view *view, const struct msb_transfer *event);
/* What is shown so far stays; lines begin anew below it. */
void transfer_view_next(struct transfer_view *view);

#endif

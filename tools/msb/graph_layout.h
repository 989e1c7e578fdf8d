/*
 * Where the stages of a build stand in a picture, and how the lines between them run. A stage is a
 * box with a row a step; boxes stand in columns by what they read from each other, left to right.
 * A line that passes a column has a place of its own there, so that it crosses no box.
 */
#ifndef GRAPH_LAYOUT_H
#define GRAPH_LAYOUT_H

#include <stddef.h>

#include <msb/build_graph.h>

enum {
	GRAPH_BOX_WIDTH = 480,
	GRAPH_HEADING = 30, /* height of a box's */
	GRAPH_ROW = 22,
	GRAPH_FOOT = 6,    /* below the last row */
	GRAPH_GAP = 80,    /* between columns, for the lines */
	GRAPH_MARGIN = 24, /* around all */
	GRAPH_TOP = 76,    /* above all, for the title */
};

struct graph_point {
	int x, y;
};

struct graph_box {
	int x, y, height;
};

/* From a stage to a row of another. */
struct graph_edge {
	size_t from;     /* stage */
	size_t to, row;  /* stage, place in its steps */
	const char *use; /* of the first source; borrowed from the graph */
	char *paths;     /* what was read, ", " between; "" for all of it; owned */
	/* Pairs of points: straight from the first of a pair to the second, curved from pair to
	 * pair. Owned. */
	struct graph_point *points;
	size_t point_count;
};

struct graph_layout {
	struct graph_box *boxes; /* one a stage; owned */
	struct graph_edge *edges;
	size_t edge_count;
	int width, height;
};

/* Rows of a stage's box: its steps, and one for those never begun. */
size_t graph_rows(const struct msb_graph_stage *stage);

int graph_layout_make(const struct msb_graph *graph, struct graph_layout *ret,
		      struct msb_error *err);
void graph_layout_done(struct graph_layout *layout);

#endif

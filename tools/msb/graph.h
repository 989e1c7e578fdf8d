/* Pictures of a build: a file a format, and the words that all of them use. */
#ifndef GRAPH_H
#define GRAPH_H

#include <stdbool.h>
#include <stdio.h>

#include <msb/build_graph.h>

#include "human.h"

/* Each writes the whole file to out, whose errors are the caller's to look for. */
int graph_svg(FILE *out, const struct msb_graph *graph, struct msb_error *err);
int graph_html(FILE *out, const struct msb_graph *graph, struct msb_error *err);
int graph_dot(FILE *out, const struct msb_graph *graph, struct msb_error *err);
int graph_json(FILE *out, const struct msb_graph *graph, struct msb_error *err);

/* graph_svg.c: the drawing alone, as part of an HTML page. links: each step is one to "#step-0-3",
 * of the third step of the first stage. */
int graph_draw(FILE *out, const struct msb_graph *graph, bool links, struct msb_error *err);

/* graph_words.c. Each gives text that needs graph_put() still, and returns it. */
#define GRAPH_WORDS 128

/* "cached", "failed", "running", or how long it took. */
char *graph_outcome(const struct msb_graph_step *step, char text[GRAPH_WORDS]);
/* What a step added: "+1.2MB"; of a FROM the whole; "" for nothing. */
char *graph_growth(const struct msb_graph_step *step, char text[GRAPH_WORDS]);
/* "12MB, 3.4s": the tree after its last step, and the time of its steps but cached ones. */
char *graph_stage_sum(const struct msb_graph_stage *stage, char text[GRAPH_WORDS]);
/* "Build 7, done in 3.4s, 2 of 3 stages, 5 of 9 steps from the cache". */
char *graph_title(const struct msb_graph *graph, char text[2 * GRAPH_WORDS]);
/* "done", "cached", "failed", "running". */
const char *graph_state(enum msb_state state);
/* "copy from build: /out"; owned by the caller, NULL: no memory. */
char *graph_source(const struct msb_graph *graph, const struct msb_graph_source *source);

/* Any bytes as text between tags or in a quoted attribute: harmless, and escaped. */
void graph_put(FILE *out, const char *text);

#endif

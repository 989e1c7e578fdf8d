/*
 * A build as a graph: what its stages and steps read from each other, what each step took, changed
 * and said. For those who draw it.
 */
#ifndef MSB_BUILD_GRAPH_H
#define MSB_BUILD_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msb/cleanup.h>
#include <msb/digest.h>
#include <msb/error.h>
#include <msb/records.h>
#include <msb/tree_diff.h>

/* What a step reads beside the tree that it begins with. */
struct msb_graph_source {
	char *use;    /* "base" (FROM), "copy" (COPY, ADD), "mount" (RUN --mount); owned */
	char *kind;   /* "stage", "image", "context", "scratch"; owned */
	size_t stage; /* place in the graph's stages; SIZE_MAX: none of them */
	char *image;  /* as the Dockerfile has it; NULL: it is none; owned */
	char *path;   /* in the source; NULL: all of it; owned */
};

struct msb_graph_change {
	enum msb_change change;
	char *path; /* owned */
	bool file;  /* whose sizes follow */
	uint64_t before, after;
};

struct msb_graph_step {
	size_t number; /* 1 is FROM */
	enum msb_state state;
	int line, end_line;
	char *text; /* with values; owned */
	int64_t duration_ns;
	int exit_status;
	bool has_tree;
	struct msb_digest tree;
	uint64_t bytes; /* of all files of its tree */

	/* Against the step before; all zero for FROM. Directories that went count as one. */
	uint64_t added, changed, removed;
	uint64_t bytes_added, bytes_removed; /* of a changed file: its new size, its old size */
	struct msb_graph_change *changes;    /* the first of them, in path order; owned */
	size_t change_count;

	struct msb_graph_source *sources; /* owned */
	size_t source_count;
	char *log; /* the last of what it printed; NULL: nothing; owned */
	size_t log_size;
};

struct msb_graph_stage {
	size_t index;
	char *label; /* name or number; owned */
	enum msb_state state;
	size_t planned;               /* steps; those never begun are not among steps */
	struct msb_graph_step *steps; /* owned */
	size_t step_count;
};

struct msb_graph {
	struct msb_build *build; /* owned */
	struct msb_graph_stage *stages;
	size_t stage_count;
};

struct msb_graph_limits {
	size_t changes; /* listed of a step */
	size_t log;     /* bytes of a step's log */
};

/* build 0: the newest. Owned by the caller. */
int msb_build_graph(const char *root, int64_t build, const struct msb_graph_limits *limits,
		    struct msb_graph **ret, struct msb_error *err);
void msb_graph_free(struct msb_graph *graph);
DEFINE_AUTO(struct msb_graph, msb_graph_free)

#endif

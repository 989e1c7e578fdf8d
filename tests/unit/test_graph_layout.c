/* Where stages and lines stand in a picture: nothing lies upon anything else, whatever the build.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "graph_layout.h"

enum { STAGES = 40, STEPS = 8 };

/* A build of random stages that read from random earlier ones. Its texts are constants. */
struct made {
	struct msb_graph graph;
	struct msb_graph_stage stages[STAGES];
	struct msb_graph_step steps[STAGES][STEPS];
	struct msb_graph_source sources[STAGES][STEPS];
};

static char copy[] = "copy", stage_kind[] = "stage", path[] = "/out";

static void make(struct made *made, size_t stages, unsigned seed)
{
	memset(made, 0, sizeof(*made));
	srandom(seed);
	made->graph.stages = made->stages;
	made->graph.stage_count = stages;
	for (size_t i = 0; i < stages; i++) {
		made->stages[i] = (struct msb_graph_stage){
			.index = i, .planned = STEPS, .steps = made->steps[i]};
		made->stages[i].step_count = 1 + (size_t)random() % STEPS;
		for (size_t j = 0; i > 0 && j < made->stages[i].step_count; j++) {
			if (random() % 3)
				continue;
			made->sources[i][j] = (struct msb_graph_source){
				copy, stage_kind, (size_t)random() % i, NULL, path};
			made->steps[i][j].sources = &made->sources[i][j];
			made->steps[i][j].source_count = 1;
		}
	}
}

static bool meets(const struct graph_box *box, int left, int right, int top, int bottom)
{
	return left < box->x + GRAPH_BOX_WIDTH && right > box->x && top < box->y + box->height &&
	       bottom > box->y;
}

static void check(const struct made *made)
{
	const struct msb_graph *graph = &made->graph;
	struct graph_layout layout;

	assert_int_equal(graph_layout_make(graph, &layout, NULL), 0);
	for (size_t i = 0; i < graph->stage_count; i++) {
		const struct graph_box *a = &layout.boxes[i];

		assert_in_range(a->x, GRAPH_MARGIN, layout.width - GRAPH_BOX_WIDTH);
		assert_in_range(a->y, GRAPH_TOP, layout.height - a->height);
		assert_int_equal(a->height, GRAPH_HEADING + GRAPH_FOOT +
						    GRAPH_ROW * (int)graph_rows(&graph->stages[i]));
		for (size_t j = 0; j < i; j++)
			assert_false(meets(&layout.boxes[j], a->x, a->x + GRAPH_BOX_WIDTH, a->y,
					   a->y + a->height));
	}
	for (size_t i = 0; i < layout.edge_count; i++) {
		const struct graph_edge *edge = &layout.edges[i];

		assert_true(layout.boxes[edge->from].x < layout.boxes[edge->to].x);
		assert_string_equal(edge->paths, "/out");
		/* Straight parts cross no box; curved ones run between two columns. */
		for (size_t j = 0; j + 1 < edge->point_count; j++) {
			const struct graph_point *a = &edge->points[j], *b = a + 1;

			if (j % 2 == 1) {
				assert_int_equal(b->x - a->x, GRAPH_GAP);
				continue;
			}
			assert_int_equal(a->y, b->y);
			for (size_t k = 0; k < graph->stage_count; k++)
				assert_false(meets(&layout.boxes[k], a->x, b->x, a->y, a->y + 1));
		}
	}
	graph_layout_done(&layout);
}

static void nothing_overlaps_in_builds_of_any_size(void **state)
{
	struct made *made = malloc(sizeof(*made));

	(void)state;
	assert_non_null(made);
	for (size_t stages = 1; stages <= STAGES; stages++)
		for (unsigned seed = 0; seed < 8; seed++) {
			make(made, stages, seed);
			check(made);
		}
	free(made);
}

static void a_build_without_stages_is_a_title(void **state)
{
	struct msb_graph graph = {0};
	struct graph_layout layout;

	(void)state;
	assert_int_equal(graph_layout_make(&graph, &layout, NULL), 0);
	assert_int_equal(layout.edge_count, 0);
	graph_layout_done(&layout);
}

static void a_stage_that_claims_to_read_from_itself_or_a_later_one_is_drawn_without(void **state)
{
	struct msb_graph_source sources[] = {{copy, stage_kind, 1, NULL, path},
					     {copy, stage_kind, SIZE_MAX, NULL, path}};
	struct msb_graph_step step = {.sources = sources, .source_count = 2};
	struct msb_graph_stage stages[] = {{.steps = &step, .step_count = 1, .planned = 1},
					   {.steps = &step, .step_count = 1, .planned = 1}};
	struct msb_graph graph = {.stages = stages, .stage_count = 2};
	struct graph_layout layout;

	(void)state;
	assert_int_equal(graph_layout_make(&graph, &layout, NULL), 0);
	assert_int_equal(layout.edge_count, 0);
	graph_layout_done(&layout);
}

static void what_a_step_reads_from_one_stage_is_one_line(void **state)
{
	struct msb_graph_source sources[] = {{copy, stage_kind, 0, NULL, path},
					     {copy, stage_kind, 0, NULL, path}};
	struct msb_graph_step steps[] = {{0}, {.sources = sources, .source_count = 2}};
	struct msb_graph_stage stages[] = {{.steps = &steps[0], .step_count = 1, .planned = 1},
					   {.steps = &steps[1], .step_count = 1, .planned = 1}};
	struct msb_graph graph = {.stages = stages, .stage_count = 2};
	struct graph_layout layout;

	(void)state;
	assert_int_equal(graph_layout_make(&graph, &layout, NULL), 0);
	assert_int_equal(layout.edge_count, 1);
	assert_string_equal(layout.edges[0].paths, "/out, /out");
	graph_layout_done(&layout);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_overlaps_in_builds_of_any_size),
		cmocka_unit_test(a_build_without_stages_is_a_title),
		cmocka_unit_test(
			a_stage_that_claims_to_read_from_itself_or_a_later_one_is_drawn_without),
		cmocka_unit_test(what_a_step_reads_from_one_stage_is_one_line),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

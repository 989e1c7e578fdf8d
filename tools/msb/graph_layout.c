/*
 * Columns by longest path, order within a column by the middle of what an item reads from and is
 * read by (Sugiyama's method, a few sweeps), heights from the top down.
 */
#include "graph_layout.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	SWEEPS = 6,
	LANE = 10,    /* height of a line's place in a column that it passes */
	BETWEEN = 28, /* boxes, or a box and a lane */
};

/* A stage's box, or the lane in which its lines pass a later column. */
struct item {
	size_t stage;
	bool lane;
	size_t column, order; /* order: within the column */
	double middle;        /* of its neighbours' orders */
	int y, height;
};

struct plan {
	const struct msb_graph *graph;
	struct item *items; /* the stages' boxes first */
	size_t item_count;
	size_t *columns; /* of stages */
	size_t *reach;   /* of stages: the last column that reads it; its own for none */
	size_t column_count;
};

size_t graph_rows(const struct msb_graph_stage *stage)
{
	return stage->step_count + (stage->planned > stage->step_count);
}

/* Stages read from earlier ones only; what says otherwise is not drawn. */
static bool is_edge(const struct msb_graph_source *source, size_t reader)
{
	return source->stage < reader;
}

static void find_columns(struct plan *plan)
{
	const struct msb_graph *graph = plan->graph;

	for (size_t i = 0; i < graph->stage_count; i++) {
		const struct msb_graph_stage *stage = &graph->stages[i];

		for (size_t j = 0; j < stage->step_count; j++)
			for (size_t k = 0; k < stage->steps[j].source_count; k++) {
				const struct msb_graph_source *source = &stage->steps[j].sources[k];

				if (is_edge(source, i) &&
				    plan->columns[i] <= plan->columns[source->stage])
					plan->columns[i] = plan->columns[source->stage] + 1;
			}
		if (plan->columns[i] + 1 > plan->column_count)
			plan->column_count = plan->columns[i] + 1;
	}
	for (size_t i = 0; i < graph->stage_count; i++)
		plan->reach[i] = plan->columns[i];
	for (size_t i = 0; i < graph->stage_count; i++)
		for (size_t j = 0; j < graph->stages[i].step_count; j++) {
			const struct msb_graph_step *step = &graph->stages[i].steps[j];

			for (size_t k = 0; k < step->source_count; k++)
				if (is_edge(&step->sources[k], i) &&
				    plan->reach[step->sources[k].stage] < plan->columns[i])
					plan->reach[step->sources[k].stage] = plan->columns[i];
		}
}

static int make_items(struct plan *plan)
{
	const struct msb_graph *graph = plan->graph;
	size_t most = graph->stage_count;

	for (size_t i = 0; i < graph->stage_count; i++)
		most += plan->reach[i] - plan->columns[i];
	plan->items = calloc(most + 1, sizeof(*plan->items));
	if (!plan->items)
		return -1;
	for (size_t i = 0; i < graph->stage_count; i++)
		plan->items[plan->item_count++] = (struct item){
			.stage = i,
			.column = plan->columns[i],
			.height = GRAPH_HEADING + GRAPH_FOOT +
				  GRAPH_ROW * (int)graph_rows(&graph->stages[i]),
		};
	for (size_t i = 0; i < graph->stage_count; i++)
		for (size_t column = plan->columns[i] + 1; column < plan->reach[i]; column++)
			plan->items[plan->item_count++] = (struct item){
				.stage = i, .lane = true, .column = column, .height = LANE};
	return 0;
}

/* Where the lines of a stage are in a column: its box, or the lane there. */
static struct item *carrier(struct plan *plan, size_t stage, size_t column)
{
	if (plan->columns[stage] == column)
		return &plan->items[stage];
	for (size_t i = plan->graph->stage_count; i < plan->item_count; i++)
		if (plan->items[i].stage == stage && plan->items[i].column == column)
			return &plan->items[i];
	return NULL;
}

typedef void (*neighbour_fn)(const struct item *left, const struct item *right, void *context);

/* Each line between neighbouring columns. */
static void each_line(struct plan *plan, neighbour_fn each, void *context)
{
	for (size_t i = plan->graph->stage_count; i < plan->item_count; i++)
		each(carrier(plan, plan->items[i].stage, plan->items[i].column - 1),
		     &plan->items[i], context);
	for (size_t i = 0; i < plan->graph->stage_count; i++) {
		const struct msb_graph_stage *stage = &plan->graph->stages[i];

		for (size_t j = 0; j < stage->step_count; j++)
			for (size_t k = 0; k < stage->steps[j].source_count; k++)
				if (is_edge(&stage->steps[j].sources[k], i))
					each(carrier(plan, stage->steps[j].sources[k].stage,
						     plan->columns[i] - 1),
					     &plan->items[i], context);
	}
}

struct sum {
	const struct item *item;
	bool leftwards; /* its neighbours on the left, else on the right */
	double orders, tops;
	size_t count;
};

static void add_neighbour(const struct item *left, const struct item *right, void *context)
{
	struct sum *sum = context;
	const struct item *other = sum->leftwards ? left : right;

	if ((sum->leftwards ? right : left) != sum->item || !other)
		return;
	sum->orders += (double)other->order;
	sum->tops += other->y;
	sum->count++;
}

static struct sum neighbours(struct plan *plan, const struct item *item, bool leftwards)
{
	struct sum sum = {.item = item, .leftwards = leftwards};

	each_line(plan, add_neighbour, &sum);
	return sum;
}

static int by_middle(const void *a, const void *b)
{
	const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;

	if (x->middle != y->middle)
		return x->middle < y->middle ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static size_t gather(struct plan *plan, size_t column, struct item **ret)
{
	size_t count = 0;

	for (size_t i = 0; i < plan->item_count; i++)
		if (plan->items[i].column == column)
			ret[count++] = &plan->items[i];
	return count;
}

static int by_order(const void *a, const void *b)
{
	const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;

	return x->order < y->order ? -1 : x->order > y->order;
}

static void sort_column(struct plan *plan, size_t column, bool leftwards, struct item **line)
{
	size_t count = gather(plan, column, line);

	for (size_t i = 0; i < count; i++) {
		struct sum sum = neighbours(plan, line[i], leftwards);

		line[i]->middle =
			sum.count ? sum.orders / (double)sum.count : (double)line[i]->order;
	}
	qsort(line, count, sizeof(*line), by_middle);
	for (size_t i = 0; i < count; i++)
		line[i]->order = i;
}

static void sort_columns(struct plan *plan, struct item **line)
{
	for (size_t i = 0; i < plan->column_count; i++) {
		size_t count = gather(plan, i, line);

		for (size_t j = 0; j < count; j++)
			line[j]->order = j;
	}
	for (int sweep = 0; sweep < SWEEPS; sweep++)
		for (size_t i = 0; i < plan->column_count; i++)
			sort_column(plan, sweep % 2 ? plan->column_count - 1 - i : i,
				    sweep % 2 == 0, line);
}

/* As high as what it reads from, but below what stands before it in its column. */
static void place_columns(struct plan *plan, struct item **line)
{
	for (size_t column = 0; column < plan->column_count; column++) {
		size_t count = gather(plan, column, line);
		int y = GRAPH_TOP;

		qsort(line, count, sizeof(*line), by_order);
		for (size_t i = 0; i < count; i++) {
			struct sum sum = neighbours(plan, line[i], true);
			int wish = sum.count ? (int)(sum.tops / (double)sum.count) : 0;

			if (i > 0)
				y += line[i]->lane && line[i - 1]->lane ? LANE : BETWEEN;
			y = wish > y ? wish : y;
			line[i]->y = y;
			y += line[i]->height;
		}
	}
}

static int left_of(size_t column)
{
	return GRAPH_MARGIN + (int)column * (GRAPH_BOX_WIDTH + GRAPH_GAP);
}

/* Where a stage's lines are at the right edge of a box or a lane. */
static int line_of(const struct item *item)
{
	return item->y + (item->lane ? LANE : GRAPH_HEADING) / 2;
}

static int route(struct plan *plan, struct graph_edge *edge)
{
	size_t from = plan->columns[edge->from], to = plan->columns[edge->to];
	size_t count = 2 * (to - from + 1), n = 0;
	const struct item *last = &plan->items[edge->to];

	edge->points = calloc(count, sizeof(*edge->points));
	if (!edge->points)
		return -1;
	for (size_t column = from; column < to; column++) {
		const struct item *item = carrier(plan, edge->from, column);
		int right = left_of(column) + GRAPH_BOX_WIDTH;

		edge->points[n++] =
			(struct graph_point){item->lane ? left_of(column) : right, line_of(item)};
		edge->points[n++] = (struct graph_point){right, line_of(item)};
	}
	for (int i = 0; i < 2; i++)
		edge->points[n++] = (struct graph_point){
			left_of(to),
			last->y + GRAPH_HEADING + GRAPH_ROW * (int)edge->row + GRAPH_ROW / 2};
	edge->point_count = n;
	return 0;
}

static int add_path(struct graph_edge *edge, const char *path)
{
	char *joined;

	if (!path)
		return 0;
	if (asprintf(&joined, "%s%s%s", edge->paths, edge->paths[0] ? ", " : "", path) < 0)
		return -1;
	free(edge->paths);
	edge->paths = joined;
	return 0;
}

/* One line for all that a step reads from a stage. */
static int add_source(struct plan *plan, struct graph_layout *layout, size_t first, size_t stage,
		      size_t row, const struct msb_graph_source *source)
{
	struct graph_edge *edge;
	struct graph_edge *grown;

	for (size_t i = first; i < layout->edge_count; i++)
		if (layout->edges[i].from == source->stage)
			return add_path(&layout->edges[i], source->path);
	grown = reallocarray(layout->edges, layout->edge_count + 1, sizeof(*grown));
	if (!grown)
		return -1;
	layout->edges = grown;
	edge = &grown[layout->edge_count++];
	*edge = (struct graph_edge){.from = source->stage,
				    .to = stage,
				    .row = row,
				    .use = source->use,
				    .paths = strdup("")};
	if (!edge->paths)
		return -1;
	return add_path(edge, source->path) < 0 ? -1 : route(plan, edge);
}

static int make_edges(struct plan *plan, struct graph_layout *layout)
{
	for (size_t i = 0; i < plan->graph->stage_count; i++) {
		const struct msb_graph_stage *stage = &plan->graph->stages[i];

		for (size_t j = 0; j < stage->step_count; j++) {
			size_t first = layout->edge_count;

			for (size_t k = 0; k < stage->steps[j].source_count; k++)
				if (is_edge(&stage->steps[j].sources[k], i) &&
				    add_source(plan, layout, first, i, j,
					       &stage->steps[j].sources[k]) < 0)
					return -1;
		}
	}
	return 0;
}

static void take_boxes(const struct plan *plan, struct graph_layout *layout)
{
	layout->width = left_of(plan->column_count) - GRAPH_GAP + GRAPH_MARGIN;
	layout->height = GRAPH_TOP;
	for (size_t i = 0; i < plan->item_count; i++) {
		const struct item *item = &plan->items[i];

		if (!item->lane)
			layout->boxes[i] =
				(struct graph_box){left_of(item->column), item->y, item->height};
		if (item->y + item->height > layout->height)
			layout->height = item->y + item->height;
	}
	layout->height += GRAPH_MARGIN;
}

int graph_layout_make(const struct msb_graph *graph, struct graph_layout *ret,
		      struct msb_error *err)
{
	size_t count = graph->stage_count + 1;
	struct plan plan = {.graph = graph, .column_count = 1};
	autofree size_t *columns = plan.columns = calloc(count, sizeof(size_t));
	autofree size_t *reach = plan.reach = calloc(count, sizeof(size_t));
	autofree struct item **line = NULL;
	int r = columns && reach ? 0 : -1;

	*ret = (struct graph_layout){.boxes = calloc(count, sizeof(*ret->boxes))};
	if (r == 0) {
		find_columns(&plan);
		r = make_items(&plan);
	}
	line = calloc(plan.item_count + 1, sizeof(struct item *));
	if (r == 0 && line && ret->boxes) {
		sort_columns(&plan, line);
		place_columns(&plan, line);
		take_boxes(&plan, ret);
		r = make_edges(&plan, ret);
	} else {
		r = -1;
	}
	free(plan.items);
	if (r == 0)
		return 0;
	graph_layout_done(ret);
	return msb_error_memory(err);
}

void graph_layout_done(struct graph_layout *layout)
{
	for (size_t i = 0; i < layout->edge_count; i++) {
		free(layout->edges[i].points);
		free(layout->edges[i].paths);
	}
	free(layout->edges);
	free(layout->boxes);
	*layout = (struct graph_layout){0};
}

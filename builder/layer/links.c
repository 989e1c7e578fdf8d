/* Hard-linked files in layers: whoever unpacks one can link only to what the layer itself holds. */
#include <stdlib.h>
#include <string.h>

#include <msb/tree_diff.h>

#include "internal.h"

/* A name that the layer holds anyway, of the file with that number. */
struct link {
	uint32_t number, nlink;
};

struct links {
	struct buffer held;        /* of struct link */
	const struct link *wanted; /* sorted, one a file */
	size_t count;
	struct strlist *names;
};

static int compare(const void *left, const void *right)
{
	const struct link *a = left, *b = right;

	return a->number < b->number ? -1 : a->number > b->number;
}

static int hold(void *context, const struct msb_difference *difference, struct msb_error *err)
{
	struct links *links = context;
	const struct msb_entry *after = difference->after;

	if (!after || after->link == 0)
		return 0;
	buffer_append(&links->held, &(struct link){after->link, after->nlink}, sizeof(struct link));
	return buffer_ok(&links->held) ? 0 : msb_error_memory(err);
}

/* Keeps of the held those of which not every name is there, once each. */
static void keep_incomplete(struct links *links)
{
	struct link *list = (struct link *)links->held.bytes;
	size_t count = links->held.size / sizeof(*list), run;

	if (count > 0)
		qsort(list, count, sizeof(*list), compare);
	for (size_t i = 0; i < count; i += run) {
		run = 1;
		while (i + run < count && list[i + run].number == list[i].number)
			run++;
		if (run < list[i].nlink)
			list[links->count++] = list[i];
	}
	links->wanted = list;
}

static int take_name(void *context, const struct msb_difference *difference, struct msb_error *err)
{
	struct links *links = context;
	struct link key = {.number = difference->after->link};

	if (key.number == 0 || !bsearch(&key, links->wanted, links->count, sizeof(key), compare))
		return 0;
	return strlist_add(links->names, difference->path) < 0 ? msb_error_memory(err) : 0;
}

/* Files can move between groups of names that stay as large as they were: one name gone, another
 * one come. What stayed does not count as changed, and is found by a walk through the tree. */
static int find_names(struct links *links, struct msb_store *store, const struct msb_digest *parent,
		      const struct msb_digest *tree, struct msb_error *err)
{
	int r = msb_tree_diff(store, parent, tree, hold, links, err);

	if (r < 0)
		return r;
	keep_incomplete(links);
	return links->count > 0 ? msb_tree_walk(store, tree, take_name, links, err) : 0;
}

int links_of_layer(struct msb_store *store, const struct msb_digest *parent,
		   const struct msb_digest *tree, struct strlist *ret, struct msb_error *err)
{
	autostrlist names = {0};
	struct links links = {.names = &names};
	struct msb_found root;
	bool any;
	int r;

	if (!parent)
		return 0; /* everything is in the layer */
	r = msb_tree_find(store, tree, "/", 0, &root, err);
	if (r < 0)
		return r;
	any = root.entry.below & MSB_BELOW_LINKS;
	msb_found_done(&root);
	if (any)
		r = find_names(&links, store, parent, tree, err);
	buffer_done(&links.held);
	if (r < 0)
		return r;
	*ret = names;
	names = (struct strlist){0};
	return 0;
}

static int rank(char c)
{
	return c == '\0' ? 0 : c == '/' ? 1 : 2 + (uint8_t)c;
}

int path_order(const char *a, const char *b)
{
	while (*a == *b && *a != '\0') {
		a++;
		b++;
	}
	return rank(*a) - rank(*b);
}

/* What differs between two REFs, or a REF and a directory on disk. */
#include <string.h>

#include "disk_diff.h"
#include "internal.h"

/* place keeps the tree's digest. */
static int find_side(struct msb_store *store, const char *ref, struct ref_place *place,
		     struct diff_side *ret, struct msb_error *err)
{
	int r;

	*ret = (struct diff_side){0};
	if (strncmp(ref, "dir:", 4) == 0) {
		ret->directory = ref[4] ? ref + 4 : ".";
		return 0;
	}
	r = find_place(store, ref, place, err);
	ret->tree = &place->tree;
	return r;
}

int msb_diff(const char *root, const char *before, const char *after, msb_diff_fn each,
	     void *context, struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	struct ref_place places[2];
	struct diff_side a, b;
	int r = open_store(root, &store, err);

	if (r >= 0)
		r = find_side(store, before, &places[0], &a, err);
	if (r >= 0)
		r = find_side(store, after, &places[1], &b, err);
	if (r < 0)
		return r;
	if (a.tree && b.tree)
		return msb_tree_diff(store, a.tree, b.tree, each, context, err);
	return disk_diff(store, &a, &b, each, context, err);
}

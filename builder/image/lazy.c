#include "lazy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Where everything is. Nothing names it yet; what comes of nothing, a prune forgets. */
static int record_places(struct store_writer *writer, const struct lazy_input *input,
			 const struct toc_files *files, struct msb_error *err)
{
	const struct store_remote whole = {
		.digest = input->layer->digest,
		.layer = input->layer->digest,
		.size = input->layer->size,
	};
	int r = store_begin(writer, err);

	if (r < 0)
		return r;
	r = store_remote_set(writer, &whole, err);
	if (r >= 0)
		r = store_origin_set(writer, &input->layer->digest, input->place, err);
	for (size_t i = 0; r >= 0 && i < files->count; i++)
		r = store_remote_set(writer, &files->items[i], err);
	return store_end(writer, r, err);
}

static int make_tree(struct store_writer *writer, const struct msb_digest *parent,
		     const struct lazy_input *input, struct layer_record *ret,
		     struct msb_error *err)
{
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	struct toc_layer layer = {.digest = input->layer->digest, .limit = input->limit};
	struct msb_digest empty;
	autobuffer table = {0};
	autotoc files = {0};
	int r = lazy_tables_take(input->tables, input->index, &table, &layer.size, err);

	if (r >= 0)
		r = tree_edit_new(store_writer_store(writer), parent, &edit, err);
	if (r >= 0)
		r = toc_apply((const char *)table.bytes, table.size, &layer, edit, &files, err);
	/* Nothing of an empty file is elsewhere. */
	if (r >= 0)
		r = store_put(writer, "", 0, &empty, err);
	if (r >= 0)
		r = edit_commit(edit, writer, &ret->tree, err);
	if (r >= 0)
		r = record_places(writer, input, &files, err);
	ret->size = input->layer->toc.tar_size ? input->layer->toc.tar_size : files.bytes;
	return r;
}

int lazy_load(struct store_writer *writer, const struct msb_digest *parent,
	      const struct lazy_input *input, struct layer_record *ret, struct msb_error *err)
{
	static const struct msb_digest none;
	struct layer_record record = {
		.parent = parent ? *parent : none,
		.diff_id = input->diff_id,
		.has_blob = true,
		.blob = input->layer->digest,
		.has_toc = true,
		.toc = input->layer->toc.digest,
	};
	char text[MSB_DIGEST_TEXT];
	int r = make_tree(writer, parent, input, &record, err);

	if (r < 0)
		return msb_error_prefix(err, r, "layer %s",
					msb_digest_format(&input->layer->digest, text));
	snprintf(record.media_type, sizeof(record.media_type), "%s", input->layer->media_type);
	*ret = record;
	return 0;
}

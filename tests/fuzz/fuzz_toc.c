/* Any text as the table of contents of a layer, applied to a tree that has something to hide. */
#include <stdlib.h>
#include <string.h>

#include "ground.h"
#include "toc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LAYER_SIZE 100000

/* Whatever is accepted lies within the layer and adds up. */
static void check(const struct toc_files *files)
{
	uint64_t all = 0;

	for (size_t i = 0; i < files->count; i++) {
		const struct store_remote *file = &files->items[i];
		uint64_t size = 0;

		for (size_t j = 0; j < file->part_count; j++) {
			const struct store_part *part = &file->parts[j];

			if (part->start >= part->stop || part->stop > LAYER_SIZE)
				abort();
			size += part->size;
		}
		if (size != file->size)
			abort();
		all += size;
	}
	if (all != files->bytes || all > 1 << 20)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct ground *ground = fuzz_ground();
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	const struct toc_layer layer = {.size = LAYER_SIZE, .limit = 1 << 20};
	struct msb_digest tree;
	autotoc files = {0};
	uint64_t offset;

	if (size >= TOC_ESTARGZ_FOOTER)
		toc_read_footer(data, &offset);
	fuzz_must(tree_edit_new(ground->store, &ground->base, &edit, NULL), NULL);
	if (toc_apply((const char *)data, size, &layer, edit, &files, NULL) < 0)
		return 0;
	check(&files);
	if (edit_commit(edit, ground->writer, &tree, NULL) < 0)
		abort();
	return 0;
}

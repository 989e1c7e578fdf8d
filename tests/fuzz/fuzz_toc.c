/* Any text as the table of contents of a layer, applied to a tree that has something to hide. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "toc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LAYER_SIZE 100000

static char directory[] = "/tmp/msb-fuzz-XXXXXX";
static struct msb_store *store;
static struct store_writer *writer;
static struct msb_digest base;

static void must(int r, const struct msb_error *err)
{
	if (r >= 0)
		return;
	fprintf(stderr, "%s\n", err->text);
	abort();
}

static void tear_down(void)
{
	store_writer_close(writer);
	msb_store_close(store);
	io_remove_tree(AT_FDCWD, directory, NULL);
}

static void set_up(void)
{
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	struct msb_entry dir = {.type = MSB_DIRECTORY, .mode = 0755, .nlink = 1};
	struct msb_error err = {0};

	if (!mkdtemp(directory))
		abort();
	must(store_create(directory, &err), &err);
	must(msb_store_open(directory, &store, &err), &err);
	must(store_writer_open(store, &writer, &err), &err);
	must(tree_edit_new(store, NULL, &edit, &err), &err);
	must(edit_make_dirs(edit, "/a/b", &dir, &err), &err);
	must(edit_commit(edit, writer, &base, &err), &err);
	atexit(tear_down);
}

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
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	const struct toc_layer layer = {.size = LAYER_SIZE, .limit = 1 << 20};
	struct msb_digest tree;
	autotoc files = {0};
	uint64_t offset;

	if (!store)
		set_up();
	if (size >= TOC_ESTARGZ_FOOTER)
		toc_read_footer(data, &offset);
	must(tree_edit_new(store, &base, &edit, NULL), NULL);
	if (toc_apply((const char *)data, size, &layer, edit, &files, NULL) < 0)
		return 0;
	check(&files);
	if (edit_commit(edit, writer, &tree, NULL) < 0)
		abort();
	return 0;
}

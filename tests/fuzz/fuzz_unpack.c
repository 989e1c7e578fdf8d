/* Any bytes as a layer, plain or compressed: unpacked onto a tree that has something to hide. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "layer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *bytes;
	size_t size;
};

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

/* One store for all inputs: nothing is ever committed to it. */
static void set_up(void)
{
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	struct msb_entry dir = {.type = MSB_DIRECTORY, .mode = 0755, .nlink = 1};
	struct msb_entry link = {
		.type = MSB_SYMLINK, .mode = 0777, .target = "a", .size = 1, .nlink = 1};
	struct msb_error err = {0};

	if (!mkdtemp(directory))
		abort();
	must(store_create(directory, &err), &err);
	must(msb_store_open(directory, &store, &err), &err);
	must(store_writer_open(store, &writer, &err), &err);
	must(tree_edit_new(store, NULL, &edit, &err), &err);
	must(edit_make_dirs(edit, "/a/b", &dir, &err), &err);
	must(edit_put(edit, "/l", &link, &err), &err);
	must(edit_commit(edit, writer, &base, &err), &err);
	atexit(tear_down);
}

static ssize_t read_input(void *context, void *bytes, size_t size,
			  struct msb_error *err __attribute__((unused)))
{
	struct input *input = context;
	size_t n = input->size < size ? input->size : size;

	memcpy(bytes, input->bytes, n);
	input->bytes += n;
	input->size -= n;
	return (ssize_t)n;
}

/* What was accepted must be a tree, and that tree a layer again. */
static void check_accepted(struct tree_edit *edit, bool whiteouts)
{
	struct msb_error err = {0};
	struct msb_digest tree, diff_id;
	uint64_t size;

	must(edit_commit(edit, writer, &tree, &err), &err);
	if (whiteouts)
		must(layer_digest(store, &base, &tree, &diff_id, &size, &err), &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!store)
		set_up();
	for (int whiteouts = 0; whiteouts < 2; whiteouts++) {
		AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
		struct layer_unpack_options options = {
			.whiteouts = whiteouts,
			.directory = whiteouts ? NULL : "/a/b",
			.limit = 8 << 20,
			.want_diff_id = true,
		};
		struct input input = {data, size};
		struct layer_source source = {read_input, &input};
		struct layer_unpacked unpacked;
		struct msb_error err = {0};

		must(tree_edit_new(store, &base, &edit, &err), &err);
		if (layer_unpack(writer, edit, &source, &options, &unpacked, &err) >= 0)
			check_accepted(edit, whiteouts);
	}
	layer_is_archive(data, size);
	return 0;
}

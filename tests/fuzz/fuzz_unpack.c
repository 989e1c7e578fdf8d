/* Any bytes as a layer, plain or compressed: unpacked onto a tree that has something to hide. */
#include <stdlib.h>
#include <string.h>

#include "ground.h"
#include "layer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *bytes;
	size_t size;
};

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
	const struct ground *ground = fuzz_ground();
	struct msb_error err = {0};
	struct msb_digest tree, diff_id;
	uint64_t size;

	fuzz_must(edit_commit(edit, ground->writer, &tree, &err), &err);
	if (whiteouts)
		fuzz_must(layer_digest(ground->store, &ground->base, &tree, &diff_id, &size, &err),
			  &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct ground *ground = fuzz_ground();

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

		fuzz_must(tree_edit_new(ground->store, &ground->base, &edit, &err), &err);
		if (layer_unpack(ground->writer, edit, &source, &options, &unpacked, &err) >= 0)
			check_accepted(edit, whiteouts);
	}
	layer_is_archive(data, size);
	return 0;
}

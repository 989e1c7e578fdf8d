/* What `msb import` does, alone: a root file system tar into a store. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "layer.h"

static int import(struct msb_store *store, struct store_writer *writer, int fd,
		  struct msb_error *err)
{
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	struct layer_source source = layer_source_fd(&fd);
	struct layer_unpack_options options = {0};
	struct layer_unpacked unpacked;
	struct msb_digest tree;
	int r = tree_edit_new(store, NULL, &edit, err);

	if (r >= 0)
		r = layer_unpack(writer, edit, &source, &options, &unpacked, err);
	if (r >= 0)
		r = edit_commit(edit, writer, &tree, err);
	if (r >= 0)
		r = store_begin(writer, err);
	return r < 0 ? r : store_commit(writer, err);
}

int main(int argc, char **argv)
{
	AUTO(store_writer_closep) struct store_writer *writer = NULL;
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	struct msb_error err = {0};
	int fd = argc == 3 ? open(argv[2], O_RDONLY | O_CLOEXEC) : -1, r;

	if (fd < 0) {
		fprintf(stderr, "usage: import STORE TAR\n");
		return 2;
	}
	r = store_create(argv[1], &err);
	if (r >= 0)
		r = msb_store_open(argv[1], &store, &err);
	if (r >= 0)
		r = store_writer_open(store, &writer, &err);
	if (r >= 0)
		r = import(store, writer, fd, &err);
	if (r < 0)
		fprintf(stderr, "%s\n", err.text);
	return r < 0;
}

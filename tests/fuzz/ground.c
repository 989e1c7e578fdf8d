#include "ground.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "io.h"
#include "tree_edit.h"

static char directory[] = "/tmp/msb-fuzz-XXXXXX";
static struct ground ground;

void fuzz_must(int r, const struct msb_error *err)
{
	if (r >= 0)
		return;
	fprintf(stderr, "%s\n", err->text);
	abort();
}

static void tear_down(void)
{
	store_writer_close(ground.writer);
	msb_store_close(ground.store);
	io_remove_tree(AT_FDCWD, directory, NULL);
}

static void set_up(void)
{
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	struct msb_entry dir = {.type = MSB_DIRECTORY, .mode = 0755, .nlink = 1};
	struct msb_entry link = {
		.type = MSB_SYMLINK, .mode = 0777, .target = "a", .size = 1, .nlink = 1};
	struct msb_error err = {0};

	if (!mkdtemp(directory))
		abort();
	fuzz_must(store_create(directory, &err), &err);
	fuzz_must(msb_store_open(directory, &ground.store, &err), &err);
	fuzz_must(store_writer_open(ground.store, &ground.writer, &err), &err);
	fuzz_must(tree_edit_new(ground.store, NULL, &edit, &err), &err);
	fuzz_must(edit_make_dirs(edit, "/a/b", &dir, &err), &err);
	fuzz_must(edit_put(edit, "/l", &link, &err), &err);
	fuzz_must(edit_commit(edit, ground.writer, &ground.base, &err), &err);
	atexit(tear_down);
}

const struct ground *fuzz_ground(void)
{
	if (!ground.store)
		set_up();
	return &ground;
}

/* What `msb import` does, alone: a root file system tar becomes an image. */
#include <stdio.h>

#include "image.h"

int main(int argc, char **argv)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	AUTO(store_writer_closep) struct store_writer *writer = NULL;
	struct msb_image *image = NULL;
	struct msb_error err = {0};
	int r;

	if (argc != 3) {
		fprintf(stderr, "usage: bench_import STORE TAR\n");
		return 2;
	}
	r = store_create(argv[1], &err);
	if (r >= 0)
		r = msb_store_open(argv[1], &store, &err);
	if (r >= 0)
		r = store_writer_open(store, &writer, &err);
	if (r >= 0)
		r = image_import(store, writer, argv[2], "bench", NULL, NULL, &image, &err);
	if (r < 0)
		fprintf(stderr, "%s\n", err.text);
	msb_images_free(image, 1);
	return r < 0;
}

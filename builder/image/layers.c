/* The layers of an image that is on record. */
#include <errno.h>
#include <string.h>

#include "internal.h"

/* Of layers of one diff ID on one tree: as a tar and by its table of contents it may come out at
 * trees that differ in their times. */
#define MOST_FORMS 8
#define MOST_STEPS 100000

struct search {
	struct store_writer *writer;
	const struct image *image;
	const struct msb_digest *tree;
	struct layer_record *layers; /* the way that is tried */
	struct layer_record *ret;    /* the longest so far */
	size_t known;
	unsigned steps;
};

/* 1: it led to the image's tree, 0: it did not, or a negative code. */
static int search_from(struct search *search, size_t index, const struct msb_digest *below,
		       struct msb_error *err)
{
	struct layer_record *forms;
	int count, r = 0;

	if (index == search->image->layer_count)
		return msb_digest_equal(below, search->tree);
	if (search->steps++ > MOST_STEPS)
		return 0;
	forms = calloc(MOST_FORMS, sizeof(*forms));
	if (!forms)
		return msb_error_memory(err);
	count = store_layer_list_diff(search->writer, below, &search->image->diff_ids[index], forms,
				      MOST_FORMS, err);
	for (int i = 0; r == 0 && i < count; i++) {
		search->layers[index] = forms[i];
		if (index + 1 > search->known) {
			search->known = index + 1;
			memcpy(search->ret, search->layers, search->known * sizeof(*search->ret));
		}
		r = search_from(search, index + 1, &forms[i].tree, err);
		if (r == 1)
			search->ret[index] = forms[i];
	}
	free(forms);
	return count < 0 ? count : r;
}

int image_layers(struct store_writer *writer, const struct image *image,
		 const struct msb_digest *tree, struct layer_record **ret, size_t *ret_known,
		 struct msb_error *err)
{
	static const struct msb_digest none;
	struct search search = {.writer = writer, .image = image, .tree = tree};
	int r;

	search.layers = calloc(image->layer_count + 1, sizeof(*search.layers));
	search.ret = calloc(image->layer_count + 1, sizeof(*search.ret));
	r = search.layers && search.ret ? search_from(&search, 0, &none, err)
					: msb_error_memory(err);
	free(search.layers);
	if (r < 0) {
		free(search.ret);
		return r;
	}
	*ret = search.ret;
	*ret_known = search.known;
	return 0;
}

int image_all_layers(struct store_writer *writer, const struct image *image,
		     const struct msb_digest *tree, struct layer_record **ret,
		     struct msb_error *err)
{
	struct layer_record *layers;
	char text[MSB_DIGEST_TEXT];
	size_t known;
	int r = image_layers(writer, image, tree, &layers, &known, err);

	if (r < 0)
		return r;
	if (known < image->layer_count) {
		free(layers);
		return msb_error_say(err, ENOENT, "the store does not know layer %s",
				     msb_digest_format(&image->diff_ids[known], text));
	}
	*ret = layers;
	return 0;
}

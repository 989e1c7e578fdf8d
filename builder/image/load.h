/* For the files that load images: what is being loaded, and the steps that every form shares. */
#ifndef LOAD_H
#define LOAD_H

#include "internal.h"

#define MOST_IMAGES 10000

struct load {
	struct store_writer *writer;
	struct archive *archive;
	int (*each)(void *context, const struct msb_image *image);
	void *context;
	size_t images;
	json_t *docker;  /* owned; manifest.json, NULL: none */
	bool one;        /* a single image, without its names */
	const char *tag; /* then: which, or NULL */
};

/* For every layer, lowest first: from member `name` unless the store has it. descriptor NULL:
 * nothing more is known of it. */
int load_layer(struct load *load, struct incoming *incoming, size_t index, const char *name,
	       const struct descriptor *descriptor, struct msb_error *err);
int incoming_add_name(struct incoming *incoming, const char *text, struct msb_error *err);
/* The names in an entry of manifest.json. */
int incoming_add_tags(struct incoming *incoming, json_t *entry, struct msb_error *err);
/* The last step: all of it becomes visible at once, and the caller is told. */
int load_publish(struct load *load, struct incoming *incoming, struct msb_error *err);

/* docker_archive.c: every image of load->docker. */
int load_docker(struct load *load, struct msb_error *err);
/* layout.c: every image of index.json, which index is. */
int load_layout(struct load *load, json_t *index, struct msb_error *err);
/* layout.c: the one that is meant (load->one). */
int load_layout_one(struct load *load, json_t *index, struct msb_error *err);

static inline const char *document_text(const struct buffer *document)
{
	return (const char *)document->bytes;
}

#endif

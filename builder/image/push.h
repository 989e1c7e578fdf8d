/* For the files of a push: one image's layers on their way to a remote. */
#ifndef PUSH_H
#define PUSH_H

#include "internal.h"
#include "reference.h"
#include "registry.h"
#include "remote.h"
#include "teller.h"

struct push_layer {
	struct layer_record record;
	struct descriptor blob; /* what is sent, once it is prepared */
	bool fresh;             /* compressed just now, not on record yet */
	bool prepared;
	/* Of one that was made to be read in parts: */
	int fd;                    /* it is nowhere else; owned; 0: none */
	struct msb_digest diff_id; /* what the config says then */
};

/* A repository of the same registry, and the blobs that it should have. */
struct neighbour {
	char *repository; /* owned */
	struct manifest manifest;
};

struct push {
	struct store_writer *writer;
	struct msb_store *store;
	const struct msb_push_options *options;
	bool compress;
	enum layer_compression compression;
	enum toc_kind pieces; /* layers get a table of contents */
	struct registries settings;
	struct http *http;
	struct remote *remote;
	char *name; /* normalized; owned */
	struct reference_place place;
	struct teller teller;

	struct msb_image *record;
	struct image image;
	struct buffer text; /* of the manifest */
	struct manifest manifest;
	struct push_layer *layers; /* owned; one a layer of the manifest */
	struct neighbour *neighbours;
	size_t neighbour_count;

	pthread_mutex_t lock;
	size_t next; /* guarded by lock, as the next two */
	int result;
	struct msb_error error;
};

/* push_layer.c: whether a blob of this type may be sent as it is. */
bool push_may_send(const struct push *push, const char *media_type);

/* push_pieces.c: the layer, whose tar is in a file, as one that can be read in parts; in layer->fd.
 * -EOPNOTSUPP where that cannot be. And the config that names such layers. */
int push_make_pieces(struct push *push, int tar, struct push_layer *layer, struct msb_error *err);
int push_make_config(struct push *push, struct buffer *ret, struct msb_error *err);

/* Makes the layer's blob where there is none, and sends it. */
int push_one_layer(struct push *push, size_t index, struct msb_error *err);

#endif

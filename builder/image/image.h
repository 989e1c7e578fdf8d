/*
 * Images: the OCI documents (image-spec 1.1, config.md and manifest.md), what msb keeps of them,
 * and their archives.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include <msb/digest.h>
#include <msb/error.h>
#include <msb/records.h>
#include <msb/store.h>

#include "config.h"
#include "store_writer.h"
#include "strlist.h"

struct history {
	char *created_by; /* owned, as all of them; NULL: not given */
	char *comment;
	char *author;
	int64_t created_ns;
	bool empty_layer;
};

/* The config document. A value that owns all it points to. */
struct image {
	struct config config;
	char *architecture; /* NULL: this machine's */
	char *os;           /* NULL: "linux" */
	char *variant;
	int64_t created_ns;
	struct msb_digest *diff_ids; /* owned; lowest layer first */
	size_t layer_count;
	struct history *history;
	size_t history_count;
	struct strlist annotations; /* NAME=VALUE: of the manifest that image_put() writes */
};

void image_done(struct image *image);
#define autoimage __attribute__((cleanup(image_done))) struct image

/* JSON to image and back. Unknown keys are dropped; wrong types are refused with -EBADMSG. Text is
 * canonical: keys sorted, no blanks. Text is owned by the caller. */
int image_decode(const char *json, size_t size, struct image *ret, struct msb_error *err);
int image_encode(const struct image *image, char **ret, struct msb_error *err);

/* A config alone, as steps keep it: the object under "config" of the document. */
int config_encode(const struct config *config, char **ret, struct msb_error *err);
int config_decode(const char *json, size_t size, struct config *ret, struct msb_error *err);

/* Appends; 0 or -ENOMEM. */
int image_add_layer(struct image *image, const struct msb_digest *diff_id);
int image_add_history(struct image *image, const struct history *entry);

/* Puts the documents into the store and fills in ret (name is copied; ret is released with
 * msb_images_free(ret, 1) semantics by the caller: allocated). layers: one record a diff ID. The
 * caller publishes it with store_set_image(). */
int image_put(struct store_writer *writer, const struct image *image,
	      const struct layer_record *layers, const struct msb_digest *tree, const char *name,
	      struct msb_image **ret, struct msb_error *err);

/* The record that a user's words name: a reference, "sha256:ID", or an unambiguous prefix of an
 * ID of at least 4 digits. -ENOENT with a sentence. */
int image_find(struct msb_store *store, const char *text, struct msb_image **ret,
	       struct msb_error *err);
/* The repositories that images have names in, once for each name. */
int image_repositories(struct msb_store *store, struct strlist *ret, struct msb_error *err);
/* Its layers from the lowest on, as far as the store knows them, and how many that are. *ret is
 * owned, and has room for one more. tree: the image's own, to which they lead. */
int image_layers(struct store_writer *writer, const struct image *image,
		 const struct msb_digest *tree, struct layer_record **ret, size_t *ret_known,
		 struct msb_error *err);
/* The same where none may lack: -ENOENT with a sentence. */
int image_all_layers(struct store_writer *writer, const struct image *image,
		     const struct msb_digest *tree, struct layer_record **ret,
		     struct msb_error *err);
/* Its config document, decoded. */
int image_get(struct msb_store *store, const struct msb_image *record, struct image *ret,
	      struct msb_error *err);

/* One config with Dockerfile instructions applied, as `import --change` and `commit` take them:
 * CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR are done by the
 * caller through the graph room; this room knows no Dockerfile. */

/*
 * Loads every image of an archive: a docker archive (manifest.json), an OCI archive or an OCI
 * layout directory, told apart by content; layers plain, gzip or zstd. path "-" is fd 0. Nothing is
 * visible before all of an image is there and its digests are verified. each is called for every
 * image loaded, after it was published.
 */
int image_load(struct msb_store *store, struct store_writer *writer, const char *path,
	       int (*each)(void *context, const struct msb_image *image), void *context,
	       struct msb_error *err);

/*
 * One image of an OCI layout or archive, which gets no name in the store: the one tagged so, or of
 * that manifest ("sha256:…"), or, tag NULL, the only one. -ENOENT for none, -EINVAL for several.
 */
int image_load_one(struct store_writer *writer, const char *path, const char *tag,
		   struct msb_digest *ret_id, struct msb_error *err);

/* A root file system tar as an image of one layer. config and message (of the history) may be
 * NULL. */
int image_import(struct msb_store *store, struct store_writer *writer, const char *path,
		 const char *name, const struct config *config, const char *message,
		 struct msb_image **ret, struct msb_error *err);

/* Writes images as one docker archive that is an OCI layout too (both `docker load` and
 * OCI tools read it). names: as users write them; by ID it is saved without a name. The writer only
 * looks up layers. */
int image_save(struct store_writer *writer, const char *const *names, size_t count, int fd,
	       struct msb_error *err);

/* The same of one image that is on record, under these names (normalized; none: without a name)
 * and no others. Or as an OCI layout of files in a directory. */
int image_save_as(struct store_writer *writer, const struct msb_image *image,
		  const struct strlist *names, int fd, struct msb_error *err);
int image_save_layout(struct store_writer *writer, const struct msb_image *image,
		      const struct strlist *names, int directory, struct msb_error *err);

#endif

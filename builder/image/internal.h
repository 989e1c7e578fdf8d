/* For the files of this room: JSON by type, times as text, and where an image's parts come from. */
#ifndef IMAGE_INTERNAL_H
#define IMAGE_INTERNAL_H

#include <jansson.h>

#include "buffer.h"
#include "image.h"
#include "layer.h"
#include "platform.h"
#include "toc.h"

/* Documents are small; what claims to be one and is larger is an attack. */
#define DOCUMENT_MAX ((size_t)16 * 1024 * 1024)

/* json.c: values of hostile documents. `in` and key name the place in messages. All of them leave
 * *ret alone where the key is absent or null, and refuse another type with -EBADMSG. */
int json_parse(const char *text, size_t size, const char *what, json_t **ret,
	       struct msb_error *err);
int json_take_string(json_t *in, const char *key, char **ret, struct msb_error *err);
int json_take_integer(json_t *in, const char *key, int64_t *ret, struct msb_error *err);
int json_take_bool(json_t *in, const char *key, bool *ret, struct msb_error *err);
/* *ret_present (may be NULL) tells an empty array from none. */
int json_take_strings(json_t *in, const char *key, struct strlist *ret, bool *ret_present,
		      struct msb_error *err);
/* Borrowed; NULL when absent or null. */
int json_take_object(json_t *in, const char *key, json_t **ret, struct msb_error *err);
int json_take_array(json_t *in, const char *key, json_t **ret, struct msb_error *err);
int json_take_time(json_t *in, const char *key, int64_t *ret_ns, struct msb_error *err);
int json_take_digest(json_t *in, const char *key, bool *ret_present, struct msb_digest *ret,
		     struct msb_error *err);
/* Adds value (taken in any case, NULL: it could not be made); false when that failed. */
bool json_put(json_t *object, const char *key, json_t *value);
bool json_put_text(json_t *object, const char *key, const char *text); /* NULL: left out */
bool json_put_time(json_t *object, const char *key, int64_t ns);
bool json_put_digest(json_t *object, const char *key, const struct msb_digest *digest);
json_t *json_strings(const struct strlist *list);
/* Canonical: keys sorted, no blanks. complete false: some value could not be made, because of
 * memory or of bytes that are no UTF-8. */
int json_text(const json_t *json, bool complete, const char *what, char **ret,
	      struct msb_error *err);

/* config.c */
json_t *config_to_json(const struct config *config); /* NULL: no memory or no UTF-8 */
int config_from_json(json_t *json, struct config *ret, struct msb_error *err);

/* platform.c: this machine in OCI's words. */
const char *platform_architecture(void);
const char *platform_variant(void); /* "" for none */

/* manifest.c */
#define MEDIA_MANIFEST      "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_INDEX         "application/vnd.oci.image.index.v1+json"
#define MEDIA_CONFIG        "application/vnd.oci.image.config.v1+json"
#define MEDIA_LAYER         "application/vnd.oci.image.layer.v1.tar"
#define MEDIA_LAYER_GZIP    MEDIA_LAYER "+gzip"
#define MEDIA_LAYER_ZSTD    MEDIA_LAYER "+zstd"
#define MEDIA_DOCKER_LIST   "application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_DOCKER_IMAGE  "application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_DOCKER_CONFIG "application/vnd.docker.container.image.v1+json"

struct descriptor {
	struct msb_digest digest;
	uint64_t size;
	char media_type[96];
	struct toc_place toc; /* of a layer that can be read in parts */
};
struct manifest {
	char media_type[96]; /* its own; "": OCI's */
	struct descriptor config;
	struct descriptor *layers; /* owned; lowest first */
	size_t layer_count;
	const struct strlist *annotations; /* encode: NAME=VALUE, borrowed; NULL: none */
};
int manifest_decode(const char *text, size_t size, struct manifest *ret, struct msb_error *err);
int manifest_encode(const struct manifest *manifest, char **ret, struct msb_error *err);
/* The same manifest with other layers, as one of OCI's or of Docker's; what else it says stays. */
int manifest_with_layers(const char *text, size_t size, bool docker,
			 const struct descriptor *layers, size_t count, char **ret,
			 struct msb_error *err);
/* The same manifest with another config. */
int manifest_with_config(const char *text, size_t size, const struct msb_digest *config,
			 size_t config_size, char **ret, struct msb_error *err);
int descriptor_from_json(json_t *json, struct descriptor *ret, struct msb_error *err);
/* Docker's name of a layer's type as OCI has it; others are returned as they are. */
const char *media_type_of_oci(const char *media_type);
json_t *descriptor_to_json(const struct descriptor *descriptor);
void manifest_done(struct manifest *manifest);
#define automanifest __attribute__((cleanup(manifest_done))) struct manifest

/* index.c: an image for several machines is a list of descriptors. */
bool index_is(const char *media_type);
/* Whether an entry says for what it is, and whether that is the wanted machine. */
int index_platform(json_t *entry, const struct platform *wanted, bool *ret_said, bool *ret_fits,
		   struct msb_error *err);
/* What builders attach to an image: provenance and the like. */
bool index_is_attachment(json_t *entry);
/* The first that fits. -ENOENT. */
int index_choose(json_t *index, const struct platform *wanted, struct descriptor *ret,
		 struct msb_error *err);

/* image.c: image_put() for documents whose bytes must stay as they are. manifest NULL: one is
 * made from the layers. */
int image_put_documents(struct store_writer *writer, const char *config, size_t config_size,
			const char *manifest, size_t manifest_size, const struct image *image,
			const struct layer_record *layers, const struct msb_digest *tree,
			const char *name, struct msb_image **ret, struct msb_error *err);

/* unpack.c: unpacks a layer from outside onto the tree below; who has asked store_layer_find_diff()
 * before spares it. */
struct layer_input {
	struct layer_source source;
	uint64_t size; /* of what source gives */
	bool has_digest;
	struct msb_digest digest; /* that it must have */
	struct msb_digest diff_id;
	const char *media_type; /* NULL: told from its first bytes */
	uint64_t limit;         /* bytes it may unpack to; 0: the most that any may */
	const char *file; /* in the scratch directory, large, that source is; the store takes it.
			     NULL: none */
};
int layer_load(struct store_writer *writer, const struct msb_digest *parent,
	       struct layer_input *input, struct layer_record *ret, struct msb_error *err);

/* incoming.c: one image on its way into the store, whoever brings it. Zeros are a good beginning.
 */
struct incoming {
	struct store_writer *writer;    /* borrowed */
	struct buffer config, manifest; /* the documents as they came; manifest may be empty */
	struct image image;
	struct layer_record *layers; /* owned; one a diff ID */
	bool *fresh;                 /* owned; not known to the store before */
	struct strlist names;        /* normalized; none: untagged */
	uint64_t limit;              /* bytes a layer may unpack to; 0: what LAYER_MAX says */
};
void incoming_done(struct incoming *incoming);
#define autoincoming __attribute__((cleanup(incoming_done))) struct incoming
/* Decodes the config, which must be there. */
int incoming_decode(struct incoming *incoming, struct msb_error *err);
/* Asks the store for the layer at index, those below being there. toc: as of
 * store_layer_find_diff(). -ENOENT without a message. */
int incoming_find_layer(struct incoming *incoming, size_t index, const struct msb_digest *toc,
			struct msb_error *err);
/* Unpacks it; diff_id is filled in here. */
int incoming_load_layer(struct incoming *incoming, size_t index, struct layer_input *input,
			struct msb_error *err);
/* With all layers there: documents, layers and names in one transaction. The record, owned by the
 * caller, has no name. */
int incoming_publish(struct incoming *incoming, struct msb_image **ret, struct msb_error *err);

/* origin.c: notes that the place's registry has the image under this digest. */
struct reference_place;
int image_note_origin(struct store_writer *writer, const struct reference_place *place,
		      const struct msb_digest *digest, const struct msb_digest *image,
		      struct msb_error *err);

/* blob_source.c: a blob of the store as a source, from its beginning. */
struct blob_source {
	struct msb_store *store; /* borrowed */
	struct msb_digest digest;
	struct msb_location location;
	uint64_t at;
};
/* -ENOENT when the store has no such blob. */
int blob_source_init(struct blob_source *blob, struct msb_store *store,
		     const struct msb_digest *digest, struct msb_error *err);
struct layer_source blob_source(struct blob_source *blob);

/* archive.c: the members of an image archive or layout, by name. */
struct archive;
struct member {
	int fd; /* borrowed from the archive, or `own` */
	int own;
	uint64_t offset, size;
};
int archive_open(struct store_writer *writer, const char *path, struct archive **ret,
		 struct msb_error *err);
void archive_close(struct archive *archive);
DEFINE_AUTO(struct archive, archive_close)
/* -ENOENT, with a sentence, when there is none. */
int archive_find(struct archive *archive, const char *name, struct member *ret,
		 struct msb_error *err);
void member_done(struct member *member);
/* Reads on from where the last read ended; at most what is left of size. */
struct layer_source member_source(struct member *member);
/* The whole member, as a document. */
int archive_read(struct archive *archive, const char *name, struct buffer *ret,
		 struct msb_error *err);
#define automember __attribute__((cleanup(member_done))) struct member

#endif

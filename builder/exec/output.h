/* --output: what a build leaves outside of the store. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>

#include <msb/builder.h>
#include <msb/cleanup.h>
#include <msb/error.h>
#include <msb/records.h>

#include "events.h"
#include "store_writer.h"
#include "strlist.h"

enum output_kind {
	OUTPUT_NOTHING, /* "cacheonly": what is in the store is all that is wanted */
	OUTPUT_IMAGE,   /* "image", "registry": under its names in the store, and where push says so
			   at their registries */
	OUTPUT_LOCAL,   /* the tree as files in a directory */
	OUTPUT_TAR,     /* the tree as a tar */
	OUTPUT_ARCHIVE, /* the image as an archive: "oci", "docker" */
	OUTPUT_LAYOUT,  /* "oci" with tar=false: as files in a directory */
};

struct output {
	enum output_kind kind;
	char *dest;           /* "-": standard output; owned */
	struct strlist names; /* of an archive or image, normalized; none: the build's tags */
	bool push;
	struct msb_push_options how; /* name is not used */
	char *compression;           /* that how points to; owned */
};

struct outputs {
	struct output *items; /* owned */
	size_t count;
};

/* Values of the option as users write them, NULL-terminated (NULL: none): "type=tar,dest=FILE",
 * "DIRECTORY", "-". -EINVAL with what is wrong. */
int outputs_parse(const char *const *texts, struct outputs *ret, struct msb_error *err);
/* -EINVAL where something is to be pushed that neither it nor tags name. */
int outputs_check_names(const struct outputs *outputs, const struct strlist *tags,
			struct msb_error *err);
void outputs_done(struct outputs *outputs);

/* An archive replaces what was there when it is complete; a directory is written into. tags:
 * normalized. What is pushed may get another manifest, which image then names. */
int output_write(const struct output *output, struct store_writer *writer, struct events *events,
		 struct msb_image *image, const struct strlist *tags, struct msb_error *err);

/* output_image.c: the options of such an output; 1 when item is one of them. */
int output_image_attribute(struct output *output, const char *item, const char *text,
			   struct msb_error *err);
int output_image_write(const struct output *output, struct store_writer *writer,
		       struct events *events, struct msb_image *image, const struct strlist *names,
		       struct msb_error *err);

#endif

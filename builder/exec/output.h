/* --output: what a build leaves outside of the store. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>

#include <msb/cleanup.h>
#include <msb/error.h>
#include <msb/records.h>

#include "store_writer.h"
#include "strlist.h"

enum output_kind {
	OUTPUT_NOTHING, /* "image", "cacheonly": what is in the store is all that is wanted */
	OUTPUT_LOCAL,   /* the tree as files in a directory */
	OUTPUT_TAR,     /* the tree as a tar */
	OUTPUT_ARCHIVE, /* the image as an archive: "oci", "docker" */
	OUTPUT_LAYOUT,  /* "oci" with tar=false: as files in a directory */
};

struct output {
	enum output_kind kind;
	char *dest;           /* "-": standard output; owned */
	struct strlist names; /* of an archive, normalized; none: the build's tags */
};

struct outputs {
	struct output *items; /* owned */
	size_t count;
};

/* Values of the option as users write them, NULL-terminated (NULL: none): "type=tar,dest=FILE",
 * "DIRECTORY", "-". -EINVAL with what is wrong. */
int outputs_parse(const char *const *texts, struct outputs *ret, struct msb_error *err);
void outputs_done(struct outputs *outputs);

/* An archive replaces what was there when it is complete; a directory is written into. tags:
 * normalized. */
int output_write(const struct output *output, struct store_writer *writer,
		 const struct msb_image *image, const struct strlist *tags, struct msb_error *err);

#endif

/* --annotation: what an image's manifest says of it. */
#ifndef ANNOTATIONS_H
#define ANNOTATIONS_H

#include <msb/error.h>

#include "strlist.h"

/* "[manifest:]NAME=VALUE" words (NULL-terminated, may be NULL) as NAME=VALUE; later ones win.
 * -EINVAL for others, those for an index or a descriptor among them: an image here is one manifest.
 */
int annotations_parse(const char *const *words, struct strlist *ret, struct msb_error *err);

#endif

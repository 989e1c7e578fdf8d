/*
 * Reproducible images: SOURCE_DATE_EPOCH and --timestamp (reproducible-builds.org). The image and
 * what this build adds to its history were made at that second, and no file of its own layers is
 * younger. Only images know of it, not stages: it is in no key, and steps are shared with builds
 * without it.
 */
#ifndef EPOCH_H
#define EPOCH_H

#include <stdbool.h>
#include <stdint.h>

#include <msb/builder.h>
#include <msb/digest.h>
#include <msb/error.h>

#include "store_writer.h"
#include "strlist.h"

struct epoch {
	bool set;
	int64_t ns; /* since 1970, whole seconds */
};

/* Is the context to say when it was? Then its age takes the place of the word, 0 or -ENOMEM. */
bool epoch_wants_context(const struct strlist *args);
int epoch_set_context(struct strlist *args, int64_t seconds);

/* --timestamp, else SOURCE_DATE_EPOCH among the build arguments, else this process's own, which
 * is added to them so that an ARG sees it. -EINVAL for what is no number of seconds. */
int epoch_find(const struct msb_build_options *options, struct strlist *args, struct epoch *ret,
	       struct msb_error *err);

/* tree with the times of all that differs from base (NULL: of everything) not later than epoch. */
int epoch_clamp(const struct epoch *epoch, struct store_writer *writer,
		const struct msb_digest *base, const struct msb_digest *tree,
		struct msb_digest *ret, struct msb_error *err);

#endif

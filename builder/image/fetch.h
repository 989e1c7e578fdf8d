/*
 * Blobs on their way from a remote, several at once and the first first, into files that can
 * be read while they grow.
 */
#ifndef FETCH_H
#define FETCH_H

#include "internal.h"
#include "remote.h"
#include "teller.h"

struct fetches;

/* wanted[i] says which of the blobs are to be fetched; both are borrowed until the end. The first
 * of them are on their way when this returns. */
int fetches_begin(struct store_writer *writer, struct remote *remote,
		  const struct descriptor *blobs, const bool *wanted, size_t count,
		  struct teller *teller, struct fetches **ret, struct msb_error *err);

/* The bytes of a wanted blob, which wait for those that have not come yet. A blob that was cut
 * short or refused is a failure here; its digest is not compared. */
struct layer_source fetches_source(struct fetches *fetches, size_t index);

/* The file in the writer's scratch directory that they come into; NULL: it has no name. Whoever has
 * read all of them may rename it away. */
const char *fetches_file(struct fetches *fetches, size_t index);

/* Of a failure with code: what made it, where that was another blob's. */
int fetches_blame(struct fetches *fetches, int code, struct msb_error *err);

/* Gives its space back. */
void fetches_release(struct fetches *fetches, size_t index);

/* Stops what is still on its way; no other transfer of the remote's http goes on then. */
void fetches_end(struct fetches *fetches);
DEFINE_AUTO(struct fetches, fetches_end)

#endif

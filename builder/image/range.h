/* Parts of blobs: some of a blob's bytes from a remote (distribution-spec 1.1, "Pulling blobs"). */
#ifndef RANGE_H
#define RANGE_H

#include "internal.h"
#include "remote.h"

/* The blob's bytes [start, stop) to the sink. What breaks off goes on where it ended, where that
 * may help. Of a registry that knows no ranges, what comes before them is read past. */
int range_get(struct remote *remote, const struct msb_digest *blob, uint64_t start, uint64_t stop,
	      const struct layer_sink *sink, struct msb_error *err);
/* The same into memory. */
int range_read(struct remote *remote, const struct msb_digest *blob, uint64_t start, uint64_t stop,
	       struct buffer *ret, struct msb_error *err);

/* --- For who receives by himself, at `at` bytes of the blob. --- */

/* Asks once for the bytes [at, stop); stop 0: to the end. As of remote_try(). */
int range_ask(struct remote *remote, const struct msb_digest *blob, uint64_t at, uint64_t stop,
	      const struct layer_sink *sink, struct http_response *ret, struct msb_error *err);
/* An answer's bytes as they come: zeros but for the response when it was asked for. */
struct range_answer {
	const struct http_response *response; /* borrowed */
	bool begun;
	uint64_t skip; /* bytes of the answer that are there already */
};
/* Takes from the front what lies before `at`, where the registry knows no ranges. */
int range_place(struct range_answer *answer, uint64_t at, const uint8_t **bytes, size_t *size,
		struct msb_error *err);
/* remote_again() after an attempt that brought so many bytes. */
bool range_again(struct remote *remote, struct retry *retry, uint64_t brought, int r,
		 const struct http_response *response);

#endif

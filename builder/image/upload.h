/* One blob to a remote (distribution-spec 1.1, "Pushing blobs"). */
#ifndef UPLOAD_H
#define UPLOAD_H

#include "internal.h"
#include "remote.h"
#include "teller.h"

struct upload {
	struct msb_digest digest;
	int fd; /* borrowed; the blob is its bytes [offset, offset + size) */
	uint64_t offset, size;
	const char *from;               /* a repository there that may have it; NULL: none known */
	struct teller *teller;          /* NULL: tell nobody */
	const struct msb_digest *layer; /* that is told about */
};

/* 1: the blob is there, 0: it is not. push: asked by somebody who will push. */
int upload_ask(struct remote *remote, const struct msb_digest *digest, bool push,
	       struct msb_error *err);

/* Whether it can do without the blob's bytes, which need not be at hand: *ret is
 * MSB_TRANSFER_PRESENT or _MOUNTED, or _WAITING when it cannot. */
int upload_without_bytes(struct remote *remote, const struct upload *upload,
			 enum msb_transfer_state *ret, struct msb_error *err);

/* *ret: MSB_TRANSFER_PRESENT, _MOUNTED or _DONE. */
int upload_blob(struct remote *remote, const struct upload *upload, enum msb_transfer_state *ret,
		struct msb_error *err);

#endif

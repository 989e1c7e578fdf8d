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

/* *ret: MSB_TRANSFER_PRESENT, _MOUNTED or _DONE. */
int upload_blob(struct remote *remote, const struct upload *upload, enum msb_transfer_state *ret,
		struct msb_error *err);

#endif

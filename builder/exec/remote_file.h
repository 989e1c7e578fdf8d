/*
 * Files of the web that ADD takes. What came last from an address is remembered with its ETag and
 * its time, so that an unchanged file is not sent again; one that is known to have the checksum
 * that is wanted is not even asked for.
 */
#ifndef REMOTE_FILE_H
#define REMOTE_FILE_H

#include <msb/tree.h>

#include "lent.h"
#include "store_writer.h"

/* checksum: "sha256:…" or NULL. ret: a file of root's, for root alone, as old as the server says,
 * whose content is in the store. -EBADMSG for another content than the checksum says. */
int remote_file_get(struct store_writer *writer, const struct lent *lent, const char *url,
		    const char *checksum, struct msb_entry *ret, struct msb_error *err);

#endif

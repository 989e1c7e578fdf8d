/* How the records say where the pieces of a blob are: what writing and finding it share. */
#ifndef STORE_REMOTE_FORMAT_H
#define STORE_REMOTE_FORMAT_H

#include <msb/digest.h>

/* Little-endian: start, stop, skip, size, digest. */
#define PART_SIZE (4 * 8 + MSB_DIGEST_SIZE)

#endif

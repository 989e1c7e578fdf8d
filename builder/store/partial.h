/* Large files that are here in part (store_remote.h), as files. */
#ifndef STORE_PARTIAL_H
#define STORE_PARTIAL_H

#include <stdio.h>

#include <msb/digest.h>

#include "store_remote.h"

#define PARTIAL_DIRECTORY "partial"
/* In there: both digests, of the second one the beginning, and ".map". */
#define PARTIAL_LAYER 16
#define PARTIAL_NAME  (MSB_DIGEST_HEX + 1 + PARTIAL_LAYER + 1)
#define PARTIAL_MAP   (PARTIAL_NAME + 4)

static inline void partial_name(const struct store_remote *remote, char name[PARTIAL_NAME],
				char map[PARTIAL_MAP])
{
	char digest[MSB_DIGEST_TEXT], layer[MSB_DIGEST_TEXT];

	msb_digest_format(&remote->digest, digest);
	msb_digest_format(&remote->layer, layer);
	snprintf(name, PARTIAL_NAME, "%s-%.*s", digest + 7, PARTIAL_LAYER, layer + 7);
	snprintf(map, PARTIAL_MAP, "%s.map", name);
}

#endif

#include <errno.h>

#include "internal.h"

int blob_source_init(struct blob_source *blob, struct msb_store *store,
		     const struct msb_digest *digest, struct msb_error *err)
{
	*blob = (struct blob_source){.store = store, .digest = *digest};
	return msb_store_locate(store, digest, &blob->location, err);
}

static ssize_t read_blob(void *context, void *bytes, size_t size, struct msb_error *err)
{
	struct blob_source *blob = context;
	ssize_t n = msb_store_read(blob->store, &blob->digest, &blob->location, bytes, size,
				   blob->at, err);

	if (n > 0)
		blob->at += (uint64_t)n;
	return n;
}

struct layer_source blob_source(struct blob_source *blob)
{
	return (struct layer_source){read_blob, blob};
}

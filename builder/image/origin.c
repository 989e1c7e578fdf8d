/* What registries call an image, on record: docker's RepoDigests. */
#include <string.h>

#include "internal.h"
#include "reference.h"

static bool is_known(struct msb_store *store, const struct msb_origin *wanted)
{
	struct msb_origin *origins = NULL;
	size_t count = 0;
	bool found = false;

	if (msb_records_origins(store, &origins, &count, NULL) < 0)
		return false;
	for (size_t i = 0; i < count && !found; i++)
		found = strcmp(origins[i].repository, wanted->repository) == 0 &&
			msb_digest_equal(&origins[i].digest, &wanted->digest) &&
			msb_digest_equal(&origins[i].image, &wanted->image);
	msb_origins_free(origins, count);
	return found;
}

int image_note_origin(struct store_writer *writer, const struct reference_place *place,
		      const struct msb_digest *digest, const struct msb_digest *image,
		      struct msb_error *err)
{
	autofree char *repository = buffer_format("%s/%s", place->domain, place->repository);
	const struct msb_origin origin = {repository, *digest, *image};
	int r;

	if (!repository)
		return msb_error_memory(err);
	if (is_known(store_writer_store(writer), &origin))
		return 0;
	r = store_begin(writer, err);
	if (r < 0)
		return r;
	r = store_set_origin(writer, &origin, err);
	return store_end(writer, r, err);
}

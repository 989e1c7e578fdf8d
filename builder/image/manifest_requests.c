/* Manifests of a remote, by tag or digest (distribution-spec 1.1, "Pulling manifests", "Pushing
 * manifests"). */
#include <errno.h>

#include "internal.h"
#include "remote.h"

/* Registries themselves refuse larger ones. */
#define MANIFEST_MAX ((uint64_t)4 * 1024 * 1024)
#define ANSWER_MAX   ((uint64_t)1024 * 1024)

int manifest_get(struct remote *remote, const char *version, struct http_response *ret,
		 struct msb_error *err)
{
	autofree char *path = buffer_format("manifests/%s", version);
	autostrlist headers = {0};
	const struct remote_request request = {
		.method = "GET",
		.path = path,
		.headers = &headers,
		.most = MANIFEST_MAX,
	};

	if (!path || strlist_add(&headers, "Accept: " MEDIA_INDEX ", " MEDIA_MANIFEST
					   ", " MEDIA_DOCKER_LIST ", " MEDIA_DOCKER_IMAGE) < 0)
		return msb_error_memory(err);
	return remote_send(remote, &request, ret, err);
}

int manifest_put(struct remote *remote, const char *version, const char *type,
		 struct memory_source *text, struct http_response *ret, struct msb_error *err)
{
	autofree char *path = buffer_format("manifests/%s", version);
	const struct layer_source body = memory_source(text);
	autostrlist headers = {0};
	const struct remote_request request = {
		.method = "PUT",
		.path = path,
		.push = true,
		.headers = &headers,
		.body = &body,
		.body_size = text->size,
		.rewind = memory_source_rewind,
		.most = ANSWER_MAX,
	};
	int r;

	if (!path || strlist_addf(&headers, "Content-Type: %s", type) < 0)
		return msb_error_memory(err);
	r = remote_send(remote, &request, ret, err);
	if (r >= 0 && ret->status != 201 && ret->status != 200)
		r = remote_refused(remote, ret, "put the manifest", err);
	return r;
}

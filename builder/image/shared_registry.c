/* A shared cache in a registry. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fetch.h"
#include "shared_place.h"
#include "upload.h"

#define ANSWER_MOST ((uint64_t)64 * 1024)

struct place {
	struct store_writer *writer;
	struct registries settings;
	struct reference_place name;
	struct http *http;     /* NULL until it is needed */
	struct remote *remote; /* likewise */
	struct teller teller;  /* that tells nobody */
};

static void close_place(void *context)
{
	struct place *place = context;

	remote_close(place->remote);
	http_free(place->http);
	registries_done(&place->settings);
	reference_place_done(&place->name);
	teller_done(&place->teller);
	free(place);
}

int shared_registry_open(struct store_writer *writer, const char *reference, void **ret,
			 struct msb_error *err)
{
	struct place *place = calloc(1, sizeof(*place));
	autofree char *name = NULL;
	int r;

	if (!place)
		return msb_error_memory(err);
	teller_init(&place->teller, NULL, NULL, NULL);
	r = reference_normalize(reference, &name, err);
	if (r >= 0)
		r = reference_place(name, &place->name, err);
	if (r >= 0)
		r = registries_read(&place->settings, err);
	if (r < 0) {
		close_place(place);
		return r;
	}
	place->writer = writer;
	*ret = place;
	return 0;
}

static int connect_place(struct place *place, struct msb_error *err)
{
	int r = 0;

	if (!place->http)
		r = http_new(place->settings.timeout, &place->http, err);
	if (r >= 0 && !place->remote)
		r = remote_open(place->http, &place->settings, place->name.domain,
				place->name.repository, NULL, &place->remote, err);
	return r;
}

/* A tag beside the place's own: "cache.msb-0123…". */
#define SIDE        ".msb-"
#define SIDE_DIGEST 64

/* Below the repository; NULL side: the place's own tag. Owned. */
static char *version_of(const struct place *place, const struct msb_digest *side)
{
	char text[MSB_DIGEST_TEXT];

	return side ? buffer_format("%s" SIDE "%s", place->name.version,
				    msb_digest_format(side, text) + 7)
		    : strdup(place->name.version);
}

/* A tag that is too long to have others beside it has none. */
static bool has_sides(const struct place *place)
{
	return !place->name.by_digest &&
	       strlen(place->name.version) + strlen(SIDE) + SIDE_DIGEST <= 128;
}

static int add_side(const struct place *place, const char *tag, struct digests *ret,
		    struct msb_error *err)
{
	size_t length = strlen(place->name.version);
	struct msb_digest *grown, side;

	if (strncmp(tag, place->name.version, length) != 0 ||
	    strncmp(tag + length, SIDE, strlen(SIDE)) != 0 ||
	    msb_digest_parse(tag + length + strlen(SIDE), &side) < 0)
		return 0;
	grown = reallocarray(ret->items, ret->count + 1, sizeof(*grown));
	if (!grown)
		return msb_error_memory(err);
	ret->items = grown;
	grown[ret->count++] = side;
	return 0;
}

static int list_sides(void *context, struct digests *ret, struct msb_error *err)
{
	struct place *place = context;
	autofree char *after = buffer_format("%s" SIDE, place->name.version);
	autostrlist tags = {0};
	int r = after ? 0 : msb_error_memory(err);

	if (r < 0 || !has_sides(place))
		return r;
	r = connect_place(place, err);
	/* Some allow their images to be read and no list of them: then there is nobody beside. */
	if (r < 0 || tags_list(place->remote, after, &tags, NULL) < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < tags.count; i++)
		r = add_side(place, tags.items[i], ret, err);
	return r;
}

static void drop_side(void *context, const struct msb_digest *side)
{
	struct place *place = context;
	autofree char *version = version_of(place, side);
	autofree char *path = version ? buffer_format("manifests/%s", version) : NULL;
	autofree char *doomed = NULL;
	autostrlist headers = {0};
	struct remote_request request = {
		.method = "HEAD",
		.path = path,
		.push = true,
		.headers = &headers,
		.most = ANSWER_MOST,
	};
	autoresponse response = {0};

	if (!path || strlist_add(&headers, "Accept: " MEDIA_MANIFEST) < 0 ||
	    connect_place(place, NULL) < 0 ||
	    remote_try(place->remote, &request, &response, NULL) < 0 || !response.digest)
		return;
	doomed = buffer_format("manifests/%s", response.digest);
	request.method = "DELETE";
	request.path = doomed;
	if (doomed)
		remote_try(place->remote, &request, &response, NULL);
}

static int get_manifest(void *context, const struct msb_digest *side, struct buffer *ret,
			struct msb_error *err)
{
	struct place *place = context;
	autofree char *version = version_of(place, side);
	autoresponse response = {0};
	int r = version ? connect_place(place, err) : msb_error_memory(err);

	if (r >= 0)
		r = manifest_get(place->remote, version, &response, err);
	if (r < 0)
		return r;
	if (response.status == 404)
		return -ENODATA;
	if (response.status != 200)
		return remote_refused(place->remote, &response, "get the manifest", err);
	if (response.content_type && index_is(response.content_type))
		return msb_error_say(err, EEXIST, "what is there is no cache of msb");
	*ret = response.body;
	response.body = (struct buffer){0};
	return 0;
}

static const struct reference_place *get_name(const void *context)
{
	const struct place *place = context;

	return &place->name;
}

static int has_blob(void *context, const struct msb_digest *digest, struct msb_error *err)
{
	struct place *place = context;
	int r = connect_place(place, err);

	return r < 0 ? r : upload_ask(place->remote, digest, false, err);
}

static int begin_blob(void *context, const struct descriptor *blob, struct shared_reading *ret,
		      struct msb_error *err)
{
	static const bool wanted = true;
	struct place *place = context;
	struct fetches *fetches;
	int r = connect_place(place, err);

	if (r < 0)
		return r;
	ret->blob = *blob;
	r = fetches_begin(place->writer, place->remote, &ret->blob, &wanted, 1, &place->teller,
			  &fetches, err);
	if (r < 0)
		return r;
	ret->source = fetches_source(fetches, 0);
	ret->own = fetches;
	return 0;
}

static void end_blob(struct shared_reading *reading)
{
	fetches_end(reading->own);
}

static int put_blob(void *context, int fd, const struct descriptor *blob, struct msb_error *err)
{
	struct place *place = context;
	const struct upload upload = {.digest = blob->digest, .fd = fd, .size = blob->size};
	enum msb_transfer_state state;
	int r = connect_place(place, err);

	return r < 0 ? r : upload_blob(place->remote, &upload, &state, err);
}

static int put_manifest(void *context, const struct msb_digest *side, const char *text,
			struct msb_error *err)
{
	struct place *place = context;
	autofree char *version = version_of(place, side);
	struct memory_source memory = {text, strlen(text), 0};
	autoresponse response = {0};
	int r;

	if (!version)
		return msb_error_memory(err);
	if (side && !has_sides(place))
		return 0;
	if (place->name.by_digest)
		return msb_error_say(err, EINVAL, "a cache is sent to a tag, not to a digest");
	r = connect_place(place, err);
	return r < 0 ? r
		     : manifest_put(place->remote, version, MEDIA_MANIFEST, &memory, &response,
				    err);
}

const struct shared_place_kind shared_in_registry = {
	.close = close_place,
	.name = get_name,
	.has_blob = has_blob,
	.list_sides = list_sides,
	.drop_side = drop_side,
	.get_manifest = get_manifest,
	.begin_blob = begin_blob,
	.end_blob = end_blob,
	.put_blob = put_blob,
	.put_manifest = put_manifest,
};

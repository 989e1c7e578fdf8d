#include "range.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* A connection that brings this much before it breaks is worth as many tries again. */
#define PROGRESS ((uint64_t)1024 * 1024)

int range_ask(struct remote *remote, const struct msb_digest *blob, uint64_t at, uint64_t stop,
	      const struct layer_sink *sink, struct http_response *ret, struct msb_error *err)
{
	char digest[MSB_DIGEST_TEXT], path[16 + MSB_DIGEST_TEXT];
	autostrlist headers = {0};
	const struct remote_request request = {
		.method = "GET",
		.path = path,
		.headers = &headers,
		.sink = sink,
		.most = UINT64_MAX,
	};
	int r = 0;

	snprintf(path, sizeof(path), "blobs/%s", msb_digest_format(blob, digest));
	if (stop > 0)
		r = strlist_addf(&headers, "Range: bytes=%" PRIu64 "-%" PRIu64, at, stop - 1);
	else if (at > 0)
		r = strlist_addf(&headers, "Range: bytes=%" PRIu64 "-", at);
	return r < 0 ? msb_error_memory(err) : remote_try(remote, &request, ret, err);
}

static int begin_answer(struct range_answer *answer, uint64_t at, struct msb_error *err)
{
	const char *says = answer->response->content_range;
	uint64_t first;

	answer->begun = true;
	answer->skip = answer->response->status == 200 ? at : 0;
	if (answer->response->status == 200)
		return 0;
	if (!says || sscanf(says, "bytes %" SCNu64 "-", &first) != 1 || first != at)
		return msb_error_say(err, EPROTO, "another part of the blob came than asked for");
	return 0;
}

int range_place(struct range_answer *answer, uint64_t at, const uint8_t **bytes, size_t *size,
		struct msb_error *err)
{
	int r = answer->begun ? 0 : begin_answer(answer, at, err);
	size_t part = answer->skip < *size ? (size_t)answer->skip : *size;

	if (r < 0)
		return r;
	answer->skip -= part;
	*bytes += part;
	*size -= part;
	return 0;
}

bool range_again(struct remote *remote, struct retry *retry, uint64_t brought, int r,
		 const struct http_response *response)
{
	if (brought >= PROGRESS)
		*retry = (struct retry){0};
	/* A refusal is judged by its status, a failure by its code. */
	return remote_again(remote, retry, response->status >= 300 ? 0 : r, response);
}

struct range {
	uint64_t at, stop; /* of the blob */
	const struct layer_sink *sink;
	struct range_answer answer; /* under way */
};

static int take_bytes(void *context, const void *bytes, size_t size, struct msb_error *err)
{
	struct range *range = context;
	const uint8_t *from = bytes;
	int r = range_place(&range->answer, range->at, &from, &size, err);

	if (r < 0)
		return r;
	if (size > range->stop - range->at)
		size = (size_t)(range->stop - range->at);
	r = range->sink->write(range->sink->context, from, size, err);
	if (r < 0)
		return r;
	range->at += size;
	/* Whatever else comes was not asked for. */
	return range->at == range->stop && range->answer.response->status == 200 ? -ECANCELED : 0;
}

static int try_once(struct remote *remote, const struct msb_digest *blob, struct range *range,
		    struct http_response *response, struct msb_error *err)
{
	const struct layer_sink sink = {take_bytes, range};
	int r;

	range->answer = (struct range_answer){.response = response};
	r = range_ask(remote, blob, range->at, range->stop, &sink, response, err);
	if (range->at == range->stop)
		return 0;
	if (r >= 0 && response->status != 200 && response->status != 206)
		return remote_refused(remote, response, "get a part of a layer", err);
	return r < 0 ? r
		     : msb_error_say(err, ECONNRESET,
				     "only a part of the bytes came that were "
				     "asked for");
}

int range_get(struct remote *remote, const struct msb_digest *blob, uint64_t start, uint64_t stop,
	      const struct layer_sink *sink, struct msb_error *err)
{
	struct range range = {.at = start, .stop = stop, .sink = sink};
	struct retry retry = {0};
	int r = 0;

	while (range.at < range.stop) {
		autoresponse response = {0};
		uint64_t before = range.at;

		r = try_once(remote, blob, &range, &response, err);
		if (r >= 0)
			break;
		if (!range_again(remote, &retry, range.at - before, r, &response))
			break;
	}
	return r;
}

static int append(void *context, const void *bytes, size_t size, struct msb_error *err)
{
	struct buffer *buffer = context;

	buffer_append(buffer, bytes, size);
	return buffer_ok(buffer) ? 0 : msb_error_memory(err);
}

int range_read(struct remote *remote, const struct msb_digest *blob, uint64_t start, uint64_t stop,
	       struct buffer *ret, struct msb_error *err)
{
	const struct layer_sink sink = {append, ret};

	return range_get(remote, blob, start, stop, &sink, err);
}

#include "upload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io.h"

#define ANSWER_MAX ((uint64_t)1024 * 1024)

/* The bytes [begin, end) of the blob on their way. */
struct part {
	const struct upload *upload;
	uint64_t begin, at, end;
	int64_t *told_ns;
};

/* One upload session of the registry. */
struct session {
	struct remote *remote;
	const struct upload *upload;
	char *location; /* owned */
	int64_t told_ns;
};

static ssize_t read_part(void *context, void *bytes, size_t size, struct msb_error *err)
{
	struct part *part = context;
	const struct upload *upload = part->upload;
	ssize_t n;

	if (size > part->end - part->at)
		size = (size_t)(part->end - part->at);
	n = io_pread(upload->fd, bytes, size, upload->offset + part->at);
	if (n < 0)
		return msb_error_set(err, (int)n, "read the layer");
	part->at += (uint64_t)n;
	if (upload->teller)
		teller_move(upload->teller, upload->layer, part->at, upload->size, part->told_ns);
	return n;
}

static void rewind_part(void *context)
{
	struct part *part = context;

	part->at = part->begin;
}

int upload_ask(struct remote *remote, const struct msb_digest *digest, bool push,
	       struct msb_error *err)
{
	char text[MSB_DIGEST_TEXT], path[16 + MSB_DIGEST_TEXT];
	const struct remote_request request = {
		.method = "HEAD", .path = path, .push = push, .most = ANSWER_MAX};
	autoresponse response = {0};
	int r;

	snprintf(path, sizeof(path), "blobs/%s", msb_digest_format(digest, text));
	r = remote_send(remote, &request, &response, err);
	if (r < 0)
		return r;
	if (response.status == 404)
		return 0;
	return response.status == 200 ? 1
				      : remote_refused(remote, &response, "ask for a blob", err);
}

/* Where to go on, which may be relative to where we were. */
static int take_location(struct session *session, const struct http_response *response,
			 struct msb_error *err)
{
	const char *base = session->location ? session->location : session->remote->base;
	char *location = response->location ? http_resolve(base, response->location) : NULL;

	if (!location)
		return msb_error_say(err, EPROTO,
				     "registry '%s' does not say where the upload goes on",
				     session->remote->domain);
	free(session->location);
	session->location = location;
	return 0;
}

/* 1: mounted, nothing is left to do; 0: the session has begun. */
static int begin(struct session *session, const char *from, struct msb_error *err)
{
	char text[MSB_DIGEST_TEXT];
	autofree char *escaped = from ? http_escape(from) : NULL;
	autofree char *path =
		from ? buffer_format("blobs/uploads/?mount=%s&from=%s",
				     msb_digest_format(&session->upload->digest, text),
				     escaped ? escaped : "")
		     : strdup("blobs/uploads/");
	const struct remote_request request = {
		.method = "POST", .path = path, .push = true, .from = from, .most = ANSWER_MAX};
	autoresponse response = {0};
	int r = path ? remote_send(session->remote, &request, &response, err)
		     : msb_error_memory(err);

	if (r < 0)
		return r;
	if (response.status == 201 && from)
		return 1;
	if (response.status != 202)
		return remote_refused(session->remote, &response, "begin an upload", err);
	free(session->location);
	session->location = NULL;
	return take_location(session, &response, err);
}

static int send_part(struct session *session, const char *method, const char *url,
		     struct part *part, bool ranged, struct http_response *response,
		     struct msb_error *err)
{
	const struct layer_source source = {read_part, part};
	autostrlist headers = {0};
	const struct remote_request request = {
		.method = method,
		.url = url,
		.push = true,
		.headers = &headers,
		.body = part->end > part->begin ? &source : NULL,
		.body_size = part->end - part->begin,
		.rewind = rewind_part,
		.most = ANSWER_MAX,
	};
	int r = strlist_add(&headers, "Content-Type: application/octet-stream");

	if (r >= 0 && ranged)
		r = strlist_addf(&headers, "Content-Range: %llu-%llu",
				 (unsigned long long)part->begin,
				 (unsigned long long)part->end - 1);
	return r < 0 ? msb_error_memory(err) : remote_try(session->remote, &request, response, err);
}

/* The last request, with what is left of the blob. */
static int finish(struct session *session, struct part *part, struct http_response *response,
		  struct msb_error *err)
{
	char text[MSB_DIGEST_TEXT];
	autofree char *url = buffer_format("%s%cdigest=%s", session->location,
					   strchr(session->location, '?') ? '&' : '?',
					   msb_digest_format(&session->upload->digest, text));
	int r = url ? send_part(session, "PUT", url, part, false, response, err)
		    : msb_error_memory(err);

	if (r >= 0 && response->status != 201)
		r = remote_refused(session->remote, response, "end an upload", err);
	return r;
}

/* After a broken piece: how much of the blob the registry has. */
static int ask_progress(struct session *session, uint64_t *ret, struct msb_error *err)
{
	const struct remote_request request = {
		.method = "GET", .url = session->location, .push = true, .most = ANSWER_MAX};
	unsigned long long last;
	autoresponse response = {0};
	int r = remote_send(session->remote, &request, &response, err);

	if (r < 0)
		return r;
	if (response.status != 204 || !response.range ||
	    sscanf(response.range, "0-%llu", &last) != 1 || last >= session->upload->size)
		return msb_error_say(err, EPROTO, "the upload cannot go on");
	if (response.location) {
		r = take_location(session, &response, err);
		if (r < 0)
			return r;
	}
	*ret = last + 1;
	return 0;
}

static int send_piece(struct session *session, uint64_t begin_at, uint64_t end_at,
		      struct http_response *response, struct msb_error *err)
{
	struct part part = {session->upload, begin_at, begin_at, end_at, &session->told_ns};
	int r = send_part(session, "PATCH", session->location, &part, true, response, err);

	if (r >= 0 && response->status != 202)
		r = remote_refused(session->remote, response, "send a piece", err);
	return r < 0 ? r : take_location(session, response, err);
}

/* Piece by piece, each tried again by itself. */
static int send_pieces(struct session *session, struct http_response *response,
		       struct msb_error *err)
{
	uint64_t size = session->upload->size, chunk = session->remote->settings->chunk;
	struct part end = {session->upload, size, size, size, &session->told_ns};
	struct retry retry = {0};
	uint64_t at = 0;

	while (at < size) {
		uint64_t until = size - at > chunk ? at + chunk : size;
		int r = send_piece(session, at, until, response, err);

		if (r >= 0) {
			at = until;
			retry = (struct retry){0};
			continue;
		}
		if (!remote_again(session->remote, &retry, response->status >= 300 ? 0 : r,
				  response))
			return r;
		r = ask_progress(session, &at, err);
		if (r < 0)
			return r;
	}
	return finish(session, &end, response, err);
}

static int send_whole(struct session *session, struct http_response *response,
		      struct msb_error *err)
{
	struct part all = {session->upload, 0, 0, session->upload->size, &session->told_ns};

	return finish(session, &all, response, err);
}

/* 1: mounted. */
static int try_once(struct session *session, struct http_response *response, struct msb_error *err)
{
	int r = -EOPNOTSUPP;

	/* A registry that mounts nothing is asked as if nobody had heard of mounting. */
	if (session->upload->from)
		r = begin(session, session->upload->from, NULL);
	if (r < 0)
		r = begin(session, NULL, err);
	if (r != 0)
		return r;
	if (session->upload->size > session->remote->settings->chunk)
		return send_pieces(session, response, err);
	return send_whole(session, response, err);
}

int upload_without_bytes(struct remote *remote, const struct upload *upload,
			 enum msb_transfer_state *ret, struct msb_error *err)
{
	struct session session = {.remote = remote, .upload = upload};
	int r = upload_ask(remote, &upload->digest, true, err);

	if (r < 0)
		return r;
	*ret = r > 0 ? MSB_TRANSFER_PRESENT : MSB_TRANSFER_WAITING;
	if (r == 0 && upload->from && begin(&session, upload->from, NULL) == 1)
		*ret = MSB_TRANSFER_MOUNTED;
	free(session.location);
	return 0;
}

int upload_blob(struct remote *remote, const struct upload *upload, enum msb_transfer_state *ret,
		struct msb_error *err)
{
	struct session session = {.remote = remote, .upload = upload};
	struct retry retry = {0};
	int r = upload_ask(remote, &upload->digest, true, err);

	if (r != 0) {
		*ret = MSB_TRANSFER_PRESENT;
		return r < 0 ? r : 0;
	}
	for (;;) {
		autoresponse response = {0};

		r = try_once(&session, &response, err);
		if (r >= 0 ||
		    !remote_again(remote, &retry, response.status >= 300 ? 0 : r, &response))
			break;
	}
	free(session.location);
	if (r < 0)
		return r;
	*ret = r == 1 ? MSB_TRANSFER_MOUNTED : MSB_TRANSFER_DONE;
	return 0;
}

#include "download.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "registries.h"
#include "remote.h"

void download_close(struct download *download)
{
	cleanup_closep(&download->fd);
	free(download->etag);
	*download = (struct download)DOWNLOAD_NONE;
}

/* Where the host begins, and how many bytes of it there are with its port. */
static const char *host_of(const char *url, size_t *ret_length)
{
	const char *scheme = strstr(url, "://");
	const char *host = scheme ? scheme + 3 : url;
	size_t length = strcspn(host, "/?#");

	for (size_t i = length; i-- > 0;) {
		if (host[i] != '@')
			continue;
		host += i + 1;
		length -= i + 1;
		break;
	}
	*ret_length = length;
	return host;
}

/* The URL for people: a query or a password in it may be secrets. Owned. */
static char *shown(const char *url)
{
	size_t length;
	const char *host = host_of(url, &length);
	const char *scheme = strstr(url, "://");

	return buffer_format("%.*s%.*s", scheme ? (int)(scheme + 3 - url) : 0, url,
			     (int)(length + strcspn(host + length, "?#")), host);
}

struct receiver {
	int fd;
	uint64_t size;
};

static int receive(void *context, const void *bytes, size_t size, struct msb_error *err)
{
	struct receiver *receiver = context;
	int r = io_write(receiver->fd, bytes, size);

	if (r < 0)
		return msb_error_set(err, r, "write a download");
	receiver->size += size;
	return 0;
}

/* What an attempt left that broke off is of no use. */
static int begin_again(struct receiver *receiver, struct msb_error *err)
{
	receiver->size = 0;
	if (ftruncate(receiver->fd, 0) < 0 || lseek(receiver->fd, 0, SEEK_SET) < 0)
		return msb_error_set(err, errno, "empty a download");
	return 0;
}

static int refused(const char *url, int status, struct msb_error *err)
{
	autofree char *text = shown(url);

	if (!text)
		return msb_error_memory(err);
	return msb_error_say(err, EREMOTEIO, "'%s': the server answers %d%s", text, status,
			     status == 404                    ? " (not found)"
			     : status == 401 || status == 403 ? " (not allowed)"
							      : "");
}

static int get(struct http *http, const struct registries *settings, const char *url,
	       const struct strlist *headers, struct receiver *receiver, struct download *ret,
	       struct msb_error *err)
{
	size_t length;
	const char *start = host_of(url, &length);
	autofree char *host = strndup(start, length);
	autofree char *ca = host ? registries_ca(settings, host) : NULL;
	const struct layer_sink sink = {receive, receiver};
	const struct http_request request = {
		.method = "GET",
		.url = url,
		.headers = headers,
		.ca = ca,
		.direct = host && host_is_loopback(host),
		.sink = &sink,
		.most = settings->unpack_limit,
	};
	autoresponse response = {0};
	struct retry retry = {0};
	int r;

	if (!host)
		return msb_error_memory(err);
	do {
		r = begin_again(receiver, err);
		if (r < 0)
			return r;
		r = http_send(http, &request, &response, err);
	} while (retry_again(http, settings->retries, &retry, r, &response));
	if (r < 0)
		return r;
	ret->unchanged = response.status == 304 && headers && headers->count > 0;
	if (response.status != 200 && !ret->unchanged)
		return refused(url, response.status, err);
	ret->modified = response.modified;
	ret->etag = steal(&response.etag);
	return 0;
}

static int fetch(struct store_writer *writer, const struct registries *settings, const char *url,
		 const struct strlist *headers, struct download *download, struct msb_error *err)
{
	AUTO(http_freep) struct http *http = NULL;
	struct receiver receiver = {0};
	int r = http_new(settings->timeout, &http, err);

	if (r < 0)
		return r;
	download->fd =
		openat(store_writer_scratch(writer), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (download->fd < 0)
		return msb_error_set(err, errno, "create a file for a download");
	receiver.fd = download->fd;
	r = get(http, settings, url, headers, &receiver, download, err);
	if (r >= 0 && lseek(download->fd, 0, SEEK_SET) < 0)
		r = msb_error_set(err, errno, "read a download");
	download->size = receiver.size;
	return r;
}

int download_open(struct store_writer *writer, const char *url, const struct strlist *headers,
		  struct download *ret, struct msb_error *err)
{
	autodownload download = DOWNLOAD_NONE;
	__attribute__((cleanup(registries_done))) struct registries settings;
	int r;

	registries_init(&settings);
	r = registries_read(&settings, err);
	if (r >= 0)
		r = fetch(writer, &settings, url, headers, &download, err);
	if (r < 0)
		return r;
	*ret = download;
	download = (struct download)DOWNLOAD_NONE;
	return 0;
}

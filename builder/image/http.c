#include "http.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "libcurl.h"

#define MOST_REDIRECTS 8
#define LONGEST_HEADER ((size_t)16 * 1024)
#define CONNECT_TIME   30L   /* seconds */
#define SLOWEST        1024L /* bytes a second */
#define PIECE          (256L * 1024)
#define IDLE_MAX       8
#define COMPLAINT_MAX  ((size_t)64 * 1024)

struct http {
	unsigned stall;
	atomic_bool stopped;
	pthread_mutex_t lock;
	CURL *idle[IDLE_MAX]; /* owned, each with its connections; guarded by lock */
	size_t idle_count;
};

/* One request under way. */
struct transfer {
	struct http *http;
	const struct http_request *request;
	struct http_response *response;
	uint64_t received, sent;
	struct msb_error error; /* of source, sink or limit, when code is set */
	int code;
	char message[CURL_ERROR_SIZE];
};

static void init_library(void)
{
	libcurl.global_init(CURL_GLOBAL_DEFAULT);
}

static int load_library(struct msb_error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int r = libcurl_load(err);

	if (r >= 0)
		pthread_once(&once, init_library);
	return r;
}

static void *load_ahead(void *context)
{
	load_library(NULL);
	return context;
}

void http_ahead_begin(struct http_ahead *ret)
{
	ret->begun = pthread_create(&ret->thread, NULL, load_ahead, NULL) == 0;
}

void http_ahead_end(struct http_ahead *ahead)
{
	if (ahead->begun)
		pthread_join(ahead->thread, NULL);
	ahead->begun = false;
}

int http_new(unsigned stall, struct http **ret, struct msb_error *err)
{
	int r = load_library(err);
	struct http *http = r < 0 ? NULL : calloc(1, sizeof(*http));

	if (r < 0)
		return r;
	if (!http)
		return msb_error_memory(err);
	http->stall = stall;
	pthread_mutex_init(&http->lock, NULL);
	*ret = http;
	return 0;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	for (size_t i = 0; i < http->idle_count; i++)
		libcurl.easy_cleanup(http->idle[i]);
	pthread_mutex_destroy(&http->lock);
	free(http);
}

void http_stop(struct http *http)
{
	atomic_store(&http->stopped, true);
}

bool http_stopped(const struct http *http)
{
	return atomic_load(&http->stopped);
}

static CURL *borrow_handle(struct http *http)
{
	CURL *handle = NULL;

	pthread_mutex_lock(&http->lock);
	if (http->idle_count > 0)
		handle = http->idle[--http->idle_count];
	pthread_mutex_unlock(&http->lock);
	return handle ? handle : libcurl.easy_init();
}

static void return_handle(struct http *http, CURL *handle)
{
	libcurl.easy_reset(handle);
	pthread_mutex_lock(&http->lock);
	if (http->idle_count < IDLE_MAX) {
		http->idle[http->idle_count++] = handle;
		handle = NULL;
	}
	pthread_mutex_unlock(&http->lock);
	libcurl.easy_cleanup(handle);
}

static void response_reset(struct http_response *response)
{
	char **const texts[] = {&response->location,      &response->content_type,
				&response->content_range, &response->digest,
				&response->range,         &response->retry_after,
				&response->link,          &response->etag};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		free(*texts[i]);
		*texts[i] = NULL;
	}
	strlist_done(&response->challenges);
	response->modified = 0;
	response->status = 0;
}

void http_response_done(struct http_response *response)
{
	response_reset(response);
	buffer_done(&response->body);
}

static int fail_transfer(struct transfer *transfer, int code)
{
	transfer->code = code;
	return code;
}

/* The value behind "name:", trimmed, or NULL. */
static const char *header_value(const char *line, size_t length, const char *name,
				size_t *ret_length)
{
	size_t at = strlen(name);

	if (length <= at || line[at] != ':' || strncasecmp(line, name, at) != 0)
		return NULL;
	at++;
	while (at < length && isspace((unsigned char)line[at]))
		at++;
	while (length > at && isspace((unsigned char)line[length - 1]))
		length--;
	*ret_length = length - at;
	return line + at;
}

/* 0 for what is no date, or one before 1970. */
static int64_t parse_date(const char *value, size_t length)
{
	autofree char *text = strndup(value, length);
	time_t date = text ? libcurl.getdate(text, NULL) : -1;

	return date > 0 ? date : 0;
}

static void take_header(struct http_response *response, const char *line, size_t length)
{
	const struct {
		const char *name;
		char **text;
	} wanted[] = {
		{"location", &response->location},
		{"content-type", &response->content_type},
		{"content-range", &response->content_range},
		{"docker-content-digest", &response->digest},
		{"range", &response->range},
		{"retry-after", &response->retry_after},
		{"link", &response->link},
		{"etag", &response->etag},
	};
	size_t size;
	const char *value = header_value(line, length, "www-authenticate", &size);

	if (value)
		strlist_add_bytes(&response->challenges, value, size);
	value = header_value(line, length, "last-modified", &size);
	if (value)
		response->modified = parse_date(value, size);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		value = header_value(line, length, wanted[i].name, &size);
		if (value) {
			free(*wanted[i].text);
			*wanted[i].text = strndup(value, size);
		}
	}
}

static size_t on_header(char *line, size_t unit, size_t count, void *context)
{
	struct transfer *transfer = context;
	size_t length = unit * count;

	if (length > LONGEST_HEADER)
		return 0;
	if (length > 5 && memcmp(line, "HTTP/", 5) == 0) {
		const char *space = memchr(line, ' ', length);

		/* The headers of a redirect say nothing about where it leads. */
		response_reset(transfer->response);
		if (space && line + length - space > 3)
			transfer->response->status =
				(space[1] - '0') * 100 + (space[2] - '0') * 10 + (space[3] - '0');
		return length;
	}
	take_header(transfer->response, line, length);
	return length;
}

static size_t on_content(char *bytes, size_t unit, size_t count, void *context)
{
	struct transfer *transfer = context;
	const struct http_request *request = transfer->request;
	int status = transfer->response->status;
	size_t size = unit * count;
	int r;

	if (size > request->most - transfer->received) {
		fail_transfer(transfer, msb_error_say(&transfer->error, EFBIG,
						      "the answer has more than %llu bytes",
						      (unsigned long long)request->most));
		return 0;
	}
	transfer->received += size;
	if (request->sink && (status == 200 || status == 206)) {
		r = request->sink->write(request->sink->context, bytes, size, &transfer->error);
		if (r < 0) {
			fail_transfer(transfer, r);
			return 0;
		}
		return size;
	}
	/* Of what is said about a failure, the beginning will do. */
	if (status >= 300 && transfer->response->body.size + size > COMPLAINT_MAX)
		return size;
	buffer_append(&transfer->response->body, bytes, size);
	return buffer_ok(&transfer->response->body) ? size : 0;
}

static size_t on_body(char *bytes, size_t unit, size_t count, void *context)
{
	struct transfer *transfer = context;
	const struct layer_source *body = transfer->request->body;
	uint64_t left = transfer->request->body_size - transfer->sent;
	size_t size = unit * count < left ? unit * count : (size_t)left;
	ssize_t n = size > 0 ? body->read(body->context, bytes, size, &transfer->error) : 0;

	if (n == 0 && left > 0)
		n = msb_error_say(&transfer->error, EBADMSG, "what is to be sent is cut short");
	if (n < 0) {
		fail_transfer(transfer, (int)n);
		return CURL_READFUNC_ABORT;
	}
	transfer->sent += (uint64_t)n;
	return (size_t)n;
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct transfer *transfer = context;

	(void)a, (void)b, (void)c, (void)d;
	return atomic_load(&transfer->http->stopped);
}

static struct curl_slist *make_headers(const struct strlist *headers, bool *ret_ok)
{
	/* No waiting for "100 Continue", which some servers never say. */
	struct curl_slist *list = libcurl.slist_append(NULL, "Expect:");

	*ret_ok = list != NULL;
	for (size_t i = 0; *ret_ok && headers && i < headers->count; i++) {
		struct curl_slist *grown = libcurl.slist_append(list, headers->items[i]);

		*ret_ok = grown != NULL;
		list = grown ? grown : list;
	}
	return list;
}

static void set_protocols(CURL *handle, const struct http_request *request)
{
	bool tls = strncasecmp(request->url, "https:", 6) == 0;

	libcurl.easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
	libcurl.easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR,
			    tls && !request->unverified ? "https" : "http,https");
	libcurl.easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	libcurl.easy_setopt(handle, CURLOPT_MAXREDIRS, (long)MOST_REDIRECTS);
	if (request->ca)
		libcurl.easy_setopt(handle, CURLOPT_CAINFO, request->ca);
	if (request->unverified) {
		libcurl.easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 0L);
		libcurl.easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (request->direct)
		libcurl.easy_setopt(handle, CURLOPT_PROXY, "");
}

/* A user's own ~/.netrc is never read: credentials come from one place. */
static void set_credentials(CURL *handle, const struct http_request *request)
{
	if (request->bearer) {
		libcurl.easy_setopt(handle, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
		libcurl.easy_setopt(handle, CURLOPT_XOAUTH2_BEARER, request->bearer);
	} else if (request->user) {
		libcurl.easy_setopt(handle, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		libcurl.easy_setopt(handle, CURLOPT_USERNAME, request->user);
		libcurl.easy_setopt(handle, CURLOPT_PASSWORD, request->password);
	}
}

static void set_method(CURL *handle, const struct http_request *request)
{
	bool sends = request->body || strcmp(request->method, "POST") == 0 ||
		     strcmp(request->method, "PUT") == 0 || strcmp(request->method, "PATCH") == 0;

	if (strcmp(request->method, "HEAD") == 0) {
		libcurl.easy_setopt(handle, CURLOPT_NOBODY, 1L);
	} else if (sends) {
		libcurl.easy_setopt(handle, CURLOPT_UPLOAD, 1L);
		libcurl.easy_setopt(handle, CURLOPT_INFILESIZE_LARGE,
				    (curl_off_t)request->body_size);
	}
	/* Only what asks for something may be asked again elsewhere. */
	if (!sends)
		libcurl.easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
	else
		libcurl.easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request->method);
}

static void set_options(CURL *handle, struct transfer *transfer, struct curl_slist *headers)
{
	const struct http_request *request = transfer->request;
	const long stall = (long)transfer->http->stall;

	libcurl.easy_setopt(handle, CURLOPT_URL, request->url);
	libcurl.easy_setopt(handle, CURLOPT_USERAGENT, "msb/" MSB_VERSION);
	libcurl.easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
	libcurl.easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
	libcurl.easy_setopt(handle, CURLOPT_ERRORBUFFER, transfer->message);
	libcurl.easy_setopt(handle, CURLOPT_CONNECTTIMEOUT,
			    stall < CONNECT_TIME ? stall : CONNECT_TIME);
	libcurl.easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, SLOWEST);
	/* Who has received much may need a while before he says so. */
	libcurl.easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, stall * (request->body ? 5 : 1));
	libcurl.easy_setopt(handle, CURLOPT_BUFFERSIZE, PIECE);
	libcurl.easy_setopt(handle, CURLOPT_UPLOAD_BUFFERSIZE, PIECE);
	libcurl.easy_setopt(handle, CURLOPT_HEADERFUNCTION, on_header);
	libcurl.easy_setopt(handle, CURLOPT_HEADERDATA, transfer);
	libcurl.easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_content);
	libcurl.easy_setopt(handle, CURLOPT_WRITEDATA, transfer);
	libcurl.easy_setopt(handle, CURLOPT_READFUNCTION, on_body);
	libcurl.easy_setopt(handle, CURLOPT_READDATA, transfer);
	libcurl.easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
	libcurl.easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, on_progress);
	libcurl.easy_setopt(handle, CURLOPT_XFERINFODATA, transfer);
	set_protocols(handle, request);
	set_credentials(handle, request);
	set_method(handle, request);
}

/* A peer that hangs up in the middle of TLS raises SIGPIPE, in this thread. */
static CURLcode perform(CURL *handle)
{
	const struct timespec now = {0};
	sigset_t pipe, before, pending;
	bool had;
	CURLcode code;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	sigpending(&pending);
	had = sigismember(&pending, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, &before);
	code = libcurl.easy_perform(handle);
	if (!had)
		while (sigtimedwait(&pipe, NULL, &now) == SIGPIPE)
			;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return code;
}

/* Scheme and host of an address. */
static int host_length(const char *url)
{
	const char *host = strstr(url, "://");

	host = host ? host + 3 : url;
	return (int)(host - url + (ptrdiff_t)strcspn(host, "/?#"));
}

static int errno_of(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return EHOSTUNREACH;
	case CURLE_COULDNT_CONNECT:
		return ECONNREFUSED;
	case CURLE_SSL_CONNECT_ERROR:
		return EPROTO;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CACERT_BADFILE:
		return EKEYREJECTED;
	case CURLE_TOO_MANY_REDIRECTS:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return ELOOP;
	case CURLE_OPERATION_TIMEDOUT:
		return ETIMEDOUT;
	case CURLE_ABORTED_BY_CALLBACK:
		return ECANCELED;
	case CURLE_OUT_OF_MEMORY:
		return ENOMEM;
	case CURLE_URL_MALFORMAT:
		return EINVAL;
	default:
		return ECONNRESET;
	}
}

static int explain(const struct transfer *transfer, CURLcode code, struct msb_error *err)
{
	const char *url = transfer->request->url;
	int number = errno_of(code), length = host_length(url);

	if (transfer->code < 0) {
		if (err)
			*err = transfer->error;
		return transfer->code;
	}
	switch (number) {
	case ELOOP:
		return msb_error_say(err, number,
				     "%.*s: redirected too often, or to where it must not lead",
				     length, url);
	case ETIMEDOUT:
		return msb_error_say(err, number, "%.*s: no answer, or one that is too slow",
				     length, url);
	default:
		return msb_error_say(err, number, "%.*s: %s", length, url,
				     *transfer->message ? transfer->message
							: libcurl.easy_strerror(code));
	}
}

int http_send(struct http *http, const struct http_request *request, struct http_response *ret,
	      struct msb_error *err)
{
	struct transfer transfer = {.http = http, .request = request, .response = ret};
	CURL *handle = borrow_handle(http);
	struct curl_slist *headers;
	CURLcode code = CURLE_OUT_OF_MEMORY;
	bool ok;

	response_reset(ret);
	ret->body.size = 0;
	if (!handle)
		return msb_error_memory(err);
	headers = make_headers(request->headers, &ok);
	if (ok) {
		set_options(handle, &transfer, headers);
		code = perform(handle);
	}
	return_handle(http, handle);
	libcurl.slist_free_all(headers);
	return code == CURLE_OK ? 0 : explain(&transfer, code, err);
}

char *http_escape(const char *text)
{
	char *escaped, *copy;

	if (libcurl_load(NULL) < 0)
		return NULL;
	escaped = libcurl.easy_escape(NULL, text, 0);
	copy = escaped ? strdup(escaped) : NULL;

	libcurl.free(escaped);
	return copy;
}

char *http_resolve(const char *base, const char *location)
{
	char *text = NULL, *copy = NULL;
	CURLU *url;

	if (libcurl_load(NULL) < 0)
		return NULL;
	url = libcurl.url();
	if (url && libcurl.url_set(url, CURLUPART_URL, base, 0) == CURLUE_OK &&
	    libcurl.url_set(url, CURLUPART_URL, location, 0) == CURLUE_OK &&
	    libcurl.url_get(url, CURLUPART_URL, &text, 0) == CURLUE_OK &&
	    (strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0))
		copy = strdup(text);
	libcurl.free(text);
	libcurl.url_cleanup(url);
	return copy;
}

/*
 * HTTP requests: the only place that knows libcurl. Connections are kept between requests, and any
 * number of threads may send at once, each waiting for its own answer.
 */
#ifndef HTTP_H
#define HTTP_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <msb/cleanup.h>
#include <msb/error.h>

#include "buffer.h"
#include "layer.h"
#include "strlist.h"

struct http;

/* Loads libcurl in a thread of its own, which takes milliseconds, while the caller does something
 * else. http_new() waits for it; what fails is found again there. */
struct http_ahead {
	pthread_t thread;
	bool begun;
};
void http_ahead_begin(struct http_ahead *ret);
void http_ahead_end(struct http_ahead *ahead);
#define autohttpahead __attribute__((cleanup(http_ahead_end))) struct http_ahead

/* stall: seconds after which a transfer that hardly moves has failed. */
int http_new(unsigned stall, struct http **ret, struct msb_error *err);
void http_free(struct http *http);
DEFINE_AUTO(struct http, http_free)

/* From now on every transfer, running or to come, fails with -ECANCELED. */
void http_stop(struct http *http);
bool http_stopped(const struct http *http);

struct http_request {
	const char *method; /* "GET", "HEAD", "POST", "PATCH", "PUT" */
	const char *url;
	const struct strlist *headers; /* "Name: value"; NULL: none */
	/* Either both of the first two or the third, or none. Never sent on to another host. */
	const char *user, *password, *bearer;
	const char *ca;                  /* file with a further certificate authority; NULL: none */
	bool unverified;                 /* any certificate will do, and a redirect may leave TLS */
	bool direct;                     /* no proxy */
	const struct layer_source *body; /* NULL: empty */
	uint64_t body_size;
	/* Where the content of an answer 200 or 206 goes; NULL: to response->body, as all others.
	 */
	const struct layer_sink *sink;
	uint64_t most; /* bytes of content; -EFBIG beyond */
};

/* The last answer's, after redirects. */
struct http_response {
	int status; /* set before the first byte of content */
	char *location, *content_type, *content_range, *digest, *range, *retry_after;
	char *link, *etag;
	int64_t modified;          /* Last-Modified: seconds since 1970; 0: not said */
	struct strlist challenges; /* WWW-Authenticate */
	struct buffer body;
};
void http_response_done(struct http_response *response);
#define autoresponse __attribute__((cleanup(http_response_done))) struct http_response

/*
 * 0 whatever the status is. Otherwise, by what went wrong:
 * -EHOSTUNREACH   the name of the host cannot be resolved
 * -ECONNREFUSED   nobody answers there
 * -EPROTO         what answers speaks no TLS
 * -EKEYREJECTED   its certificate is not trusted
 * -ELOOP          too many redirects, or one to where none may lead
 * -ETIMEDOUT      too slow
 * -ECONNRESET     the connection broke
 * -EFBIG, -ECANCELED, and what the source or the sink return.
 * A sentence names the host at most: addresses with a query may hold secrets.
 */
int http_send(struct http *http, const struct http_request *request, struct http_response *ret,
	      struct msb_error *err);

/* Text as a part of a query; owned, NULL: no memory. */
char *http_escape(const char *text);

/* base + location, which may be absolute, a path, or relative; owned. NULL when it is none of
 * http and https, or memory runs out. */
char *http_resolve(const char *base, const char *location);

#endif

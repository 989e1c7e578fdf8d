#include "remote.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base64.h"
#include "internal.h"

#define HUB             "docker.io"
#define HUB_HOST        "registry-1.docker.io"
#define HELLO_MAX       ((uint64_t)1024 * 1024)
#define FIRST_PAUSE_MS  500
#define LONGEST_PAUSE   ((int64_t)60 * 1000)
#define HURRIED_PAUSE   ((int64_t)5 * 1000)
#define LONGEST_TRYING  ((int64_t)600 * 1000000000)
#define COMPLAINT_SHOWN 200

/* Where the images of this domain are: the host of its registry. */
static const char *host_of(const char *domain)
{
	return strcmp(domain, HUB) == 0 ? HUB_HOST : domain;
}

/* --- Trying again --- */

/* Ends early when all is stopped. */
static void pause_for(const struct http *http, int64_t ms)
{
	const struct timespec slice = {.tv_nsec = 50 * 1000000};

	for (; ms > 0 && !http_stopped(http); ms -= 50)
		nanosleep(&slice, NULL);
}

static bool is_passing(int r, const struct http_response *response)
{
	if (r < 0)
		return r == -ECONNRESET || r == -ETIMEDOUT || r == -ECONNREFUSED;
	switch (response->status) {
	case 408:
	case 429:
	case 500:
	case 502:
	case 503:
	case 504:
		return true;
	default:
		return false;
	}
}

/* What the server asks for, else twice as long each time. */
static int64_t pause_of(const struct retry *retry, int r, const struct http_response *response)
{
	int64_t pause = (int64_t)FIRST_PAUSE_MS << (retry->count < 8 ? retry->count : 8);

	if (r >= 0 && response->retry_after) {
		char *end;
		long seconds = strtol(response->retry_after, &end, 10);

		if (end != response->retry_after && seconds >= 0 && seconds < 100000)
			pause = seconds * 1000;
	}
	return pause < LONGEST_PAUSE ? pause : LONGEST_PAUSE;
}

bool retry_again(struct http *http, unsigned most, struct retry *retry, int r,
		 const struct http_response *response)
{
	int64_t now = remote_clock();

	if (!is_passing(r, response) || retry->count >= most || http_stopped(http))
		return false;
	if (retry->until_ns == 0)
		retry->until_ns = now + LONGEST_TRYING;
	if (now > retry->until_ns)
		return false;
	pause_for(http, pause_of(retry, r, response));
	retry->count++;
	return true;
}

bool remote_again(struct remote *remote, struct retry *retry, int r,
		  const struct http_response *response)
{
	const struct registries *settings = remote->settings;

	if (settings->hurried && pause_of(retry, r, response) > HURRIED_PAUSE)
		return false;
	return retry_again(remote->http, settings->retries, retry, r, response);
}

/* --- What registries say when they refuse --- */

static bool mentions(const char *text, const char *secret)
{
	return secret && *secret && strstr(text, secret);
}

/* Some servers echo what they were sent. */
static bool holds_secret(struct remote *remote, const char *text)
{
	const struct credentials *who = &remote->credentials;
	autofree char *pair = who->user ? buffer_format("%s:%s", who->user, who->password) : NULL;
	autofree char *encoded = pair ? base64_encode(pair, strlen(pair)) : NULL;
	bool found;

	pthread_mutex_lock(&remote->lock);
	found = mentions(text, who->password) || mentions(text, who->identity) ||
		mentions(text, encoded) || (pair && !encoded);
	for (size_t i = 0; i < remote->token_count && !found; i++)
		found = mentions(text, remote->tokens[i].text);
	pthread_mutex_unlock(&remote->lock);
	return found;
}

/* ": message" of the first error, or "". */
static void take_complaint(struct remote *remote, const struct http_response *response,
			   char text[COMPLAINT_SHOWN + 8])
{
	json_auto_t *json =
		json_loadb((const char *)response->body.bytes, response->body.size, 0, NULL);
	json_t *first = json_array_get(json_object_get(json, "errors"), 0);
	const char *message = json_string_value(json_object_get(first, "message"));

	text[0] = '\0';
	if (message && *message && !holds_secret(remote, message))
		snprintf(text, COMPLAINT_SHOWN + 8, ": %.*s", COMPLAINT_SHOWN, message);
}

int remote_refused(struct remote *remote, const struct http_response *response, const char *what,
		   struct msb_error *err)
{
	bool known = remote->credentials.user || remote->credentials.identity;
	char complaint[COMPLAINT_SHOWN + 8];

	take_complaint(remote, response, complaint);
	switch (response->status) {
	case 401:
		return msb_error_say(err, EACCES,
				     known ? "%s: registry '%s' does not accept these credentials"
					     "%s ('msb login %s' gives it others)"
					   : "%s: registry '%s' wants to know who asks%s (use "
					     "'msb login %s')",
				     what, remote->domain, complaint, remote->domain);
	case 403:
		return msb_error_say(err, EACCES, "%s: registry '%s' does not allow it%s", what,
				     remote->domain, complaint);
	case 404:
		return msb_error_say(err, ENOENT, "%s: registry '%s' does not have it%s", what,
				     remote->domain, complaint);
	case 429:
		return msb_error_say(err, EBUSY,
				     "%s: registry '%s' is asked too often%s (try again later)",
				     what, remote->domain, complaint);
	default:
		return msb_error_say(err, EIO, "%s: registry '%s' answers with status %d%s", what,
				     remote->domain, response->status, complaint);
	}
}

/* --- One request --- */

static ssize_t read_memory(void *context, void *bytes, size_t size, struct msb_error *err)
{
	struct memory_source *memory = context;
	size_t left = memory->size - memory->at, n = size < left ? size : left;

	(void)err;
	if (n > 0)
		memcpy(bytes, memory->bytes + memory->at, n);
	memory->at += n;
	return (ssize_t)n;
}

struct layer_source memory_source(struct memory_source *memory)
{
	return (struct layer_source){read_memory, memory};
}

void memory_source_rewind(void *context)
{
	struct memory_source *memory = context;

	memory->at = 0;
}

/* True where the address is the registry's own, to which alone credentials go. */
static bool is_own(const struct remote *remote, const char *url)
{
	const char *host = strstr(remote->base, "://") + 3;
	size_t length = (size_t)(host - remote->base) + strcspn(host, "/");

	return strncasecmp(url, remote->base, length) == 0 && strchr("/?#", url[length]);
}

static int check_address(const struct remote *remote, const char *url, struct msb_error *err)
{
	if (strncasecmp(remote->base, "https:", 6) == 0 && strncasecmp(url, "https:", 6) != 0 &&
	    !remote->unverified)
		return msb_error_say(err, EPROTO,
				     "registry '%s' leads to where nothing is encrypted",
				     remote->domain);
	return 0;
}

static char *scope_of(const struct remote *remote, const struct remote_request *request)
{
	const char *what = request->push ? "pull,push" : "pull";

	/* Saying hello needs none. */
	if (!request->path && !request->url)
		return strdup("");
	if (request->from)
		return buffer_format("repository:%s:%s repository:%s:pull", remote->repository,
				     what, request->from);
	return buffer_format("repository:%s:%s", remote->repository, what);
}

/* Who we are, as the registry last asked for it. */
static int prove(struct remote *remote, const char *scope, struct http_request *request,
		 char **ret_token, struct msb_error *err)
{
	int r = 0;

	pthread_mutex_lock(&remote->lock);
	if (remote->challenge.kind == CHALLENGE_BEARER) {
		r = token_get(remote, scope, ret_token, err);
		request->bearer = *ret_token;
	} else if (remote->challenge.kind == CHALLENGE_BASIC && remote->credentials.user) {
		request->user = remote->credentials.user;
		request->password = remote->credentials.password;
	}
	pthread_mutex_unlock(&remote->lock);
	return r;
}

/* True when the registry now asks for a proof that was not given yet. */
static bool learn(struct remote *remote, const char *scope, const struct http_request *sent,
		  const struct http_response *response)
{
	struct challenge challenge = {0};
	bool news;

	if (challenge_parse(&response->challenges, &challenge) < 0)
		return false;
	pthread_mutex_lock(&remote->lock);
	news = challenge.kind == CHALLENGE_BEARER ||
	       (challenge.kind == CHALLENGE_BASIC && !sent->user && remote->credentials.user);
	if (challenge.kind != CHALLENGE_NONE) {
		challenge_done(&remote->challenge);
		remote->challenge = challenge;
		token_drop(remote, scope);
	}
	pthread_mutex_unlock(&remote->lock);
	return news;
}

static int try_known(struct remote *remote, const struct remote_request *request,
		     struct http_response *ret, struct msb_error *err)
{
	autofree char *made = request->url ? NULL
					   : buffer_format("%s%s%s%s", remote->base,
							   request->path ? remote->repository : "",
							   request->path ? "/" : "",
							   request->path ? request->path : "");
	const char *url = request->url ? request->url : made;
	autofree char *scope = scope_of(remote, request);
	bool own = url && is_own(remote, url);
	int r = url && scope ? check_address(remote, url, err) : msb_error_memory(err);

	for (int round = 0; r >= 0 && round < 2; round++) {
		autofree char *token = NULL;
		struct http_request out = {
			.method = request->method,
			.url = url,
			.headers = request->headers,
			.ca = remote->ca,
			.unverified = remote->unverified,
			.direct = remote->direct,
			.body = request->body,
			.body_size = request->body_size,
			.sink = request->sink,
			.most = request->most,
		};

		if (own)
			r = prove(remote, scope, &out, &token, err);
		if (r >= 0)
			r = http_send(remote->http, &out, ret, err);
		if (token)
			explicit_bzero(token, strlen(token));
		if (r < 0 || ret->status != 401 || !own || !learn(remote, scope, &out, ret))
			return r;
		if (request->body && !request->rewind)
			return r;
		if (request->body)
			request->rewind(request->body->context);
	}
	return r;
}

/* --- Saying hello --- */

static int set_base(struct remote *remote, const char *scheme, const char *place,
		    struct msb_error *err)
{
	free(remote->base);
	remote->base = buffer_format("%s://%s/v2/", scheme, place);
	return remote->base ? 0 : msb_error_memory(err);
}

static int hello(struct remote *remote, const char *scheme, const char *place, int *ret_status,
		 struct msb_error *err)
{
	const struct http_request request = {
		.method = "GET",
		.url = remote->base,
		.ca = remote->ca,
		.unverified = remote->unverified,
		.direct = remote->direct,
		.most = HELLO_MAX,
	};
	autoresponse response = {0};
	struct retry retry = {0};
	int r = set_base(remote, scheme, place, err);

	if (r < 0)
		return r;
	do {
		struct http_request once = request;

		once.url = remote->base;
		r = http_send(remote->http, &once, &response, err);
	} while (r != -ECONNREFUSED && r != -ETIMEDOUT &&
		 (r != -ECONNRESET || strcmp(scheme, "https") == 0) &&
		 remote_again(remote, &retry, r, &response));
	if (r < 0)
		return r;
	*ret_status = response.status;
	if (response.status == 200)
		return 0;
	if (response.status == 401)
		return challenge_parse(&response.challenges, &remote->challenge) < 0
			       ? msb_error_memory(err)
			       : 0;
	if (response.status == 404)
		return msb_error_say(err, EPROTO, "'%s' is no registry", place);
	return remote_refused(remote, &response, "hello", err);
}

/* Which schemes to try, in this order. On this machine nobody listens in, so that plain talk comes
 * first: a server that speaks no TLS may wait for ever for the end of what is no line. */
static void choose_schemes(const struct remote *remote, const char *host, const char *schemes[2])
{
	schemes[0] = "https";
	schemes[1] = NULL;
	if (host_is_loopback(host)) {
		schemes[0] = "http";
		schemes[1] = "https";
	} else if (registries_is_insecure(remote->settings, host)) {
		schemes[1] = "http";
	}
}

/* The answers of a server that wants to be spoken to otherwise. */
static bool is_misunderstanding(int r, int status)
{
	if (r >= 0)
		return false;
	return status == 0
		       ? r == -EPROTO || r == -ECONNRESET || r == -ECONNREFUSED || r == -ETIMEDOUT
		       : status == 400 || status == 426;
}

/* Something else than a registry may say 404 to anything. */
static bool is_of_registry(const struct http_response *response)
{
	json_auto_t *json =
		json_loadb((const char *)response->body.bytes, response->body.size, 0, NULL);

	return json_is_array(json_object_get(json, "errors"));
}

/* A request in place of hello. What only another scheme may change is an error. */
static int greet(struct remote *remote, const char *scheme, const char *host,
		 const struct remote_request *request, struct http_response *ret, int *ret_status,
		 struct msb_error *err)
{
	int status, r = set_base(remote, scheme, host, err);

	if (r >= 0)
		r = try_known(remote, request, ret, err);
	*ret_status = ret->status;
	if (r >= 0 && (ret->status == 400 || ret->status == 426))
		r = remote_refused(remote, ret, "hello", err);
	else if (r >= 0 && ret->status == 404 && !is_of_registry(ret))
		r = hello(remote, scheme, host, &status, err);
	return r;
}

static int say_first(struct remote *remote, const char *scheme, const char *host,
		     const struct remote_request *request, struct http_response *ret,
		     int *ret_status, struct msb_error *err)
{
	*ret_status = 0;
	return request ? greet(remote, scheme, host, request, ret, ret_status, err)
		       : hello(remote, scheme, host, ret_status, err);
}

/* By the scheme that was given, or by any that may be tried. request: NULL for a hello. */
static int contact(struct remote *remote, const struct remote_request *request,
		   struct http_response *ret, struct msb_error *err)
{
	const char *schemes[2] = {remote->scheme, NULL}, *host = host_of(remote->domain);
	struct msb_error first = {0};
	int r, status;

	if (!remote->scheme)
		choose_schemes(remote, host, schemes);
	r = say_first(remote, schemes[0], host, request, ret, &status, &first);
	if (schemes[1] && is_misunderstanding(r, status)) {
		struct msb_error second = {0};

		r = say_first(remote, schemes[1], host, request, ret, &status, &second);
		/* Where neither answers, the first says it in simpler words. */
		if (r < 0 && r != -EPROTO)
			first = second;
		else if (r < 0)
			r = first.code;
	}
	remote->greeted = r >= 0;
	if (r < 0 && err)
		*err = first;
	return r;
}

int remote_try(struct remote *remote, const struct remote_request *request,
	       struct http_response *ret, struct msb_error *err)
{
	return remote->greeted ? try_known(remote, request, ret, err)
			       : contact(remote, request, ret, err);
}

int remote_send(struct remote *remote, const struct remote_request *request,
		struct http_response *ret, struct msb_error *err)
{
	struct retry retry = {0};
	int r;

	for (;;) {
		r = remote_try(remote, request, ret, err);
		if ((!remote->greeted && r != -ECONNRESET) || (request->body && !request->rewind) ||
		    !remote_again(remote, &retry, r, ret))
			return r;
		if (request->body)
			request->rewind(request->body->context);
	}
}

/* --- Remotes --- */

/* A mirror keeps a repository below its prefix. */
static int take_address(struct remote *remote, const char *address, const char *repository,
			struct msb_error *err)
{
	const char *place = strstr(address, "://"), *prefix;
	size_t length;

	if (place)
		remote->scheme = strndup(address, (size_t)(place - address));
	place = place ? place + 3 : address;
	prefix = place + strcspn(place, "/");
	length = strlen(prefix);
	while (length > 0 && prefix[length - 1] == '/')
		length--;
	remote->domain = strndup(place, (size_t)(prefix - place));
	remote->repository =
		length > 0 ? buffer_format("%.*s/%s", (int)length - 1, prefix + 1, repository)
			   : strdup(repository);
	if (!remote->domain || !remote->repository || (place != address && !remote->scheme))
		return msb_error_memory(err);
	return 0;
}

static void init_lock(struct remote *remote)
{
	pthread_mutexattr_t attributes;

	/* A refusal is put into words with the lock held or not. */
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&remote->lock, &attributes);
	pthread_mutexattr_destroy(&attributes);
}

int remote_new(struct http *http, const struct registries *settings, const char *domain,
	       const char *repository, const char *address, struct remote **ret,
	       struct msb_error *err)
{
	AUTO(remote_closep) struct remote *remote = calloc(1, sizeof(*remote));
	const char *host;
	int r;

	if (!remote)
		return msb_error_memory(err);
	init_lock(remote);
	remote->http = http;
	remote->settings = settings;
	r = take_address(remote, address ? address : domain, repository, err);
	if (r >= 0 && *repository)
		r = credentials_find(remote->domain, repository, &remote->credentials, err);
	if (r < 0)
		return r;
	host = host_of(remote->domain);
	remote->direct = host_is_loopback(host);
	remote->unverified = registries_is_insecure(settings, host);
	remote->ca = registries_ca(settings, host);
	*ret = steal(&remote);
	return 0;
}

int remote_open(struct http *http, const struct registries *settings, const char *domain,
		const char *repository, const char *address, struct remote **ret,
		struct msb_error *err)
{
	AUTO(remote_closep) struct remote *remote = NULL;
	int r = remote_new(http, settings, domain, repository, address, &remote, err);

	if (r >= 0)
		r = contact(remote, NULL, NULL, err);
	if (r >= 0)
		*ret = steal(&remote);
	return r;
}

void remote_close(struct remote *remote)
{
	if (!remote)
		return;
	free(remote->domain);
	free(remote->repository);
	free(remote->base);
	free(remote->scheme);
	free(remote->ca);
	credentials_done(&remote->credentials);
	challenge_done(&remote->challenge);
	tokens_done(remote);
	pthread_mutex_destroy(&remote->lock);
	free(remote);
}

/*
 * One repository of one registry, spoken to as OCI distribution-spec 1.1 says: who we are is
 * proved as the registry wants it, and what fails for a while is tried again.
 *
 * For the files of this room. A remote may be used by several threads at once.
 */
#ifndef REMOTE_H
#define REMOTE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "challenge.h"
#include "credentials.h"
#include "http.h"
#include "registries.h"

struct token {
	char *scope; /* owned, as the next */
	char *text;
	int64_t until_ns; /* of CLOCK_MONOTONIC */
};

struct remote {
	struct http *http; /* borrowed, as the next */
	const struct registries *settings;
	char *domain;     /* as references name it: "docker.io"; owned, as all texts */
	char *repository; /* "library/node" */
	char *base;       /* "https://registry-1.docker.io/v2/" */
	char *scheme;     /* that an address has; NULL: none */
	char *ca;
	bool unverified, direct;
	bool greeted; /* it has answered: base is right */
	struct credentials credentials;

	pthread_mutex_t lock;
	struct challenge challenge; /* guarded by lock, as the next */
	struct token *tokens;       /* owned */
	size_t token_count;
};

/* Says hello. repository "": none, and nobody's credentials. address: NULL for the domain's own
 * place, else a mirror: "host:port/prefix", with or without a scheme in front. */
int remote_open(struct http *http, const struct registries *settings, const char *domain,
		const char *repository, const char *address, struct remote **ret,
		struct msb_error *err);
/* The same without saying hello: the first request, which has no body and is nobody else's, does
 * that. Whoever does not answer it is not asked again. */
int remote_new(struct http *http, const struct registries *settings, const char *domain,
	       const char *repository, const char *address, struct remote **ret,
	       struct msb_error *err);
void remote_close(struct remote *remote);
DEFINE_AUTO(struct remote, remote_close)

struct remote_request {
	const char *method;
	const char *path; /* below the repository: "manifests/latest"; NULL: url */
	const char *url;  /* that an answer named, absolute */
	bool push;        /* may change something */
	const char *from; /* a further repository to read from; NULL: none */
	const struct strlist *headers;
	const struct layer_source *body; /* NULL: none */
	uint64_t body_size;
	void (*rewind)(void *context); /* the body begins again; NULL: it cannot */
	const struct layer_sink *sink;
	uint64_t most;
};

/* Once, with proof of who we are. Results as of http_send(). */
int remote_try(struct remote *remote, const struct remote_request *request,
	       struct http_response *ret, struct msb_error *err);

/* The same, again and again after pauses where that may help. */
int remote_send(struct remote *remote, const struct remote_request *request,
		struct http_response *ret, struct msb_error *err);

/* For who repeats by himself: waits and returns true when r (or 0 and the status) is worth another
 * try. A retry begins as zeros. */
struct retry {
	unsigned count;
	int64_t until_ns;
};
bool remote_again(struct remote *remote, struct retry *retry, int r,
		  const struct http_response *response);
/* The same without a registry: at most `most` times. */
bool retry_again(struct http *http, unsigned most, struct retry *retry, int r,
		 const struct http_response *response);

/* A sentence for a status that was not hoped for, about `what`; the code is negative. */
int remote_refused(struct remote *remote, const struct http_response *response, const char *what,
		   struct msb_error *err);

/* token.c: the token for a scope, from the cache or from the server that the challenge names.
 * Owned. With the lock held. */
int token_get(struct remote *remote, const char *scope, char **ret, struct msb_error *err);
/* The one that was just refused. */
void token_drop(struct remote *remote, const char *scope);
void tokens_done(struct remote *remote);

/* tags.c: the repository's tags in the registry's order; with `after` perhaps only those that sort
 * behind it. */
int tags_list(struct remote *remote, const char *after, struct strlist *ret, struct msb_error *err);

/* Nanoseconds of CLOCK_MONOTONIC. */
int64_t remote_clock(void);

/* A body or another source in memory. */
struct memory_source {
	const char *bytes;
	size_t size, at;
};
struct layer_source memory_source(struct memory_source *memory);
void memory_source_rewind(void *context);

/* manifest_requests.c: version: a tag or a digest. The answer whatever its status is; nobody has
 * compared digests. */
int manifest_get(struct remote *remote, const char *version, struct http_response *ret,
		 struct msb_error *err);
/* A failure unless the registry has taken it. */
int manifest_put(struct remote *remote, const char *version, const char *type,
		 struct memory_source *text, struct http_response *ret, struct msb_error *err);

#endif

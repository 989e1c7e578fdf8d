/*
 * What an administrator and a user say about registries: JSON in /etc/msb/registries.json and in
 * $XDG_CONFIG_HOME/msb/registries.json (~/.config), the latter coming first. msb(1) documents it.
 */
#ifndef REGISTRIES_H
#define REGISTRIES_H

#include <stdbool.h>
#include <stdint.h>

#include <msb/cleanup.h>
#include <msb/error.h>

#include "strlist.h"

/* A value that owns all it points to. */
struct registries {
	struct strlist mirrors;  /* "docker.io=https://mirror.example", in the order to ask */
	struct strlist insecure; /* "host:port" */
	struct strlist ca;       /* "host:port=FILE" */
	unsigned timeout;        /* seconds without progress */
	unsigned retries;
	unsigned lazy_timeout; /* the same seconds where a reader waits for a file */
	bool hurried;          /* whoever asks to wait long is not waited for */
	uint64_t unpack_limit; /* bytes a layer may unpack to */
	uint64_t chunk;        /* bytes; larger blobs are sent in pieces of this size */
	bool lazy;             /* base images that allow it are not fetched whole */
};

/* -EINVAL, with the file and the key, for what has the wrong type. */
int registries_read(struct registries *ret, struct msb_error *err);
/* One document over what is there, for tests and for registries_read(). */
int registries_add(struct registries *registries, const char *json, size_t size,
		   struct msb_error *err);
/* For what a reader waits for: he is told soon that a registry does not answer. */
void registries_hurry(struct registries *registries);
void registries_init(struct registries *registries);
void registries_done(struct registries *registries);

bool registries_is_insecure(const struct registries *registries, const char *host);
/* The certificate authority's file: as configured, else of Docker's certs.d; owned, NULL: none. */
char *registries_ca(const struct registries *registries, const char *host);

/* True for "localhost", 127.0.0.0/8 and [::1], with or without a port. */
bool host_is_loopback(const char *host);

#endif

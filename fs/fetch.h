/*
 * What is still in a registry comes by way of another program, "msb fetch --serve", because this
 * one only reads: it is started when the first file lacks, brings blobs into the store, and ends
 * with its socket.
 *
 * Who asks waits, for minutes if need be. So only threads that said they may wait do; all others
 * get -EREMOTE at once.
 */
#ifndef FETCH_H
#define FETCH_H

#include <stdbool.h>

#include <msb/cleanup.h>
#include <msb/digest.h>
#include <msb/error.h>

struct fetch;

/* What goes over the socket, a packet each way: which, then its text. */
enum fetch_kind {
	FETCH_BLOB = 1,  /* a digest's text, and perhaps a space and an offset */
	FETCH_IMAGE = 2, /* an image's reference */
};

/* program: msb's path. NULL: no memory. */
struct fetch *fetch_new(const char *program, const char *store);
/* Ends the helper. Whoever waits gets -EIO. */
void fetch_stop(struct fetch *fetch);
void fetch_free(struct fetch *fetch);
DEFINE_AUTO(struct fetch, fetch_free)

/* Of the calling thread. */
void fetch_allow_waiting(bool allowed);
bool fetch_may_wait(void);

/* As msb_store_fetch_fn, with a struct fetch as context. -EREMOTE where this thread may not wait.
 */
int fetch_blob(void *context, const struct msb_digest *digest, uint64_t offset,
	       struct msb_error *err);
/* Pulls an image, lazily where it allows that. */
int fetch_image(struct fetch *fetch, const char *reference, struct msb_error *err);

#endif

/* The store's handle, as the files of this folder see it. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

#include <msb/store.h>

#include "database.h"
#include "nearby.h"
#include "packs.h"

/* What ROOT/version holds. */
#define STORE_VERSION_LINE "msb store 1\n"

/* Connections for reading; a thread takes one nobody uses. They are opened when first taken. */
#define STORE_READERS 4

struct store_writer;

/* Where a blob is that a writer of this process has put and not yet committed; its bytes are in
 * the file on return. 1: found, 0: not, or a negative code. */
typedef int store_pending_find(struct store_writer *writer, const struct msb_digest *digest,
			       struct msb_location *ret, struct msb_error *err);

struct msb_store {
	int root;       /* descriptor */
	char *path;     /* as it was opened; owned */
	char *absolute; /* for SQLite, which knows paths only; owned */
	struct connection readers[STORE_READERS];
	struct packs packs;
	struct nearby nearby;

	pthread_rwlock_t pending_lock;
	store_pending_find *pending_find; /* NULL: no writer; guarded by pending_lock */
	struct store_writer *writer;      /* guarded by pending_lock */

	msb_store_fetch_fn fetch; /* NULL: nobody fetches */
	void (*fetch_close)(void *context);
	void *fetch_context;
};

/* A connection for reading, the caller's own until store_reader_release(). */
int store_reader(struct msb_store *store, struct connection **ret, struct msb_error *err);
void store_reader_release(struct connection *connection);
DEFINE_AUTO(struct connection, store_reader_release)
#define autoreader AUTO(store_reader_releasep) struct connection

/* As msb_store_locate() without pending blobs and without a message for a miss.
 * 1: found, 0: not, or a negative code. */
int store_find_committed(struct msb_store *store, const struct msb_digest *digest,
			 struct msb_location *ret, struct msb_error *err);

/* "large/01/23…", beneath the root. */
#define STORE_LARGE_NAME (6 + MSB_DIGEST_HEX + 1 + 1)
static inline const char *store_large_name(const struct msb_digest *digest,
					   char name[STORE_LARGE_NAME])
{
	char text[MSB_DIGEST_TEXT];

	msb_digest_format(digest, text);
	snprintf(name, STORE_LARGE_NAME, "large/%.2s/%s", text + 7, text + 9);
	return name;
}

#endif

/* The writer, as the files of the write side see it. */
#ifndef STORE_WRITER_INTERNAL_H
#define STORE_WRITER_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <msb/digest.h>

#include "internal.h"
#include "pending.h"
#include "scratch.h"
#include "store_writer.h"

/* A pack that has reached this size takes no further blob. */
#define PACK_LIMIT (UINT64_C(4) << 30)

/* A pack that this writer owns: its file is locked from claim to release. */
struct pack {
	struct pack *next;
	uint32_t id;
	int fd;
	uint64_t committed; /* what the records say; 0: they don't know it */
	uint64_t target;    /* end when the last sync began; the next commit's size. Of the turn */
	uint64_t synced;    /* what is known to be on the disk. Of the turn */
	uint64_t end;       /* with what is still in the buffer */
};

/* What the packs' owner has not written to the file yet: the bytes before packs->end. */
struct pack_buffer {
	uint8_t *bytes; /* owned; NULL until the first blob comes */
	size_t used;
};

struct store_writer {
	struct msb_store *store;
	struct scratch scratch;
	int lock; /* on ROOT/lock, shared: nothing is collected while it is held; or alone */

	pthread_mutex_t mutex; /* guards what follows */
	struct pending pending;
	struct pack *packs; /* the first one is appended to, the others are full */
	struct pack_buffer buffer;
	uint64_t pack_limit;
	unsigned temporary; /* the last number given to a file in the scratch directory */
	size_t synced;      /* so many of the pending blobs are on the disk */
	int broken; /* negative once a sync failed: what the kernel dropped then is unknown */

	/* One transaction at a time: who has the turn owns the connection. */
	pthread_mutex_t turn;
	pthread_cond_t turn_over;
	bool taken;      /* guarded by turn */
	pthread_t owner; /* of the transaction; guarded by turn */
	struct connection connection;
	bool changed; /* the transaction changes what records.h shows */
	bool seen;    /* it adds to the stat cache */
};

/* As store_writer_open() when nobody else writes, and nobody can until it is closed. Waits so many
 * seconds for that, then -EBUSY. */
int writer_open_alone(struct msb_store *store, unsigned seconds, struct store_writer **ret,
		      struct msb_error *err);

/* 1: the blob is pending or committed, 0: it is not, or a negative code. */
int writer_has(struct store_writer *writer, const struct msb_digest *digest, struct msb_error *err);

/* The transaction's connection, borrowed; -EINVAL outside of one. */
int writer_connection(struct store_writer *writer, struct connection **ret, struct msb_error *err);
/* A connection that sees what this thread has written; given back by store_reader_release(). */
int writer_reader(struct store_writer *writer, struct connection **ret, struct msb_error *err);

/* pack.c; the mutex is held. */
int pack_append(struct store_writer *writer, const struct msb_digest *digest, const void *bytes,
		size_t size, struct msb_error *err);
int pack_flush(struct store_writer *writer, struct msb_error *err);
/* Lets go of full packs, or of all, giving back what was not committed. */
void pack_release_full(struct store_writer *writer);
void pack_release_all(struct store_writer *writer);

/* large.c */
/* A new empty file in the scratch directory; its name is TEMPORARY_NAME long at most. */
#define TEMPORARY_NAME 24
int large_create(struct store_writer *writer, int *ret_fd, char name[TEMPORARY_NAME],
		 struct msb_error *err);
/* Makes the file `name` in `dir`, open as fd, the blob's own. Where the store has the blob, the
 * file stays where it is. 1: the file was taken, 0: it was not needed, or a negative code. */
int large_publish(struct store_writer *writer, int dir, const char *name, int fd,
		  const struct msb_digest *digest, uint64_t size, struct msb_error *err);
/* As large_publish() for a file of large_create(), which is gone afterwards in any case. */
int large_finish(struct store_writer *writer, const char *name, int fd,
		 const struct msb_digest *digest, uint64_t size, struct msb_error *err);

/* sync.c: all that was put so far is on the disk. The caller has the turn. */
int writer_sync(struct store_writer *writer, struct msb_error *err);

#endif

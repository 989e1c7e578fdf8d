/*
 * The content store, as its readers see it: blobs by digest, nothing else. What the blobs mean is
 * in tree.h; which of them belong to builds and images is in records.h.
 *
 * A store is a directory. It is opened by as many processes at once as like; nothing is served by
 * anybody. A handle may be used by several threads at once, but not by a child after fork(), whose
 * locks are not its parent's: a daemon opens its store when it has forked.
 */
#ifndef MSB_STORE_H
#define MSB_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <msb/cleanup.h>
#include <msb/digest.h>
#include <msb/error.h>

struct msb_store;

/* Where a store is when nobody says: $MSB_ROOT, else /var/lib/msb for root, else
 * $XDG_DATA_HOME/msb or ~/.local/share/msb. Owned by the caller; NULL: no memory or no home. */
char *msb_store_default_root(void);

/* -ENOENT where there is no store; -EPROTO for one of another format version. */
int msb_store_open(const char *root, struct msb_store **ret, struct msb_error *err);
void msb_store_close(struct msb_store *store);
DEFINE_AUTO(struct msb_store, msb_store_close)

/* The store's directory, borrowed: a descriptor, and the path it was opened by. */
int msb_store_directory(const struct msb_store *store);
const char *msb_store_path(const struct msb_store *store);

/* Where a blob's bytes are. A collection may move them, but never puts others there: reading by an
 * old location gives the right bytes or an error. */
struct msb_location {
	uint32_t pack; /* 0: a file of its own, named by the digest */
	uint64_t offset;
	uint64_t size;
};

/*
 * Some blobs are known and not here: layers that stayed in their registry, and the files in them.
 * Whoever wants a blob's bytes, by any of the calls below, gets them by way of this function, which
 * brings the blob into the store (0) or says why not; or, where an offset is given, so much of it
 * that msb_store_read_pieces() has the byte there. It is called by several threads at once, several
 * times for one blob where several want it. Without one, -EREMOTE. close ends it with the
 * store; the store owns context from here on. To be set before anybody reads.
 */
#define MSB_WHOLE UINT64_MAX /* no offset: all of it */
typedef int (*msb_store_fetch_fn)(void *context, const struct msb_digest *digest, uint64_t offset,
				  struct msb_error *err);
void msb_store_set_fetcher(struct msb_store *store, msb_store_fetch_fn fetch,
			   void (*close)(void *context), void *context);

/* Called by a thread that is about to wait for the disk; what it reads is on its way then. To be
 * set before anybody reads. */
void msb_store_set_before_wait(struct msb_store *store, void (*before_wait)(void *context),
			       void *context);

/* Asks for no bytes: MSB_HERE, MSB_REMOTE, MSB_ABSENT, or a negative code. *ret_size (NULL: never
 * mind) is set unless it is absent. */
enum msb_presence { MSB_ABSENT = 0, MSB_REMOTE = 1, MSB_HERE = 2 };
int msb_store_has(struct msb_store *store, const struct msb_digest *digest, uint64_t *ret_size,
		  struct msb_error *err);

/* -ENOENT when the store has no such blob, and knows nowhere to get it. */
int msb_store_locate(struct msb_store *store, const struct msb_digest *digest,
		     struct msb_location *ret, struct msb_error *err);

/* The same for many blobs in one reading of the index, which costs a fraction of one by one.
 * Nothing is fetched: what is not here is not found. */
struct msb_located {
	struct msb_digest digest;
	bool found;
	struct msb_location location; /* where it was found */
};
int msb_store_locate_all(struct msb_store *store, struct msb_located *blobs, size_t count,
			 struct msb_error *err);

/* Up to size bytes from offset of the blob (which msb_store_locate found at location); fewer at its
 * end only. What is read as a whole from a pack is checked for damage (-EBADMSG); parts and large
 * files are not (see msb_store_check). A blob that was moved meanwhile is located
 * anew; -ENOENT when a collection took it away. The count, or a negative code. */
ssize_t msb_store_read(struct msb_store *store, const struct msb_digest *digest,
		       const struct msb_location *location, void *bytes, size_t size,
		       uint64_t offset, struct msb_error *err);

/* Of a blob that is not here and comes piece by piece: size bytes from offset, fewer at its end
 * only. Pieces that lack are brought, and of those none but what is wanted and what the fetcher
 * takes along. -ENODATA: it is here (by now), or does not come so, or there is no fetcher: locate
 * it. */
ssize_t msb_store_read_pieces(struct msb_store *store, const struct msb_digest *digest, void *bytes,
			      size_t size, uint64_t offset, struct msb_error *err);

/* Is the blob at location undamaged? -EBADMSG when not. A pack's sums tell at the speed of reading;
 * a large file is hashed. */
int msb_store_check(struct msb_store *store, const struct msb_digest *digest,
		    const struct msb_location *location, struct msb_error *err);

/* The whole blob, verified against its digest: -EBADMSG when the store is damaged, -EFBIG when it
 * is larger than max. *ret is allocated with malloc and owned by the caller. */
int msb_store_load(struct msb_store *store, const struct msb_digest *digest, size_t max,
		   uint8_t **ret, size_t *ret_size, struct msb_error *err);

/* A descriptor on the file that holds the blob, owned by the caller; the blob is its bytes
 * [offset, offset + size). */
int msb_store_open_blob(struct msb_store *store, const struct msb_digest *digest, int *ret_fd,
			struct msb_location *ret, struct msb_error *err);

struct msb_store_totals {
	uint64_t blobs;
	uint64_t bytes; /* of all blobs, each once */
};
int msb_store_totals(struct msb_store *store, struct msb_store_totals *ret, struct msb_error *err);

#endif

/*
 * The content store's write side: blobs in, records in, both durable in the right order.
 *
 * A writer owns one pack to append to (an advisory lock the kernel drops with the process). What
 * is put is invisible to other processes until a transaction commits: first the contents reach the
 * disk, then one SQLite transaction publishes their locations together with the records that name
 * them. A process that dies before leaves bytes that nobody refers to; the next owner of the pack
 * overwrites them.
 *
 * A writer and all it hands out may be used by several threads at once, transactions excepted:
 * they are serialized, and store_begin() waits. The thread that begins a transaction ends it.
 */
#ifndef STORE_WRITER_H
#define STORE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msb/digest.h>
#include <msb/error.h>
#include <msb/records.h>
#include <msb/store.h>

/* Files of at least this many bytes are kept alone, not in a pack. */
#define STORE_LARGE (1024 * 1024)

struct store_writer;

/* Makes the directory and the schema where they are missing; fine to call for an existing store
 * and from two processes at once. */
int store_create(const char *root, struct msb_error *err);

/* From now on msb_store_locate(), _read() and _load() of this store also find what this writer
 * has put and not yet committed. One writer a store handle; store outlives it. */
int store_writer_open(struct msb_store *store, struct store_writer **ret, struct msb_error *err);
/* The store it writes to, borrowed. */
struct msb_store *store_writer_store(struct store_writer *writer);
void store_writer_close(struct store_writer *writer); /* drops what was not committed */
DEFINE_AUTO(struct store_writer, store_writer_close)

/* A directory of this writer's own on the store's file system, for unfinished things; removed at
 * close, or by the next writer when this process died. Descriptor and absolute path, borrowed. */
int store_writer_scratch(struct store_writer *writer);
const char *store_writer_scratch_path(struct store_writer *writer);

/* Puts a blob that is in memory. A blob that is there already costs its digest. */
int store_put(struct store_writer *writer, const void *bytes, size_t size, struct msb_digest *ret,
	      struct msb_error *err);

/* Puts size bytes of fd from its current offset; -EIO when fewer come. Large ones are reflinked
 * or copied sparsely by the kernel where it can. */
int store_put_fd(struct store_writer *writer, int fd, uint64_t size, struct msb_digest *ret,
		 struct msb_error *err);

/* Puts a regular file of the store's file system that nobody else writes to any more. A large one
 * is renamed in where possible: name may be gone afterwards. */
int store_put_file(struct store_writer *writer, int dir, const char *name, struct msb_digest *ret,
		   uint64_t *ret_size, struct msb_error *err);

/* Puts a blob whose size is known and whose bytes come piecemeal. Exactly one of finish and
 * abandon ends it; finish fails with -EIO when the bytes do not add up to size. */
struct store_stream;
int store_stream_begin(struct store_writer *writer, uint64_t size, struct store_stream **ret,
		       struct msb_error *err);
/* The same for a large blob whose bytes are in the scratch directory already: those that are
 * written are only hashed, and finish takes the file, to which nobody writes any more. */
int store_stream_begin_file(struct store_writer *writer, uint64_t size, const char *name,
			    struct store_stream **ret, struct msb_error *err);
int store_stream_write(struct store_stream *stream, const void *bytes, size_t size,
		       struct msb_error *err);
int store_stream_finish(struct store_stream *stream, struct msb_digest *ret, struct msb_error *err);
void store_stream_abandon(struct store_stream *stream);

/* One transaction: makes all that was put durable, then publishes it with the records that the
 * calls below add between begin and commit. store_rollback() after a failure keeps the blobs as
 * put-but-uncommitted; a commit that fails has done it already. */
int store_begin(struct store_writer *writer, struct msb_error *err);
int store_commit(struct store_writer *writer, struct msb_error *err);
void store_rollback(struct store_writer *writer);
/* Ends it by what the calls between came to: commits unless r is negative, which is then returned
 * after a rollback. */
int store_end(struct store_writer *writer, int r, struct msb_error *err);

/* Within a transaction. Each also gives the tree it names a number (records.h). */

/* Inserts; build->id is ignored and the new one returned. */
int store_add_build(struct store_writer *writer, const struct msb_build *build, int64_t *ret_id,
		    struct msb_error *err);
int store_set_build(struct store_writer *writer, const struct msb_build *build,
		    struct msb_error *err);
/* Insert or replace. */
int store_set_stage(struct store_writer *writer, const struct msb_stage *stage,
		    struct msb_error *err);
int store_set_step(struct store_writer *writer, const struct msb_step *step, struct msb_error *err);
/* Gives image->name to this image, taking it from another; a NULL name keeps the image untagged
 * where it has no name yet. */
int store_set_image(struct store_writer *writer, const struct msb_image *image,
		    struct msb_error *err);
/* Takes one name away; the image itself goes when that was its last. -ENOENT. */
int store_remove_image(struct store_writer *writer, const char *name, struct msb_error *err);
/* An image that has no name. -ENOENT when there is none or it has one. */
int store_remove_untagged_image(struct store_writer *writer, const struct msb_digest *id,
				struct msb_error *err);

/* Inserts, where it is not there. */
int store_set_origin(struct store_writer *writer, const struct msb_origin *origin,
		     struct msb_error *err);

/* The step cache: what a key led to. */
struct cached_step {
	struct msb_digest tree;
	struct msb_digest log;
	bool has_log;
	int64_t created_ns;
	int64_t duration_ns;
};
int store_cache_set(struct store_writer *writer, const struct msb_digest *key,
		    const struct cached_step *step, struct msb_error *err);
/* Outside of a transaction too. -ENOENT without a message for a miss. */
int store_cache_find(struct store_writer *writer, const struct msb_digest *key,
		     struct cached_step *ret, struct msb_error *err);

/* Layers: the diff between two trees as a tar, known by the tar's digest (OCI: diff ID). */
struct layer_record {
	struct msb_digest parent; /* tree below; all zero bytes: none */
	struct msb_digest tree;   /* tree above */
	struct msb_digest diff_id;
	uint64_t size;          /* of the tar */
	bool has_blob;          /* came from outside: kept as it came */
	struct msb_digest blob; /* then: its compressed form */
	char media_type[96];
	/* The tree is what a table of contents of this digest says (of an image that was pulled
	 * lazily), and the diff ID is the image's word alone: good for this image, for no other. */
	bool has_toc;
	struct msb_digest toc;
};
int store_layer_set(struct store_writer *writer, const struct layer_record *layer,
		    struct msb_error *err);
/* Never one that has a toc. */
int store_layer_find(struct store_writer *writer, const struct msb_digest *parent,
		     const struct msb_digest *tree, struct layer_record *ret,
		     struct msb_error *err);
/* The newest record with this diff ID on this parent tree; for loading an image whose layers are
 * here already. toc NULL: one that has none; else one that has none or this one. -ENOENT without a
 * message. */
int store_layer_find_diff(struct store_writer *writer, const struct msb_digest *parent,
			  const struct msb_digest *diff_id, const struct msb_digest *toc,
			  struct layer_record *ret, struct msb_error *err);
/* All of them, the newest first, `most` at most. The count, or a negative code. */
int store_layer_list_diff(struct store_writer *writer, const struct msb_digest *parent,
			  const struct msb_digest *diff_id, struct layer_record *ret, size_t most,
			  struct msb_error *err);

/* The stat cache of build contexts: a file that looks the same has the same content. */
struct stat_key {
	uint64_t device, inode, size;
	int64_t mtime_ns, ctime_ns;
};
int store_stat_set(struct store_writer *writer, const struct stat_key *key,
		   const struct msb_digest *content, struct msb_error *err);
/* -ENOENT without a message for a miss. */
int store_stat_find(struct store_writer *writer, const struct stat_key *key, struct msb_digest *ret,
		    struct msb_error *err);

#endif

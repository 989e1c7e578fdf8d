/*
 * Tar streams to trees and back: the only room that knows libarchive.
 *
 * A layer is a tar of what differs between two trees, with whiteouts for what is gone
 * (OCI image-spec 1.1, layer.md). Its bytes are a pure function of the two trees, so it is written
 * when somebody needs them and never stored.
 */
#ifndef LAYER_H
#define LAYER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <msb/digest.h>
#include <msb/error.h>
#include <msb/store.h>

#include "store_writer.h"
#include "tree_edit.h"

/* Where a stream's bytes come from: up to size bytes into bytes; 0 at the end, or a negative
 * code with err set. */
struct layer_source {
	ssize_t (*read)(void *context, void *bytes, size_t size, struct msb_error *err);
	void *context;
};

/* Where bytes go: all of the bytes, or a negative code with err set. */
struct layer_sink {
	int (*write)(void *context, const void *bytes, size_t size, struct msb_error *err);
	void *context;
};

struct layer_unpack_options {
	/* ".wh.NAME" and ".wh..wh..opq" remove what is below in the edit; otherwise they are names
	 * like any other (a root file system tar). */
	bool whiteouts;
	/* A name that leads above the archive's root is refused with -EBADMSG; otherwise it stops
	 * there, as in a chroot. */
	bool inside;
	/* Where in the edit the archive's root is: a directory that exists, and keeps its own
	 * owner, mode and time whatever the archive says of ".". NULL: "/", as the archive has it.
	 */
	const char *directory;
	/* Bytes that the stream may unpack to; 0: no limit. -EFBIG beyond. */
	uint64_t limit;
	bool set_owner; /* every entry gets uid and gid (ADD --chown) */
	uint32_t uid, gid;
	/* Nanoseconds: time of directories that the archive has things in and no entry for; those
	 * that it makes are root's and 0755. 0: the ones that are there keep theirs. */
	int64_t now;
	bool want_diff_id; /* costs a second hash of all bytes */
};

struct layer_unpacked {
	/* Of the uncompressed tar stream, to its last byte; all zero unless wanted. */
	struct msb_digest diff_id;
	uint64_t size; /* of the uncompressed stream */
	uint64_t entries;
};

/*
 * Unpacks a tar, plain or compressed with gzip, zstd, bzip2 or xz as its first bytes tell, into
 * the edit; contents go to the store through writer. Decompression runs beside it in a
 * thread of its own. A path that leads outside by "..", or through a symlink that an earlier entry
 * made, never leaves the directory; hard links and sparse files are kept; sockets are left out.
 * -EBADMSG for what is no archive or is cut short.
 */
int layer_unpack(struct store_writer *writer, struct tree_edit *edit,
		 const struct layer_source *source, const struct layer_unpack_options *options,
		 struct layer_unpacked *ret, struct msb_error *err);

/* Loads what unpacking needs. That takes milliseconds, which a caller who waits for something may
 * have to spare; else the first layer_unpack() spends them. What fails is found again there. */
void layer_unpack_ready(void);

/* A layer whose entries come from elsewhere than a tar, in the tar's order; names, links and
 * whiteouts as in layer_unpack(). entry is not looked at where hardlink is another file's name. */
struct layer_applier;
int layer_applier_new(struct tree_edit *edit, struct layer_applier **ret, struct msb_error *err);
int layer_apply(struct layer_applier *applier, const char *name, const char *hardlink,
		const struct msb_entry *entry, struct msb_error *err);
void layer_applier_free(struct layer_applier *applier);
DEFINE_AUTO(struct layer_applier, layer_applier_free)

/* A source that reads a descriptor from where it stands, and a sink that writes to one. */
struct layer_source layer_source_fd(const int *fd);
struct layer_sink layer_sink_fd(const int *fd);

/*
 * Writes the uncompressed form of the source to fd, at most limit bytes (-EFBIG). -EBADMSG for
 * compressed bytes that are damaged or cut short.
 */
int layer_decompress(const struct layer_source *source, int fd, uint64_t limit,
		     struct msb_error *err);

/*
 * Passes on `size` bytes of the uncompressed form of the source, those behind the first `skip`
 * ones, and reads no further. -EBADMSG where there are not so many.
 */
int layer_read_part(const struct layer_source *source, uint64_t skip, uint64_t size,
		    const struct layer_sink *sink, struct msb_error *err);

/* True when the first bytes of a file (at least 1 KiB, or all of it) are a tar, plain or
 * compressed, as ADD wants to know. */
bool layer_is_archive(const void *bytes, size_t size);

/*
 * Writes the layer that turns tree parent (NULL: nothing) into tree: entries in path order,
 * ustar with pax headers where needed (times below the second, long names, large numbers,
 * SCHILY.xattr, GNU.sparse 1.0), hard links after the first of their names, whiteouts before what
 * replaces them. Sockets are left out. The same trees always give the same bytes. -EINVAL for a
 * file whose own name is that of a whiteout.
 */
int layer_write(struct msb_store *store, const struct msb_digest *parent,
		const struct msb_digest *tree, const struct layer_sink *sink,
		struct msb_error *err);

/* The layer's digest and size without keeping its bytes. */
int layer_digest(struct msb_store *store, const struct msb_digest *parent,
		 const struct msb_digest *tree, struct msb_digest *ret_diff_id, uint64_t *ret_size,
		 struct msb_error *err);

/* Compresses what is written to its sink and passes it on. The same bytes, compression and level
 * always give the same result. */
enum layer_compression {
	LAYER_GZIP, /* levels 1 to 9 */
	LAYER_ZSTD, /* 1 to 19 */
};
struct layer_encoder;
/* level 0: the default. -EINVAL for one that the compression does not have. */
int layer_encoder_new(enum layer_compression how, int level, const struct layer_sink *sink,
		      struct layer_encoder **ret, struct msb_error *err);
struct layer_sink layer_encoder_sink(struct layer_encoder *encoder); /* borrowed from it */
int layer_encoder_finish(struct layer_encoder *encoder, struct msb_error *err);
void layer_encoder_free(struct layer_encoder *encoder);
DEFINE_AUTO(struct layer_encoder, layer_encoder_free)

/*
 * The tar in fd as a compressed stream from which files can be read one by one, in compressed units
 * of their own. each is told of every entry in order; what it gets is borrowed. *ret_end: where the
 * tar's last entry ends. -EOPNOTSUPP for a tar of which that cannot be made, as one with sparse
 * files.
 */
struct layer_piece {
	uint64_t start, stop;  /* of the compressed stream */
	uint64_t offset, size; /* of the file */
	struct msb_digest digest;
};
struct layer_file {
	const char *name, *hardlink; /* as the tar has them; hardlink NULL: none */
	struct msb_entry entry;
	struct msb_digest digest; /* of the content */
	struct layer_piece *pieces;
	size_t piece_count;
};
typedef int (*layer_file_fn)(void *context, const struct layer_file *file, struct msb_error *err);
struct layer_pieces_options {
	enum layer_compression how;
	int level;
	bool whole; /* to the tar's last byte; else without its end mark */
};
int layer_write_pieces(int fd, const struct layer_pieces_options *options,
		       const struct layer_sink *sink, layer_file_fn each, void *context,
		       uint64_t *ret_end, struct msb_error *err);

/* A whole tree as a plain tar, for export: no whiteouts, paths below "./". */
int layer_export(struct msb_store *store, const struct msb_digest *tree,
		 const struct layer_sink *sink, struct msb_error *err);

/* True when the first bytes (8 suffice) are those of a compressed stream. */
bool layer_is_compressed(const void *bytes, size_t size);

/*
 * Archives whose members are documents and layers, as images travel: a plain tar in a file that
 * can be read at any offset.
 */
struct layer_member {
	const char *name;
	const char *link; /* symlink or hard link: the other member's name as written; else NULL */
	bool hard;        /* of a link: its name counts from the archive's root */
	uint64_t offset;  /* of its bytes in the file */
	uint64_t size;
};

/* Calls each for all members in order, those that are neither files nor links excepted. What each
 * gets is borrowed for the call. A negative return ends it. */
int layer_list_members(int fd, int (*each)(void *context, const struct layer_member *member),
		       void *context, struct msb_error *err);

/* A tar of such members: a header, then size bytes written by the caller, then the padding; after
 * the last one the end mark. Owner 0:0, mode 0644, time 0. */
int layer_begin_member(const struct layer_sink *sink, const char *name, uint64_t size,
		       struct msb_error *err);
int layer_end_member(const struct layer_sink *sink, uint64_t size, struct msb_error *err);
int layer_end_archive(const struct layer_sink *sink, struct msb_error *err);

#endif

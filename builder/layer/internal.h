/* For the files of this room: uncompressed streams, names seen, and tar headers. */
#ifndef LAYER_INTERNAL_H
#define LAYER_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "layer.h"
#include "libarchive.h"
#include "strlist.h"

#define TAR_BLOCK 512
/* The longest name an archive may give an entry, and the longest path it may come out at. */
#define LONGEST_PATH 4095

/* decoder.c: a source's uncompressed bytes, pulled by one thread. */
struct decoder;
int decoder_new(const struct layer_source *source, struct decoder **ret, struct msb_error *err);
/* As many bytes as there are up to size; fewer at the end only. */
ssize_t decoder_read(struct decoder *decoder, void *bytes, size_t size, struct msb_error *err);
void decoder_free(struct decoder *decoder);
DEFINE_AUTO(struct decoder, decoder_free)

/* True when the 512 bytes are the header of a tar entry: its checksum holds. */
bool is_tar_header(const uint8_t *block);

/* stream.c: the same, pulled ahead by a thread of its own, and hashed. */
struct stream;
int stream_open(const struct layer_source *source, uint64_t limit, bool hash, struct stream **ret,
		struct msb_error *err);
/* The next piece, borrowed until the next call; 0 at the end. A negative code is the thread's,
 * whose sentence stream_finish() gives. */
ssize_t stream_next(struct stream *stream, const void **ret);
/* Of a failure of the reader with code: when the thread has failed, its failure is the cause. */
int stream_blame(struct stream *stream, int code, struct msb_error *err);
/* Reads on to the last byte and ends the thread. */
int stream_finish(struct stream *stream, struct msb_digest *ret_digest, uint64_t *ret_size,
		  struct msb_error *err);
void stream_free(struct stream *stream);
DEFINE_AUTO(struct stream, stream_free)

/* names.c: byte strings with a text each. */
struct name {
	char *text;  /* owned, NULL for none */
	size_t size; /* of the key */
	uint8_t key[];
};
struct names {
	struct name **table; /* owned, open addressing */
	size_t capacity;     /* a power of two */
	size_t count;
	uint64_t seed; /* so that nobody can choose names that collide */
};
struct name *names_find(const struct names *names, const void *key, size_t size);
/* Keeps a copy of both; text NULL: none. A key that is there is left as it is.
 * 1 when it was new, 0, or -ENOMEM. */
int names_add(struct names *names, const void *key, size_t size, const char *text);
void names_done(struct names *names);

/* place.c: where a name of an archive lands in an edit. */
struct place {
	struct tree_edit *edit;
	char *root;           /* owned: the directory of the edit; "" for "/" */
	struct buffer parent; /* of the last name: "a/b/", whose place has no symlink in it */
	struct buffer path;   /* the last answer */
};
/* Between two answers the edit may change only at and below the parent of the first. */
int place_init(struct place *place, struct tree_edit *edit, const char *directory,
	       struct msb_error *err);
/* The path in the edit, borrowed until the next call: symlinks and ".." of all parents are
 * followed beneath the directory, a symlink in last place is not. */
int place_find(struct place *place, const char *name, const char **ret, struct msb_error *err);
void place_done(struct place *place);

/* whiteout.c: what a layer removes of those below it. */
struct whiteouts {
	struct tree_edit *edit;
	struct names kept; /* paths that this layer has put, and all directories on the way */
};
/* To be told of every path that the layer puts. */
int whiteouts_keep(struct whiteouts *whiteouts, const char *path);
/* Removes what is at path, or all below it, and was not put by this layer. */
int whiteouts_remove(struct whiteouts *whiteouts, const char *path, struct msb_error *err);
int whiteouts_clear(struct whiteouts *whiteouts, const char *path, struct msb_error *err);
void whiteouts_done(struct whiteouts *whiteouts);

/* landing.c: an entry of a layer on its way into an edit. */
struct landing {
	struct tree_edit *edit;
	bool has_whiteouts;       /* ".wh." means something */
	bool inside;              /* a name that leads out is refused */
	struct msb_entry parents; /* what missing ones are made like */
	bool touches;             /* those that are there get the time of parents */
	struct names timed;       /* where that was done, or the archive says the time */
	struct place place;
	struct whiteouts whiteouts;
};
int landing_init(struct landing *landing, struct tree_edit *edit,
		 const struct layer_unpack_options *options, struct msb_error *err);
/* Does at once what needs no entry: whiteouts and hard links. 1: an entry belongs at *ret_path,
 * borrowed until the next call, by landing_put(); 0: it is done. */
int landing_find(struct landing *landing, const char *name, const char *hardlink,
		 const char **ret_path, struct msb_error *err);
int landing_put(struct landing *landing, const char *path, const struct msb_entry *entry,
		struct msb_error *err);
void landing_done(struct landing *landing);

/* eve.c: which entries have a time in the second before 1970. */
struct eve {
	uint64_t offset;     /* of what comes next in the archive */
	uint64_t header;     /* the extended header whose body is being gathered */
	uint64_t missing;    /* bytes of that */
	struct buffer body;  /* what there is of it */
	struct buffer found; /* of uint64_t: where such headers begin */
	size_t first;        /* those before it were passed */
};
/* To be given all of the archive, in pieces of whole blocks but for the last. 0 or -ENOMEM. */
int eve_look(struct eve *eve, const uint8_t *bytes, size_t size);
/* True when such a header begins in [from, to); entries are asked for in their order. */
bool eve_holds(struct eve *eve, uint64_t from, uint64_t to);
void eve_done(struct eve *eve);

/* entry.c: what an archive says of an entry. eve: its time is one of those. xattrs is what
 * entry->xattrs points to: owned by the caller; name, content and hard links are not filled in. */
int entry_read(struct archive_entry *from, bool eve, struct msb_entry *ret, uint8_t **ret_xattrs,
	       struct msb_error *err);

/* acl.c: the ACL of one kind (ARCHIVE_ENTRY_ACL_TYPE_*) as the kernel keeps it in an extended
 * attribute; nothing is appended where there is none. */
void acl_encode(struct archive_entry *from, int kind, struct buffer *ret);
/* The mask of an access ACL, 0 to 7; -1 where there is none. */
int acl_mask(struct archive_entry *from);

/* content.c: the bytes of the archive's current entry into the store; fills in size, digest and
 * holes. limit: the most it may have. gather is memory to be used again, at least STORE_LARGE. */
int content_read(struct archive *archive, struct store_writer *writer, uint64_t limit,
		 uint8_t *gather, struct msb_entry *entry, struct msb_error *err);

/* sparse.c: the pieces of a file that are no holes. */
struct extent {
	uint64_t offset, size;
};
struct sparse_map {
	struct extent *extents; /* owned */
	size_t count, capacity;
	uint64_t data;      /* bytes of all pieces */
	struct buffer text; /* as it stands in the archive, whole blocks */
};
#define autosparsemap __attribute__((cleanup(sparse_map_done))) struct sparse_map
int sparse_map_make(struct msb_store *store, const struct msb_digest *digest,
		    struct sparse_map *ret, struct msb_error *err);
void sparse_map_done(struct sparse_map *map);

/* links.c: in path order, all names of the hard-linked files of which the difference between the
 * trees holds some names but not all. */
int links_of_layer(struct msb_store *store, const struct msb_digest *parent,
		   const struct msb_digest *tree, struct strlist *ret, struct msb_error *err);
/* As a walk through a tree meets them: below 0 when a comes first. */
int path_order(const char *a, const char *b);

/* header.c: the header blocks of one entry, with pax records where ustar does not do. */
struct header {
	const char *name; /* with a slash at the end for a directory */
	const char *link; /* hard link: the other name */
	const struct msb_entry *entry;
	uint64_t size; /* of what follows in the archive */
	bool has_map;  /* what follows is a sparse file's map and pieces (sparse.c) */
};
int header_append(struct buffer *ret, const struct header *header, struct msb_error *err);

#endif

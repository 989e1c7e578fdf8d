/*
 * Tables of contents of layers that can be read in parts: eStargz (containerd/stargz-snapshotter,
 * docs/estargz.md) and zstd:chunked (containers/storage), which say the same in the same JSON: what
 * a layer's tar holds, and where in the compressed layer the bytes of each file are. So a tree can
 * be made of the table alone.
 */
#ifndef TOC_H
#define TOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msb/digest.h>
#include <msb/error.h>

#include "store_remote.h"
#include "tree_edit.h"

/* A table's size, uncompressed: of about half a million files. */
#define TOC_MAX            ((uint64_t)192 * 1024 * 1024)

#define TOC_ESTARGZ_NAME   "stargz.index.json"
#define TOC_LANDMARK       ".prefetch.landmark"
#define TOC_NO_LANDMARK    ".no.prefetch.landmark"
#define TOC_ESTARGZ_FOOTER 51

/* Where a layer's table is, as the layer's descriptor in the manifest announces it. A value. */
struct toc_place {
	enum toc_kind { TOC_NONE, TOC_ESTARGZ, TOC_ZSTD } kind;
	/* eStargz: of the table. zstd:chunked: of its compressed form. */
	struct msb_digest digest;
	uint64_t offset, size, unpacked; /* zstd:chunked: of the compressed table; its own size */
	uint64_t tar_size;               /* eStargz: of the uncompressed layer; 0: not said */
};

/* What is known of the layer whose table it is. */
struct toc_layer {
	struct msb_digest digest;
	uint64_t size;  /* of the part that holds files: of what lies before the table */
	uint64_t limit; /* bytes that all files together may have */
};

/* The files of a table: what has content, and where it is. */
struct toc_files {
	struct store_remote *items; /* owned */
	size_t count, capacity;
	uint64_t bytes;
};
void toc_files_done(struct toc_files *files);
#define autotoc __attribute__((cleanup(toc_files_done))) struct toc_files

/*
 * Puts what the table says into the edit, as if its layer were unpacked, and lists where the bytes
 * of the files are. The table is hostile: whatever it says of places and sizes is held against the
 * layer's size. -EOPNOTSUPP for one that is not enough to go by: such a layer has to be unpacked.
 * -EBADMSG for one that is wrong.
 */
int toc_apply(const char *json, size_t size, const struct toc_layer *layer, struct tree_edit *edit,
	      struct toc_files *ret, struct msb_error *err);

/* The offset of the table, out of the footer of an eStargz layer (TOC_ESTARGZ_FOOTER bytes). */
bool toc_read_footer(const uint8_t *footer, uint64_t *ret_offset);

#endif

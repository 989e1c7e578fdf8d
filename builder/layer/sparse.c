/*
 * Files with holes, in the format that GNU tar calls 1.0 and every reader of pax archives knows: a
 * map of the pieces that are no holes, as text, then these pieces one after the other.
 *
 * What counts as a hole depends on the content alone (blocks of zeros), so that the same tree gives
 * the same bytes wherever the store keeps it; where the file system knows of holes they are only
 * skipped faster.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "internal.h"
#include "io.h"

#define HOLE_BLOCK 4096

/* The blob being looked through. */
struct scan {
	int fd;
	uint64_t begin, size;  /* of the blob in the file; offsets below count from begin */
	uint8_t *piece;        /* borrowed */
	uint64_t at, piece_at; /* the next block; what piece begins with */
	size_t piece_size;
};

#define SCAN_PIECE ((size_t)256 * 1024)

static bool is_zero(const uint8_t *bytes, size_t size)
{
	return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* Over what the file system knows to be a hole, to the beginning of a block. */
static void skip_hole(struct scan *scan)
{
	off_t data = lseek(scan->fd, (off_t)(scan->begin + scan->at), SEEK_DATA);

	if (data < 0 && errno == ENXIO)
		scan->at = scan->size;
	else if (data > (off_t)(scan->begin + scan->at))
		scan->at = ((uint64_t)data - scan->begin) / HOLE_BLOCK * HOLE_BLOCK;
	if (scan->at > scan->size)
		scan->at = scan->size;
}

/* 1 and the next block that is no hole; 0 at the end. */
static int next_block(struct scan *scan, uint64_t *ret_offset, size_t *ret_size,
		      struct msb_error *err)
{
	while (scan->at < scan->size) {
		uint64_t rest = scan->size - scan->at;
		size_t n = rest < HOLE_BLOCK ? (size_t)rest : HOLE_BLOCK;

		if (scan->at < scan->piece_at || scan->at + n > scan->piece_at + scan->piece_size) {
			size_t want;
			ssize_t got;

			skip_hole(scan);
			rest = scan->size - scan->at;
			want = rest < SCAN_PIECE ? (size_t)rest : SCAN_PIECE;
			got = io_pread(scan->fd, scan->piece, want, scan->begin + scan->at);
			if (got < 0)
				return msb_error_set(err, (int)got, "read its content");
			if ((size_t)got != want)
				return msb_error_say(err, EBADMSG, "its content is cut short");
			scan->piece_at = scan->at;
			scan->piece_size = want;
			continue;
		}
		*ret_offset = scan->at;
		*ret_size = n;
		scan->at += n;
		if (!is_zero(scan->piece + (*ret_offset - scan->piece_at), n))
			return 1;
	}
	return 0;
}

static int add_block(struct sparse_map *map, uint64_t offset, size_t size)
{
	struct extent *last = map->count > 0 ? &map->extents[map->count - 1] : NULL;

	map->data += size;
	if (last && last->offset + last->size == offset) {
		last->size += size;
		return 0;
	}
	if (map->count == map->capacity) {
		size_t capacity = map->capacity ? 2 * map->capacity : 16;
		struct extent *grown = realloc(map->extents, capacity * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		map->extents = grown;
		map->capacity = capacity;
	}
	map->extents[map->count++] = (struct extent){offset, size};
	return 0;
}

/* GNU tar ends the map of a file that ends in a hole with an empty piece. */
static int write_map(struct sparse_map *map, uint64_t size, struct msb_error *err)
{
	const struct extent *last = map->count > 0 ? &map->extents[map->count - 1] : NULL;
	bool hole_at_end = !last || last->offset + last->size < size;

	buffer_printf(&map->text, "%zu\n", map->count + hole_at_end);
	for (size_t i = 0; i < map->count; i++)
		buffer_printf(&map->text, "%" PRIu64 "\n%" PRIu64 "\n", map->extents[i].offset,
			      map->extents[i].size);
	if (hole_at_end)
		buffer_printf(&map->text, "%" PRIu64 "\n0\n", size);
	while (buffer_ok(&map->text) && map->text.size % TAR_BLOCK != 0)
		buffer_u8(&map->text, 0);
	return buffer_ok(&map->text) ? 0 : msb_error_memory(err);
}

int sparse_map_make(struct msb_store *store, const struct msb_digest *digest,
		    struct sparse_map *ret, struct msb_error *err)
{
	struct scan scan = {.fd = -1};
	struct msb_location location;
	autofree uint8_t *piece = malloc(SCAN_PIECE);
	autoclose int fd = -1;
	uint64_t offset = 0;
	size_t size = 0;
	int r;

	if (!piece)
		return msb_error_memory(err);
	r = msb_store_open_blob(store, digest, &fd, &location, err);
	if (r < 0)
		return r;
	scan.fd = fd;
	scan.begin = location.offset;
	scan.size = location.size;
	scan.piece = piece;
	while ((r = next_block(&scan, &offset, &size, err)) > 0)
		if (add_block(ret, offset, size) < 0)
			return msb_error_memory(err);
	return r < 0 ? r : write_map(ret, location.size, err);
}

void sparse_map_done(struct sparse_map *map)
{
	free(map->extents);
	buffer_done(&map->text);
}

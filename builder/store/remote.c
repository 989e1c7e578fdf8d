/* Noting where blobs can be had that are not here. */
#include <string.h>

#include "buffer.h"
#include "remote.h"
#include "store_remote.h"
#include "writer.h"

/* One piece that is all of the file needs no words. */
static bool is_plain(const struct store_remote *remote)
{
	const struct store_part *part = remote->parts;

	return remote->part_count == 0 ||
	       (remote->part_count == 1 && part->skip == 0 && part->size == remote->size &&
		msb_digest_equal(&part->digest, &remote->digest));
}

static void encode_parts(const struct store_remote *remote, struct buffer *ret)
{
	for (size_t i = 0; i < remote->part_count; i++) {
		buffer_u64(ret, remote->parts[i].start);
		buffer_u64(ret, remote->parts[i].stop);
		buffer_u64(ret, remote->parts[i].skip);
		buffer_u64(ret, remote->parts[i].size);
		buffer_append(ret, remote->parts[i].digest.bytes, MSB_DIGEST_SIZE);
	}
}

int store_remote_set(struct store_writer *writer, const struct store_remote *remote,
		     struct msb_error *err)
{
	struct connection *connection;
	uint64_t start, stop;
	autobuffer parts = {0};
	int r = writer_connection(writer, &connection, err);

	if (r < 0)
		return r;
	store_remote_range(remote, &start, &stop);
	if (!is_plain(remote))
		encode_parts(remote, &parts);
	if (!buffer_ok(&parts))
		return msb_error_memory(err);
	autoquery query = query_on(connection, "INSERT OR REPLACE INTO remote(digest, layer, size,"
					       " start, stop, parts) VALUES(?, ?, ?, ?, ?, ?)");
	query_bind_digest(&query, &remote->digest);
	query_bind_digest(&query, &remote->layer);
	query_bind_int(&query, (int64_t)remote->size);
	query_bind_int(&query, (int64_t)start);
	query_bind_int(&query, (int64_t)stop);
	query_bind_bytes(&query, parts.bytes, parts.size);
	return query_step(&query, err);
}

int store_origin_set(struct store_writer *writer, const struct msb_digest *layer, const char *place,
		     struct msb_error *err)
{
	struct connection *connection;
	int r = writer_connection(writer, &connection, err);

	if (r < 0)
		return r;
	autoquery query = query_on(connection,
				   "INSERT OR REPLACE INTO layer_place(layer, place) VALUES(?, ?)");
	query_bind_digest(&query, layer);
	query_bind_text(&query, place);
	return query_step(&query, err);
}

/* Where blobs can be had that are not here. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "little_endian.h"
#include "remote.h"
#include "store_remote.h"

void store_remote_range(const struct store_remote *remote, uint64_t *ret_start, uint64_t *ret_stop)
{
	*ret_start = remote->part_count ? UINT64_MAX : 0;
	*ret_stop = remote->part_count ? 0 : remote->size;
	for (size_t i = 0; i < remote->part_count; i++) {
		if (remote->parts[i].start < *ret_start)
			*ret_start = remote->parts[i].start;
		if (remote->parts[i].stop > *ret_stop)
			*ret_stop = remote->parts[i].stop;
	}
}

static int decode_parts(const uint8_t *bytes, size_t size, struct store_remote *ret,
			struct msb_error *err)
{
	ret->part_count = size / PART_SIZE;
	if (size % PART_SIZE || size == 0)
		return msb_error_say(err, EBADMSG, "damaged: a record of a remote blob");
	ret->parts = calloc(ret->part_count, sizeof(*ret->parts));
	if (!ret->parts)
		return msb_error_memory(err);
	for (size_t i = 0; i < ret->part_count; i++, bytes += PART_SIZE) {
		ret->parts[i] = (struct store_part){le_get_u64(bytes), le_get_u64(bytes + 8),
						    le_get_u64(bytes + 16), le_get_u64(bytes + 24)};
		memcpy(ret->parts[i].digest.bytes, bytes + 32, MSB_DIGEST_SIZE);
	}
	return 0;
}

static int read_row(struct query *query, struct store_remote *ret, struct msb_error *err)
{
	const uint8_t *bytes;
	size_t size;
	uint64_t start, stop;

	query_digest(query, &ret->digest);
	query_digest(query, &ret->layer);
	ret->size = (uint64_t)query_int(query);
	start = (uint64_t)query_int(query);
	stop = (uint64_t)query_int(query);
	bytes = query_bytes(query, &size);
	if (query_check(query, err) < 0 || msb_digest_equal(&ret->digest, &ret->layer))
		return query_check(query, err);
	if (bytes)
		return decode_parts(bytes, size, ret, err);
	ret->parts = calloc(1, sizeof(*ret->parts));
	if (!ret->parts)
		return msb_error_memory(err);
	ret->part_count = 1;
	ret->parts[0] = (struct store_part){start, stop, 0, ret->size, ret->digest};
	return 0;
}

void store_remotes_free(struct store_remote *remotes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(remotes[i].parts);
	free(remotes);
}

static int read_rows(struct query *query, struct store_remote **ret, size_t *ret_count,
		     struct msb_error *err)
{
	struct store_remote *rows = NULL, *grown;
	size_t count = 0;
	int r;

	while ((r = query_step(query, err)) == 1) {
		grown = reallocarray(rows, count + 1, sizeof(*rows));
		if (!grown) {
			r = msb_error_memory(err);
			break;
		}
		rows = grown;
		rows[count] = (struct store_remote){0};
		r = read_row(query, &rows[count++], err);
		if (r < 0)
			break;
	}
	if (r < 0) {
		store_remotes_free(rows, count);
		return r;
	}
	*ret = rows;
	*ret_count = count;
	return 0;
}

#define REMOTE_COLUMNS "digest, layer, size, start, stop, parts"

int store_remote_find(struct msb_store *store, const struct msb_digest *digest,
		      struct store_remote **ret, size_t *ret_count, struct msb_error *err)
{
	autoreader *connection = NULL;
	int r = store_reader(store, &connection, err);

	if (r < 0)
		return r;
	autoquery query =
		query_on(connection, "SELECT " REMOTE_COLUMNS " FROM remote WHERE digest = ?");
	query_bind_digest(&query, digest);
	return read_rows(&query, ret, ret_count, err);
}

int store_remote_behind(struct msb_store *store, const struct msb_digest *layer, uint64_t start,
			size_t most, struct store_remote **ret, size_t *ret_count,
			struct msb_error *err)
{
	autoreader *connection = NULL;
	int r = store_reader(store, &connection, err);

	if (r < 0)
		return r;
	autoquery query =
		query_on(connection, "SELECT " REMOTE_COLUMNS " FROM remote WHERE layer = ?1 AND"
				     " start >= ?2 AND digest <> ?1 AND"
				     " NOT EXISTS (SELECT 1 FROM blob WHERE blob.digest ="
				     " remote.digest) ORDER BY start LIMIT ?3");
	query_bind_digest(&query, layer);
	query_bind_int(&query, (int64_t)start);
	query_bind_int(&query, (int64_t)most);
	return read_rows(&query, ret, ret_count, err);
}

int store_origin_list(struct msb_store *store, const struct msb_digest *layer, struct strlist *ret,
		      struct msb_error *err)
{
	autoreader *connection = NULL;
	int r = store_reader(store, &connection, err);

	if (r < 0)
		return r;
	autoquery query = query_on(
		connection, "SELECT place FROM layer_place WHERE layer = ? ORDER BY rowid DESC");
	query_bind_digest(&query, layer);
	while ((r = query_step(&query, err)) == 1) {
		autofree char *place = query_text(&query);

		if (!place || strlist_add(ret, place) < 0)
			return msb_error_memory(err);
	}
	return r;
}

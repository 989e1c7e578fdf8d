/* Is what the store holds what it once was? */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "care.h"

#define PIECE (1024 * 1024)

/* Directories below each other; a tree that is deeper is shown from there on. */
#define MAX_DEPTH 4096

struct checker {
	struct store_care *care;
	struct msb_hasher *hasher;
	uint8_t *piece;
};

/* Reads a blob as a whole. 0, or why it is bad. */
static int hash_blob(struct checker *checker, const struct msb_digest *digest,
		     const struct msb_location *location, struct msb_error *err)
{
	struct msb_store *store = checker->care->writer->store;
	struct msb_digest found;
	uint64_t offset = 0;
	int r = 0;

	while (r == 0 && offset < location->size) {
		ssize_t n =
			msb_store_read(store, digest, location, checker->piece, PIECE, offset, err);

		if (n < 0)
			r = (int)n;
		else
			msb_hasher_update(checker->hasher, checker->piece, (size_t)n);
		offset += n > 0 ? (uint64_t)n : 0;
	}
	msb_hasher_finish(checker->hasher, &found);
	if (r == 0 && !msb_digest_equal(&found, digest))
		r = location->pack ? msb_error_say(err, EBADMSG,
						   "its bytes in 'packs/%08x.pack' have changed",
						   (unsigned)location->pack)
				   : msb_error_say(err, EBADMSG, "its file has changed");
	return r;
}

/* Damage is noted; lack of memory ends the check. */
static int check_blob(struct checker *checker, const struct msb_digest *digest,
		      const struct msb_location *location, struct msb_error *err)
{
	struct msb_error why = {0};
	int r = hash_blob(checker, digest, location, &why);

	if (r == -ENOMEM)
		return msb_error_memory(err);
	return r < 0 ? store_note_bad(checker->care, digest, why.text, err) : 0;
}

static int check_all(struct checker *checker, struct msb_error *err)
{
	/* Large files first, then each pack from its beginning to its end. */
	autoquery query = query_on(checker->care->connection, "SELECT digest, pack, offset, size"
							      " FROM blob ORDER BY pack, offset");
	int r;

	while ((r = query_step(&query, err)) == 1) {
		struct msb_location location;
		struct msb_digest digest;

		query_digest(&query, &digest);
		location.pack = (uint32_t)query_int(&query);
		location.offset = (uint64_t)query_int(&query);
		location.size = (uint64_t)query_int(&query);
		r = query_check(&query, err);
		if (r == 0)
			r = check_blob(checker, &digest, &location, err);
		if (r < 0)
			return r;
	}
	return r;
}

int store_check_blobs(struct store_care *care, struct msb_error *err)
{
	AUTO(msb_hasher_freep) struct msb_hasher *hasher = msb_hasher_new();
	autofree uint8_t *piece = malloc(PIECE);
	struct checker checker = {care, hasher, piece};

	if (!hasher || !piece)
		return msb_error_memory(err);
	return check_all(&checker, err);
}

int store_check_records(struct store_care *care, char **ret_text, struct msb_error *err)
{
	autoquery query = query_on(care->connection, "PRAGMA main.quick_check(1)");
	autofree char *text = NULL;
	int r = query_step(&query, err);

	if (r < 0)
		return r;
	text = query_text(&query);
	if (!text)
		return msb_error_memory(err);
	if (strcmp(text, "ok") == 0)
		return 1;
	*ret_text = steal(&text);
	return 0;
}

int store_note_bad(struct store_care *care, const struct msb_digest *digest, const char *why,
		   struct msb_error *err)
{
	autoquery query = query_on(care->connection, "INSERT OR IGNORE INTO bad VALUES(?, ?)");

	query_bind_digest(&query, digest);
	query_bind_text(&query, why);
	return query_step(&query, err);
}

int store_is_bad(struct store_care *care, const struct msb_digest *digest, struct msb_error *err)
{
	autoquery query = query_on(care->connection, "SELECT 1 FROM bad WHERE digest = ?");

	query_bind_digest(&query, digest);
	return query_step(&query, err);
}

int store_note_root(struct store_care *care, const struct msb_digest *digest, const char *who,
		    struct msb_error *err)
{
	autoquery query = query_on(care->connection, "INSERT OR IGNORE INTO root VALUES(?, ?)");

	query_bind_digest(&query, digest);
	query_bind_text(&query, who);
	return query_step(&query, err);
}

int store_note_edge(struct store_care *care, const struct msb_digest *child,
		    const struct msb_digest *parent, const char *name, size_t length,
		    struct msb_error *err)
{
	autofree char *text = strndup(name, length);
	autoquery query = query_on(care->connection, "INSERT OR IGNORE INTO edge VALUES(?, ?, ?)");

	if (!text)
		return msb_error_memory(err);
	query_bind_digest(&query, child);
	query_bind_digest(&query, parent);
	query_bind_text(&query, text);
	return query_step(&query, err);
}

/* Who names this blob itself? 1 and *ret, owned; 0; or a negative code. */
static int find_root(struct store_care *care, const struct msb_digest *digest, char **ret,
		     struct msb_error *err)
{
	autoquery query = query_on(care->connection, "SELECT who FROM root WHERE digest = ?");
	int r;

	query_bind_digest(&query, digest);
	r = query_step(&query, err);
	if (r != 1)
		return r;
	*ret = query_text(&query);
	return *ret ? 1 : msb_error_memory(err);
}

/* The directory that names digest, which becomes it, and the name; as find_root(). */
static int find_parent(struct store_care *care, struct msb_digest *digest, char **ret,
		       struct msb_error *err)
{
	autoquery query =
		query_on(care->connection, "SELECT parent, name FROM edge WHERE child = ? LIMIT 1");
	struct msb_digest child = *digest;
	int r;

	query_bind_digest(&query, &child);
	r = query_step(&query, err);
	if (r != 1)
		return r;
	query_digest(&query, digest);
	*ret = query_text(&query);
	return *ret ? 1 : msb_error_memory(err);
}

/* "name" and "/rest" to "/name/rest"; a root object's one entry has no name. */
static int put_in_front(char **path, const char *name)
{
	char *longer = NULL;

	const char *rest = *path ? *path : "";

	if (!*name && *rest)
		return 0;
	if (asprintf(&longer, "/%s%s", name, rest) < 0)
		return -ENOMEM;
	free(*path);
	*path = longer;
	return 0;
}

/* From the blob upwards to a record. *ret_who stays NULL where none leads here. */
static int find_way(struct store_care *care, const struct msb_digest *digest, char **ret_who,
		    char **ret_path, struct msb_error *err)
{
	struct msb_digest at = *digest;
	int r = 0;

	for (unsigned depth = 0; depth < MAX_DEPTH; depth++) {
		autofree char *name = NULL;

		r = find_root(care, &at, ret_who, err);
		if (r == 0)
			r = find_parent(care, &at, &name, err);
		if (r < 0 || *ret_who || r == 0)
			break;
		if (put_in_front(ret_path, name) < 0)
			return msb_error_memory(err);
	}
	return r < 0 ? r : 0;
}

int store_each_bad(struct store_care *care, store_bad_fn each, void *context, struct msb_error *err)
{
	autoquery query = query_on(care->connection, "SELECT digest, why FROM bad");
	int r;

	while ((r = query_step(&query, err)) == 1) {
		autofree char *why = NULL, *who = NULL, *path = strdup("");
		struct msb_digest digest;

		query_digest(&query, &digest);
		why = query_text(&query);
		if (!why || !path)
			return msb_error_memory(err);
		r = find_way(care, &digest, &who, &path, err);
		if (r == 0)
			r = each(context, &digest, why, who, path, err);
		if (r < 0)
			return r;
	}
	return r;
}

int store_repair(struct store_care *care, struct msb_error *err)
{
	static const char *const statements[] = {
		"CREATE TEMP TABLE tainted(digest BLOB PRIMARY KEY) WITHOUT ROWID",
		"WITH RECURSIVE up(digest) AS (SELECT digest FROM bad UNION"
		" SELECT parent FROM edge JOIN up ON child = up.digest)"
		" INSERT INTO tainted SELECT digest FROM up",
		"DELETE FROM cache WHERE tree IN (SELECT digest FROM tainted)"
		" OR log IN (SELECT digest FROM tainted)",
		"DELETE FROM layer WHERE tree IN (SELECT digest FROM tainted)"
		" OR parent IN (SELECT digest FROM tainted)"
		" OR blob IN (SELECT digest FROM tainted)",
		"DELETE FROM blob WHERE digest IN (SELECT digest FROM bad)",
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(statements) / sizeof(*statements); i++)
		r = connection_run(care->connection, statements[i], err);
	if (r == 0)
		r = care_sum_blobs(care, err);
	care_changed(care);
	return r;
}

#include "remote_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "download.h"
#include "io.h"
#include "tree_edit.h"

#define PIECE     ((size_t)64 * 1024)
#define ETAG      "user.msb.etag"
#define ETAG_MOST 1024 /* longer ones are nothing to remember */
#define PLACE     "/file"

/* What an address had when it was asked last. */
struct memory {
	bool found;
	struct msb_entry entry;
	char etag[ETAG_MOST]; /* "": it had none */
};

static int key_of(const char *url, struct msb_digest *ret, struct msb_error *err)
{
	autofree char *text = buffer_format("remote file\n%s\n", url);

	if (!text)
		return msb_error_memory(err);
	msb_digest_of(text, strlen(text), ret);
	return 0;
}

static void read_etag(const struct msb_entry *entry, char etag[ETAG_MOST])
{
	const char *name;
	const uint8_t *value;
	size_t position = 0, size;

	etag[0] = '\0';
	while (msb_entry_xattr(entry, &position, &name, &value, &size)) {
		if (strcmp(name, ETAG) != 0 || size >= ETAG_MOST)
			continue;
		memcpy(etag, value, size);
		etag[size] = '\0';
	}
}

/* Whatever is wrong with a memory, it is none. */
static void recall(struct store_writer *writer, const struct msb_digest *key, struct memory *ret)
{
	struct msb_store *store = store_writer_store(writer);
	struct cached_step cached;
	struct msb_location location;
	struct msb_found found;

	*ret = (struct memory){0};
	if (store_cache_find(writer, key, &cached, NULL) < 0 ||
	    msb_tree_find(store, &cached.tree, PLACE, MSB_NOFOLLOW, &found, NULL) < 0)
		return;
	if (found.entry.type == MSB_FILE &&
	    msb_store_locate(store, &found.entry.digest, &location, NULL) >= 0) {
		ret->found = true;
		ret->entry = found.entry;
		ret->entry.name = NULL;
		read_etag(&found.entry, ret->etag);
		ret->entry.xattrs = NULL;
		ret->entry.xattrs_size = 0;
	}
	msb_found_done(&found);
}

static int commit_memory(struct store_writer *writer, const struct msb_entry *entry,
			 struct msb_digest *ret, struct msb_error *err)
{
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	int r = tree_edit_new(store_writer_store(writer), NULL, &edit, err);

	if (r >= 0)
		r = edit_put(edit, PLACE, entry, err);
	return r < 0 ? r : edit_commit(edit, writer, ret, err);
}

static int remember(struct store_writer *writer, const struct msb_digest *key,
		    const struct msb_entry *entry, const char *etag, struct msb_error *err)
{
	struct tree_xattr xattr = {ETAG, etag, etag ? strlen(etag) : 0};
	struct cached_step cached = {.created_ns = io_now()};
	struct msb_entry kept = *entry;
	autofree uint8_t *xattrs = NULL;
	int r = 0;

	if (xattr.size >= ETAG_MOST || (xattr.size == 0 && entry->mtime_sec == 0))
		return 0;
	if (xattr.size > 0)
		r = tree_encode_xattrs(&xattr, 1, &xattrs, &kept.xattrs_size, err);
	kept.xattrs = xattrs;
	if (r >= 0)
		r = commit_memory(writer, &kept, &cached.tree, err);
	if (r >= 0)
		r = store_begin(writer, err);
	if (r < 0)
		return r;
	r = store_cache_set(writer, key, &cached, err);
	return store_end(writer, r, err);
}

/* The request's own headers: what is known, and who asks. */
static int make_headers(const struct lent *lent, const char *url, const struct memory *memory,
			struct strlist *ret, struct msb_error *err)
{
	autofree char *authorization = NULL;
	time_t modified = memory->entry.mtime_sec;
	char date[64];
	struct tm tm;
	int r = lent_http_header(lent, url, &authorization, err);

	if (r < 0)
		return r;
	if (authorization)
		r = strlist_add(ret, authorization);
	if (r >= 0 && memory->found && *memory->etag) {
		r = strlist_addf(ret, "If-None-Match: %s", memory->etag);
	} else if (r >= 0 && memory->found && gmtime_r(&modified, &tm) &&
		   strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0) {
		r = strlist_addf(ret, "If-Modified-Since: %s", date);
	}
	return r < 0 ? msb_error_memory(err) : 0;
}

static int refuse(const char *url, const struct msb_digest *got, const char *wanted,
		  struct msb_error *err)
{
	char text[MSB_DIGEST_TEXT];

	return msb_error_say(err, EBADMSG, "'%s': its content is %s, not %s", url,
			     msb_digest_format(got, text), wanted);
}

static bool is_wanted(const struct msb_digest *digest, const char *checksum)
{
	char text[MSB_DIGEST_TEXT];

	return !checksum || strcmp(msb_digest_format(digest, text), checksum) == 0;
}

/* Before any of it is in the store, where it would stay. */
static int check_content(const struct download *download, const char *url, const char *checksum,
			 struct msb_error *err)
{
	AUTO(msb_hasher_freep) struct msb_hasher *hasher = msb_hasher_new();
	autofree uint8_t *piece = malloc(PIECE);
	struct msb_digest got;
	uint64_t at = 0;
	ssize_t n;

	if (!hasher || !piece)
		return msb_error_memory(err);
	while ((n = io_pread(download->fd, piece, PIECE, at)) > 0) {
		msb_hasher_update(hasher, piece, (size_t)n);
		at += (uint64_t)n;
	}
	if (n < 0)
		return msb_error_set(err, (int)n, "read a download");
	msb_hasher_finish(hasher, &got);
	return is_wanted(&got, checksum) ? 0 : refuse(url, &got, checksum, err);
}

static int fetch(struct store_writer *writer, const struct lent *lent, const char *url,
		 const char *checksum, const struct msb_digest *key, const struct memory *memory,
		 struct msb_entry *ret, struct msb_error *err)
{
	autodownload download = DOWNLOAD_NONE;
	autostrlist headers = {0};
	int r = make_headers(lent, url, memory, &headers, err);

	if (r >= 0)
		r = download_open(writer, url, &headers, &download, err);
	if (r >= 0 && download.unchanged) {
		*ret = memory->entry;
		return 0;
	}
	if (r >= 0 && checksum)
		r = check_content(&download, url, checksum, err);
	*ret = (struct msb_entry){
		.type = MSB_FILE,
		.mode = 0600,
		.nlink = 1,
		.size = download.size,
		.mtime_sec = download.modified,
	};
	if (r >= 0)
		r = store_put_fd(writer, download.fd, download.size, &ret->digest, err);
	return r < 0 ? r : remember(writer, key, ret, download.etag, err);
}

int remote_file_get(struct store_writer *writer, const struct lent *lent, const char *url,
		    const char *checksum, struct msb_entry *ret, struct msb_error *err)
{
	struct memory memory;
	struct msb_digest key;
	int r = key_of(url, &key, err);

	if (r < 0)
		return r;
	recall(writer, &key, &memory);
	if (checksum && memory.found && is_wanted(&memory.entry.digest, checksum)) {
		*ret = memory.entry;
		return 0;
	}
	r = fetch(writer, lent, url, checksum, &key, &memory, ret, err);
	/* It may be what an earlier build fetched. */
	return r < 0 || is_wanted(&ret->digest, checksum)
		       ? r
		       : refuse(url, &ret->digest, checksum, err);
}

/* A tar into an edit of a tree. */
#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <string.h>

#include "internal.h"

/* Holes cost an archive nothing and us their hash: what all files together may have where the
 * caller sets no limit. */
#define MOST_BYTES ((uint64_t)1 << 40)

struct unpack {
	struct store_writer *writer;
	struct tree_edit *edit;
	const struct layer_unpack_options *options;
	struct stream *stream;
	struct archive *archive;
	struct eve eve;
	struct landing landing;
	uint8_t *gather;
	uint64_t left; /* bytes that files may still have */
	uint64_t entries;
};

/* The headers of the entry that was read last begin here and end where libarchive stands. */
static bool is_of_the_eve(struct unpack *unpack)
{
	return eve_holds(&unpack->eve, (uint64_t)libarchive.read_header_position(unpack->archive),
			 (uint64_t)libarchive.filter_bytes(unpack->archive, 0));
}

static int put_entry(struct unpack *unpack, struct archive_entry *from, const char *path,
		     struct msb_error *err)
{
	autofree uint8_t *xattrs = NULL;
	struct msb_entry entry;
	int r = entry_read(from, is_of_the_eve(unpack), &entry, &xattrs, err);

	if (r < 0 || entry.type == MSB_SOCKET)
		return r;
	if (unpack->options->set_owner) {
		entry.uid = unpack->options->uid;
		entry.gid = unpack->options->gid;
	}
	if (entry.type == MSB_FILE) {
		if (libarchive.entry_size(from) < 0)
			return msb_error_say(err, EBADMSG, "negative size");
		entry.size = (uint64_t)libarchive.entry_size(from);
		r = content_read(unpack->archive, unpack->writer, unpack->left, unpack->gather,
				 &entry, err);
		if (r < 0)
			return r;
		unpack->left -= entry.size;
	}
	return landing_put(&unpack->landing, path, &entry, err);
}

/* Is it the directory that the archive's root is laid on? */
static bool is_ground(const struct place *place, const char *path)
{
	return strcmp(path, *place->root ? place->root : "/") == 0;
}

static int unpack_entry(struct unpack *unpack, struct archive_entry *from, const char *name,
			struct msb_error *err)
{
	const char *path;
	int r = landing_find(&unpack->landing, name, libarchive.entry_hardlink(from), &path, err);

	if (r <= 0 || (unpack->options->directory && is_ground(&unpack->landing.place, path)))
		return r < 0 ? r : 0;
	return put_entry(unpack, from, path, err);
}

/* The only complaint of libarchive that is none here is about names that are not text of the
 * locale: they are bytes to us. */
static bool is_about_charset(struct archive *archive)
{
	return libarchive.error_number(archive) == EILSEQ;
}

static int unpack_all(struct unpack *unpack, struct msb_error *err)
{
	struct archive_entry *entry;
	int r;

	while ((r = libarchive.read_next_header(unpack->archive, &entry)) != ARCHIVE_EOF) {
		const char *name;

		if (r != ARCHIVE_OK && !(r == ARCHIVE_WARN && is_about_charset(unpack->archive)))
			return msb_error_say(err, EBADMSG, "%s",
					     libarchive.error_string(unpack->archive));
		name = libarchive.entry_pathname(entry);
		if (!name)
			return msb_error_say(err, EBADMSG, "an entry without a name");
		r = unpack_entry(unpack, entry, name, err);
		if (r < 0)
			return msb_error_prefix(err, r, "'%.200s'", name);
		unpack->entries++;
	}
	return 0;
}

static la_ssize_t next_piece(struct archive *archive, void *context, const void **ret)
{
	struct unpack *unpack = context;
	ssize_t n = stream_next(unpack->stream, ret);

	if (n > 0 && eve_look(&unpack->eve, *ret, (size_t)n) < 0)
		n = -ENOMEM;
	if (n < 0)
		libarchive.set_error(archive, (int)-n, "reading failed");
	return n < 0 ? -1 : n;
}

static int open_archive(struct unpack *unpack, struct msb_error *err)
{
	int r = libarchive_open(&unpack->archive, err);

	if (r < 0)
		return r;
	libarchive.read_support_format_tar(unpack->archive);
	if (libarchive.read_open(unpack->archive, unpack, NULL, next_piece, NULL) != ARCHIVE_OK)
		return msb_error_say(err, EBADMSG, "this is no tar archive");
	return 0;
}

static void unpack_done(struct unpack *unpack)
{
	libarchive_close(unpack->archive);
	stream_free(unpack->stream);
	eve_done(&unpack->eve);
	landing_done(&unpack->landing);
	free(unpack->gather);
}

static int unpack_stream(struct unpack *unpack, const struct layer_source *source,
			 struct layer_unpacked *ret, struct msb_error *err)
{
	const struct layer_unpack_options *options = unpack->options;
	struct layer_unpacked result;
	int r = landing_init(&unpack->landing, unpack->edit, options, err);

	if (r < 0)
		return r;
	unpack->gather = malloc(STORE_LARGE);
	if (!unpack->gather)
		return msb_error_memory(err);
	r = stream_open(source, options->limit, options->want_diff_id, &unpack->stream, err);
	if (r < 0)
		return r;
	r = open_archive(unpack, err);
	if (r >= 0)
		r = unpack_all(unpack, err);
	if (r == -EBADMSG)
		r = stream_blame(unpack->stream, r, err);
	if (r >= 0)
		r = stream_finish(unpack->stream, &result.diff_id, &result.size, err);
	if (r < 0)
		return r;
	result.entries = unpack->entries;
	*ret = result;
	return 0;
}

static locale_t plain_locale;
static pthread_once_t plain_locale_once = PTHREAD_ONCE_INIT;

static void make_plain_locale(void)
{
	plain_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

void layer_unpack_ready(void)
{
	libarchive_load(NULL);
}

int layer_unpack(struct store_writer *writer, struct tree_edit *edit,
		 const struct layer_source *source, const struct layer_unpack_options *options,
		 struct layer_unpacked *ret, struct msb_error *err)
{
	struct unpack unpack = {
		.writer = writer,
		.edit = edit,
		.options = options,
		.left = options->limit > 0 ? options->limit : MOST_BYTES,
	};
	locale_t before;
	int r;

	/* Names are bytes: no locale of the caller's may convert them. */
	pthread_once(&plain_locale_once, make_plain_locale);
	before = plain_locale ? uselocale(plain_locale) : (locale_t)0;
	r = unpack_stream(&unpack, source, ret, err);
	if (before)
		uselocale(before);
	unpack_done(&unpack);
	return r;
}

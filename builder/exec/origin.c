#include "origin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "download.h"
#include "git.h"
#include "git_reference.h"
#include "io.h"
#include "layer.h"
#include "path.h"
#include "tree_edit.h"

#define HEAD_SIZE       4096
#define MOST_DOCKERFILE ((size_t)16 * 1024 * 1024)

/* --- Standard input, and files of the web --- */

/* A tar or a Dockerfile: the bytes that were looked at, and then the rest. */
struct stream {
	int fd;
	const char *name; /* for people */
	uint8_t head[HEAD_SIZE];
	size_t size, taken; /* of head */
};

static ssize_t read_stream(void *context, void *bytes, size_t size, struct msb_error *err)
{
	struct stream *stream = context;
	size_t left = stream->size - stream->taken;
	ssize_t n;

	if (left > 0) {
		size = size < left ? size : left;
		memcpy(bytes, stream->head + stream->taken, size);
		stream->taken += size;
		return (ssize_t)size;
	}
	n = io_read(stream->fd, bytes, size);
	return n < 0 ? msb_error_set(err, (int)n, "read %s", stream->name) : n;
}

/* NULL: nothing. */
static int unpack(struct stream *stream, struct msb_store *store, struct store_writer *writer,
		  struct msb_digest *ret, struct msb_error *err)
{
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	const struct layer_source source = {read_stream, stream};
	/* As of a directory: everything is root's. */
	const struct layer_unpack_options options = {.set_owner = true};
	struct layer_unpacked unpacked;
	int r = tree_edit_new(store, NULL, &edit, err);

	if (r >= 0 && stream)
		r = layer_unpack(writer, edit, &source, &options, &unpacked, err);
	return r < 0 ? r : edit_commit(edit, writer, ret, err);
}

static int read_dockerfile(struct stream *stream, struct buffer *ret, struct msb_error *err)
{
	uint8_t piece[HEAD_SIZE];
	ssize_t n;

	while ((n = read_stream(stream, piece, sizeof(piece), err)) > 0) {
		if (ret->size + (size_t)n > MOST_DOCKERFILE)
			return msb_error_say(err, EFBIG, "%s is neither a tar nor a Dockerfile",
					     stream->name);
		buffer_append(ret, piece, (size_t)n);
	}
	if (n < 0)
		return (int)n;
	return buffer_ok(ret) ? 0 : msb_error_memory(err);
}

/* Its content decides what it is. */
static int open_stream(int fd, const char *name, struct msb_store *store,
		       struct store_writer *writer, struct origin *ret, struct msb_error *err)
{
	struct stream stream = {.fd = fd, .name = name};
	ssize_t size = io_read(fd, stream.head, sizeof(stream.head));
	int r;

	if (size < 0)
		return msb_error_set(err, (int)size, "read %s", name);
	stream.size = (size_t)size;
	if (layer_is_archive(stream.head, stream.size)) {
		r = unpack(&stream, store, writer, &ret->tree, err);
		return r < 0 ? msb_error_prefix(err, r, "build context from %s", name) : 0;
	}
	ret->is_dockerfile = true;
	r = read_dockerfile(&stream, &ret->dockerfile, err);
	return r < 0 ? r : unpack(NULL, store, writer, &ret->tree, err);
}

static int open_url(const char *url, const struct lent *lent, struct msb_store *store,
		    struct store_writer *writer, struct origin *ret, struct msb_error *err)
{
	autodownload download = DOWNLOAD_NONE;
	autofree char *name = buffer_format("'%s'", url);
	autofree char *authorization = NULL;
	autostrlist headers = {0};
	int r = lent_http_header(lent, url, &authorization, err);

	if (r >= 0 && (!name || (authorization && strlist_add(&headers, authorization) < 0)))
		r = msb_error_memory(err);
	if (r >= 0)
		r = download_open(writer, url, &headers, &download, err);

	if (r < 0)
		return msb_error_prefix(err, r, "build context");
	return open_stream(download.fd, name, store, writer, ret, err);
}

/* --- Repositories --- */

static int open_git(const char *text, const char *checksum, bool keep_git_dir,
		    const struct lent *lent, struct store_writer *writer, struct origin *ret,
		    struct msb_error *err)
{
	__attribute__((cleanup(git_reference_done))) struct git_reference reference = {0};
	autofree char *parent = NULL;
	autofree char *whole = NULL;
	struct stat st;
	int r = git_reference_parse(text, &reference, err);

	if (r < 0)
		return r;
	if (checksum && reference.checksum && strcmp(checksum, reference.checksum) != 0)
		return msb_error_say(err, EINVAL, "'%s' names another commit than '%s'", text,
				     checksum);
	if (checksum && !reference.checksum)
		reference.checksum = strdup(checksum);
	parent = path_join(store_writer_scratch_path(writer), "git-XXXXXX");
	if (!parent || (checksum && !reference.checksum))
		return msb_error_memory(err);
	if (!mkdtemp(parent))
		return msb_error_set(err, errno, "create directory '%s'", parent);
	whole = path_join(parent, "files");
	if (!whole)
		return msb_error_memory(err);
	if (reference.keep_git_dir >= 0)
		keep_git_dir = reference.keep_git_dir;
	r = git_check_out(&reference, whole, keep_git_dir, lent, &ret->commit_time, err);
	if (r < 0)
		return r;
	if (reference.directory) {
		/* Its own links are no way out of the repository. */
		autoclose int top = open(whole, O_PATH | O_DIRECTORY | O_CLOEXEC);
		autoclose int fd =
			top < 0 ? -1
				: io_open_in_root(top, reference.directory, O_PATH | O_DIRECTORY);
		autofree char *link = buffer_format("/proc/self/fd/%d", fd);

		if (fd < 0)
			return msb_error_set(err, fd == -1 ? ENOENT : fd, "directory '%s' of '%s'",
					     reference.directory, reference.url);
		ret->directory = link ? realpath(link, NULL) : NULL;
	} else {
		ret->directory = steal(&whole);
	}
	if (!ret->directory || stat(ret->directory, &st) < 0)
		return msb_error_set(err, errno, "'%s'", text);
	return 0;
}

/* --- All of them --- */

static int open_any(const char *text, bool keep_git_dir, const struct lent *lent,
		    struct msb_store *store, struct store_writer *writer, struct origin *ret,
		    struct msb_error *err)
{
	struct stat st;

	if (strcmp(text, "-") == 0)
		return open_stream(STDIN_FILENO, "standard input", store, writer, ret, err);
	if (remote_is_git(text))
		return open_git(text, NULL, keep_git_dir, lent, writer, ret, err);
	if (strncmp(text, "github.com/", 11) == 0 && stat(text, &st) < 0) {
		autofree char *url = buffer_format("https://%s", text);

		return url ? open_git(url, NULL, keep_git_dir, lent, writer, ret, err)
			   : msb_error_memory(err);
	}
	if (remote_is_url(text))
		return open_url(text, lent, store, writer, ret, err);
	if (stat(text, &st) < 0)
		return msb_error_set(err, errno, "build context '%s'", text);
	if (!S_ISDIR(st.st_mode))
		return msb_error_say(err, ENOTDIR,
				     "build context '%s' is no directory; a Dockerfile is named "
				     "with -f, its context is a directory",
				     text);
	ret->local = true;
	ret->directory = strdup(text);
	return ret->directory ? 0 : msb_error_memory(err);
}

int origin_open(const char *text, bool keep_git_dir, const struct lent *lent,
		struct msb_store *store, struct store_writer *writer, struct origin *ret,
		struct msb_error *err)
{
	struct origin origin = {0};
	int r = open_any(text, keep_git_dir, lent, store, writer, &origin, err);

	if (r < 0)
		origin_done(&origin);
	else
		*ret = origin;
	return r;
}

int origin_open_git(const char *url, const char *checksum, bool keep_git_dir,
		    const struct lent *lent, struct store_writer *writer, struct origin *ret,
		    struct msb_error *err)
{
	struct origin origin = {0};
	int r = open_git(url, checksum, keep_git_dir, lent, writer, &origin, err);

	if (r < 0)
		origin_done(&origin);
	else
		*ret = origin;
	return r;
}

void origin_done(struct origin *origin)
{
	context_free(origin->files);
	free(origin->directory);
	buffer_done(&origin->dockerfile);
	*origin = (struct origin){0};
}

static int read_from_tree(const struct msb_digest *tree, struct msb_store *store, const char *path,
			  size_t max, struct buffer *ret, struct msb_error *err)
{
	autofree uint8_t *bytes = NULL;
	struct msb_found found;
	size_t size;
	int r = msb_tree_find(store, tree, path, 0, &found, err);

	if (r < 0)
		return r;
	if (found.entry.type == MSB_FILE)
		r = msb_store_load(store, &found.entry.digest, max, &bytes, &size, err);
	else
		r = msb_error_say(err, EISDIR, "'%s' is no file", path);
	msb_found_done(&found);
	if (r < 0)
		return r;
	buffer_append(ret, bytes, size);
	return buffer_ok(ret) ? 0 : msb_error_memory(err);
}

int origin_read(const struct origin *origin, struct msb_store *store, const char *path, size_t max,
		struct buffer *ret, struct msb_error *err)
{
	autoclose int directory = -1;
	autoclose int fd = -1;
	struct stat st;

	if (!origin->directory)
		return read_from_tree(&origin->tree, store, path, max, ret, err);
	directory = open(origin->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return msb_error_set(err, errno, "build context '%s'", origin->directory);
	fd = io_open_in_root(directory, path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return fd == -ENOENT ? -ENOENT : msb_error_set(err, fd, "'%s'", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return msb_error_say(err, EISDIR, "'%s' is no file", path);
	{
		char name[64];

		snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
		return io_read_file(AT_FDCWD, name, max, ret, err);
	}
}

int origin_scan(struct origin *origin, struct ignore *ignore, struct msb_store *store,
		struct store_writer *writer, struct msb_error *err)
{
	if (origin->directory)
		return context_open(origin->directory, ignore, store, writer, &origin->files, err);
	ignore_free(ignore);
	return 0;
}

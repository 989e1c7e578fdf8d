/* A shared cache in an OCI layout (image-spec 1.1, image-layout.md) with one manifest. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "io.h"
#include "shared_place.h"

struct place {
	char *directory; /* owned */
	int locked;      /* a descriptor of it; -1: none */
};

static void close_place(void *context)
{
	struct place *place = context;

	free(place->directory);
	free(place);
}

int shared_layout_open(const char *directory, void **ret, struct msb_error *err)
{
	struct place *place = calloc(1, sizeof(*place));

	if (!place)
		return msb_error_memory(err);
	place->locked = -1;
	place->directory = strdup(directory);
	if (!place->directory) {
		free(place);
		return msb_error_memory(err);
	}
	*ret = place;
	return 0;
}

static int open_directory(const struct place *place, int *ret, struct msb_error *err)
{
	int fd = open(place->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return msb_error_set(err, errno, "open directory '%s'", place->directory);
	*ret = fd;
	return 0;
}

static void blob_name(const struct msb_digest *digest, char name[96])
{
	char text[MSB_DIGEST_TEXT];

	snprintf(name, 96, "blobs/sha256/%s", msb_digest_format(digest, text) + 7);
}

static int begin_blob(void *context, const struct descriptor *blob, struct shared_reading *ret,
		      struct msb_error *err)
{
	struct place *place = context;
	autoclose int directory = -1;
	char name[96];
	int r = open_directory(place, &directory, err);

	if (r < 0)
		return r;
	blob_name(&blob->digest, name);
	ret->blob = *blob;
	ret->fd = io_open_in_root(directory, name, O_RDONLY);
	if (ret->fd < 0)
		return msb_error_set(err, ret->fd, "open '%s/%s'", place->directory, name);
	ret->source = layer_source_fd(&ret->fd);
	return 0;
}

static void end_blob(struct shared_reading *reading)
{
	close(reading->fd);
}

/* The manifest's descriptor, from the index. -ENODATA, without a message: it lists none. */
static int find_manifest(const struct buffer *text, struct descriptor *ret, struct msb_error *err)
{
	json_auto_t *index = NULL;
	json_t *list = NULL;
	int r = json_parse((const char *)text->bytes, text->size, "index.json", &index, err);

	if (r >= 0)
		r = json_take_array(index, "manifests", &list, err);
	if (r < 0)
		return r;
	if (json_array_size(list) == 0)
		return -ENODATA;
	if (json_array_size(list) > 1)
		return msb_error_say(err, EEXIST, "what is there is no cache of msb");
	return descriptor_from_json(json_array_get(list, 0), ret, err);
}

static int get_manifest(void *context, const struct msb_digest *side, struct buffer *ret,
			struct msb_error *err)
{
	struct place *place = context;
	struct descriptor manifest;
	autoclose int directory = -1;
	autobuffer index = {0};
	struct msb_digest got;
	char name[96];
	int r;

	(void)side; /* there are none */
	directory = open(place->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0 && errno == ENOENT)
		return -ENODATA;
	if (directory < 0)
		return msb_error_set(err, errno, "open directory '%s'", place->directory);
	if (faccessat(directory, "index.json", F_OK, 0) < 0 && errno == ENOENT)
		return -ENODATA;
	r = io_read_file(directory, "index.json", DOCUMENT_MAX, &index, err);
	if (r >= 0)
		r = find_manifest(&index, &manifest, err);
	if (r < 0)
		return r;
	blob_name(&manifest.digest, name);
	r = io_read_file(directory, name, DOCUMENT_MAX, ret, err);
	if (r < 0)
		return r;
	msb_digest_of(ret->bytes, ret->size, &got);
	if (!msb_digest_equal(&got, &manifest.digest))
		return msb_error_say(err, EBADMSG, "'%s' is not what its name says", name);
	return 0;
}

/* Under a temporary name first: a reader sees all of a file or nothing. */
static int put_file(int directory, const char *name, int from, const char *text,
		    struct msb_error *err)
{
	autofree char *temporary = buffer_format("%s.%ld.tmp", name, (long)getpid());
	autofree uint8_t *piece = malloc(65536);
	autoclose int fd = -1;
	uint64_t at = 0;
	ssize_t n = 0;
	int r = 0;

	if (!temporary || !piece)
		return msb_error_memory(err);
	fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return msb_error_set(err, errno, "create '%s'", temporary);
	if (text)
		r = io_write(fd, text, strlen(text));
	while (r >= 0 && !text && (n = io_pread(from, piece, 65536, at)) > 0) {
		r = io_write(fd, piece, (size_t)n);
		at += (uint64_t)n;
	}
	if (n < 0)
		r = (int)n;
	if (r >= 0 && renameat(directory, temporary, directory, name) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(directory, temporary, 0);
		return msb_error_set(err, r, "write '%s'", name);
	}
	return 0;
}

static int make_directory(const struct place *place, int *ret, struct msb_error *err)
{
	int r = io_make_dirs(AT_FDCWD, place->directory, 0755, err);

	if (r >= 0)
		r = open_directory(place, ret, err);
	if (r >= 0)
		r = io_make_dirs(*ret, "blobs/sha256", 0755, err);
	return r;
}

static int put_blob(void *context, int fd, const struct descriptor *blob, struct msb_error *err)
{
	autoclose int directory = -1;
	char name[96];
	int r = make_directory(context, &directory, err);

	if (r < 0)
		return r;
	blob_name(&blob->digest, name);
	return put_file(directory, name, fd, NULL, err);
}

static int lock(void *context, struct msb_error *err)
{
	struct place *place = context;
	autoclose int directory = -1;
	int r = make_directory(place, &directory, err);

	if (r < 0)
		return r;
	while (flock(directory, LOCK_EX) < 0)
		if (errno != EINTR)
			return msb_error_set(err, errno, "lock directory '%s'", place->directory);
	place->locked = steal_fd(&directory);
	return 0;
}

static void unlock(void *context)
{
	struct place *place = context;

	close(place->locked);
	place->locked = -1;
}

static int put_manifest(void *context, const struct msb_digest *side, const char *text,
			struct msb_error *err)
{
	struct descriptor manifest = {.size = strlen(text), .media_type = MEDIA_MANIFEST};
	json_auto_t *index = json_object();
	json_t *list = json_array();
	autofree char *document = NULL;
	autoclose int directory = -1;
	char name[96];
	bool complete;
	int r = make_directory(context, &directory, err);

	(void)side;
	msb_digest_of(text, manifest.size, &manifest.digest);
	complete = json_put(index, "manifests", list) &&
		   json_put(index, "schemaVersion", json_integer(2)) &&
		   json_put_text(index, "mediaType", MEDIA_INDEX) &&
		   json_array_append_new(list, descriptor_to_json(&manifest)) == 0;
	if (r >= 0)
		r = json_text(index, complete, "index.json", &document, err);
	blob_name(&manifest.digest, name);
	if (r >= 0)
		r = put_file(directory, name, -1, text, err);
	if (r >= 0)
		r = put_file(directory, "oci-layout", -1, "{\"imageLayoutVersion\":\"1.0.0\"}",
			     err);
	return r < 0 ? r : put_file(directory, "index.json", -1, document, err);
}

const struct shared_place_kind shared_in_layout = {
	.close = close_place,
	.lock = lock,
	.unlock = unlock,
	.get_manifest = get_manifest,
	.begin_blob = begin_blob,
	.end_blob = end_blob,
	.put_blob = put_blob,
	.put_manifest = put_manifest,
};

/* Files of trees without a mount: what a directory holds, and a file's bytes. */
#include <errno.h>
#include <string.h>

#include "buffer.h"
#include "internal.h"
#include "io.h"

static int tell_entry(const char *directory, const struct msb_entry *entry, msb_diff_fn each,
		      void *context, struct msb_error *err)
{
	autofree char *path = buffer_format("%s/%.*s", strcmp(directory, "/") == 0 ? "" : directory,
					    (int)entry->name_length, entry->name);
	const struct msb_difference difference = {MSB_ADDED, path, NULL, entry};

	return path ? each(context, &difference, err) : msb_error_memory(err);
}

static int list_directory(struct msb_store *store, const struct msb_found *found, msb_diff_fn each,
			  void *context, struct msb_error *err)
{
	AUTO(msb_dir_unrefp) struct msb_dir *dir = NULL;
	struct msb_entry entry;
	int r = msb_tree_load(store, &found->entry.digest, &dir, err);

	for (size_t i = 0; r >= 0 && i < msb_dir_count(dir); i++) {
		msb_dir_get(dir, i, &entry);
		r = tell_entry(found->path, &entry, each, context, err);
	}
	return r;
}

int msb_list(const char *root, const char *ref, const char *path, msb_diff_fn each, void *context,
	     struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	struct msb_found found;
	struct msb_difference alone = {.change = MSB_ADDED};
	int r = find_file(root, ref, path, MSB_NOFOLLOW, &store, &found, err);

	if (r < 0)
		return r;
	alone.path = found.path;
	alone.after = &found.entry;
	r = found.entry.type == MSB_DIRECTORY ? list_directory(store, &found, each, context, err)
					      : each(context, &alone, err);
	msb_found_done(&found);
	return r;
}

static int copy_bytes(struct msb_store *store, const struct msb_entry *entry, int fd,
		      struct msb_error *err)
{
	static const size_t piece = 1 << 20;
	autofree uint8_t *bytes = malloc(piece);
	struct msb_location location;
	int r = bytes ? msb_store_locate(store, &entry->digest, &location, err)
		      : msb_error_memory(err);

	for (uint64_t at = 0; r >= 0 && at < entry->size;) {
		ssize_t n = msb_store_read(store, &entry->digest, &location, bytes, piece, at, err);

		if (n == 0)
			return msb_error_say(err, EIO, "the file is shorter than it says");
		r = n < 0 ? (int)n : io_write(fd, bytes, (size_t)n);
		if (n > 0 && r < 0)
			msb_error_set(err, r, "write it");
		at += n > 0 ? (uint64_t)n : 0;
	}
	return r;
}

int msb_read_file(const char *root, const char *ref, const char *path, int fd,
		  struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	struct msb_found found;
	int r = find_file(root, ref, path, 0, &store, &found, err);

	if (r < 0)
		return r;
	if (found.entry.type == MSB_FILE)
		r = copy_bytes(store, &found.entry, fd, err);
	else
		r = msb_error_say(err, found.entry.type == MSB_DIRECTORY ? EISDIR : EINVAL,
				  found.entry.type == MSB_DIRECTORY
					  ? "it is a directory: msb ls lists it"
					  : "it is no file");
	msb_found_done(&found);
	return r < 0 ? msb_error_prefix(err, r, "%s:%s", ref, path) : 0;
}

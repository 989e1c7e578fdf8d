/* A root file system as an image of one layer. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>

#include "internal.h"
#include "io.h"
#include "reference.h"

static int unpack_rootfs(struct store_writer *writer, int fd, struct msb_digest *ret,
			 struct msb_error *err)
{
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	struct layer_source source = layer_source_fd(&fd);
	struct layer_unpack_options options = {0};
	struct layer_unpacked unpacked;
	int r = tree_edit_new(store_writer_store(writer), NULL, &edit, err);

	if (r >= 0)
		r = layer_unpack(writer, edit, &source, &options, &unpacked, err);
	return r < 0 ? r : edit_commit(edit, writer, ret, err);
}

/* The way of the contents to the disk, in a thread of its own. */
struct flush {
	struct store_writer *writer;
	struct msb_error err;
	int result;
};

/* A transaction that names nothing yet: when this process dies, what it left is collected. */
static void *flush_contents(void *context)
{
	struct flush *flush = context;

	flush->result = store_begin(flush->writer, &flush->err);
	if (flush->result >= 0)
		flush->result = store_commit(flush->writer, &flush->err);
	return NULL;
}

/* The layer is digested while the disk is busy with the contents. */
static int digest_and_flush(struct store_writer *writer, struct layer_record *layer,
			    struct msb_error *err)
{
	struct flush flush = {.writer = writer};
	pthread_t thread;
	bool threaded = pthread_create(&thread, NULL, flush_contents, &flush) == 0;
	int r = layer_digest(store_writer_store(writer), NULL, &layer->tree, &layer->diff_id,
			     &layer->size, err);

	if (threaded)
		pthread_join(thread, NULL);
	if (r >= 0 && flush.result < 0) {
		if (err)
			*err = flush.err;
		return flush.result;
	}
	return r;
}

static int describe(const struct config *config, const char *message,
		    const struct layer_record *layer, struct image *ret, struct msb_error *err)
{
	autofree char *comment = strdup(message ? message : "imported from a tar");
	struct history entry = {.created_ns = io_now(), .comment = comment};

	if (!comment || (config && config_copy(config, &ret->config) < 0) ||
	    image_add_layer(ret, &layer->diff_id) < 0 || image_add_history(ret, &entry) < 0)
		return msb_error_memory(err);
	ret->created_ns = entry.created_ns;
	return 0;
}

static int publish(struct store_writer *writer, const struct layer_record *layer,
		   const struct msb_image *record, struct msb_error *err)
{
	int r = store_begin(writer, err);

	if (r < 0)
		return r;
	r = store_layer_set(writer, layer, err);
	if (r >= 0)
		r = store_set_image(writer, record, err);
	return store_end(writer, r, err);
}

static int import_fd(struct store_writer *writer, int fd, const char *name,
		     const struct config *config, const char *message, struct msb_image **ret,
		     struct msb_error *err)
{
	struct layer_record layer = {0};
	struct msb_image *record = NULL;
	autoimage image = {0};
	int r = unpack_rootfs(writer, fd, &layer.tree, err);

	if (r >= 0)
		r = digest_and_flush(writer, &layer, err);
	if (r >= 0)
		r = describe(config, message, &layer, &image, err);
	if (r >= 0)
		r = image_put(writer, &image, &layer, &layer.tree, name, &record, err);
	if (r >= 0)
		r = publish(writer, &layer, record, err);
	if (r < 0) {
		msb_images_free(record, 1);
		return r;
	}
	*ret = record;
	return 0;
}

int image_import(struct msb_store *store __attribute__((unused)), struct store_writer *writer,
		 const char *path, const char *name, const struct config *config,
		 const char *message, struct msb_image **ret, struct msb_error *err)
{
	bool from_stdin = strcmp(path, "-") == 0;
	autoclose int opened = from_stdin ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	autofree char *normalized = NULL;
	int r = name ? reference_normalize(name, &normalized, err) : 0;

	if (r < 0)
		return r;
	if (!from_stdin && opened < 0)
		return msb_error_set(err, errno, "open '%s'", path);
	r = import_fd(writer, from_stdin ? STDIN_FILENO : opened, normalized, config, message, ret,
		      err);
	return r < 0 ? msb_error_prefix(err, r, "%s", from_stdin ? "standard input" : path) : 0;
}

#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attributes.h"
#include "buffer.h"
#include "image.h"
#include "io.h"
#include "layer.h"
#include "reference.h"
#include "tree_checkout.h"

/* --- What was asked for --- */

static const struct {
	const char *type;
	enum output_kind kind;
} kinds[] = {
	{"local", OUTPUT_LOCAL},       {"tar", OUTPUT_TAR},     {"oci", OUTPUT_ARCHIVE},
	{"docker", OUTPUT_ARCHIVE},    {"image", OUTPUT_IMAGE}, {"registry", OUTPUT_IMAGE},
	{"cacheonly", OUTPUT_NOTHING},
};

/* Attributes that may be given when they say what is done anyway. */
static const char *const implied[] = {
	"compression=uncompressed",
	"mode=copy",
	"oci-mediatypes=true",
	"platform-split=false",
	"push=false",
	"store=true",
	"tar=true",
	"oci-mediatypes",
	"rewrite-timestamp=true",
	"force-compression=false",
};

static int set_kind(struct output *output, const char *type, const char *text,
		    struct msb_error *err)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(kinds[i].type, type) == 0) {
			output->kind = kinds[i].kind;
			output->push |= strcmp(type, "registry") == 0;
			return 0;
		}
	return msb_error_say(err, EINVAL,
			     "--output %s: unknown type '%s' (local, tar, oci, docker, image, "
			     "registry or cacheonly)",
			     text, type);
}

/* "a" or, quoted in the record, "a,b". */
static int add_names(struct output *output, const char *list, struct msb_error *err)
{
	autofree char *copy = strdup(list);
	char *rest = copy, *name;
	int r = copy ? 0 : msb_error_memory(err);

	while (r >= 0 && (name = strsep(&rest, ","))) {
		autofree char *normalized = NULL;

		r = reference_normalize(name, &normalized, err);
		if (r >= 0 && strlist_add(&output->names, normalized) < 0)
			r = msb_error_memory(err);
	}
	return r;
}

static int set_attribute(struct output *output, const char *item, const char *text,
			 struct msb_error *err)
{
	const char *value;
	int r;

	if (attribute_value(item, "type"))
		return 0;
	if (output->kind == OUTPUT_IMAGE) {
		r = output_image_attribute(output, item, text, err);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	if ((value = attribute_value(item, "dest")))
		return attribute_keep(&output->dest, value, err);
	if ((value = attribute_value(item, "name")))
		return add_names(output, value, err);
	for (size_t i = 0; i < sizeof(implied) / sizeof(*implied); i++)
		if (strcmp(item, implied[i]) == 0)
			return 0;
	return msb_error_say(err, EINVAL, "--output %s: '%s' is not supported", text, item);
}

static int check_dest(struct output *output, const char *text, struct msb_error *err)
{
	bool directory = output->kind == OUTPUT_LOCAL || output->kind == OUTPUT_LAYOUT;
	struct stat st;

	if (output->kind == OUTPUT_NOTHING || output->kind == OUTPUT_IMAGE)
		return 0;
	if (directory && (!output->dest || !*output->dest || strcmp(output->dest, "-") == 0))
		return msb_error_say(err, EINVAL, "--output %s: dest=DIRECTORY is missing", text);
	if (!output->dest || !*output->dest)
		return attribute_keep(&output->dest, "-", err);
	if (!directory && stat(output->dest, &st) == 0 && S_ISDIR(st.st_mode))
		return msb_error_say(err, EISDIR, "--output %s: '%s' is a directory", text,
				     output->dest);
	return 0;
}

static int parse_record(const char *text, struct output *output, struct msb_error *err)
{
	autostrlist items = {0};
	const char *type = NULL;
	bool layout = false;
	int r = attributes_parse("--output", text, &items, err);

	/* What else may be said depends on it. */
	for (size_t i = 0; r >= 0 && !type && i < items.count; i++)
		type = attribute_value(items.items[i], "type");
	if (r >= 0 && !type)
		return msb_error_say(err, EINVAL, "--output %s: type= is missing", text);
	if (r >= 0)
		r = set_kind(output, type, text, err);
	for (size_t i = 0; r >= 0 && i < items.count; i++) {
		if (strcmp(items.items[i], "tar=false") == 0)
			layout = true;
		else
			r = set_attribute(output, items.items[i], text, err);
	}
	if (r >= 0 && layout && output->kind != OUTPUT_ARCHIVE)
		return msb_error_say(err, EINVAL, "--output %s: tar=false goes with type=oci",
				     text);
	if (layout)
		output->kind = OUTPUT_LAYOUT;
	return r;
}

static int parse(const char *text, struct output *output, struct msb_error *err)
{
	int r;

	if (strcmp(text, "-") == 0) {
		output->kind = OUTPUT_TAR;
		r = attribute_keep(&output->dest, text, err);
	} else if (!strpbrk(text, "=,")) {
		output->kind = OUTPUT_LOCAL;
		r = attribute_keep(&output->dest, text, err);
	} else {
		r = parse_record(text, output, err);
	}
	return r < 0 ? r : check_dest(output, text, err);
}

static int check_stdout(const struct outputs *outputs, struct msb_error *err)
{
	size_t users = 0;

	for (size_t i = 0; i < outputs->count; i++)
		users += outputs->items[i].dest && strcmp(outputs->items[i].dest, "-") == 0;
	if (users > 1)
		return msb_error_say(err, EINVAL,
				     "several outputs to standard output: name files with dest=");
	if (users > 0 && isatty(STDOUT_FILENO))
		return msb_error_say(err, EINVAL,
				     "standard output is a terminal: name a file with dest=, or "
				     "redirect it");
	return 0;
}

int outputs_parse(const char *const *texts, struct outputs *ret, struct msb_error *err)
{
	size_t count = words_count(texts);
	int r = 0;

	*ret = (struct outputs){.items = calloc(count + 1, sizeof(*ret->items))};
	if (!ret->items)
		return msb_error_memory(err);
	while (r >= 0 && ret->count < count) {
		r = parse(texts[ret->count], &ret->items[ret->count], err);
		ret->count++;
	}
	return r < 0 ? r : check_stdout(ret, err);
}

int outputs_check_names(const struct outputs *outputs, const struct strlist *tags,
			struct msb_error *err)
{
	for (size_t i = 0; i < outputs->count; i++)
		if (outputs->items[i].push && outputs->items[i].names.count == 0 &&
		    tags->count == 0)
			return msb_error_say(err, EINVAL,
					     "what is to be pushed has no name: give it one with "
					     "-t, or name= of --output");
	return 0;
}

void outputs_done(struct outputs *outputs)
{
	for (size_t i = 0; i < outputs->count; i++) {
		free(outputs->items[i].dest);
		free(outputs->items[i].compression);
		strlist_done(&outputs->items[i].names);
	}
	free(outputs->items);
	*outputs = (struct outputs){0};
}

/* --- Writing it --- */

static int write_local(const struct output *output, struct msb_store *store,
		       const struct msb_digest *tree, struct msb_error *err)
{
	struct msb_found found;
	int r = msb_tree_find(store, tree, "/", 0, &found, err);

	if (r < 0)
		return r;
	/* The files become the invoker's own, as docker has it. */
	r = tree_checkout_into(store, &found.entry, output->dest, false, err);
	msb_found_done(&found);
	return r;
}

static int write_layout(const struct output *output, struct store_writer *writer,
			const struct msb_image *image, const struct strlist *names,
			struct msb_error *err)
{
	autoclose int directory = -1;
	int r = io_make_dirs(AT_FDCWD, output->dest, 0755, err);

	if (r < 0)
		return r;
	directory = open(output->dest, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return msb_error_set(err, errno, "open directory '%s'", output->dest);
	return image_save_layout(writer, image, names, directory, err);
}

static int write_archive(const struct output *output, struct store_writer *writer,
			 const struct msb_image *image, const struct strlist *names, int fd,
			 struct msb_error *err)
{
	const struct layer_sink sink = layer_sink_fd(&fd);

	if (output->kind == OUTPUT_TAR)
		return layer_export(store_writer_store(writer), &image->tree, &sink, err);
	return image_save_as(writer, image, names, fd, err);
}

/* Where a file is to be: a temporary name beside it, until it is complete. */
static int write_file(const struct output *output, struct store_writer *writer,
		      const struct msb_image *image, const struct strlist *names,
		      struct msb_error *err)
{
	autofree char *temporary = buffer_format("%s.XXXXXX", output->dest);
	autoclose int fd = -1;
	mode_t mask = umask(0);
	int r;

	umask(mask);
	if (!temporary)
		return msb_error_memory(err);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return msb_error_set(err, errno, "create '%s'", output->dest);
	r = write_archive(output, writer, image, names, fd, err);
	if (r >= 0 && (fchmod(fd, 0666 & ~mask) < 0 || rename(temporary, output->dest) < 0))
		r = msb_error_set(err, errno, "create '%s'", output->dest);
	if (r < 0)
		unlink(temporary);
	return r;
}

/* A pipe or a device is written in place. */
static int write_in_place(const struct output *output, struct store_writer *writer,
			  const struct msb_image *image, const struct strlist *names,
			  struct msb_error *err)
{
	autoclose int fd = open(output->dest, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return msb_error_set(err, errno, "open '%s'", output->dest);
	return write_archive(output, writer, image, names, fd, err);
}

int output_write(const struct output *output, struct store_writer *writer, struct events *events,
		 struct msb_image *image, const struct strlist *tags, struct msb_error *err)
{
	const struct strlist *names = output->names.count > 0 ? &output->names : tags;
	struct stat st;

	switch (output->kind) {
	case OUTPUT_NOTHING:
		return 0;
	case OUTPUT_IMAGE:
		return output_image_write(output, writer, events, image, names, err);
	case OUTPUT_LOCAL:
		return write_local(output, store_writer_store(writer), &image->tree, err);
	case OUTPUT_LAYOUT:
		return write_layout(output, writer, image, names, err);
	case OUTPUT_TAR:
	case OUTPUT_ARCHIVE:
		break;
	}
	if (strcmp(output->dest, "-") == 0)
		return write_archive(output, writer, image, names, STDOUT_FILENO, err);
	if (stat(output->dest, &st) == 0 && !S_ISREG(st.st_mode))
		return write_in_place(output, writer, image, names, err);
	return write_file(output, writer, image, names, err);
}

/* --output type=image: names in the store, and a push to their registries. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attributes.h"
#include "buffer.h"
#include "output.h"
#include "reference.h"
#include "registry.h"

/* -ENOENT: neither. */
static int parse_bool(const char *value, bool *ret)
{
	static const char *const words[2][4] = {{"false", "0", "f", NULL}, {"true", "1", "t", ""}};

	for (size_t i = 0; i < 8; i++)
		if (words[i / 4][i % 4] && strcmp(value, words[i / 4][i % 4]) == 0) {
			*ret = i / 4 == 1;
			return 0;
		}
	return -ENOENT;
}

static int set_compression(struct output *output, const char *value, const char *text,
			   struct msb_error *err)
{
	if (strcmp(value, "gzip") != 0 && strcmp(value, "zstd") != 0 &&
	    strcmp(value, "uncompressed") != 0)
		return msb_error_say(err, EINVAL,
				     "--output %s: compression is gzip, zstd or uncompressed, not "
				     "'%s'",
				     text, value);
	free(output->compression);
	output->compression = strdup(value);
	output->how.compression = output->compression;
	return output->compression ? 1 : msb_error_memory(err);
}

static int set_level(struct output *output, const char *value, const char *text,
		     struct msb_error *err)
{
	char *end;
	long level = strtol(value, &end, 10);

	if (*end || end == value || level < 0 || level > 19)
		return msb_error_say(err, EINVAL,
				     "--output %s: compression-level is a number from 0 to 19, not "
				     "'%s'",
				     text, value);
	output->how.level = (int)level;
	return 1;
}

int output_image_attribute(struct output *output, const char *item, const char *text,
			   struct msb_error *err)
{
	bool oci = !output->how.docker_types;
	const struct {
		const char *name;
		bool *value;
	} switches[] = {
		{"push", &output->push},
		{"force-compression", &output->how.force},
		{"oci-mediatypes", &oci},
	};
	const char *value;

	for (size_t i = 0; i < sizeof(switches) / sizeof(*switches); i++) {
		value = attribute_value(item, switches[i].name);
		if (value && parse_bool(value, switches[i].value) < 0)
			return msb_error_say(err, EINVAL, "--output %s: %s is true or false", text,
					     switches[i].name);
		output->how.docker_types = !oci;
		if (value)
			return 1;
	}
	if ((value = attribute_value(item, "compression")))
		return set_compression(output, value, text, err);
	if ((value = attribute_value(item, "compression-level")))
		return set_level(output, value, text, err);
	return 0;
}

static int set_names(struct store_writer *writer, const struct msb_image *image,
		     const struct strlist *names, struct msb_error *err)
{
	int r = store_begin(writer, err);

	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < names->count; i++) {
		struct msb_image named = *image;

		named.name = names->items[i];
		r = store_set_image(writer, &named, err);
	}
	return store_end(writer, r, err);
}

static int push(const struct output *output, struct store_writer *writer, struct events *events,
		struct msb_image *image, const char *name, struct msb_error *err)
{
	autofree char *familiar = reference_familiar(name);
	struct msb_push_options options = output->how;
	struct msb_push_result result;
	int r;

	if (familiar)
		events_note(events, "pushing %s", familiar);
	options.name = name;
	r = image_push(writer, &options, NULL, NULL, &result, err);
	if (r < 0)
		return r;
	image->manifest = result.digest;
	return 0;
}

int output_image_write(const struct output *output, struct store_writer *writer,
		       struct events *events, struct msb_image *image, const struct strlist *names,
		       struct msb_error *err)
{
	/* Those of the build itself are set already. */
	int r = output->names.count > 0 ? set_names(writer, image, names, err) : 0;

	for (size_t i = 0; r >= 0 && output->push && i < names->count; i++)
		r = push(output, writer, events, image, names->items[i], err);
	return r;
}

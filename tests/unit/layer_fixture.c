#include <stdlib.h>
#include <string.h>

#include "layer_fixture.h"
#include "tree_text.h"

static ssize_t read_bytes(void *context, void *bytes, size_t size,
			  struct msb_error *err __attribute__((unused)))
{
	struct bytes_source *source = context;

	if (source->step > 0 && size > source->step)
		size = source->step;
	if (size > source->size)
		size = source->size;
	memcpy(bytes, source->bytes, size);
	source->bytes += size;
	source->size -= size;
	return (ssize_t)size;
}

struct layer_source source_of(struct bytes_source *bytes)
{
	return (struct layer_source){read_bytes, bytes};
}

int unpack_onto(struct fixture *fixture, const struct msb_digest *base, const struct buffer *tar,
		const struct layer_unpack_options *options, struct msb_digest *ret)
{
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	struct bytes_source bytes = {tar->bytes, tar->size, 0};
	struct layer_source source = source_of(&bytes);
	struct layer_unpacked unpacked;
	int r;

	assert_ok(fixture, tree_edit_new(fixture->store, base, &edit, &fixture->err));
	r = layer_unpack(fixture->writer, edit, &source, options, &unpacked, &fixture->err);
	return r < 0 ? r : edit_commit(edit, fixture->writer, ret, &fixture->err);
}

char *text_of_tree(struct fixture *fixture, const struct msb_digest *tree)
{
	char *text = NULL;

	assert_ok(fixture, tree_text(fixture->store, tree, &text, &fixture->err));
	return text;
}

char *text_of_layer(struct fixture *fixture, const struct msb_digest *base,
		    const struct buffer *tar)
{
	struct layer_unpack_options options = {.whiteouts = true};
	struct msb_digest tree;

	assert_ok(fixture, unpack_onto(fixture, base, tar, &options, &tree));
	return text_of_tree(fixture, &tree);
}

static int keep_bytes(void *context, const void *bytes, size_t size,
		      struct msb_error *err __attribute__((unused)))
{
	buffer_append(context, bytes, size);
	return 0;
}

struct layer_sink sink_of(struct buffer *ret)
{
	return (struct layer_sink){keep_bytes, ret};
}

char *paths_of(const char *text)
{
	struct buffer paths = {0};

	for (; *text; text += strcspn(text, "\n") + 1) {
		if (paths.size > 0)
			buffer_char(&paths, ' ');
		buffer_append(&paths, text, strcspn(text, " "));
	}
	return buffer_text(&paths);
}

bool has_line(const char *text, const char *line)
{
	for (; *text; text += strcspn(text, "\n") + 1)
		if (strncmp(text, line, strlen(line)) == 0)
			return true;
	return false;
}

struct msb_digest base_of(struct fixture *fixture, const struct buffer *tar)
{
	struct layer_unpack_options options = {.whiteouts = true};
	struct msb_digest tree;

	assert_ok(fixture, unpack_onto(fixture, NULL, tar, &options, &tree));
	return tree;
}

void expect_paths(struct fixture *fixture, const struct msb_digest *base, const struct buffer *tar,
		  const char *expected)
{
	autofree char *text = text_of_layer(fixture, base, tar);
	autofree char *paths = paths_of(text);

	assert_string_equal(paths, expected);
}

void expect_refused(struct fixture *fixture, const struct buffer *tar, int code, const char *words)
{
	struct layer_unpack_options options = {.whiteouts = true};
	struct msb_digest tree;

	assert_int_equal(unpack_onto(fixture, NULL, tar, &options, &tree), code);
	if (!strstr(fixture->err.text, words))
		fail_msg("no '%s' in: %s", words, fixture->err.text);
}

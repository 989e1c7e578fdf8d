/* Unpacking bytes, and trees as text. */
#ifndef LAYER_FIXTURE_H
#define LAYER_FIXTURE_H

#include "buffer.h"
#include "layer.h"
#include "store_fixture.h"
#include "tar_maker.h"

/* A source of bytes that gives at most `step` of them at a time (0: all that is wanted). */
struct bytes_source {
	const uint8_t *bytes;
	size_t size, step;
};
struct layer_source source_of(struct bytes_source *bytes);

/* Unpacks with options onto base (NULL: nothing) and commits. */
int unpack_onto(struct fixture *fixture, const struct msb_digest *base, const struct buffer *tar,
		const struct layer_unpack_options *options, struct msb_digest *ret);
/* The tree that a layer of these entries makes, as text; must succeed. */
char *text_of_layer(struct fixture *fixture, const struct msb_digest *base,
		    const struct buffer *tar);
char *text_of_tree(struct fixture *fixture, const struct msb_digest *tree);

/* The tree of a layer's entries alone; must succeed. */
struct msb_digest base_of(struct fixture *fixture, const struct buffer *tar);
/* The paths that the layer makes on base are these, a blank between. */
void expect_paths(struct fixture *fixture, const struct msb_digest *base, const struct buffer *tar,
		  const char *expected);
/* The layer is refused with this code, and a sentence that has these words. */
void expect_refused(struct fixture *fixture, const struct buffer *tar, int code, const char *words);

/* A sink that keeps the bytes. */
struct layer_sink sink_of(struct buffer *ret);

/* The paths of a tree's text, a blank between. Owned by the caller. */
char *paths_of(const char *text);

/* The text has a line that begins so. */
#define assert_line(text, line)                                                                    \
	do {                                                                                       \
		if (!has_line(text, line))                                                         \
			fail_msg("no line '%s' in:\n%s", line, text);                              \
	} while (0)
bool has_line(const char *text, const char *line);

#endif

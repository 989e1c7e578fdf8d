#include <string.h>

#include "tree_fixture.h"

struct msb_entry a_file(uint8_t n)
{
	return (struct msb_entry){
		.type = MSB_FILE,
		.mode = 0644,
		.mtime_sec = 1000000 + n,
		.size = 100 + n,
		.digest = fixture_digest(n),
	};
}

struct msb_entry a_directory(void)
{
	return (struct msb_entry){.type = MSB_DIRECTORY, .mode = 0755, .mtime_sec = 1000000};
}

struct msb_entry a_symlink(const char *target)
{
	return (struct msb_entry){
		.type = MSB_SYMLINK, .mode = 0777, .target = target, .size = strlen(target)};
}

void put(struct fixture *fixture, struct tree_edit *edit, const char *path, struct msb_entry entry)
{
	assert_ok(fixture, edit_put(edit, path, &entry, &fixture->err));
}

struct msb_entry get(struct fixture *fixture, struct tree_edit *edit, const char *path)
{
	struct msb_entry entry;
	int r = edit_get(edit, path, &entry, &fixture->err);

	if (r < 0)
		fail_msg("%s: %d", path, r);
	return entry;
}

struct msb_digest commit(struct fixture *fixture, struct tree_edit *edit)
{
	struct msb_digest tree;

	assert_ok(fixture, edit_commit(edit, fixture->writer, &tree, &fixture->err));
	fixture_commit(fixture);
	return tree;
}

struct tree_edit *edit_of(struct fixture *fixture, const struct msb_digest *base)
{
	struct tree_edit *edit;

	assert_ok(fixture, tree_edit_new(fixture->store, base, &edit, &fixture->err));
	return edit;
}

char *text_of(struct fixture *fixture, const struct msb_digest *tree)
{
	char *text;

	assert_ok(fixture, tree_text(fixture->store, tree, &text, &fixture->err));
	return text;
}

struct msb_entry entry_of(struct fixture *fixture, const struct msb_digest *tree, const char *path)
{
	struct msb_found found;
	struct msb_entry entry;

	assert_ok(fixture,
		  msb_tree_find(fixture->store, tree, path, MSB_NOFOLLOW, &found, &fixture->err));
	entry = found.entry;
	msb_found_done(&found);
	return entry;
}

void expect_digest(const struct msb_digest *a, const struct msb_digest *b)
{
	char text[MSB_DIGEST_TEXT], other[MSB_DIGEST_TEXT];

	assert_string_equal(msb_digest_format(a, text), msb_digest_format(b, other));
}

void expect_distinct(const struct msb_digest *a, const struct msb_digest *b)
{
	assert_false(msb_digest_equal(a, b));
}

uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33);
}

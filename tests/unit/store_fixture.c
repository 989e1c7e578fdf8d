#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "store_fixture.h"

void fixture_open(const char *root, struct msb_store **ret_store, struct store_writer **ret_writer)
{
	struct msb_error err = {0};

	if (msb_store_open(root, ret_store, &err) < 0)
		fail_msg("%s", err.text);
	if (ret_writer && store_writer_open(*ret_store, ret_writer, &err) < 0)
		fail_msg("%s", err.text);
}

int fixture_set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	strcpy(fixture->directory, "/tmp/msb-test-store-XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	snprintf(fixture->root, sizeof(fixture->root), "%s/store", fixture->directory);
	assert_ok(fixture, store_create(fixture->root, &fixture->err));
	fixture_open(fixture->root, &fixture->store, &fixture->writer);
	*state = fixture;
	return 0;
}

int fixture_tear_down(void **state)
{
	struct fixture *fixture = *state;

	fixture_close(fixture);
	assert_ok(fixture, io_remove_tree(AT_FDCWD, fixture->directory, &fixture->err));
	free(fixture);
	return 0;
}

void fixture_close(struct fixture *fixture)
{
	store_writer_close(steal(&fixture->writer));
	msb_store_close(steal(&fixture->store));
}

void fixture_reopen(struct fixture *fixture)
{
	fixture_close(fixture);
	fixture_open(fixture->root, &fixture->store, &fixture->writer);
}

void fixture_commit(struct fixture *fixture)
{
	assert_ok(fixture, store_begin(fixture->writer, &fixture->err));
	assert_ok(fixture, store_commit(fixture->writer, &fixture->err));
}

/* splitmix64 (Steele, Lea, Flood 2014): a seed gives bytes without zero blocks. */
uint8_t *fixture_bytes(uint64_t seed, size_t size)
{
	uint8_t *bytes = malloc(size + 8);

	assert_non_null(bytes);
	for (size_t i = 0; i < size; i += 8) {
		uint64_t z = seed * UINT64_C(0x5851f42d4c957f2d) +
			     (i / 8 + 1) * UINT64_C(0x9e3779b97f4a7c15);

		z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
		z ^= z >> 31;
		memcpy(bytes + i, &z, 8);
	}
	return bytes;
}

struct msb_digest fixture_put(struct fixture *fixture, const void *bytes, size_t size)
{
	struct msb_digest digest;

	assert_ok(fixture, store_put(fixture->writer, bytes, size, &digest, &fixture->err));
	return digest;
}

struct msb_digest fixture_put_seed(struct fixture *fixture, uint64_t seed, size_t size)
{
	autofree uint8_t *bytes = fixture_bytes(seed, size);

	return fixture_put(fixture, bytes, size);
}

void fixture_expect(struct msb_store *store, const struct msb_digest *digest, uint64_t seed,
		    size_t size)
{
	autofree uint8_t *expected = fixture_bytes(seed, size);
	autofree uint8_t *bytes = NULL;
	struct msb_error err = {0};
	size_t found;

	if (msb_store_load(store, digest, size, &bytes, &found, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(found, size);
	assert_memory_equal(bytes, expected, size);
}

void fixture_expect_absent(struct msb_store *store, const struct msb_digest *digest)
{
	struct msb_location location;
	struct msb_error err = {0};
	char text[MSB_DIGEST_TEXT];

	assert_int_equal(msb_store_locate(store, digest, &location, &err), -ENOENT);
	assert_non_null(strstr(err.text, msb_digest_format(digest, text)));
}

struct msb_digest fixture_digest(uint8_t byte)
{
	struct msb_digest digest;

	memset(digest.bytes, byte, sizeof(digest.bytes));
	return digest;
}

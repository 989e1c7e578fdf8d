/* Shared caches without a build: documents, bundles, and directories that hold them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "digest_map.h"
#include "io.h"
#include "shared_bundle.h"
#include "shared_cache.h"
#include "store_fixture.h"

static void digests_are_found_with_their_numbers(void **state)
{
	autodigests map = {0};
	uint64_t value;

	(void)state;
	for (uint64_t i = 0; i < 5000; i++) {
		struct msb_digest digest;

		msb_digest_of(&i, sizeof(i), &digest);
		assert_false(digest_map_find(&map, &digest, &value));
		assert_int_equal(digest_map_set(&map, &digest, i), 0);
	}
	for (uint64_t i = 0; i < 5000; i++) {
		struct msb_digest digest;

		msb_digest_of(&i, sizeof(i), &digest);
		assert_int_equal(digest_map_set(&map, &digest, i + 1), 0);
		assert_true(digest_map_find(&map, &digest, &value));
		assert_int_equal(value, i + 1);
	}
	assert_int_equal(map.count, 5000);
}

static void check_document(const char *text, int wanted, const char *sentence)
{
	autoshared document = {0};
	struct msb_error err = {0};
	int r = shared_document_decode(text, strlen(text), &document, &err);

	if (r != wanted)
		fail_msg("%s: %d: %s", text, r, err.text);
	if (sentence && !strstr(err.text, sentence))
		fail_msg("%s: %s", text, err.text);
}

#define DIGEST "\"sha256:0123456789012345678901234567890123456789012345678901234567890123\""

static void documents_that_are_wrong_are_refused(void **state)
{
	(void)state;
	check_document("{\"version\":1}", 0, NULL);
	check_document("{\"version\":1,\"steps\":[],\"bundles\":[]}", 0, NULL);
	check_document("{\"version\":2}", -EBADMSG, "format");
	check_document("{}", -EBADMSG, "format");
	check_document("{", -EBADMSG, "document");
	check_document("{\"version\":1,\"steps\":{}}", -EBADMSG, "steps");
	check_document("{\"version\":1,\"steps\":[{\"key\":" DIGEST "}]}", -EBADMSG, "tree");
	check_document("{\"version\":1,\"steps\":[{\"key\":" DIGEST ",\"tree\":7}]}", -EBADMSG,
		       "tree");
	check_document("{\"version\":1,\"steps\":[3]}", -EBADMSG, "key");
	check_document("{\"version\":1,\"bundles\":[{\"digest\":" DIGEST ",\"size\":3}]}", -EBADMSG,
		       "blobs");
	check_document("{\"version\":1,\"bundles\":[{\"digest\":" DIGEST
		       ",\"size\":3,\"blobs\":[\"x\",1]}]}",
		       -EBADMSG, "no digests");
	check_document("{\"version\":1,\"bundles\":[{\"digest\":" DIGEST
		       ",\"size\":3,\"blobs\":[" DIGEST ",-1]}]}",
		       -EBADMSG, "no digests");
	check_document("{\"version\":1,\"bundles\":[{\"digest\":" DIGEST
		       ",\"size\":3,\"blobs\":[" DIGEST ",9223372036854775807]}]}",
		       -EBADMSG, "size");
	check_document("{\"version\":1,\"bundles\":[{\"digest\":" DIGEST
		       ",\"size\":-3,\"blobs\":[]}]}",
		       -EBADMSG, NULL);
}

static void frames_and_layers_that_cannot_be_are_refused(void **state)
{
#define BUNDLE_OF(blobs, frames)                                                                   \
	"{\"version\":1,\"bundles\":[{\"digest\":" DIGEST ",\"size\":100,\"blobs\":[" blobs        \
	"],\"frames\":[" frames "]}]}"
#define LAYER_OF(rest) "{\"version\":1,\"layers\":[{\"tree\":" DIGEST ",\"diff\":" DIGEST rest "}]}"
#define TWO            DIGEST ",5," DIGEST ",6"
#define LARGE          DIGEST ",5," DIGEST ",70000"
	(void)state;
	check_document(BUNDLE_OF(TWO, "100,2"), 0, NULL);
	check_document(BUNDLE_OF(TWO, "40,1,60,1"), 0, NULL);
	check_document(BUNDLE_OF(LARGE, "40,1,60,1"), 0, NULL);
	check_document(BUNDLE_OF(LARGE, "100,2"), -EBADMSG, "frames that cannot be");
	check_document(BUNDLE_OF(TWO, "40,1,61,1"), -EBADMSG, "frames that cannot be");
	check_document(BUNDLE_OF(TWO, "40,1,59,1"), -EBADMSG, "frames that cannot be");
	check_document(BUNDLE_OF(TWO, "100,1"), -EBADMSG, "frames that cannot be");
	check_document(BUNDLE_OF(TWO, "100,3"), -EBADMSG, "frames that cannot be");
	check_document(BUNDLE_OF(TWO, "100,2,1,1"), -EBADMSG, "frames that cannot be");
	check_document(BUNDLE_OF(TWO, "0,1,100,1"), -EBADMSG, "frames that cannot be");
	check_document(BUNDLE_OF(TWO, "-9223372036854775808,2"), -EBADMSG, "frames that cannot be");
	check_document(BUNDLE_OF(TWO, "100,9223372036854775807"), -EBADMSG,
		       "frames that cannot be");
	check_document(BUNDLE_OF(TWO, "\"100\",2"), -EBADMSG, "frames that cannot be");
	check_document(BUNDLE_OF(TWO, "100"), -EBADMSG, "frames that cannot be");

	check_document(LAYER_OF(",\"size\":3"), 0, NULL);
	check_document(LAYER_OF(",\"size\":-3"), -EBADMSG, "size");
	check_document(LAYER_OF(""), -EBADMSG, "lacks its tree");
	check_document(LAYER_OF(",\"size\":3,\"blob\":[]"), -EBADMSG, NULL);
	check_document(LAYER_OF(",\"size\":3,\"blob\":{\"digest\":" DIGEST
				",\"size\":7,\"mediaType\":\"x\"}"),
		       -EBADMSG, "is nowhere");
}

static struct shared_bundle make_bundle(struct fixture *fixture)
{
	struct shared_bundle bundle = {.blobs = calloc(3, sizeof(*bundle.blobs)), .count = 3};
	static const size_t sizes[] = {0, 1000, 2000000};

	assert_non_null(bundle.blobs);
	for (size_t i = 0; i < 3; i++) {
		bundle.blobs[i].digest = fixture_put_seed(fixture, i, sizes[i]);
		bundle.blobs[i].size = sizes[i];
	}
	return bundle;
}

static struct cache_place *open_place(struct fixture *fixture, struct store_writer *writer)
{
	struct cache_place *place;
	char path[128];

	snprintf(path, sizeof(path), "%s/cache/below", fixture->directory);
	assert_ok(fixture, cache_place_open(writer, NULL, path, &place, &fixture->err));
	return place;
}

/* Another store, in the fixture's directory. */
static void open_second(struct fixture *fixture, struct msb_store **store,
			struct store_writer **writer)
{
	char root[128];

	snprintf(root, sizeof(root), "%s/second", fixture->directory);
	assert_ok(fixture, store_create(root, &fixture->err));
	fixture_open(root, store, writer);
}

static struct shared_step a_step(void)
{
	return (struct shared_step){
		.key = fixture_digest(1),
		.step = {.tree = fixture_digest(2),
			 .log = fixture_digest(3),
			 .has_log = true,
			 .created_ns = 1700000000123456789,
			 .duration_ns = 5},
	};
}

static struct shared_layer a_layer(void)
{
	return (struct shared_layer){
		.record = {.parent = fixture_digest(4),
			   .tree = fixture_digest(5),
			   .diff_id = fixture_digest(6),
			   .size = 7,
			   .has_blob = true,
			   .blob = fixture_digest(8),
			   .media_type = "application/vnd.oci.image.layer.v1.tar+gzip"},
		.blob_size = 9,
		.repository = "library/node",
	};
}

/* The document is a_step(), a_layer() and the bundle. */
static void expect_document(const struct shared_document *got, const struct shared_bundle *bundle)
{
	const struct shared_step step = a_step();
	const struct shared_layer layer = a_layer();

	assert_int_equal(got->step_count, 1);
	assert_true(msb_digest_equal(&got->steps[0].key, &step.key));
	assert_true(msb_digest_equal(&got->steps[0].step.tree, &step.step.tree));
	assert_true(got->steps[0].step.has_log);
	assert_int_equal(got->steps[0].step.created_ns, step.step.created_ns);
	assert_int_equal(got->bundle_count, 1);
	assert_int_equal(got->bundles[0].size, bundle->size);
	assert_true(got->bundles[0].has_frames);
	/* Two small ones together, and a large one by itself. */
	assert_int_equal(got->bundles[0].blobs[1].start, 0);
	assert_int_equal(got->bundles[0].blobs[1].skip, 80);
	assert_int_equal(got->bundles[0].blobs[2].start, got->bundles[0].blobs[1].stop);
	assert_int_equal(got->bundles[0].blobs[2].stop, bundle->size);
	assert_int_equal(got->layer_count, 1);
	assert_memory_equal(&got->layers[0], &layer, sizeof(layer));
}

static void a_directory_gives_another_store_what_was_sent(void **state)
{
	struct fixture *fixture = *state;
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	AUTO(store_writer_closep) struct store_writer *writer = NULL;
	AUTO(cache_place_closep) struct cache_place *place = open_place(fixture, fixture->writer);
	struct shared_bundle bundle = make_bundle(fixture);
	const struct shared_step step = a_step();
	const struct shared_layer layer = a_layer();
	autoshared sent = {0}, got = {0};

	assert_int_equal(cache_place_read(place, &got, &fixture->err), -ENODATA);
	assert_ok(fixture, cache_place_send(place, &bundle, &fixture->err));
	assert_int_equal(shared_add_bundle(&sent, &bundle), 0);
	assert_int_equal(shared_add_step(&sent, &step), 0);
	assert_int_equal(shared_add_layer(&sent, &layer), 0);
	assert_ok(fixture, cache_place_write(place, &sent, &fixture->err));
	assert_ok(fixture, cache_place_read(place, &got, &fixture->err));
	expect_document(&got, &bundle);

	cache_place_close(place);
	open_second(fixture, &store, &writer);
	place = open_place(fixture, writer);
	fixture_expect_absent(store, &bundle.blobs[2].digest);
	assert_ok(fixture, cache_place_fetch(place, &got.bundles[0], &fixture->err));
	fixture_expect(store, &bundle.blobs[0].digest, 0, 0);
	fixture_expect(store, &bundle.blobs[1].digest, 1, 1000);
	fixture_expect(store, &bundle.blobs[2].digest, 2, 2000000);
}

static ssize_t read_fd_at(int fd, uint8_t *bytes, size_t size)
{
	ssize_t n = io_pread(fd, bytes, size, 0);

	assert_true(n > 0);
	return n;
}

/* Reads the bundle from these bytes, which must be refused. */
static void expect_refusal(struct fixture *fixture, const struct shared_bundle *bundle,
			   const uint8_t *bytes, size_t size)
{
	autoclose int fd = -1;
	struct layer_source source = layer_source_fd(&fd);
	struct msb_error err = {0};

	assert_ok(fixture, shared_scratch_file(fixture->writer, &fd, &fixture->err));
	assert_int_equal(io_pwrite(fd, bytes, size, 0), 0);
	assert_int_equal(shared_bundle_read(fixture->writer, bundle, &source, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "is damaged"));
}

static void a_bundle_that_is_not_as_announced_is_refused(void **state)
{
	struct fixture *fixture = *state;
	const size_t most = 4 * 1024 * 1024;
	struct shared_bundle bundle = make_bundle(fixture);
	autofree uint8_t *bytes = malloc(most);
	autoclose int fd = -1;
	size_t size;

	assert_non_null(bytes);
	assert_ok(fixture, shared_scratch_file(fixture->writer, &fd, &fixture->err));
	assert_ok(fixture, shared_bundle_write(fixture->store, &bundle, fd, &fixture->err));
	size = (size_t)read_fd_at(fd, bytes, most);
	assert_int_equal(size, bundle.size);
	/* Cut short, longer, changed at some places, and empty. */
	expect_refusal(fixture, &bundle, bytes, size - 1);
	expect_refusal(fixture, &bundle, bytes, size / 2);
	expect_refusal(fixture, &bundle, bytes, 0);
	bytes[size] = 0;
	expect_refusal(fixture, &bundle, bytes, size + 1);
	for (size_t at = 0; at < size; at += size / 7) {
		bytes[at] ^= 1;
		expect_refusal(fixture, &bundle, bytes, size);
		bytes[at] ^= 1;
	}
	/* Whole, but not what the document says. */
	bundle.blobs[1].size++;
	expect_refusal(fixture, &bundle, bytes, size);
	bundle.blobs[1].size -= 2;
	expect_refusal(fixture, &bundle, bytes, size);
	bundle.blobs[1].size++;
	bundle.count--;
	expect_refusal(fixture, &bundle, bytes, size);
	bundle.count++;
	bundle.blobs[1].digest = fixture_digest(9);
	expect_refusal(fixture, &bundle, bytes, size);
	free(bundle.blobs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_are_found_with_their_numbers),
		cmocka_unit_test(documents_that_are_wrong_are_refused),
		cmocka_unit_test(frames_and_layers_that_cannot_be_are_refused),
		TEST_IN_STORE(a_directory_gives_another_store_what_was_sent),
		TEST_IN_STORE(a_bundle_that_is_not_as_announced_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Images out of archives and into them. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "io.h"
#include "layer_fixture.h"

/* An image of two layers on its way into an archive. */
struct sample {
	const char *filter;         /* of layers: "cat", "gzip -c", "zstd -qc" */
	struct buffer layers[2];    /* as they travel */
	struct msb_digest diffs[2]; /* of the tars */
	struct buffer config, manifest, index;
};

static void digest_of(const struct buffer *bytes, char text[MSB_DIGEST_TEXT])
{
	struct msb_digest digest;

	msb_digest_of(bytes->bytes, bytes->size, &digest);
	msb_digest_format(&digest, text);
}

static void make_layers(struct sample *sample)
{
	autofree uint8_t *large = fixture_bytes(4, 2000000);
	autobuffer lower = {0}, upper = {0};

	tar_add_file(&lower, "kept", "kept");
	tar_add_file(&lower, "gone", "gone");
	tar_add_bytes(&lower, "large", large, 2000000);
	tar_end(&lower);
	tar_add_file(&upper, ".wh.gone", "");
	tar_add_file(&upper, "added", "added");
	tar_end(&upper);
	msb_digest_of(lower.bytes, lower.size, &sample->diffs[0]);
	msb_digest_of(upper.bytes, upper.size, &sample->diffs[1]);
	run_filter(sample->filter, lower.bytes, lower.size, &sample->layers[0]);
	run_filter(sample->filter, upper.bytes, upper.size, &sample->layers[1]);
}

static void describe(struct buffer *out, const char *type, const struct buffer *blob)
{
	char digest[MSB_DIGEST_TEXT];

	digest_of(blob, digest);
	buffer_printf(out, "{\"mediaType\": \"%s\", \"digest\": \"%s\", \"size\": %zu", type,
		      digest, blob->size);
}

#define OCI "application/vnd.oci.image."

/* The blanks make sure that documents are kept as they came. */
static void make_sample(const char *filter, struct sample *ret)
{
	const char *suffix = *filter == 'g' ? "+gzip" : *filter == 'z' ? "+zstd" : "";
	char lower[MSB_DIGEST_TEXT], upper[MSB_DIGEST_TEXT], type[96];

	*ret = (struct sample){.filter = filter};
	make_layers(ret);
	buffer_printf(&ret->config,
		      "{ \"architecture\": \"amd64\", \"os\": \"linux\", \"unknown\": 1,"
		      " \"config\": {\"Env\": [\"A=1\"]}, \"rootfs\": {\"type\": \"layers\","
		      " \"diff_ids\": [\"%s\", \"%s\"]}}",
		      msb_digest_format(&ret->diffs[0], lower),
		      msb_digest_format(&ret->diffs[1], upper));
	snprintf(type, sizeof(type), OCI "layer.v1.tar%s", suffix);
	buffer_string(&ret->manifest, "{ \"schemaVersion\": 2, \"config\": ");
	describe(&ret->manifest, OCI "config.v1+json", &ret->config);
	buffer_string(&ret->manifest, "}, \"layers\": [");
	describe(&ret->manifest, type, &ret->layers[0]);
	buffer_string(&ret->manifest, "}, ");
	describe(&ret->manifest, type, &ret->layers[1]);
	buffer_string(&ret->manifest, "}]}");
	buffer_string(&ret->index, "{\"schemaVersion\": 2, \"manifests\": [");
	describe(&ret->index, OCI "manifest.v1+json", &ret->manifest);
	buffer_string(&ret->index,
		      ", \"annotations\": {\"io.containerd.image.name\": \"example.org/x:v1\"}}]}");
}

static void sample_done(struct sample *sample)
{
	buffer_done(&sample->layers[0]);
	buffer_done(&sample->layers[1]);
	buffer_done(&sample->config);
	buffer_done(&sample->manifest);
	buffer_done(&sample->index);
}

static void add_blob(struct buffer *tar, const struct buffer *blob)
{
	char digest[MSB_DIGEST_TEXT], name[96];

	digest_of(blob, digest);
	snprintf(name, sizeof(name), "blobs/sha256/%s", digest + 7);
	tar_add_bytes(tar, name, blob->bytes, blob->size);
}

static void add_layout(struct buffer *tar, const struct sample *sample)
{
	tar_add_bytes(tar, "index.json", sample->index.bytes, sample->index.size);
	tar_add_file(tar, "oci-layout", "{\"imageLayoutVersion\": \"1.0.0\"}");
	add_blob(tar, &sample->layers[1]);
	add_blob(tar, &sample->layers[0]);
	add_blob(tar, &sample->config);
	add_blob(tar, &sample->manifest);
}

/* As old docker saved: the upper layer in its place, the lower one through links. */
static void add_docker(struct buffer *tar, const struct sample *sample)
{
	char digest[MSB_DIGEST_TEXT], name[96];
	autobuffer manifest = {0};

	digest_of(&sample->config, digest);
	buffer_printf(&manifest,
		      "[{\"Config\": \"%s.json\", \"RepoTags\": [\"x:v1\", \"example.org/x:v1\"],"
		      " \"Layers\": [\"a/layer.tar\", \"b/layer.tar\"]}]",
		      digest + 7);
	tar_add_dir(tar, "a/");
	tar_add_symlink(tar, "a/layer.tar", "../c/layer.tar");
	tar_add_bytes(tar, "b/layer.tar", sample->layers[1].bytes, sample->layers[1].size);
	tar_add_bytes(tar, "c/real.tar", sample->layers[0].bytes, sample->layers[0].size);
	tar_add_link(tar, "c/layer.tar", "c/real.tar");
	tar_add_bytes(tar, "manifest.json", manifest.bytes, manifest.size);
	snprintf(name, sizeof(name), "%s.json", digest + 7);
	tar_add_bytes(tar, name, sample->config.bytes, sample->config.size);
}

static void path_in(const struct fixture *fixture, const char *name, char path[128])
{
	snprintf(path, 128, "%s/%s", fixture->directory, name);
}

static void write_archive(struct fixture *fixture, const char *name, const struct buffer *tar)
{
	char path[128];

	path_in(fixture, name, path);
	assert_ok(fixture,
		  io_write_file(AT_FDCWD, path, tar->bytes, tar->size, 0644, &fixture->err));
}

static int count_image(void *context, const struct msb_image *image)
{
	int *count = context;

	assert_true(image->size > 0);
	(*count)++;
	return 0;
}

static int load(struct fixture *fixture, const char *name, int *ret_count)
{
	char path[128];

	path_in(fixture, name, path);
	*ret_count = 0;
	return image_load(fixture->store, fixture->writer, path, count_image, ret_count,
			  &fixture->err);
}

/* The image is there, with its documents as they came. */
static void expect_sample(struct fixture *fixture, const char *name, const struct sample *sample,
			  bool same_manifest)
{
	struct msb_image *image = NULL;
	autofree char *text = NULL, *paths = NULL;
	struct msb_digest id, manifest;

	assert_ok(fixture, image_find(fixture->store, name, &image, &fixture->err));
	msb_digest_of(sample->config.bytes, sample->config.size, &id);
	msb_digest_of(sample->manifest.bytes, sample->manifest.size, &manifest);
	assert_true(msb_digest_equal(&image->id, &id));
	if (same_manifest)
		assert_true(msb_digest_equal(&image->manifest, &manifest));
	text = text_of_tree(fixture, &image->tree);
	paths = paths_of(text);
	assert_string_equal(paths, "/ /added /kept /large");
	assert_int_equal(image->size, 5 + 4 + 2000000);
	msb_images_free(image, 1);
}

static void expect_no_image(struct fixture *fixture)
{
	struct msb_image *images;
	size_t count;

	assert_ok(fixture, msb_records_images(fixture->store, &images, &count, &fixture->err));
	msb_images_free(images, count);
	assert_int_equal(count, 0);
}

static const char *const filters[] = {"cat", "gzip -c", "zstd -qc"};

static void an_oci_archive_is_loaded_as_it_came(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < 3; i++) {
		autobuffer tar = {0}, packed = {0};
		struct sample sample;
		int count;

		fixture_tear_down((void **)&fixture);
		fixture_set_up((void **)&fixture);
		*state = fixture;
		make_sample(filters[i], &sample);
		add_layout(&tar, &sample);
		tar_end(&tar);
		/* The archive as a whole may be compressed as well. */
		run_filter(i == 1 ? "gzip -c" : "cat", tar.bytes, tar.size, &packed);
		write_archive(fixture, "oci.tar", &packed);
		assert_ok(fixture, load(fixture, "oci.tar", &count));
		assert_int_equal(count, 1);
		fixture_reopen(fixture);
		expect_sample(fixture, "example.org/x:v1", &sample, true);
		/* A second time nothing is unpacked; the result is the same. */
		assert_ok(fixture, load(fixture, "oci.tar", &count));
		expect_sample(fixture, "example.org/x:v1", &sample, true);
		sample_done(&sample);
	}
}

static void a_layout_directory_is_loaded(void **state)
{
	struct fixture *fixture = *state;
	autobuffer tar = {0};
	struct sample sample;
	char command[300];
	int count;

	make_sample("gzip -c", &sample);
	add_layout(&tar, &sample);
	tar_end(&tar);
	write_archive(fixture, "oci.tar", &tar);
	snprintf(command, sizeof(command), "mkdir %s/layout && tar -C %s/layout -xf %s/oci.tar",
		 fixture->directory, fixture->directory, fixture->directory);
	assert_int_equal(system(command), 0);
	assert_ok(fixture, load(fixture, "layout", &count));
	expect_sample(fixture, "example.org/x:v1", &sample, true);
	sample_done(&sample);
}

static void a_docker_archive_is_loaded_with_all_its_names(void **state)
{
	struct fixture *fixture = *state;
	autobuffer tar = {0};
	struct sample sample;
	int count;

	make_sample("cat", &sample);
	add_docker(&tar, &sample);
	tar_end(&tar);
	write_archive(fixture, "docker.tar", &tar);
	assert_ok(fixture, load(fixture, "docker.tar", &count));
	assert_int_equal(count, 2);
	fixture_reopen(fixture);
	expect_sample(fixture, "x:v1", &sample, false);
	expect_sample(fixture, "example.org/x:v1", &sample, false);
	sample_done(&sample);
}

static void of_an_index_the_image_for_this_machine_is_taken(void **state)
{
	struct fixture *fixture = *state;
	autobuffer tar = {0}, nested = {0}, missing = {0};
	struct sample sample;
	autoimage document = {0};
	autofree char *json = NULL;
	int count;

	make_sample("gzip -c", &sample);
	/* What a document without an architecture is encoded with is this machine's. */
	assert_ok(fixture, image_encode(&document, &json, &fixture->err));
	buffer_string(&missing, "not in the archive");
	buffer_string(&nested, "{\"manifests\": [");
	describe(&nested, OCI "manifest.v1+json", &missing);
	buffer_string(&nested,
		      ", \"platform\": {\"os\": \"linux\", \"architecture\": \"pdp11\"}},");
	describe(&nested, OCI "manifest.v1+json", &missing);
	buffer_string(&nested, ", \"platform\": {\"os\": \"unknown\", \"architecture\": \"x\"}},");
	describe(&nested, OCI "manifest.v1+json", &sample.manifest);
	buffer_printf(&nested, ", \"platform\": {\"os\": \"linux\", \"architecture\": \"%.*s\"}}]}",
		      (int)strcspn(strstr(json, "\"architecture\":\"") + 16, "\""),
		      strstr(json, "\"architecture\":\"") + 16);
	sample.index.size = 0;
	buffer_string(&sample.index, "{\"manifests\": [");
	describe(&sample.index, OCI "index.v1+json", &nested);
	buffer_string(&sample.index, ", \"annotations\":"
				     " {\"org.opencontainers.image.ref.name\": \"many:v2\"}}]}");
	add_layout(&tar, &sample);
	add_blob(&tar, &nested);
	tar_end(&tar);
	write_archive(fixture, "oci.tar", &tar);
	assert_ok(fixture, load(fixture, "oci.tar", &count));
	assert_int_equal(count, 1);
	expect_sample(fixture, "many:v2", &sample, true);
	sample_done(&sample);
}

static void replace(struct buffer *in, const char *what, const char *by)
{
	char *at = memmem(in->bytes, in->size, what, strlen(what));

	assert_non_null(at);
	assert_int_equal(strlen(what), strlen(by));
	memcpy(at, by, strlen(by));
}

static void what_is_not_as_its_digest_says_leaves_no_image(void **state)
{
	struct fixture *fixture = *state;

	for (int part = 0; part < 5; part++) {
		autobuffer tar = {0};
		struct sample sample;
		int count;

		make_sample(part == 4 ? "cat" : "gzip -c", &sample);
		add_layout(&tar, &sample);
		tar_end(&tar);
		switch (part) {
		case 0: /* the config */
			replace(&tar, "A=1", "A=2");
			break;
		case 1: /* the manifest */
			replace(&tar, "\"layers\": [", "\"layers\":[ ");
			break;
		case 2: { /* a layer, where gzip itself does not notice: its time */
			uint8_t *at = memmem(tar.bytes, tar.size, sample.layers[0].bytes, 1000);

			assert_non_null(at);
			at[4] ^= 1;
			break;
		}
		case 3: /* the announced size */
			replace(&tar, "\"size\": ", "\"size\":9");
			break;
		case 4: /* a plain layer */
			replace(&tar, "kept\0", "kepT\0");
			break;
		}
		write_archive(fixture, "oci.tar", &tar);
		assert_int_equal(load(fixture, "oci.tar", &count), -EBADMSG);
		assert_int_equal(count, 0);
		expect_no_image(fixture);
		sample_done(&sample);
	}
}

static void a_layer_that_unpacks_to_something_else_is_refused(void **state)
{
	struct fixture *fixture = *state;
	autobuffer tar = {0};
	struct sample sample;
	char digest[MSB_DIGEST_TEXT];
	int count;

	/* All digests of blobs are right, but the config names other contents. */
	make_sample("gzip -c", &sample);
	buffer_done(&sample.layers[1]);
	{
		autobuffer upper = {0};

		tar_add_file(&upper, "evil", "evil");
		tar_end(&upper);
		run_filter("gzip -c", upper.bytes, upper.size, &sample.layers[1]);
	}
	sample.manifest.size = sample.index.size = 0;
	buffer_string(&sample.manifest, "{\"config\": ");
	describe(&sample.manifest, OCI "config.v1+json", &sample.config);
	buffer_string(&sample.manifest, "}, \"layers\": [");
	describe(&sample.manifest, OCI "layer.v1.tar+gzip", &sample.layers[0]);
	buffer_string(&sample.manifest, "}, ");
	describe(&sample.manifest, OCI "layer.v1.tar+gzip", &sample.layers[1]);
	buffer_string(&sample.manifest, "}]}");
	buffer_string(&sample.index, "{\"manifests\": [");
	describe(&sample.index, OCI "manifest.v1+json", &sample.manifest);
	buffer_string(&sample.index, "}]}");
	add_layout(&tar, &sample);
	tar_end(&tar);
	write_archive(fixture, "oci.tar", &tar);
	assert_int_equal(load(fixture, "oci.tar", &count), -EBADMSG);
	assert_non_null(strstr(fixture->err.text, msb_digest_format(&sample.diffs[1], digest)));
	expect_no_image(fixture);
	sample_done(&sample);
}

static void what_is_missing_or_strange_is_named(void **state)
{
	struct fixture *fixture = *state;
	autobuffer empty = {0}, docker = {0}, circle = {0}, count_wrong = {0};
	int count;

	tar_add_file(&empty, "x", "");
	tar_end(&empty);
	write_archive(fixture, "a", &empty);
	assert_int_equal(load(fixture, "a", &count), -EBADMSG);
	assert_non_null(strstr(fixture->err.text, "no manifest.json"));
	tar_add_file(&docker, "manifest.json",
		     "[{\"Config\": \"../../../etc/passwd\", \"Layers\": []}]");
	tar_end(&docker);
	write_archive(fixture, "b", &docker);
	assert_int_equal(load(fixture, "b", &count), -ENOENT);
	tar_add_symlink(&circle, "manifest.json", "index.json");
	tar_add_symlink(&circle, "index.json", "manifest.json");
	tar_end(&circle);
	write_archive(fixture, "c", &circle);
	assert_int_equal(load(fixture, "c", &count), -ELOOP);
	tar_add_file(&count_wrong, "manifest.json", "[{\"Config\": \"c\", \"Layers\": [\"x\"]}]");
	tar_add_file(&count_wrong, "c", "{}");
	tar_end(&count_wrong);
	write_archive(fixture, "d", &count_wrong);
	assert_int_equal(load(fixture, "d", &count), -EBADMSG);
	assert_non_null(strstr(fixture->err.text, "number of layers"));
	assert_int_equal(load(fixture, "not-there", &count), -ENOENT);
	expect_no_image(fixture);
}

static void save(struct fixture *fixture, const char *const *names, size_t count, const char *name)
{
	char path[128];
	autoclose int fd = -1;

	path_in(fixture, name, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_ok(fixture, image_save(fixture->writer, names, count, fd, &fixture->err));
}

/* Loads into a fresh store what the archive holds. */
static void move_to_fresh_store(struct fixture *fixture, const char *archive, int *ret_count)
{
	store_writer_close(fixture->writer);
	msb_store_close(fixture->store);
	fixture->writer = NULL;
	fixture->store = NULL;
	strcat(fixture->root, "2");
	assert_ok(fixture, store_create(fixture->root, &fixture->err));
	fixture_open(fixture->root, &fixture->store, &fixture->writer);
	assert_ok(fixture, load(fixture, archive, ret_count));
}

static void what_is_saved_is_loaded_the_same(void **state)
{
	static const char *const names[] = {"example.org/x:v1", "y:v2"};
	struct fixture *fixture = *state;
	struct msb_image *image = NULL;
	autobuffer tar = {0};
	struct sample sample;
	int count;

	make_sample("gzip -c", &sample);
	add_layout(&tar, &sample);
	tar_end(&tar);
	write_archive(fixture, "oci.tar", &tar);
	assert_ok(fixture, load(fixture, "oci.tar", &count));
	assert_ok(fixture, image_find(fixture->store, names[0], &image, &fixture->err));
	free(image->name);
	image->name = strdup("docker.io/library/y:v2");
	assert_ok(fixture, store_begin(fixture->writer, &fixture->err));
	assert_ok(fixture, store_set_image(fixture->writer, image, &fixture->err));
	assert_ok(fixture, store_commit(fixture->writer, &fixture->err));
	msb_images_free(image, 1);
	save(fixture, names, 2, "saved.tar");
	move_to_fresh_store(fixture, "saved.tar", &count);
	assert_int_equal(count, 2);
	expect_sample(fixture, "example.org/x:v1", &sample, true);
	expect_sample(fixture, "y:v2", &sample, true);
	sample_done(&sample);
}

static void generated_layers_are_saved_as_docker_reads_them(void **state)
{
	static const char *const names[] = {"made"};
	struct fixture *fixture = *state;
	struct msb_image *image = NULL, *again = NULL;
	autobuffer tar = {0}, list = {0};
	char path[128], command[200];
	int count;

	tar_add_file(&tar, "file", "content");
	tar_end(&tar);
	write_archive(fixture, "rootfs.tar", &tar);
	path_in(fixture, "rootfs.tar", path);
	assert_ok(fixture, image_import(fixture->store, fixture->writer, path, "made", NULL, NULL,
					&image, &fixture->err));
	save(fixture, names, 1, "saved.tar");
	snprintf(command, sizeof(command),
		 "sh -c 'tar -xOf %s/saved.tar manifest.json | cut -d\\\" -f4'",
		 fixture->directory);
	run_filter(command, "", 0, &list);
	assert_non_null(memmem(list.bytes, list.size, "blobs/sha256/", 13));
	/* Without index.json it is a docker archive. */
	snprintf(command, sizeof(command), "tar --delete -f %s/saved.tar index.json oci-layout",
		 fixture->directory);
	assert_int_equal(system(command), 0);
	move_to_fresh_store(fixture, "saved.tar", &count);
	assert_int_equal(count, 1);
	assert_ok(fixture, image_find(fixture->store, "made", &again, &fixture->err));
	assert_true(msb_digest_equal(&image->id, &again->id));
	assert_true(msb_digest_equal(&image->tree, &again->tree));
	msb_images_free(image, 1);
	msb_images_free(again, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_IN_STORE(an_oci_archive_is_loaded_as_it_came),
		TEST_IN_STORE(a_layout_directory_is_loaded),
		TEST_IN_STORE(a_docker_archive_is_loaded_with_all_its_names),
		TEST_IN_STORE(of_an_index_the_image_for_this_machine_is_taken),
		TEST_IN_STORE(what_is_not_as_its_digest_says_leaves_no_image),
		TEST_IN_STORE(a_layer_that_unpacks_to_something_else_is_refused),
		TEST_IN_STORE(what_is_missing_or_strange_is_named),
		TEST_IN_STORE(what_is_saved_is_loaded_the_same),
		TEST_IN_STORE(generated_layers_are_saved_as_docker_reads_them),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

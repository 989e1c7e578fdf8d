/* References, documents, and images in the store's records. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "io.h"
#include "layer_fixture.h"
#include "reference.h"

static void references_are_normalized_as_docker_does(void **state)
{
	static const struct {
		const char *text, *normalized, *familiar;
	} cases[] = {
		{"node", "docker.io/library/node:latest", "node:latest"},
		{"node:alpine", "docker.io/library/node:alpine", "node:alpine"},
		{"user/app", "docker.io/user/app:latest", "user/app:latest"},
		{"docker.io/node", "docker.io/library/node:latest", "node:latest"},
		{"docker.io/library/node", "docker.io/library/node:latest", "node:latest"},
		{"index.docker.io/user/app:1", "docker.io/user/app:1", "user/app:1"},
		{"localhost/x", "localhost/x:latest", "localhost/x:latest"},
		{"localhost:5000/x/y:v1", "localhost:5000/x/y:v1", "localhost:5000/x/y:v1"},
		{"quay.io/a/b/c", "quay.io/a/b/c:latest", "quay.io/a/b/c:latest"},
		{"[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000/x:latest"},
		{"Upper/x", "Upper/x:latest", "Upper/x:latest"},
		{"a__b/c-d--e.f_g", "docker.io/a__b/c-d--e.f_g:latest", "a__b/c-d--e.f_g:latest"},
		{"index.docker.io/b.io/x:1", "docker.io/b.io/x:1", "docker.io/b.io/x:1"},
		{"docker.io/library/"
		 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		 "docker.io/library/"
		 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef:latest",
		 "docker.io/library/"
		 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef:latest"},
		{"node@sha256:"
		 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		 "docker.io/library/node@sha256:"
		 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		 "node@sha256:"
		 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
		{"node:1@sha256:"
		 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		 "docker.io/library/node@sha256:"
		 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		 "node@sha256:"
		 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		autofree char *normalized = NULL, *familiar = NULL, *again = NULL;
		struct msb_error err = {0};

		if (reference_normalize(cases[i].text, &normalized, &err) < 0)
			fail_msg("%s", err.text);
		assert_string_equal(normalized, cases[i].normalized);
		familiar = reference_familiar(normalized);
		assert_string_equal(familiar, cases[i].familiar);
		assert_int_equal(reference_normalize(familiar, &again, &err), 0);
		assert_string_equal(again, normalized);
	}
}

static void what_is_no_reference_is_refused(void **state)
{
	static const char *const cases[] = {
		"",
		":",
		"a:",
		"a:b:c",
		"/a",
		"a/",
		"a//b",
		"Node",
		"user/App",
		"-a",
		"a-",
		"a..b",
		"a___b",
		"a._b",
		"a b",
		"a\nb",
		"a:.tag",
		"a:tag/with",
		"a@",
		"a@sha256:abc",
		"a@md5:0123456789abcdef0123456789abcdef",
		"-host.io/a",
		"host..io/a",
		"host.io:x/a",
		"host.io:/a",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		"a:012345678901234567890123456789012345678901234567890123456789012345678901234"
		"56789012345678901234567890123456789012345678901234567890",
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct msb_error err = {0};
		char *normalized = NULL;

		if (reference_normalize(cases[i], &normalized, &err) != -EINVAL)
			fail_msg("'%s' was taken as %s", cases[i], normalized);
		assert_true(strlen(err.text) > 10);
	}
}

static void a_reference_splits_into_repository_and_tag(void **state)
{
	static const char *const cases[][3] = {
		{"docker.io/library/node:alpine", "node", "alpine"},
		{"localhost:5000/x:v1", "localhost:5000/x", "v1"},
		{"docker.io/library/node@sha256:ab", "node", "sha256:ab"},
	};
	struct msb_error err = {0};
	char *repository, *tag;
	(void)state;

	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(reference_split(cases[i][0], &repository, &tag, &err), 0);
		assert_string_equal(repository, cases[i][1]);
		assert_string_equal(tag, cases[i][2]);
		free(repository);
		free(tag);
	}
	assert_int_equal(reference_split("localhost:5000/x", &repository, &tag, &err), -EINVAL);
}

/* Decoded and encoded again, the text is as it was. */
static void expect_config(const char *json)
{
	autoconfig config = {0};
	struct msb_error err = {0};
	autofree char *again = NULL;

	if (config_decode(json, strlen(json), &config, &err) < 0)
		fail_msg("%s", err.text);
	if (config_encode(&config, &again, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(again, json);
}

static void configs_survive_the_way_through_json(void **state)
{
	(void)state;
	expect_config("{}");
	expect_config("{\"Cmd\":[],\"Entrypoint\":[]}");
	expect_config("{\"Cmd\":[\"a\"]}");
	expect_config("{\"Author\":\"A. U. Thor\",\"Entrypoint\":[\"/bin/sh\"]}");
	expect_config("{\"ArgsEscaped\":true,\"Cmd\":[\"sh\",\"-c\",\"echo \\\"x\\\"\"],"
		      "\"Entrypoint\":[\"\xe2\x98\x83\"],\"Env\":[\"B=2\",\"A=1=1\",\"E=\"],"
		      "\"ExposedPorts\":{\"53/udp\":{},\"80/tcp\":{}},"
		      "\"Healthcheck\":{\"Interval\":5000000000,\"Retries\":3,\"StartInterval\":1,"
		      "\"StartPeriod\":2,\"Test\":[\"CMD-SHELL\",\"true\"],\"Timeout\":4},"
		      "\"Labels\":{\"a\":\"\",\"b.c\":\"x=y\"},\"OnBuild\":[\"RUN x\"],"
		      "\"Shell\":[\"/bin/bash\",\"-c\"],\"StopSignal\":\"SIGINT\","
		      "\"User\":\"1000:1000\",\"Volumes\":{\"/data\":{}},\"WorkingDir\":\"/w\"}");
	expect_config("{\"Healthcheck\":{\"Test\":[\"NONE\"]}}");
	expect_config("{\"Healthcheck\":{}}");
}

static void null_is_absent_and_empty_text_is_unset(void **state)
{
	static const char json[] = "{\"Cmd\":null,\"Entrypoint\":null,\"Env\":null,\"Labels\":null,"
				   "\"Volumes\":null,\"User\":\"\",\"WorkingDir\":\"\","
				   "\"Healthcheck\":null,\"Unknown\":[1,2],\"ArgsEscaped\":false}";
	autoconfig config = {0};
	struct msb_error err = {0};
	autofree char *again = NULL;
	(void)state;

	assert_int_equal(config_decode(json, strlen(json), &config, &err), 0);
	assert_false(config.has_cmd || config.has_entrypoint || config.has_healthcheck);
	assert_null(config.user);
	assert_int_equal(config_encode(&config, &again, &err), 0);
	assert_string_equal(again, "{}");
}

static void wrong_types_are_refused_by_name(void **state)
{
	static const char *const cases[][2] = {
		{"[]", "not an object"},
		{"{", "line 1"},
		{"1", "line 1"},
		{"{\"Env\":\"x\"}", "'Env'"},
		{"{\"Env\":[1]}", "'Env'"},
		{"{\"User\":1}", "'User'"},
		{"{\"Labels\":[]}", "'Labels'"},
		{"{\"Labels\":{\"a\":1}}", "label 'a'"},
		{"{\"Labels\":{\"a=b\":\"c\"}}", "label 'a=b'"},
		{"{\"Cmd\":{}}", "'Cmd'"},
		{"{\"ArgsEscaped\":1}", "'ArgsEscaped'"},
		{"{\"Healthcheck\":{\"Interval\":-1}}", "'Interval'"},
		{"{\"Healthcheck\":{\"Retries\":1.5}}", "'Retries'"},
		{"{\"User\":\"a\\u0000b\"}", "line 1"},
		{"{\"User\":\"\xff\"}", "line 1"},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct msb_error err = {0};
		autoconfig config = {0};

		assert_int_equal(config_decode(cases[i][0], strlen(cases[i][0]), &config, &err),
				 -EBADMSG);
		if (!strstr(err.text, cases[i][1]))
			fail_msg("no %s in: %s", cases[i][1], err.text);
	}
}

static void what_is_no_text_cannot_be_encoded(void **state)
{
	char latin1[] = "gr\xfc\xdf";
	struct config config = {.user = latin1};
	struct msb_error err = {0};
	char *text = NULL;
	(void)state;

	assert_int_equal(config_encode(&config, &text, &err), -EINVAL);
	assert_non_null(strstr(err.text, "UTF-8"));
}

static void an_image_document_survives_the_way_through_json(void **state)
{
	static const char json[] =
		"{\"architecture\":\"arm64\",\"author\":\"me\",\"config\":{\"Cmd\":[\"x\"]},"
		"\"created\":\"2024-02-29T23:59:59.12Z\",\"history\":["
		"{\"comment\":\"c\",\"created\":\"1969-12-31T23:59:59.75Z\",\"created_by\":\"RUN\"}"
		","
		"{\"author\":\"a\",\"created\":\"1970-01-01T00:00:00Z\",\"empty_layer\":true}],"
		"\"os\":\"linux\",\"rootfs\":{\"diff_ids\":["
		"\"sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\"],"
		"\"type\":\"layers\"},\"variant\":\"v8\"}";
	autoimage image = {0};
	struct msb_error err = {0};
	autofree char *again = NULL;
	(void)state;

	if (image_decode(json, strlen(json), &image, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(image.layer_count, 1);
	assert_int_equal(image.created_ns, INT64_C(1709251199120000000));
	assert_int_equal(image.history[0].created_ns, -250000000);
	assert_string_equal(image.config.author, "me");
	assert_int_equal(image_encode(&image, &again, &err), 0);
	assert_string_equal(again, json);
}

static void times_are_read_in_every_form_of_rfc_3339(void **state)
{
	static const struct {
		const char *text;
		int64_t ns; /* -1: refused */
	} cases[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"1970-01-01T01:00:00+01:00", 0},
		{"1969-12-31T20:30:00.5-03:30", 500000000},
		{"2001-09-09t01:46:40.123456789123z", INT64_C(1000000000123456789)},
		{"0001-01-01T00:00:00Z", 0},
		{"9999-12-31T23:59:59Z", 0},
		{"1970-01-01", -1},
		{"1970-13-01T00:00:00Z", -1},
		{"1970-01-01T24:00:00Z", -1},
		{"1970-01-01T00:00:00", -1},
		{"1970-01-01T00:00:00.Z", -1},
		{"1970-01-01T00:00:00Zx", -1},
		{"", -1},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		autoimage image = {0};
		struct msb_error err = {0};
		char json[128];
		int r;

		snprintf(json, sizeof(json), "{\"created\":\"%s\"}", cases[i].text);
		r = image_decode(json, strlen(json), &image, &err);
		if (r != (cases[i].ns == -1 ? -EBADMSG : 0) ||
		    (r == 0 && image.created_ns != cases[i].ns))
			fail_msg("%s: %d, %lld", cases[i].text, r, (long long)image.created_ns);
	}
}

/* Imports a tar of one file under name. */
static struct msb_image *import(struct fixture *fixture, const char *name, const char *content)
{
	struct config config = {.has_cmd = true};
	struct msb_image *image = NULL;
	autobuffer tar = {0};
	char path[128];

	tar_add_file(&tar, "etc/os-release", content);
	tar_end(&tar);
	snprintf(path, sizeof(path), "%s/rootfs.tar", fixture->directory);
	assert_ok(fixture, io_write_file(AT_FDCWD, path, tar.bytes, tar.size, 0644, &fixture->err));
	assert_ok(fixture, image_import(fixture->store, fixture->writer, path, name, &config,
					"a message", &image, &fixture->err));
	return image;
}

static void an_import_is_an_image_of_one_layer(void **state)
{
	struct fixture *fixture = *state;
	struct msb_image *image = import(fixture, "base:1", "NAME=x\n");
	autofree char *text = text_of_tree(fixture, &image->tree);
	struct layer_record layer;
	static const struct msb_digest none;
	autoimage document = {0};
	struct msb_digest diff_id;
	uint64_t size;

	assert_string_equal(image->name, "docker.io/library/base:1");
	assert_int_equal(image->size, 7);
	assert_line(text, "/etc/os-release f 0644 0:0 0.000000000 7 sha256:");
	assert_ok(fixture, image_get(fixture->store, image, &document, &fixture->err));
	assert_int_equal(document.layer_count, 1);
	assert_true(document.config.has_cmd);
	assert_string_equal(document.history[0].comment, "a message");
	assert_ok(fixture,
		  layer_digest(fixture->store, NULL, &image->tree, &diff_id, &size, &fixture->err));
	assert_true(msb_digest_equal(&diff_id, &document.diff_ids[0]));
	assert_ok(fixture, store_layer_find_diff(fixture->writer, &none, &diff_id, NULL, &layer,
						 &fixture->err));
	assert_int_equal(layer.size, size);
	assert_true(msb_digest_equal(&layer.tree, &image->tree));
	msb_images_free(image, 1);
}

static void an_import_of_what_is_no_tar_leaves_no_image(void **state)
{
	struct fixture *fixture = *state;
	struct msb_image *images = NULL;
	char path[128];
	size_t count;

	snprintf(path, sizeof(path), "%s/x", fixture->directory);
	assert_ok(fixture, io_write_file(AT_FDCWD, path, "no tar", 6, 0644, &fixture->err));
	assert_int_equal(image_import(fixture->store, fixture->writer, path, "x", NULL, NULL,
				      &images, &fixture->err),
			 -EBADMSG);
	assert_non_null(strstr(fixture->err.text, path));
	assert_int_equal(image_import(fixture->store, fixture->writer, "/not/there", "x", NULL,
				      NULL, &images, &fixture->err),
			 -ENOENT);
	assert_ok(fixture, msb_records_images(fixture->store, &images, &count, &fixture->err));
	assert_int_equal(count, 0);
	msb_images_free(images, count);
}

static void expect_found(struct fixture *fixture, const char *text, const struct msb_image *image)
{
	struct msb_image *found = NULL;

	assert_ok(fixture, image_find(fixture->store, text, &found, &fixture->err));
	assert_true(msb_digest_equal(&found->id, &image->id));
	msb_images_free(found, 1);
}

static void images_are_found_by_name_and_by_id(void **state)
{
	struct fixture *fixture = *state;
	struct msb_image *one = import(fixture, "one", "1"), *two = import(fixture, "u/two:v", "2");
	struct msb_image *found = NULL;
	char text[MSB_DIGEST_TEXT];

	expect_found(fixture, "one", one);
	expect_found(fixture, "docker.io/library/one:latest", one);
	expect_found(fixture, "u/two:v", two);
	expect_found(fixture, msb_digest_format(&two->id, text), two);
	expect_found(fixture, text + 7, two);
	text[7 + 12] = '\0';
	expect_found(fixture, text, two);
	expect_found(fixture, text + 7, two);
	assert_int_equal(image_find(fixture->store, "u/two", &found, &fixture->err), -ENOENT);
	assert_non_null(strstr(fixture->err.text, "no image 'u/two'"));
	assert_int_equal(image_find(fixture->store, "sha256:000", &found, &fixture->err), -ENOENT);
	assert_int_equal(image_find(fixture->store, "0000000", &found, &fixture->err), -ENOENT);
	assert_int_equal(image_find(fixture->store, "No", &found, &fixture->err), -EINVAL);
	msb_images_free(one, 1);
	msb_images_free(two, 1);
}

static void an_image_that_is_put_is_got_back(void **state)
{
	struct fixture *fixture = *state;
	struct msb_image *base = import(fixture, "base", "x"), *record = NULL, *found = NULL;
	struct layer_record layer;
	static const struct msb_digest none;
	autoimage image = {0}, got = {0};
	struct history entry = {.empty_layer = true, .created_ns = 5};
	autofree char *expected = NULL, *text = NULL;

	assert_ok(fixture, image_get(fixture->store, base, &image, &fixture->err));
	assert_int_equal(strlist_set_env(&image.config.env, "A", "1"), 0);
	assert_int_equal(image_add_history(&image, &entry), 0);
	image.created_ns = 1;
	assert_ok(fixture, store_layer_find_diff(fixture->writer, &none, &image.diff_ids[0], NULL,
						 &layer, &fixture->err));
	assert_ok(fixture, image_put(fixture->writer, &image, &layer, &base->tree,
				     "docker.io/library/new:latest", &record, &fixture->err));
	assert_ok(fixture, store_begin(fixture->writer, &fixture->err));
	assert_ok(fixture, store_set_image(fixture->writer, record, &fixture->err));
	assert_ok(fixture, store_commit(fixture->writer, &fixture->err));
	fixture_reopen(fixture);
	assert_ok(fixture, image_find(fixture->store, "new", &found, &fixture->err));
	assert_ok(fixture, image_get(fixture->store, found, &got, &fixture->err));
	assert_ok(fixture, image_encode(&image, &expected, &fixture->err));
	assert_ok(fixture, image_encode(&got, &text, &fixture->err));
	assert_string_equal(text, expected);
	assert_int_equal(found->created_ns, 1);
	msb_images_free(base, 1);
	msb_images_free(record, 1);
	msb_images_free(found, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_are_normalized_as_docker_does),
		cmocka_unit_test(what_is_no_reference_is_refused),
		cmocka_unit_test(a_reference_splits_into_repository_and_tag),
		cmocka_unit_test(configs_survive_the_way_through_json),
		cmocka_unit_test(null_is_absent_and_empty_text_is_unset),
		cmocka_unit_test(wrong_types_are_refused_by_name),
		cmocka_unit_test(what_is_no_text_cannot_be_encoded),
		cmocka_unit_test(an_image_document_survives_the_way_through_json),
		cmocka_unit_test(times_are_read_in_every_form_of_rfc_3339),
		TEST_IN_STORE(an_import_is_an_image_of_one_layer),
		TEST_IN_STORE(an_import_of_what_is_no_tar_leaves_no_image),
		TEST_IN_STORE(images_are_found_by_name_and_by_id),
		TEST_IN_STORE(an_image_that_is_put_is_got_back),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

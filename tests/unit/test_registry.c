/* Registries without one: challenges, credentials, addresses, settings, choice of platform, and
 * the compression of what is sent. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base64.h"
#include "challenge.h"
#include "credentials.h"
#include "http.h"
#include "internal.h"
#include "io.h"
#include "reference.h"
#include "registries.h"

static void check_text(const char *got, const char *wanted)
{
	if (wanted)
		assert_string_equal(got ? got : "(nothing)", wanted);
	else
		assert_null(got);
}

static void challenges_are_understood_as_servers_write_them(void **state)
{
	static const struct {
		const char *header;
		enum challenge_kind kind;
		const char *realm, *service, *scope;
	} cases[] = {
		{"Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\","
		 "scope=\"repository:a/b:pull,push\"",
		 CHALLENGE_BEARER, "https://auth.docker.io/token", "registry.docker.io",
		 "repository:a/b:pull,push"},
		{"bearer REALM=https://x/t , service = y", CHALLENGE_BEARER, "https://x/t", "y",
		 NULL},
		{"Basic realm=\"with \\\"quotes\\\", and commas\"", CHALLENGE_BASIC,
		 "with \"quotes\", and commas", NULL, NULL},
		{"Basic realm=\"a\", Bearer realm=\"b\"", CHALLENGE_BEARER, "b", NULL, NULL},
		{"Bearer realm=\"b\", Basic realm=\"a\"", CHALLENGE_BEARER, "b", NULL, NULL},
		{"Negotiate, Basic realm=a", CHALLENGE_BASIC, "a", NULL, NULL},
		{"Basic", CHALLENGE_BASIC, NULL, NULL, NULL},
		{"Bearer service=\"no realm\"", CHALLENGE_NONE, NULL, NULL, NULL},
		{"Bearer realm=\"not closed", CHALLENGE_BEARER, "not closed", NULL, NULL},
		{"Bearer realm=\"ends in a backslash\\", CHALLENGE_BEARER, "ends in a backslash\\",
		 NULL, NULL},
		{"Digest realm=\"x\", nonce=\"y\"", CHALLENGE_NONE, NULL, NULL, NULL},
		{"", CHALLENGE_NONE, NULL, NULL, NULL},
		{"===,,\"\"", CHALLENGE_NONE, NULL, NULL, NULL},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct challenge challenge = {0};
		autostrlist headers = {0};

		assert_int_equal(strlist_add(&headers, cases[i].header), 0);
		assert_int_equal(challenge_parse(&headers, &challenge), 0);
		assert_int_equal(challenge.kind, cases[i].kind);
		check_text(challenge.realm, cases[i].realm);
		check_text(challenge.service, cases[i].service);
		check_text(challenge.scope, cases[i].scope);
		challenge_done(&challenge);
	}
}

static void base64_goes_both_ways(void **state)
{
	static const char *const pairs[][2] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"user:pass", "dXNlcjpwYXNz"},
		{"\xff\xfe\x80", "//6A"},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		autofree char *encoded = base64_encode(pairs[i][0], strlen(pairs[i][0]));
		autofree char *decoded = base64_decode(pairs[i][1]);

		assert_string_equal(encoded, pairs[i][1]);
		assert_string_equal(decoded, pairs[i][0]);
	}
	assert_null(base64_decode("a"));
	assert_null(base64_decode("ab c"));
	assert_null(base64_decode("a=bc"));
	assert_null(base64_decode("YQBi")); /* a NUL inside */
}

static void references_have_a_place_at_a_registry(void **state)
{
	static const struct {
		const char *text, *domain, *repository, *version;
		bool by_digest;
	} cases[] = {
		{"node", "docker.io", "library/node", "latest", false},
		{"user/app:v1", "docker.io", "user/app", "v1", false},
		{"localhost:5000/x", "localhost:5000", "x", "latest", false},
		{"[::1]:5000/x/y:z", "[::1]:5000", "x/y", "z", false},
		{"quay.io/a/b/c@sha256:"
		 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		 "quay.io", "a/b/c",
		 "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", true},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		autofree char *name = NULL;
		autoplace place = {0};

		assert_int_equal(reference_normalize(cases[i].text, &name, NULL), 0);
		assert_int_equal(reference_place(name, &place, NULL), 0);
		assert_string_equal(place.domain, cases[i].domain);
		assert_string_equal(place.repository, cases[i].repository);
		assert_string_equal(place.version, cases[i].version);
		assert_int_equal(place.by_digest, cases[i].by_digest);
	}
}

static void locations_are_resolved_against_where_one_was(void **state)
{
	static const char *const cases[][3] = {
		{"http://h:5/v2/", "/v2/x/y?z=1", "http://h:5/v2/x/y?z=1"},
		{"http://h:5/v2/a", "b", "http://h:5/v2/b"},
		{"http://h:5/v2/", "https://other/x", "https://other/x"},
		{"http://h:5/v2/", "//other/x", "http://other/x"},
		{"http://h:5/v2/", "file:///etc/passwd", NULL},
		{"http://h:5/v2/", "ftp://other/x", NULL},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		autofree char *got = http_resolve(cases[i][0], cases[i][1]);

		check_text(got, cases[i][2]);
	}
}

static void loopback_is_told_by_address_not_by_look(void **state)
{
	(void)state;
	assert_true(host_is_loopback("localhost"));
	assert_true(host_is_loopback("localhost:5000"));
	assert_true(host_is_loopback("127.0.0.1:80"));
	assert_true(host_is_loopback("127.9.8.7"));
	assert_true(host_is_loopback("[::1]:5000"));
	assert_true(host_is_loopback("[::1]"));
	assert_false(host_is_loopback("127.0.0.1.example.com"));
	assert_false(host_is_loopback("localhost.example.com:5000"));
	assert_false(host_is_loopback("[::2]:5000"));
	assert_false(host_is_loopback("10.0.0.1"));
}

static int add(struct registries *registries, const char *json, struct msb_error *err)
{
	return registries_add(registries, json, strlen(json), err);
}

static void settings_are_read_and_checked(void **state)
{
	static const char *const refused[] = {
		"[]x",
		"{\"mirrors\": []}",
		"{\"mirrors\": {\"a\": \"b\"}}",
		"{\"mirrors\": {\"a\": [1]}}",
		"{\"insecure\": \"a\"}",
		"{\"ca\": {\"a\": 1}}",
		"{\"timeout\": 0}",
		"{\"timeout\": \"1\"}",
		"{\"retries\": 21}",
		"{\"lazyTimeout\": 0}",
		"{\"unpackLimit\": 0}",
		"{\"chunk\": 5}",
		"{\"mirrors\": {\"a\": [\"http://user:secret@b\"]}}",
	};
	struct registries settings;
	autofree char *ca = NULL;
	(void)state;

	registries_init(&settings);
	assert_int_equal(add(&settings,
			     "{\"mirrors\": {\"docker.io\": [\"m1\", \"http://m2/p\"]},"
			     "\"insecure\": [\"h:1\"], \"ca\": {\"h:2\": \"/ca\"}, \"retries\": 7}",
			     NULL),
			 0);
	assert_string_equal(settings.mirrors.items[0], "docker.io=m1");
	assert_string_equal(settings.mirrors.items[1], "docker.io=http://m2/p");
	assert_true(registries_is_insecure(&settings, "h:1"));
	assert_false(registries_is_insecure(&settings, "h"));
	ca = registries_ca(&settings, "h:2");
	assert_string_equal(ca, "/ca");
	assert_int_equal(settings.retries, 7);
	assert_int_equal(settings.timeout, 60);
	registries_hurry(&settings);
	assert_int_equal(settings.retries, 1);
	assert_int_equal(settings.timeout, 10);
	registries_done(&settings);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct msb_error err = {0};

		registries_init(&settings);
		assert_true(add(&settings, refused[i], &err) < 0);
		assert_non_null(*err.text ? err.text : NULL);
		assert_null(strstr(err.text, "secret"));
		registries_done(&settings);
	}
}

/* --- Credentials --- */

static char folder[] = "/tmp/msb-credentials-XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	setenv("HOME", folder, 1);
	unsetenv("DOCKER_CONFIG");
	unsetenv("REGISTRY_AUTH_FILE");
	unsetenv("XDG_RUNTIME_DIR");
	unsetenv("XDG_CONFIG_HOME");
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return io_remove_tree(AT_FDCWD, folder, NULL);
}

static void write_file(const char *name, const char *text)
{
	autofree char *path = buffer_format("%s/%s", folder, name);
	autofree char *parent = strdup(path);

	*strrchr(parent, '/') = '\0';
	assert_int_equal(io_make_dirs(AT_FDCWD, parent, 0700, NULL), 0);
	assert_int_equal(io_write_file(AT_FDCWD, path, text, strlen(text), 0600, NULL), 0);
}

static void check_user(const char *domain, const char *repository, const char *user,
		       const char *password)
{
	autocredentials found = {0};
	struct msb_error err = {0};

	if (credentials_find(domain, repository, &found, &err) < 0)
		fail_msg("%s", err.text);
	check_text(found.user, user);
	check_text(found.password, password);
}

/* dTE6cDE= is u1:p1, and so on. */
static void credentials_are_found_where_others_left_them(void **state)
{
	(void)state;
	check_user("quay.io", "a/b", NULL, NULL);
	write_file(".docker/config.json",
		   "{\"auths\": {\"https://index.docker.io/v1/\": {\"auth\": \"dTE6cDE=\"},"
		   "\"quay.io\": {\"auth\": \"dTI6cDI=\"}, \"https://old.io/v2/\":"
		   "{\"username\": \"u3\", \"password\": \"p3\"}, \"empty.io\": {}}}");
	write_file(".config/containers/auth.json",
		   "{\"auths\": {\"quay.io\": {\"auth\": \"dTk6cDk=\"}, \"other.io/team\":"
		   "{\"auth\": \"dTU6cDU=\"}, \"other.io\": {\"auth\": \"dTY6cDY=\"},"
		   "\"empty.io\": {\"auth\": \"dTc6cDc=\"}}}");
	check_user("docker.io", "library/node", "u1", "p1");
	check_user("quay.io", "a/b", "u2", "p2");
	check_user("old.io", NULL, "u3", "p3");
	check_user("other.io", "team/app", "u5", "p5");
	check_user("other.io", "teams/app", "u6", "p6");
	check_user("empty.io", "x", "u7", "p7");
	check_user("nobody.io", "x", NULL, NULL);
}

static void a_damaged_file_is_named_and_not_quoted(void **state)
{
	autocredentials found = {0};
	struct msb_error err = {0};
	(void)state;

	write_file(".docker/config.json", "{\"auths\": {\"quay.io\": {\"auth\": \"secret!\"}}}");
	assert_true(credentials_find("quay.io", NULL, &found, &err) < 0);
	assert_non_null(strstr(err.text, "config.json"));
	assert_null(strstr(err.text, "secret"));
	write_file(".docker/config.json", "secret");
	assert_true(credentials_find("quay.io", NULL, &found, &err) < 0);
	assert_null(strstr(err.text, "secret"));
}

static void what_is_kept_is_found_and_forgotten(void **state)
{
	char user[] = "me", password[] = "pass:word \xc3\xbc";
	const struct credentials mine = {.user = user, .password = password};
	autofree char *path = buffer_format("%s/.docker/config.json", folder);
	struct stat st;
	bool known;
	(void)state;

	write_file(".docker/config.json", "{\"auths\": {\"https://quay.io\": {}}, \"other\": 1}");
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(credentials_keep("quay.io", &mine, NULL), 0);
	assert_int_equal(credentials_keep("docker.io", &mine, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	check_user("docker.io", NULL, user, password);
	assert_int_equal(credentials_forget("quay.io", &known, NULL), 0);
	assert_true(known);
	assert_int_equal(credentials_forget("quay.io", &known, NULL), 0);
	assert_false(known);
	check_user("docker.io", NULL, user, password);
	assert_int_equal(credentials_forget("docker.io", &known, NULL), 0);
	check_user("docker.io", NULL, NULL, NULL);
}

/* --- Platforms --- */

static void an_index_gives_the_image_for_the_wanted_machine(void **state)
{
#define ENTRY(digit, platform)                                                                     \
	"{\"mediaType\":\"" MEDIA_MANIFEST "\",\"size\":1,\"digest\":\"sha256:" digit              \
	"000000000000000000000000000000000000000000000000000000000000000\"," platform "}"
#define PLATFORM(os, architecture, variant)                                                        \
	"\"platform\":{\"os\":\"" os "\",\"architecture\":\"" architecture "\"" variant "}"
	static const char text[] =
		"{\"manifests\":[" ENTRY("1", PLATFORM("unknown", "unknown", "")) "," ENTRY("2", PLATFORM("linux", "arm", ",\"variant\":\"v6\"")) "," ENTRY(
			"3",
			PLATFORM(
				"linux", "arm",
				",\"variant\":\"v7\"")) "," ENTRY("4",
								  PLATFORM(
									  "linux", "amd64",
									  "")) "," ENTRY("5",
											 PLATFORM(
												 "w"
												 "i"
												 "n"
												 "d"
												 "o"
												 "w"
												 "s",
												 "a"
												 "m"
												 "d"
												 "6"
												 "4",
												 "")) "]}";
	static const char *const cases[][2] = {
		{"linux/amd64", "sha256:4"},   {"linux/x86_64", "sha256:4"},
		{"linux/arm/v7", "sha256:3"},  {"linux/arm", "sha256:3"},
		{"windows/amd64", "sha256:5"}, {"linux/s390x", NULL},
	};
	json_auto_t *index = json_loads(text, 0, NULL);
	(void)state;

	assert_non_null(index);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct descriptor chosen;
		struct platform wanted;
		char digest[MSB_DIGEST_TEXT];

		assert_int_equal(platform_parse(cases[i][0], &wanted, NULL), 0);
		if (!cases[i][1]) {
			assert_int_equal(index_choose(index, &wanted, &chosen, NULL), -ENOENT);
			continue;
		}
		assert_int_equal(index_choose(index, &wanted, &chosen, NULL), 0);
		msb_digest_format(&chosen.digest, digest);
		digest[8] = '\0';
		assert_string_equal(digest, cases[i][1]);
	}
}

static void a_platform_has_one_form(void **state)
{
	static const char *const cases[][2] = {
		{"amd64", "linux/amd64"},
		{"x86_64", "linux/amd64"},
		{"Linux/AMD64", "linux/amd64"},
		{"linux/amd64/v1", "linux/amd64"},
		{"linux/amd64/v3", "linux/amd64/v3"},
		{"arm64", "linux/arm64"},
		{"linux/aarch64", "linux/arm64"},
		{"linux/arm64/v8", "linux/arm64"},
		{"linux/arm64/8", "linux/arm64"},
		{"linux/arm64/v9", "linux/arm64/v9"},
		{"arm", "linux/arm/v7"},
		{"linux/arm", "linux/arm/v7"},
		{"linux/arm/6", "linux/arm/v6"},
		{"armhf", "linux/arm/v7"},
		{"linux/armel", "linux/arm/v6"},
		{"i386", "linux/386"},
		{"linux/riscv64", "linux/riscv64"},
	};
	struct platform platform;
	char text[PLATFORM_TEXT];
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(platform_parse(cases[i][0], &platform, NULL), 0);
		assert_string_equal(platform_format(&platform, text), cases[i][1]);
	}
}

static void what_is_no_platform_is_refused(void **state)
{
	static const char *const cases[] = {"",
					    "linux",
					    "/",
					    "linux/",
					    "linux//v7",
					    "linux/arm/v7/x",
					    "linux/0123456789012345678901234567890123"};
	struct platform platform;
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(platform_parse(cases[i], &platform, NULL), -EINVAL);
}

/* --- Compression --- */

static int append(void *context, const void *bytes, size_t size, struct msb_error *err)
{
	(void)err;
	buffer_append(context, bytes, size);
	return 0;
}

static void compress(enum layer_compression how, int level, const struct buffer *from,
		     struct buffer *to)
{
	AUTO(layer_encoder_freep) struct layer_encoder *encoder = NULL;
	const struct layer_sink sink = {append, to};
	struct layer_sink in;

	assert_int_equal(layer_encoder_new(how, level, &sink, &encoder, NULL), 0);
	in = layer_encoder_sink(encoder);
	for (size_t at = 0, part = 1; at < from->size; at += part) {
		part = (part * 7 + 1) % 400000;
		if (part > from->size - at)
			part = from->size - at;
		assert_int_equal(in.write(in.context, from->bytes + at, part, NULL), 0);
	}
	assert_int_equal(layer_encoder_finish(encoder, NULL), 0);
}

static void check_content(const struct buffer *compressed, const struct buffer *wanted)
{
	FILE *spooled = tmpfile(), *plain = tmpfile();
	autofree uint8_t *got = malloc(wanted->size + 1);
	int fd = fileno(spooled);
	struct layer_source source = layer_source_fd(&fd);

	assert_int_equal(io_write(fd, compressed->bytes, compressed->size), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(layer_decompress(&source, fileno(plain), UINT64_MAX, NULL), 0);
	assert_int_equal(io_pread(fileno(plain), got, wanted->size + 1, 0), wanted->size);
	assert_memory_equal(got, wanted->bytes, wanted->size);
	fclose(spooled);
	fclose(plain);
}

static void what_is_compressed_is_the_same_each_time_and_comes_back(void **state)
{
	static const struct {
		enum layer_compression how;
		int level;
	} cases[] = {{LAYER_GZIP, 0}, {LAYER_GZIP, 1}, {LAYER_GZIP, 3}, {LAYER_GZIP, 6},
		     {LAYER_GZIP, 9}, {LAYER_ZSTD, 0}, {LAYER_ZSTD, 1}, {LAYER_ZSTD, 12}};
	autobuffer text = {0};
	struct layer_encoder *none = NULL;
	const struct layer_sink nowhere = {append, NULL};
	(void)state;

	for (unsigned i = 0; i < 100000; i++)
		buffer_printf(&text, "%u\n", i * 2654435761u);
	assert_true(buffer_ok(&text));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		autobuffer once = {0}, again = {0};

		compress(cases[i].how, cases[i].level, &text, &once);
		compress(cases[i].how, cases[i].level, &text, &again);
		assert_int_equal(once.size, again.size);
		assert_memory_equal(once.bytes, again.bytes, once.size);
		assert_true(once.size < text.size * 3 / 4);
		check_content(&once, &text);
	}
	assert_int_equal(layer_encoder_new(LAYER_GZIP, 10, &nowhere, &none, NULL), -EINVAL);
	assert_int_equal(layer_encoder_new(LAYER_ZSTD, 20, &nowhere, &none, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(challenges_are_understood_as_servers_write_them),
		cmocka_unit_test(base64_goes_both_ways),
		cmocka_unit_test(references_have_a_place_at_a_registry),
		cmocka_unit_test(locations_are_resolved_against_where_one_was),
		cmocka_unit_test(loopback_is_told_by_address_not_by_look),
		cmocka_unit_test(settings_are_read_and_checked),
		cmocka_unit_test(credentials_are_found_where_others_left_them),
		cmocka_unit_test(a_damaged_file_is_named_and_not_quoted),
		cmocka_unit_test(what_is_kept_is_found_and_forgotten),
		cmocka_unit_test(an_index_gives_the_image_for_the_wanted_machine),
		cmocka_unit_test(a_platform_has_one_form),
		cmocka_unit_test(what_is_no_platform_is_refused),
		cmocka_unit_test(what_is_compressed_is_the_same_each_time_and_comes_back),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

/* Tars into trees. */
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "layer_fixture.h"

/* The paths that the layer makes on base. */
static void expect_paths(struct fixture *fixture, const struct msb_digest *base,
			 const struct buffer *tar, const char *expected)
{
	autofree char *text = text_of_layer(fixture, base, tar);
	autofree char *paths = paths_of(text);

	assert_string_equal(paths, expected);
}

static void expect_refused(struct fixture *fixture, const struct buffer *tar, int code,
			   const char *words)
{
	struct layer_unpack_options options = {.whiteouts = true};
	struct msb_digest tree;

	assert_int_equal(unpack_onto(fixture, NULL, tar, &options, &tree), code);
	if (!strstr(fixture->err.text, words))
		fail_msg("no '%s' in: %s", words, fixture->err.text);
}

static struct msb_digest base_of(struct fixture *fixture, const struct buffer *tar)
{
	struct layer_unpack_options options = {.whiteouts = true};
	struct msb_digest tree;

	assert_ok(fixture, unpack_onto(fixture, NULL, tar, &options, &tree));
	return tree;
}

static void every_kind_of_entry_arrives(void **state)
{
	struct fixture *fixture = *state;
	autobuffer tar = {0};
	autofree char *text = NULL;

	tar_add(&tar, &(struct tar_entry){.name = "./", .type = '5', .mode = 0711, .mtime = 5});
	tar_add(&tar, &(struct tar_entry){.name = "d/", .type = '5', .mode = 01777, .mtime = 7});
	tar_add(&tar, &(struct tar_entry){.name = "d/f",
					  .type = '0',
					  .content = "hello",
					  .mode = 04755,
					  .uid = 1000,
					  .gid = 70000,
					  .mtime = 1000000000});
	tar_add_symlink(&tar, "d/s", "../x y");
	tar_add(&tar, &(struct tar_entry){
			      .name = "c", .type = '3', .major = 1, .minor = 3, .mode = 0666});
	tar_add(&tar, &(struct tar_entry){.name = "b", .type = '4', .major = 8, .minor = 17});
	tar_add(&tar, &(struct tar_entry){.name = "p", .type = '6', .mode = 0600});
	tar_end(&tar);
	text = text_of_layer(fixture, NULL, &tar);
	assert_line(text, "/ d 0711 0:0 5.000000000\n");
	assert_line(text, "/d d 1777 0:0 7.000000000\n");
	assert_line(text, "/d/f f 4755 1000:70000 1000000000.000000000 5 sha256:2cf24dba");
	assert_line(text, "/d/s l 0777 0:0 0.000000000 -> ../x\\040y\n");
	assert_line(text, "/c c 0666 0:0 0.000000000 1,3\n");
	assert_line(text, "/b b 0644 0:0 0.000000000 8,17\n");
	assert_line(text, "/p p 0600 0:0 0.000000000\n");
}

static void pax_records_say_what_ustar_cannot(void **state)
{
	static const char *const records[] = {
		"mtime=1000000000.123456789",
		"uid=3000000000",
		"gid=4000000000",
		"path=long/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"SCHILY.xattr.user.one=1",
		"SCHILY.xattr.security.capability=abc",
		"LIBARCHIVE.xattr.user.one=MQ",
		NULL,
	};
	static const char *const before_1970[] = {"mtime=-2.25", NULL};
	struct fixture *fixture = *state;
	autobuffer tar = {0};
	autofree char *text = NULL;

	tar_add(&tar, &(struct tar_entry){.name = "x", .type = '0', .pax = records});
	tar_add(&tar, &(struct tar_entry){.name = "old", .type = '0', .pax = before_1970});
	tar_end(&tar);
	text = text_of_layer(fixture, NULL, &tar);
	assert_line(
		text,
		"/long/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		" f 0644 3000000000:4000000000 1000000000.123456789 0 sha256:");
	assert_non_null(strstr(text, " security.capability=616263 user.one=31\n"));
	assert_line(text, "/old f 0644 0:0 -3.750000000 ");
}

/* Two files of a quarter of a second before 1970, and after. */
static void add_around_1970(struct buffer *tar, const char *eve, const char *day)
{
	static const char *const before[] = {"mtime=-0.25", NULL};
	static const char *const after[] = {"comment= mtime=-0.25", "mtime=0.25", NULL};

	tar_add(tar, &(struct tar_entry){.name = eve, .type = '0', .pax = before});
	tar_add(tar, &(struct tar_entry){.name = day, .type = '0', .pax = after});
}

static void times_in_the_second_before_1970_keep_their_sign(void **state)
{
	struct fixture *fixture = *state;
	autobuffer tar = {0}, inner = {0};
	autofree char *text = NULL;

	add_around_1970(&inner, "never", "nowhere");
	add_around_1970(&tar, "eve", "day");
	/* What lies in a file is no header. */
	tar_add_bytes(&tar, "inner", inner.bytes, inner.size);
	add_around_1970(&tar, "eve2", "day2");
	tar_end(&tar);
	text = text_of_layer(fixture, NULL, &tar);
	assert_line(text, "/day f 0644 0:0 0.250000000 ");
	assert_line(text, "/day2 f 0644 0:0 0.250000000 ");
	assert_line(text, "/eve f 0644 0:0 -1.750000000 ");
	assert_line(text, "/eve2 f 0644 0:0 -1.750000000 ");
	assert_line(text, "/inner f 0644 0:0 0.000000000 ");
}

static void names_are_bytes_in_every_locale(void **state)
{
	static const char *const utf8[] = {"path=gr\xc3\xbc\xc3\x9f", NULL};
	static const char *const latin1[] = {"path=gr\xfc\xdf", "linkpath=\xff\xfe", NULL};
	static const char *const locales[] = {"C", "C.UTF-8"};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < 2; i++) {
		autobuffer tar = {0};
		autofree char *text = NULL;

		assert_non_null(setlocale(LC_ALL, locales[i]));
		tar_add(&tar, &(struct tar_entry){.name = "u", .type = '0', .pax = utf8});
		tar_add(&tar,
			&(struct tar_entry){.name = "l", .type = '2', .link = "x", .pax = latin1});
		tar_add_file(&tar, "raw\xe4\x80", "");
		tar_end(&tar);
		text = text_of_layer(fixture, NULL, &tar);
		setlocale(LC_ALL, "C");
		assert_line(text, "/gr\\303\\274\\303\\237 f ");
		assert_line(text, "/gr\\374\\337 l 0777 0:0 0.000000000 -> \\377\\376\n");
		assert_line(text, "/raw\\344\\200 f ");
	}
}

/* The part of a path's line that tells its hard links: "links=COUNT#NUMBER". */
static const char *link_of(const char *text, const char *path)
{
	static char parts[3][32];
	static unsigned next;
	char *part = parts[next++ % 3];
	char line[64];
	const char *found;

	snprintf(line, sizeof(line), "%s f 0644 0:0 0.000000000 7 sha256:", path);
	found = strstr(text, line);
	assert_non_null(found);
	found = strstr(found, " links=");
	assert_non_null(found);
	snprintf(part, 32, "%.*s", (int)strcspn(found + 1, "\n"), found + 1);
	return part;
}

static void hard_links_are_one_file_across_directories(void **state)
{
	struct fixture *fixture = *state;
	autobuffer tar = {0};
	autofree char *text = NULL;

	tar_add_dir(&tar, "a/");
	tar_add_file(&tar, "a/one", "content");
	tar_add_link(&tar, "b/two", "a/one");
	tar_add_link(&tar, "./three", "/a/../a/one");
	tar_end(&tar);
	text = text_of_layer(fixture, NULL, &tar);
	assert_string_equal(link_of(text, "/a/one"), link_of(text, "/b/two"));
	assert_string_equal(link_of(text, "/a/one"), link_of(text, "/three"));
	assert_int_equal(strncmp(link_of(text, "/a/one"), "links=3#", 8), 0);
}

static void a_link_to_nothing_is_refused_and_names_both(void **state)
{
	struct fixture *fixture = *state;
	autobuffer tar = {0};

	tar_add_link(&tar, "here", "not/there");
	tar_end(&tar);
	expect_refused(fixture, &tar, -ENOENT, "'here': hard link to 'not/there'");
}

static void no_name_leads_out_of_the_tree(void **state)
{
	struct fixture *fixture = *state;
	autobuffer tar = {0};

	tar_add_file(&tar, "/absolute", "1");
	tar_add_file(&tar, "../up", "2");
	tar_add_file(&tar, "a/../../../b/./c", "3");
	tar_add_dir(&tar, "real/");
	tar_add_symlink(&tar, "absolute-link", "/real");
	tar_add_symlink(&tar, "upward-link", "../../../../real");
	tar_add_file(&tar, "absolute-link/x", "4");
	tar_add_file(&tar, "upward-link/y", "5");
	tar_add_link(&tar, "upward-link/z", "../absolute-link/x");
	tar_end(&tar);
	expect_paths(fixture, NULL, &tar,
		     "/ /absolute /absolute-link /b /b/c /real /real/x /real/y /real/z /up"
		     " /upward-link");
}

static void a_name_that_leads_out_is_refused_where_it_must_stay_inside(void **state)
{
	static const char *const names[] = {"../x",       "a/../../x", "./../x",
					    "a/..//../x", "..",        NULL};
	const struct layer_unpack_options options = {.whiteouts = true, .inside = true};
	struct fixture *fixture = *state;
	autobuffer fine = {0}, link = {0};
	struct msb_digest tree;

	for (size_t i = 0; names[i]; i++) {
		autobuffer tar = {0};

		tar_add_file(&tar, names[i], "1");
		tar_end(&tar);
		assert_int_equal(unpack_onto(fixture, NULL, &tar, &options, &tree), -EBADMSG);
		assert_non_null(strstr(fixture->err.text, "leads out of the layer"));
	}
	tar_add_file(&link, "x", "1");
	tar_add_link(&link, "y", "../x");
	tar_end(&link);
	assert_int_equal(unpack_onto(fixture, NULL, &link, &options, &tree), -EBADMSG);
	tar_add_file(&fine, "/a/../b", "1");
	tar_add_symlink(&fine, "up", "../../b");
	tar_end(&fine);
	assert_ok(fixture, unpack_onto(fixture, NULL, &fine, &options, &tree));
}

static void no_name_leads_out_of_the_directory(void **state)
{
	struct layer_unpack_options options = {
		.directory = "/opt/./app", .set_owner = true, .uid = 5, .gid = 6};
	struct fixture *fixture = *state;
	autobuffer lower = {0}, tar = {0};
	autofree char *text = NULL, *paths = NULL;
	struct msb_digest base, tree;

	tar_add_dir(&lower, "opt/app/");
	tar_add_file(&lower, "etc/passwd", "root");
	tar_end(&lower);
	base = base_of(fixture, &lower);
	tar_add_symlink(&tar, "link", "/etc");
	tar_add_file(&tar, "link/passwd", "mine");
	tar_add_file(&tar, "../../etc/shadow", "mine");
	tar_add_symlink(&tar, "out", "../../etc");
	tar_add_file(&tar, "out/group", "mine");
	tar_end(&tar);
	assert_ok(fixture, unpack_onto(fixture, &base, &tar, &options, &tree));
	text = text_of_tree(fixture, &tree);
	paths = paths_of(text);
	assert_string_equal(paths, "/ /etc /etc/passwd /opt /opt/app /opt/app/etc"
				   " /opt/app/etc/group /opt/app/etc/passwd /opt/app/etc/shadow"
				   " /opt/app/link /opt/app/out");
	assert_line(text, "/etc/passwd f 0644 0:0 0.000000000 4 sha256:4813494d");
	assert_line(text, "/opt/app/etc/passwd f 0644 5:6 ");
}

static void links_in_a_circle_are_refused(void **state)
{
	struct fixture *fixture = *state;
	autobuffer tar = {0};

	tar_add_symlink(&tar, "a", "b");
	tar_add_symlink(&tar, "b", "a");
	tar_add_file(&tar, "a/x", "");
	tar_end(&tar);
	expect_refused(fixture, &tar, -ELOOP, "'a/x'");
}

static void a_name_longer_than_any_path_is_refused(void **state)
{
	struct fixture *fixture = *state;
	autobuffer tar = {0}, record = {0};
	const char *records[2] = {NULL, NULL};

	buffer_string(&record, "path=");
	for (int i = 0; i < 3000; i++)
		buffer_string(&record, "a/");
	buffer_u8(&record, '\0');
	records[0] = (const char *)record.bytes;
	tar_add(&tar, &(struct tar_entry){.name = "x", .type = '5', .pax = records});
	tar_end(&tar);
	expect_refused(fixture, &tar, -ENAMETOOLONG, "a/a/a");
}

static void an_entry_replaces_what_was_there(void **state)
{
	struct fixture *fixture = *state;
	autobuffer lower = {0}, tar = {0};
	autofree char *text = NULL;
	struct msb_digest base;

	tar_add_file(&lower, "dir/in", "");
	tar_add_file(&lower, "file", "");
	tar_add_file(&lower, "kept/in", "");
	tar_add_symlink(&lower, "link", "kept");
	tar_end(&lower);
	base = base_of(fixture, &lower);
	tar_add_file(&tar, "dir", "now a file");
	tar_add_dir(&tar, "file/");
	tar_add(&tar, &(struct tar_entry){.name = "kept", .type = '5', .mode = 0700});
	tar_add_dir(&tar, "link/");
	tar_add_file(&tar, "link/new", "");
	tar_end(&tar);
	text = text_of_layer(fixture, &base, &tar);
	assert_line(text, "/dir f ");
	assert_line(text, "/file d ");
	assert_line(text, "/kept d 0700 ");
	assert_line(text, "/kept/in f ");
	assert_line(text, "/link d 0755 ");
	assert_line(text, "/link/new f ");
	assert_false(has_line(text, "/kept/new"));
	assert_false(has_line(text, "/dir/in"));
}

static struct msb_digest whiteout_base(struct fixture *fixture)
{
	autobuffer lower = {0};

	tar_add_file(&lower, "a/old", "");
	tar_add_file(&lower, "a/deep/old", "");
	tar_add_file(&lower, "b", "");
	tar_add_file(&lower, "c/d/e", "");
	tar_end(&lower);
	return base_of(fixture, &lower);
}

static void whiteouts_remove_what_is_below(void **state)
{
	struct fixture *fixture = *state;
	struct msb_digest base = whiteout_base(fixture);
	autobuffer tar = {0};

	tar_add_file(&tar, ".wh.b", "");
	tar_add_file(&tar, "c/.wh.d", "");
	tar_add_file(&tar, "a/.wh.missing", "");
	tar_add_file(&tar, ".wh..wh.plnk/1.2", "");
	tar_add_file(&tar, ".wh..wh.aufs", "");
	tar_end(&tar);
	expect_paths(fixture, &base, &tar,
		     "/ /a /a/deep"
		     " /a/deep/old /a/old /c");
}

static void an_opaque_marker_spares_its_own_layer_wherever_it_stands(void **state)
{
	struct fixture *fixture = *state;
	struct msb_digest base = whiteout_base(fixture);
	autobuffer before = {0}, after = {0};

	tar_add_file(&before, "a/.wh..wh..opq", "");
	tar_add_file(&before, "a/new", "");
	tar_add_file(&before, "a/deep/new", "");
	tar_end(&before);
	expect_paths(fixture, &base, &before, "/ /a /a/deep /a/deep/new /a/new /b /c /c/d /c/d/e");
	tar_add_file(&after, "a/new", "");
	tar_add_file(&after, "a/deep/new", "");
	tar_add_file(&after, "a/.wh..wh..opq", "");
	tar_end(&after);
	expect_paths(fixture, &base, &after, "/ /a /a/deep /a/deep/new /a/new /b /c /c/d /c/d/e");
}

static void a_whiteout_spares_what_its_own_layer_puts_there(void **state)
{
	struct fixture *fixture = *state;
	struct msb_digest base = whiteout_base(fixture);
	autobuffer tar = {0};

	tar_add_file(&tar, "a/deep/new", "");
	tar_add_file(&tar, "b", "new");
	tar_add_file(&tar, ".wh.a", "");
	tar_add_file(&tar, ".wh.b", "");
	tar_end(&tar);
	expect_paths(fixture, &base, &tar, "/ /a /a/deep /a/deep/new /b /c /c/d /c/d/e");
}

static void whiteouts_are_plain_names_in_a_root_file_system(void **state)
{
	struct layer_unpack_options options = {0};
	struct fixture *fixture = *state;
	autobuffer tar = {0};
	autofree char *text = NULL;
	struct msb_digest tree;

	tar_add_file(&tar, "a", "");
	tar_add_file(&tar, ".wh.a", "");
	tar_end(&tar);
	assert_ok(fixture, unpack_onto(fixture, NULL, &tar, &options, &tree));
	text = text_of_tree(fixture, &tree);
	assert_line(text, "/.wh.a f ");
	assert_line(text, "/a f ");
}

static void whiteouts_that_make_no_sense_are_refused(void **state)
{
	struct fixture *fixture = *state;
	autobuffer tar = {0};

	tar_add_file(&tar, "x/.wh...", "");
	tar_end(&tar);
	expect_refused(fixture, &tar, -EBADMSG, "whiteout of no name");
	tar.size = 0;
	tar_add_file(&tar, ".wh.x/file", "");
	tar_end(&tar);
	expect_refused(fixture, &tar, -EBADMSG, "below a whiteout");
}

static void small_and_large_contents_arrive(void **state)
{
	static const size_t sizes[] = {0, 1, 511, 512, 513, 300000, 1048575, 1048576, 5000001};
	struct fixture *fixture = *state;
	struct layer_unpack_options options = {0};
	autobuffer tar = {0};
	struct msb_digest tree;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		autofree uint8_t *bytes = fixture_bytes(i, sizes[i]);
		char name[2] = {(char)('a' + i), '\0'};

		tar_add_bytes(&tar, name, bytes, sizes[i]);
	}
	tar_end(&tar);
	assert_ok(fixture, unpack_onto(fixture, NULL, &tar, &options, &tree));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char path[3] = {'/', (char)('a' + i), '\0'};
		struct msb_found found;

		assert_ok(fixture,
			  msb_tree_find(fixture->store, &tree, path, 0, &found, &fixture->err));
		assert_int_equal(found.entry.size, sizes[i]);
		fixture_expect(fixture->store, &found.entry.digest, i, sizes[i]);
		msb_found_done(&found);
	}
}

static void an_empty_archive_has_no_entries(void **state)
{
	struct fixture *fixture = *state;
	autobuffer tar = {0};

	tar_end(&tar);
	expect_paths(fixture, NULL, &tar, "/");
}

static void what_is_no_archive_is_refused(void **state)
{
	struct fixture *fixture = *state;
	autofree uint8_t *noise = fixture_bytes(1, 20000);
	struct buffer garbage = {.bytes = noise, .size = 20000};
	struct buffer nothing = {.bytes = noise, .size = 0};

	expect_refused(fixture, &garbage, -EBADMSG, "");
	expect_refused(fixture, &nothing, -EBADMSG, "");
}

static void an_archive_cut_short_is_refused_wherever_it_is_cut(void **state)
{
	static const char *const filters[] = {"cat", "gzip -c", "zstd -qc", "xz -c", "bzip2 -c"};
	struct fixture *fixture = *state;
	autofree uint8_t *bytes = fixture_bytes(7, 300000);
	autobuffer tar = {0};

	tar_add_bytes(&tar, "file", bytes, 300000);
	tar_end(&tar);
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		autobuffer packed = {0};

		run_filter(filters[i], tar.bytes, tar.size, &packed);
		expect_paths(fixture, NULL, &packed, "/ /file");
		for (size_t cut = 5; cut < 300000; cut = cut * 3 + 1) {
			struct buffer shorter = {.bytes = packed.bytes, .size = cut};

			expect_refused(fixture, &shorter, -EBADMSG, "");
		}
		if (i > 0) {
			/* Only the end of the compressed stream is missing. */
			packed.size -= 3;
			expect_refused(fixture, &packed, -EBADMSG, "");
		}
	}
}

static void damage_in_a_compressed_archive_is_found(void **state)
{
	static const char *const filters[] = {"gzip -c", "zstd -qc --check", "xz -c", "bzip2 -c"};
	struct fixture *fixture = *state;
	autofree uint8_t *bytes = fixture_bytes(7, 300000);
	autobuffer tar = {0};

	tar_add_bytes(&tar, "file", bytes, 300000);
	tar_end(&tar);
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		autobuffer packed = {0};

		run_filter(filters[i], tar.bytes, tar.size, &packed);
		packed.bytes[packed.size / 2] ^= 0x10;
		expect_refused(fixture, &packed, -EBADMSG, "");
	}
}

static void gzip_members_follow_each_other(void **state)
{
	struct fixture *fixture = *state;
	autobuffer tar = {0}, packed = {0};

	tar_add_file(&tar, "file", "content");
	tar_end(&tar);
	run_filter("gzip -c", tar.bytes, 700, &packed);
	run_filter("gzip -c", tar.bytes + 700, tar.size - 700, &packed);
	expect_paths(fixture, NULL, &packed, "/ /file");
	buffer_append(&packed, "\0\0\0\0", 4);
	expect_paths(fixture, NULL, &packed, "/ /file");
	buffer_append(&packed, "something", 9);
	expect_refused(fixture, &packed, -EBADMSG, "followed by something else");
}

static void the_diff_id_is_that_of_the_whole_uncompressed_stream(void **state)
{
	static const char *const filters[] = {"cat", "gzip -c", "zstd -qc", "xz -c", "bzip2 -c"};
	struct layer_unpack_options options = {.want_diff_id = true};
	struct fixture *fixture = *state;
	autobuffer tar = {0};
	struct msb_digest expected;

	tar_add_file(&tar, "file", "content");
	tar_end(&tar);
	for (int i = 0; i < 3000; i++)
		buffer_string(&tar, "trailing bytes that are no part of the archive\n");
	msb_digest_of(tar.bytes, tar.size, &expected);
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
		autobuffer packed = {0};
		struct bytes_source bytes = {.step = 1000};
		struct layer_source source = source_of(&bytes);
		struct layer_unpacked unpacked;

		run_filter(filters[i], tar.bytes, tar.size, &packed);
		bytes.bytes = packed.bytes;
		bytes.size = packed.size;
		assert_ok(fixture, tree_edit_new(fixture->store, NULL, &edit, &fixture->err));
		assert_ok(fixture, layer_unpack(fixture->writer, edit, &source, &options, &unpacked,
						&fixture->err));
		assert_true(msb_digest_equal(&unpacked.diff_id, &expected));
		assert_int_equal(unpacked.size, tar.size);
		assert_int_equal(unpacked.entries, 1);
	}
}

static void a_limit_stops_bombs(void **state)
{
	struct layer_unpack_options options = {.limit = 100000};
	struct fixture *fixture = *state;
	autobuffer tar = {0}, bomb = {0}, sparse = {0};
	autofree uint8_t *zeros = calloc(1, 10 << 20);
	struct msb_digest tree;

	assert_non_null(zeros);
	tar_add_bytes(&tar, "zeros", zeros, 10 << 20);
	tar_end(&tar);
	run_filter("gzip -c", tar.bytes, tar.size, &bomb);
	assert_true(bomb.size < options.limit);
	assert_int_equal(unpack_onto(fixture, NULL, &bomb, &options, &tree), -EFBIG);
	run_filter("sh -c 'd=$(mktemp -d) && truncate -s 8T $d/f && tar -C $d -S -cf - f;"
		   " rm -r $d'",
		   "", 0, &sparse);
	assert_true(sparse.size < options.limit);
	assert_int_equal(unpack_onto(fixture, NULL, &sparse, &options, &tree), -EFBIG);
	options.limit = 0;
	assert_int_equal(unpack_onto(fixture, NULL, &sparse, &options, &tree), -EFBIG);
}

static void holes_are_kept(void **state)
{
	static const char *const formats[] = {"gnu", "posix --sparse-version=0.1",
					      "posix --sparse-version=1.0"};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < 3; i++) {
		autobuffer tar = {0};
		autofree char *text = NULL;
		char command[300];

		snprintf(command, sizeof(command),
			 "sh -c 'd=$(mktemp -d) && printf begin >$d/f && truncate -s 3M $d/f &&"
			 " printf end >>$d/f && truncate -s 65536 $d/g &&"
			 " tar -C $d -S --format=%s -cf - f g; rm -r $d'",
			 formats[i]);
		run_filter(command, "", 0, &tar);
		text = text_of_layer(fixture, NULL, &tar);
		assert_non_null(strstr(text, " 3145731 sha256:"));
		assert_non_null(strstr(text, "sparse=4099\n"));
		assert_non_null(strstr(text, " 65536 sha256:de2f256064a0af797747c2b97505dc0b9f3df0d"
					     "e4f489eac731c23ae9ca9cc31 sparse=0\n"));
	}
}

static void access_lists_become_attributes_of_the_kernel(void **state)
{
	static const char *const records[] = {
		"SCHILY.acl.access=user::rw-,user:me:rw-:1000,group::r--,mask::rw-,other::---",
		NULL};
	struct fixture *fixture = *state;
	autobuffer tar = {0};
	autofree char *text = NULL;

	tar_add(&tar, &(struct tar_entry){.name = "f", .type = '0', .mode = 0660, .pax = records});
	tar_end(&tar);
	text = text_of_layer(fixture, NULL, &tar);
	/* The mode shows the mask where the owning group's rights were. */
	assert_line(text, "/f f 0660 ");
	assert_non_null(strstr(text, " system.posix_acl_access=02000000"
				     "01000600ffffffff"
				     "02000600e8030000"
				     "04000400ffffffff"
				     "10000600ffffffff"
				     "20000000ffffffff\n"));
}

static void archives_are_told_by_their_first_bytes(void **state)
{
	static const char *const filters[] = {"cat", "gzip -c", "zstd -qc", "xz -c", "bzip2 -c"};
	struct fixture *fixture = *state;
	autofree uint8_t *noise = fixture_bytes(3, 100000);
	autobuffer tar = {0}, packed_text = {0};

	tar_add_bytes(&tar, "f", noise, 100000);
	tar_end(&tar);
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		autobuffer packed = {0};

		run_filter(filters[i], tar.bytes, tar.size, &packed);
		assert_true(layer_is_archive(packed.bytes, 1024));
		assert_true(layer_is_archive(packed.bytes, packed.size));
	}
	run_filter("gzip -c", noise, 2000, &packed_text);
	assert_false(layer_is_archive(packed_text.bytes, packed_text.size));
	assert_false(layer_is_archive(packed_text.bytes, 1024));
	assert_false(layer_is_archive(noise, 1024));
	assert_false(layer_is_archive("", 0));
	memset(noise, 0, 1024);
	assert_false(layer_is_archive(noise, 1024));
	(void)fixture;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_IN_STORE(every_kind_of_entry_arrives),
		TEST_IN_STORE(pax_records_say_what_ustar_cannot),
		TEST_IN_STORE(times_in_the_second_before_1970_keep_their_sign),
		TEST_IN_STORE(names_are_bytes_in_every_locale),
		TEST_IN_STORE(hard_links_are_one_file_across_directories),
		TEST_IN_STORE(a_link_to_nothing_is_refused_and_names_both),
		TEST_IN_STORE(no_name_leads_out_of_the_tree),
		TEST_IN_STORE(a_name_that_leads_out_is_refused_where_it_must_stay_inside),
		TEST_IN_STORE(no_name_leads_out_of_the_directory),
		TEST_IN_STORE(links_in_a_circle_are_refused),
		TEST_IN_STORE(a_name_longer_than_any_path_is_refused),
		TEST_IN_STORE(an_entry_replaces_what_was_there),
		TEST_IN_STORE(whiteouts_remove_what_is_below),
		TEST_IN_STORE(an_opaque_marker_spares_its_own_layer_wherever_it_stands),
		TEST_IN_STORE(a_whiteout_spares_what_its_own_layer_puts_there),
		TEST_IN_STORE(whiteouts_are_plain_names_in_a_root_file_system),
		TEST_IN_STORE(whiteouts_that_make_no_sense_are_refused),
		TEST_IN_STORE(small_and_large_contents_arrive),
		TEST_IN_STORE(an_empty_archive_has_no_entries),
		TEST_IN_STORE(what_is_no_archive_is_refused),
		TEST_IN_STORE(an_archive_cut_short_is_refused_wherever_it_is_cut),
		TEST_IN_STORE(damage_in_a_compressed_archive_is_found),
		TEST_IN_STORE(gzip_members_follow_each_other),
		TEST_IN_STORE(the_diff_id_is_that_of_the_whole_uncompressed_stream),
		TEST_IN_STORE(a_limit_stops_bombs),
		TEST_IN_STORE(holes_are_kept),
		TEST_IN_STORE(access_lists_become_attributes_of_the_kernel),
		TEST_IN_STORE(archives_are_told_by_their_first_bytes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

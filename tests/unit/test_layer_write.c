/* Trees into tars, and back. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "layer_fixture.h"

static struct msb_digest tree_of(struct fixture *fixture, const struct msb_digest *base,
				 const struct buffer *tar)
{
	struct layer_unpack_options options = {.whiteouts = true};
	struct msb_digest tree;

	assert_ok(fixture, unpack_onto(fixture, base, tar, &options, &tree));
	return tree;
}

static void write_layer(struct fixture *fixture, const struct msb_digest *parent,
			const struct msb_digest *tree, struct buffer *ret)
{
	struct layer_sink sink = sink_of(ret);

	assert_ok(fixture, layer_write(fixture->store, parent, tree, &sink, &fixture->err));
	assert_int_equal(ret->size % 512, 0);
}

/* A tree with one of everything that tar can say. */
static struct msb_digest full_tree(struct fixture *fixture)
{
	static const char *const exact[] = {"mtime=1700000000.000000001",
					    "SCHILY.xattr.user.a=1\n2",
					    "SCHILY.xattr.security.capability=\x01\x02",
					    "SCHILY.acl.access=user::rw-,group::r--,other::r--,"
					    "user:me:r--:7,mask::r--",
					    NULL};
	static const char *const ancient[] = {"mtime=-123456789.75", NULL};
	static const char *const far[] = {"mtime=99999999999", "uid=4294967294", NULL};
	autofree uint8_t *large = fixture_bytes(9, 3000000);
	autobuffer tar = {0}, name = {0}, target = {0};
	const char *deep[] = {NULL, NULL, NULL};

	tar_add(&tar, &(struct tar_entry){.name = "./", .type = '5', .mode = 0750, .mtime = 99});
	tar_add_dir(&tar, "a/");
	tar_add_dir(&tar, "empty/");
	tar_add_file(&tar, "a/none", "");
	tar_add(&tar, &(struct tar_entry){.name = "a/exact",
					  .type = '0',
					  .content = "x",
					  .mode = 06755,
					  .pax = exact});
	tar_add(&tar, &(struct tar_entry){.name = "ancient", .type = '0', .pax = ancient});
	tar_add(&tar, &(struct tar_entry){.name = "far", .type = '0', .gid = 65534, .pax = far});
	tar_add(&tar,
		&(struct tar_entry){.name = "dev", .type = '3', .major = 259, .minor = 1048575});
	tar_add(&tar, &(struct tar_entry){.name = "disk", .type = '4', .major = 8, .minor = 1});
	tar_add(&tar, &(struct tar_entry){.name = "fifo", .type = '6'});
	tar_add_file(&tar, "\xff not utf-8", "bytes");
	tar_add_bytes(&tar, "large", large, 3000000);
	tar_add_link(&tar, "a/other-name", "large");
	tar_add_link(&tar, "z-name", "large");
	tar_add_symlink(&tar, "soft", "nowhere/at/all");
	buffer_string(&name, "path=long/");
	buffer_string(&target, "linkpath=");
	for (int i = 0; i < 30; i++) {
		buffer_string(&name, "\xe2\x98\x83name");
		buffer_string(&target, "target/");
	}
	buffer_u8(&name, '\0');
	buffer_u8(&target, '\0');
	deep[0] = (const char *)name.bytes;
	tar_add(&tar, &(struct tar_entry){.name = "x", .type = '0', .content = "y", .pax = deep});
	deep[0] = (const char *)target.bytes;
	tar_add(&tar, &(struct tar_entry){.name = "far-link", .type = '2', .pax = deep});
	tar_end(&tar);
	return tree_of(fixture, NULL, &tar);
}

static void a_tree_survives_the_way_through_a_tar(void **state)
{
	struct fixture *fixture = *state;
	struct msb_digest tree = full_tree(fixture), again;
	autobuffer tar = {0};

	write_layer(fixture, NULL, &tree, &tar);
	again = tree_of(fixture, NULL, &tar);
	if (!msb_digest_equal(&tree, &again)) {
		autofree char *before = text_of_tree(fixture, &tree);
		autofree char *after = text_of_tree(fixture, &again);

		assert_string_equal(before, after);
		fail_msg("the texts are equal, the digests are not");
	}
}

static void the_same_trees_give_the_same_bytes(void **state)
{
	struct fixture *fixture = *state;
	struct msb_digest tree = full_tree(fixture), expected, digest;
	autobuffer one = {0}, two = {0};
	uint64_t size;

	write_layer(fixture, NULL, &tree, &one);
	fixture_commit(fixture);
	fixture_reopen(fixture);
	write_layer(fixture, NULL, &tree, &two);
	assert_int_equal(one.size, two.size);
	assert_memory_equal(one.bytes, two.bytes, one.size);
	msb_digest_of(one.bytes, one.size, &expected);
	assert_ok(fixture,
		  layer_digest(fixture->store, NULL, &tree, &digest, &size, &fixture->err));
	assert_int_equal(size, one.size);
	assert_true(msb_digest_equal(&digest, &expected));
}

/* Diff IDs that have been given out must not change with a version of msb. */
static void the_bytes_of_a_layer_are_settled(void **state)
{
	struct fixture *fixture = *state;
	struct msb_digest tree = full_tree(fixture), digest;
	char text[MSB_DIGEST_TEXT];
	uint64_t size;

	assert_ok(fixture,
		  layer_digest(fixture->store, NULL, &tree, &digest, &size, &fixture->err));
	assert_string_equal(
		msb_digest_format(&digest, text),
		"sha256:ef587d627367e2f715e9c2e473a0c6d8680fafa0d539726e48283c53b6eeafd7");
}

static void a_layer_holds_only_what_differs(void **state)
{
	struct fixture *fixture = *state;
	autobuffer lower = {0}, upper = {0}, layer = {0}, list = {0};
	struct msb_digest before, after, again;

	tar_add_file(&lower, "keep/file", "kept");
	tar_add_file(&lower, "dir/gone", "");
	tar_add_file(&lower, "dir/changed", "old");
	tar_add_file(&lower, "tree/below/deep", "");
	tar_add_file(&lower, "was-dir/in", "");
	tar_add_file(&lower, "was-file", "");
	tar_end(&lower);
	before = tree_of(fixture, NULL, &lower);
	tar_add_file(&upper, "dir/.wh.gone", "");
	tar_add_file(&upper, "dir/changed", "new");
	tar_add_file(&upper, "dir/added", "");
	tar_add_file(&upper, ".wh.tree", "");
	tar_add_file(&upper, "was-dir", "");
	tar_add_dir(&upper, "was-file/");
	tar_add_file(&upper, "was-file/in", "");
	tar_end(&upper);
	after = tree_of(fixture, &before, &upper);
	write_layer(fixture, &before, &after, &layer);
	run_filter("tar -tf -", layer.bytes, layer.size, &list);
	buffer_u8(&list, '\0');
	assert_string_equal((char *)list.bytes, "dir/\ndir/added\ndir/changed\ndir/.wh.gone\n"
						".wh.tree\nwas-dir\nwas-file/\nwas-file/in\n");
	again = tree_of(fixture, &before, &layer);
	assert_true(msb_digest_equal(&after, &again));
}

/* dockerd unpacks each layer into a directory of its own. */
static void the_directories_above_a_change_are_in_the_layer(void **state)
{
	struct fixture *fixture = *state;
	autobuffer lower = {0}, upper = {0}, layer = {0}, list = {0};
	struct msb_digest before, after;

	tar_add(&lower, &(struct tar_entry){.name = "a/", .type = '5', .mode = 02710, .uid = 7});
	tar_add_dir(&lower, "a/b/");
	tar_add_file(&lower, "a/b/file", "old");
	tar_add_dir(&lower, "a/c/");
	tar_add_file(&lower, "a/c/file", "old");
	tar_add_file(&lower, "a/b.file", "old");
	tar_end(&lower);
	before = tree_of(fixture, NULL, &lower);
	tar_add_file(&upper, "a/b/file", "new");
	tar_add_file(&upper, "a/c/.wh.file", "");
	tar_end(&upper);
	after = tree_of(fixture, &before, &upper);
	write_layer(fixture, &before, &after, &layer);
	run_filter("sh -c \"tar --numeric-owner -tvf - | awk '{ print \\$1, \\$2, \\$NF }'\"",
		   layer.bytes, layer.size, &list);
	buffer_u8(&list, '\0');
	assert_string_equal((char *)list.bytes, "drwx--s--- 7/0 a/\n"
						"drwxr-xr-x 0/0 a/b/\n"
						"-rw-r--r-- 0/0 a/b/file\n"
						"drwxr-xr-x 0/0 a/c/\n"
						"---------- 0/0 a/c/.wh.file\n");
}

/* One name gone and one come: the file has as many as before. */
static void all_names_of_a_file_with_a_new_one_are_in_the_layer(void **state)
{
	struct fixture *fixture = *state;
	autobuffer lower = {0}, upper = {0}, layer = {0}, list = {0};
	struct msb_digest before, after, again;

	tar_add_file(&lower, "a/one", "text");
	tar_add_link(&lower, "b/two", "a/one");
	tar_add_link(&lower, "gone", "a/one");
	tar_add_file(&lower, "other", "text");
	tar_add_link(&lower, "other-too", "other");
	tar_end(&lower);
	before = tree_of(fixture, NULL, &lower);
	tar_add_file(&upper, ".wh.gone", "");
	tar_add_file(&upper, "a/one", "text");
	tar_add_link(&upper, "b/two", "a/one");
	tar_add_link(&upper, "b/three", "a/one");
	tar_end(&upper);
	after = tree_of(fixture, &before, &upper);
	write_layer(fixture, &before, &after, &layer);
	run_filter("tar -tf -", layer.bytes, layer.size, &list);
	buffer_u8(&list, '\0');
	assert_string_equal((char *)list.bytes, "a/\na/one\nb/\nb/three\nb/two\n.wh.gone\n");
	again = tree_of(fixture, &before, &layer);
	assert_true(msb_digest_equal(&after, &again));
}

static void holes_survive_and_take_no_room(void **state)
{
	struct fixture *fixture = *state;
	autobuffer tar = {0}, layer = {0}, list = {0}, packed = {0};
	struct msb_digest tree, again;
	struct layer_sink sink = sink_of(&layer);
	autofree char *text = NULL;

	/* Over STORE_LARGE and under it; a hole at the end, in front, all over. */
	run_filter("sh -c 'd=$(mktemp -d) && printf begin >$d/f && truncate -s 3M $d/f &&"
		   " printf end >>$d/f && truncate -s 65536 $d/g && printf x >$d/h &&"
		   " truncate -s 2M $d/h && truncate -s 40960 $d/i && printf x >>$d/i &&"
		   " tar -C $d -S --format=posix --mtime=@1.5 --owner=0 --group=0 -cf - f g h i;"
		   " rm -r $d'",
		   "", 0, &tar);
	tree = tree_of(fixture, NULL, &tar);
	text = text_of_tree(fixture, &tree);
	assert_non_null(strstr(text, "sparse=4099\n"));
	assert_ok(fixture, layer_export(fixture->store, &tree, &sink, &fixture->err));
	assert_true(layer.size < 40000);
	again = tree_of(fixture, NULL, &layer);
	assert_true(msb_digest_equal(&tree, &again));
	run_filter("tar -tvf - --full-time", layer.bytes, layer.size, &list);
	buffer_u8(&list, '\0');
	assert_non_null(strstr((char *)list.bytes, " 3145731 "));
	assert_non_null(strstr((char *)list.bytes, " 2097152 "));
	/* Through GNU tar's hands. */
	run_filter("sh -c 'd=$(mktemp -d) && tar -C $d -xSf - &&"
		   " tar -C $d -S --format=posix --owner=0 --group=0 -cf - f g h i; rm -r $d'",
		   layer.bytes, layer.size, &packed);
	again = tree_of(fixture, NULL, &packed);
	assert_true(msb_digest_equal(&tree, &again));
}

/* Who puts a layer's tar together from unpacked files finds no map there. */
static void a_layer_has_maps_of_large_holes_only(void **state)
{
	struct fixture *fixture = *state;
	autobuffer tar = {0}, layer = {0}, list = {0};
	struct msb_digest tree;

	run_filter(
		"sh -c 'd=$(mktemp -d) && truncate -s 3M $d/small && truncate -s 300M $d/large &&"
		" tar -C $d -S --format=posix -cf - small large; rm -r $d'",
		"", 0, &tar);
	tree = tree_of(fixture, NULL, &tar);
	write_layer(fixture, NULL, &tree, &layer);
	assert_in_range(layer.size, 3 << 20, 4 << 20);
	run_filter("sh -c \"tar -tvf - | awk '{ print \\$3, \\$NF }'\"", layer.bytes, layer.size,
		   &list);
	buffer_u8(&list, '\0');
	assert_string_equal((char *)list.bytes, "0 ./\n314572800 large\n3145728 small\n");
}

/* The root of a tree with one entry put over base. */
static struct msb_digest put_over(struct fixture *fixture, const struct msb_digest *base,
				  const char *path, enum msb_type type)
{
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	struct msb_entry entry = {.type = type, .mode = 0644, .nlink = 1};
	struct msb_digest tree;

	entry.digest = fixture_put(fixture, "", 0);
	assert_ok(fixture, tree_edit_new(fixture->store, base, &edit, &fixture->err));
	if (type)
		assert_ok(fixture, edit_put(edit, path, &entry, &fixture->err));
	else
		assert_ok(fixture, edit_remove(edit, path, &fixture->err));
	assert_ok(fixture, edit_commit(edit, fixture->writer, &tree, &fixture->err));
	return tree;
}

static void a_socket_takes_away_what_it_replaced(void **state)
{
	struct fixture *fixture = *state;
	struct msb_digest nothing = put_over(fixture, NULL, "/x", 0);
	struct msb_digest file = put_over(fixture, NULL, "/x", MSB_FILE);
	struct msb_digest socket = put_over(fixture, &file, "/x", MSB_SOCKET), applied;
	autobuffer layer = {0};

	write_layer(fixture, &file, &socket, &layer);
	applied = tree_of(fixture, &file, &layer);
	assert_true(msb_digest_equal(&applied, &nothing));
}

static void the_longest_names_can_be_removed(void **state)
{
	struct fixture *fixture = *state;
	char path[257] = "/";
	struct msb_digest nothing, file, applied;
	autobuffer layer = {0};

	memset(path + 1, 'n', 255);
	path[256] = '\0';
	nothing = put_over(fixture, NULL, path, 0);
	file = put_over(fixture, NULL, path, MSB_FILE);
	write_layer(fixture, &file, &nothing, &layer);
	applied = tree_of(fixture, &file, &layer);
	assert_true(msb_digest_equal(&applied, &nothing));
}

static void equal_trees_make_an_empty_layer(void **state)
{
	static const uint8_t zeros[1024];
	struct fixture *fixture = *state;
	struct msb_digest tree = full_tree(fixture);
	autobuffer layer = {0};

	write_layer(fixture, &tree, &tree, &layer);
	assert_int_equal(layer.size, 1024);
	assert_memory_equal(layer.bytes, zeros, 1024);
}

static void a_file_that_looks_like_a_whiteout_has_no_place_in_a_layer(void **state)
{
	struct layer_unpack_options options = {0};
	struct fixture *fixture = *state;
	autobuffer tar = {0}, layer = {0}, export = {0};
	struct layer_sink sink = sink_of(&layer);
	struct msb_digest tree;

	tar_add_file(&tar, "dir/.wh.file", "");
	tar_end(&tar);
	assert_ok(fixture, unpack_onto(fixture, NULL, &tar, &options, &tree));
	assert_int_equal(layer_write(fixture->store, NULL, &tree, &sink, &fixture->err), -EINVAL);
	assert_non_null(strstr(fixture->err.text, "/dir/.wh.file"));
	sink = sink_of(&export);
	assert_ok(fixture, layer_export(fixture->store, &tree, &sink, &fixture->err));
}

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *format, ...)
{
	char line[1024];
	va_list list;

	va_start(list, format);
	vsnprintf(line, sizeof(line), format, list);
	va_end(list);
	assert_int_equal(system(line), 0);
}

/* What GNU tar makes of an export, and packs again, is the tree that was exported. */
static void gnu_tar_unpacks_what_is_exported(void **state)
{
	struct fixture *fixture = *state;
	struct msb_digest tree, again;
	autobuffer tar = {0}, export = {0}, packed = {0};
	struct layer_sink sink = sink_of(&export);
	autofree uint8_t *large = fixture_bytes(9, 3000000);

	tar_add(&tar, &(struct tar_entry){.name = "./", .type = '5', .mode = 0751, .mtime = 99});
	tar_add(&tar,
		&(struct tar_entry){.name = "d/", .type = '5', .mode = 02770, .mtime = 1000000001});
	tar_add(&tar,
		&(struct tar_entry){.name = "d/f",
				    .type = '0',
				    .content = "x",
				    .mode = 04711,
				    .pax = (const char *const[]){"mtime=12.000000345",
								 "SCHILY.xattr.user.k=v", NULL}});
	tar_add(&tar, &(struct tar_entry){.name = "old",
					  .type = '0',
					  .pax = (const char *const[]){"mtime=-77.25", NULL}});
	tar_add_file(&tar, "\xff\xfe", "bytes");
	tar_add_bytes(&tar, "large", large, 3000000);
	tar_add_link(&tar, "d/name", "large");
	tar_add_symlink(&tar, "soft", "d/f");
	tar_add(&tar, &(struct tar_entry){.name = "fifo", .type = '6'});
	tar_end(&tar);
	tree = tree_of(fixture, NULL, &tar);
	assert_ok(fixture, layer_export(fixture->store, &tree, &sink, &fixture->err));
	run("mkdir %s/out", fixture->directory);
	{
		char path[128];

		snprintf(path, sizeof(path), "%s/export.tar", fixture->directory);
		assert_ok(fixture, io_write_file(AT_FDCWD, path, export.bytes, export.size, 0644,
						 &fixture->err));
	}
	run("tar --xattrs --xattrs-include='*' --no-same-owner -C %s/out -xpf %s/export.tar",
	    fixture->directory, fixture->directory);
	{
		char command[256];

		snprintf(command, sizeof(command),
			 "tar --xattrs --xattrs-include='user.*' --owner=0 --group=0 --format=posix"
			 " -C %s/out -cf - .",
			 fixture->directory);
		run_filter(command, "", 0, &packed);
	}
	again = tree_of(fixture, NULL, &packed);
	if (!msb_digest_equal(&tree, &again)) {
		autofree char *before = text_of_tree(fixture, &tree);
		autofree char *after = text_of_tree(fixture, &again);

		assert_string_equal(before, after);
	}
}

struct seen {
	struct buffer text;
	const uint8_t *archive;
};

static int see_member(void *context, const struct layer_member *member)
{
	struct seen *seen = context;

	buffer_printf(&seen->text, "%s:%.*s:%s\n", member->name, (int)member->size,
		      (const char *)seen->archive + member->offset,
		      member->link ? member->link : "");
	return 0;
}

static void members_are_found_where_they_are(void **state)
{
	static const char *const records[] = {"mtime=1.5", "comment=of no meaning", NULL};
	struct fixture *fixture = *state;
	autofree uint8_t *large = fixture_bytes(9, 3000000);
	autobuffer tar = {0};
	struct seen seen = {0};
	char path[128];
	autoclose int fd = -1;

	tar_add_dir(&tar, "dir/");
	tar_add_file(&tar, "dir/a", "content of a");
	tar_add(&tar,
		&(struct tar_entry){.name = "b", .type = '0', .content = "of b", .pax = records});
	tar_add_symlink(&tar, "c", "dir/a");
	tar_add_bytes(&tar, "large", large, 0);
	tar_add_file(&tar, "last", "last");
	tar_end(&tar);
	snprintf(path, sizeof(path), "%s/archive.tar", fixture->directory);
	assert_ok(fixture, io_write_file(AT_FDCWD, path, tar.bytes, tar.size, 0644, &fixture->err));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	seen.archive = tar.bytes;
	assert_ok(fixture, layer_list_members(fd, see_member, &seen, &fixture->err));
	buffer_u8(&seen.text, '\0');
	assert_string_equal((char *)seen.text.bytes,
			    "dir/a:content of a:\nb:of b:\nc::dir/a\nlarge::\nlast:last:\n");
	buffer_done(&seen.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_IN_STORE(a_tree_survives_the_way_through_a_tar),
		TEST_IN_STORE(the_same_trees_give_the_same_bytes),
		TEST_IN_STORE(the_bytes_of_a_layer_are_settled),
		TEST_IN_STORE(a_layer_holds_only_what_differs),
		TEST_IN_STORE(the_directories_above_a_change_are_in_the_layer),
		TEST_IN_STORE(all_names_of_a_file_with_a_new_one_are_in_the_layer),
		TEST_IN_STORE(holes_survive_and_take_no_room),
		TEST_IN_STORE(a_layer_has_maps_of_large_holes_only),
		TEST_IN_STORE(a_socket_takes_away_what_it_replaced),
		TEST_IN_STORE(the_longest_names_can_be_removed),
		TEST_IN_STORE(equal_trees_make_an_empty_layer),
		TEST_IN_STORE(a_file_that_looks_like_a_whiteout_has_no_place_in_a_layer),
		TEST_IN_STORE(gnu_tar_unpacks_what_is_exported),
		TEST_IN_STORE(members_are_found_where_they_are),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

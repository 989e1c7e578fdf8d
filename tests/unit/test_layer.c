/* Tars into trees: what an entry becomes. */
#include <string.h>

#include "layer_fixture.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_IN_STORE(every_kind_of_entry_arrives),
		TEST_IN_STORE(pax_records_say_what_ustar_cannot),
		TEST_IN_STORE(times_in_the_second_before_1970_keep_their_sign),
		TEST_IN_STORE(an_entry_replaces_what_was_there),
		TEST_IN_STORE(holes_are_kept),
		TEST_IN_STORE(access_lists_become_attributes_of_the_kernel),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

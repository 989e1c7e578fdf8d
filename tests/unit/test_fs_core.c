/* The mounted file system without FUSE: every node by its number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include <msb/cleanup.h>
#include <msb/records.h>

#include "autopull.h"
#include "core.h"
#include "inode.h"
#include "io.h"
#include "shelf.h"
#include "store_writer.h"
#include "tree_edit.h"

#define TEST(name) static void name(void **state)

#define FILES      300

struct fixture {
	char directory[64];
	char store_path[80];
	struct msb_store *store;
	struct store_writer *writer;
	struct msb_digest tree;
	struct core *core;
	char logged[4096];
};

static void on_log(void *context, const char *sentence)
{
	struct fixture *f = context;

	snprintf(f->logged, sizeof(f->logged), "%s", sentence);
}

static void put(struct fixture *f, struct tree_edit *edit, const char *path, struct msb_entry entry,
		const char *content)
{
	struct msb_error err = {0};

	entry.nlink = 1;
	if (entry.type == MSB_FILE) {
		entry.size = entry.allocated = strlen(content);
		assert_int_equal(store_put(f->writer, content, entry.size, &entry.digest, &err), 0);
	}
	if (entry.type == MSB_SYMLINK) {
		entry.target = content;
		entry.size = strlen(content);
	}
	assert_int_equal(edit_put(edit, path, &entry, &err), 0);
}

static void make_tree(struct fixture *f)
{
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	struct tree_xattr xattr = {"user.colour", "blue", 4};
	struct msb_entry entry = {.type = MSB_FILE,
				  .mode = 0640,
				  .uid = 7,
				  .gid = 8,
				  .mtime_sec = -1,
				  .mtime_nsec = 999999999};
	struct msb_entry directory = {.type = MSB_DIRECTORY, .mode = 0755};
	autofree uint8_t *xattrs = NULL;
	char path[64], content[64];

	assert_int_equal(tree_edit_new(f->store, NULL, &edit, NULL), 0);
	put(f, edit, "/a", directory, "");
	put(f, edit, "/a/b", directory, "");
	put(f, edit, "/z", directory, "");
	put(f, edit, "/a/link", (struct msb_entry){.type = MSB_SYMLINK, .mode = 0777},
	    "b/../plain");
	put(f, edit, "/device",
	    (struct msb_entry){
		    .type = MSB_BLOCK, .mode = 0600, .device_major = 259, .device_minor = 70000},
	    "");
	for (int i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "/a/b/file%03d", i);
		snprintf(content, sizeof(content), "content of %d", i);
		put(f, edit, path, entry, content);
	}
	assert_int_equal(tree_encode_xattrs(&xattr, 1, &xattrs, &entry.xattrs_size, NULL), 0);
	entry.xattrs = xattrs;
	put(f, edit, "/a/plain", entry, "hello");
	entry.link = 5;
	put(f, edit, "/a/b/one", entry, "linked");
	put(f, edit, "/z/other", entry, "linked");
	assert_int_equal(edit_commit(edit, f->writer, &f->tree, NULL), 0);
}

static void make_records(struct fixture *f)
{
	static char stage_name[] = "build", name[] = "docker.io/library/app:1", text[] = "RUN x";
	static char empty[] = "", dockerfile[] = "Dockerfile";
	struct msb_build build = {.state = MSB_DONE,
				  .started_ns = 1,
				  .finished_ns = 2,
				  .dockerfile_name = dockerfile,
				  .target = stage_name,
				  .tags = empty,
				  .stage_count = 1};
	struct msb_stage stage = {.name = stage_name,
				  .state = MSB_DONE,
				  .step_count = 1,
				  .has_tree = true,
				  .tree = f->tree};
	struct msb_step step = {.number = 1,
				.state = MSB_DONE,
				.text = text,
				.expanded = text,
				.has_tree = true,
				.tree = f->tree};
	struct msb_image image = {.name = name, .tree = f->tree};
	struct msb_error err = {0};

	assert_int_equal(store_put(f->writer, "FROM scratch\n", 13, &build.dockerfile, &err), 0);
	assert_int_equal(store_put(f->writer, "{}", 2, &image.id, &err), 0);
	image.manifest = step.config = image.id;
	assert_int_equal(store_begin(f->writer, &err), 0);
	assert_int_equal(store_add_build(f->writer, &build, &stage.build, &err), 0);
	step.build = stage.build;
	assert_int_equal(store_set_stage(f->writer, &stage, &err), 0);
	assert_int_equal(store_set_step(f->writer, &step, &err), 0);
	assert_int_equal(store_set_image(f->writer, &image, &err), 0);
	assert_int_equal(store_commit(f->writer, &err), 0);
}

static struct core *open_core(struct fixture *f, size_t cache_bytes)
{
	struct core_options options = {.cache_bytes = cache_bytes, .log = on_log, .log_context = f};
	struct msb_error err = {0};
	struct core *core;

	assert_int_equal(core_open(f->store_path, &options, &core, &err), 0);
	return core;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct msb_error err = {0};

	snprintf(f->directory, sizeof(f->directory), "/tmp/msb-fs-core.XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->store_path, sizeof(f->store_path), "%s/store", f->directory);
	assert_int_equal(store_create(f->store_path, &err), 0);
	assert_int_equal(msb_store_open(f->store_path, &f->store, &err), 0);
	assert_int_equal(store_writer_open(f->store, &f->writer, &err), 0);
	make_tree(f);
	make_records(f);
	f->core = open_core(f, 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	core_close(f->core);
	store_writer_close(f->writer);
	msb_store_close(f->store);
	assert_int_equal(io_remove_tree(AT_FDCWD, f->directory, NULL), 0);
	free(f);
	return 0;
}

/* Looks path up name by name. */
static int walk(struct core *core, const char *path, struct core_node *ret)
{
	char name[NAME_MAX + 1];
	size_t length;
	int r = core_stat(core, CORE_ROOT, ret);

	for (path += *path == '/'; r == 0 && *path; path += length, path += *path == '/') {
		length = strcspn(path, "/");
		snprintf(name, sizeof(name), "%.*s", (int)length, path);
		r = core_lookup(core, ret->id, name, ret, NULL);
	}
	return r;
}

static struct core_node at(struct core *core, const char *path)
{
	struct core_node node;

	assert_int_equal(walk(core, path, &node), 0);
	return node;
}

TEST(a_node_is_found_by_its_number_alone)
{
	struct fixture *f = *state;
	struct core_node node = at(f->core, "/stages/build/a/b/file123"), again;
	char bytes[64];

	assert_int_equal(core_stat(f->core, node.id, &again), 0);
	assert_memory_equal(&node.st, &again.st, sizeof(node.st));
	assert_int_equal(again.id, node.id);
	assert_true(node.name_lasts && node.stat_lasts);
	assert_int_equal(node.st.st_mode, S_IFREG | 0640);
	assert_int_equal(node.st.st_uid, 7);
	assert_int_equal(node.st.st_mtim.tv_sec, -1);
	assert_int_equal(core_read(f->core, node.id, bytes, sizeof(bytes), 0, NULL), 14);
	assert_memory_equal(bytes, "content of 123", 14);
}

TEST(reading_ends_with_the_file)
{
	struct fixture *f = *state;
	uint64_t id = at(f->core, "/images/app:1/a/plain").id;
	char bytes[8] = "";

	assert_int_equal(core_read(f->core, id, bytes, 3, 1, NULL), 3);
	assert_string_equal(bytes, "ell");
	assert_int_equal(core_read(f->core, id, bytes, 8, 3, NULL), 2);
	assert_int_equal(core_read(f->core, id, bytes, 8, 5, NULL), 0);
	assert_int_equal(core_read(f->core, id, bytes, 8, UINT64_MAX, NULL), 0);
	assert_int_equal(core_read(f->core, at(f->core, "/stages").id, bytes, 8, 0, NULL), -EISDIR);
	assert_int_equal(core_read(f->core, at(f->core, "/stages/0/a").id, bytes, 8, 0, NULL),
			 -EISDIR);
}

TEST(the_names_of_a_hard_link_are_one_node)
{
	struct fixture *f = *state;
	struct core_node one = at(f->core, "/stages/0/a/b/one");
	struct core_node other = at(f->core, "/stages/0/z/other");
	char bytes[8];

	assert_int_equal(one.id, other.id);
	assert_int_equal(one.st.st_ino, other.st.st_ino);
	assert_int_equal(one.st.st_nlink, 2);
	assert_int_equal(core_read(f->core, one.id, bytes, 8, 0, NULL), 6);
}

TEST(a_tree_shows_the_same_inode_numbers_everywhere)
{
	struct fixture *f = *state;
	struct core_node a = at(f->core, "/stages/0/a"), b = at(f->core, "/images/app:1/a");

	assert_int_equal(a.st.st_ino, b.st.st_ino);
	assert_int_not_equal(a.id, b.id); /* a directory has one parent */
	assert_int_equal(at(f->core, "/stages/0/a/plain").id,
			 at(f->core, "/images/app:1/a/plain").id); /* and pages are shared */
}

struct collected {
	struct core *core;
	uint64_t in, next;
	size_t count, room;
	bool lookup;
};

static bool collect(void *context, const char *name, const struct core_node *node, uint64_t next)
{
	struct collected *c = context;
	struct core_node found;

	if (c->room == 0)
		return false;
	c->room--;
	c->count++;
	assert_true(next > c->next);
	c->next = next;
	if (name[0] != '.' && c->lookup) {
		assert_int_equal(core_lookup(c->core, c->in, name, &found, NULL), 0);
		assert_int_equal(found.id, node->id);
		assert_memory_equal(&found.st, &node->st, sizeof(found.st));
	}
	return true;
}

TEST(a_listing_goes_on_where_it_stopped_and_agrees_with_lookups)
{
	struct fixture *f = *state;
	struct collected c = {f->core, at(f->core, "/stages/0/a/b").id, .lookup = true};

	do {
		c.room = 7;
		assert_int_equal(core_list(f->core, c.in, c.next, collect, &c), 0);
	} while (c.room == 0);
	assert_int_equal(c.count, 2 + FILES + 1);
	c.room = 1;
	assert_int_equal(core_list(f->core, c.in, UINT64_MAX, collect, &c), 0);
	assert_int_equal(c.room, 1);
}

TEST(what_is_missing_in_a_tree_is_missing_for_good)
{
	struct fixture *f = *state;
	struct core_node node;
	bool lasts = false;

	assert_int_equal(core_lookup(f->core, at(f->core, "/stages/0/a").id, "c", &node, &lasts),
			 -ENOENT);
	assert_true(lasts);
	assert_int_equal(core_lookup(f->core, at(f->core, "/stages").id, "c", &node, &lasts),
			 -ENOENT);
	assert_false(lasts);
}

TEST(a_number_of_nothing_is_stale_and_harms_nobody)
{
	struct fixture *f = *state;
	uint64_t id = at(f->core, "/stages/0").id, random = 88172645463325252U;
	struct core_node node;
	char bytes[16], *target;
	size_t failures = 0;

	for (int i = 0; i < 200000; i++) {
		random ^= random << 13, random ^= random >> 7, random ^= random << 17;
		/* Half of them in a view that is there. */
		uint64_t any =
			i % 2 ? random
			      : (id & ~UINT64_C(0xffffffff)) | (uint32_t)random >> (i / 2 % 32);

		failures += core_stat(f->core, any, &node) < 0;
		if (core_readlink(f->core, any, &target) == 0)
			free(target);
		assert_true(core_read(f->core, any, bytes, sizeof(bytes), 0, NULL) <= 16);
	}
	assert_true(failures > 1000);
}

TEST(a_link_tells_its_target_and_a_device_its_numbers)
{
	struct fixture *f = *state;
	autofree char *target = NULL;

	assert_int_equal(core_readlink(f->core, at(f->core, "/stages/0/a/link").id, &target), 0);
	assert_string_equal(target, "b/../plain");
	assert_int_equal(core_readlink(f->core, at(f->core, "/stages/0/a").id, &target), -EINVAL);
	assert_int_equal(at(f->core, "/stages/0/device").st.st_rdev, makedev(259, 70000));
}

TEST(extended_attributes_are_told_but_the_digest_is_not_listed)
{
	struct fixture *f = *state;
	uint64_t id = at(f->core, "/stages/0/a/plain").id;
	char value[128];

	assert_int_equal(core_xattr(f->core, id, "user.colour", NULL, 0), 4);
	assert_int_equal(core_xattr(f->core, id, "user.colour", value, 3), -ERANGE);
	assert_int_equal(core_xattr(f->core, id, "user.colour", value, 4), 4);
	assert_memory_equal(value, "blue", 4);
	assert_int_equal(core_xattr(f->core, id, "user.other", value, 100), -ENODATA);
	assert_int_equal(core_xattr(f->core, id, "user.msb.digest", value, sizeof(value)), 71);
	assert_int_equal(core_xattr_list(f->core, id, NULL, 0), 12);
	assert_int_equal(core_xattr_list(f->core, id, value, 11), -ERANGE);
	assert_int_equal(core_xattr_list(f->core, id, value, 12), 12);
	assert_string_equal(value, "user.colour");
}

static void *walk_again_and_again(void *context)
{
	struct core *core = context;
	struct core_node node;
	char path[64], bytes[64], expected[64];
	uintptr_t failures = 0;

	for (int i = 0; i < 3 * FILES; i++) {
		snprintf(path, sizeof(path), "/stages/%s/a/b/file%03d", i % 2 ? "0" : "build",
			 i % FILES);
		snprintf(expected, sizeof(expected), "content of %d", i % FILES);
		if (walk(core, path, &node) < 0 ||
		    core_read(core, node.id, bytes, sizeof(bytes), 0, NULL) !=
			    (ssize_t)strlen(expected) ||
		    memcmp(bytes, expected, strlen(expected)) != 0)
			failures++;
	}
	return (void *)failures;
}

TEST(threads_share_a_cache_that_holds_nothing)
{
	struct fixture *f = *state;
	AUTO(core_closep) struct core *core = open_core(f, 1);
	pthread_t threads[4];
	void *failures;

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, walk_again_and_again, core), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &failures), 0);
		assert_null(failures);
	}
}

TEST(a_damaged_directory_is_an_error_and_the_log_names_it)
{
	struct fixture *f = *state;
	AUTO(core_closep) struct core *core = open_core(f, 0);
	struct msb_location location;
	struct core_node node = at(core, "/stages/0/a");
	char value[128] = "";
	struct msb_digest digest;
	autoclose int fd = -1;

	assert_int_equal(core_xattr(core, node.id, "user.msb.digest", value, sizeof(value) - 1),
			 71);
	assert_int_equal(msb_digest_parse(value, &digest), 0);
	assert_int_equal(msb_store_open_blob(f->store, &digest, &fd, &location, NULL), 0);
	snprintf(f->logged, sizeof(f->logged), "/proc/self/fd/%d", fd);
	close(fd);
	fd = -1;
	assert_int_equal(msb_store_open_blob(f->store, &digest, &fd, &location, NULL), 0);
	{
		autoclose int writable = open(f->logged, O_WRONLY | O_CLOEXEC);

		assert_true(writable >= 0);
		assert_int_equal(pwrite(writable, "XXXX", 4, (off_t)location.offset + 8), 4);
	}
	assert_int_equal(core_lookup(core, node.id, "plain", &node, NULL), -EIO);
	assert_non_null(strstr(f->logged, value));
}

TEST(a_new_tree_in_a_place_leaves_the_old_one_usable)
{
	struct fixture *f = *state;
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	struct core_node before = at(f->core, "/stages/build/a/plain"), after;
	char bytes[8];

	assert_int_equal(tree_edit_new(f->store, &f->tree, &edit, NULL), 0);
	assert_int_equal(edit_remove(edit, "/a/plain", NULL), 0);
	assert_int_equal(edit_commit(edit, f->writer, &f->tree, NULL), 0);
	make_records(f);
	assert_int_equal(walk(f->core, "/stages/build/a/plain", &after), -ENOENT);
	assert_int_equal(walk(f->core, "/builds/2/stages/build/rootfs/a/b", &after), 0);
	assert_int_equal(walk(f->core, "/builds/1/stages/0/steps/1/rootfs/a/plain", &after), 0);
	assert_int_equal(core_stat(f->core, before.id, &after), 0);
	assert_int_equal(core_read(f->core, before.id, bytes, 8, 0, NULL), 5);
}

TEST(a_generated_file_is_as_long_as_it_says)
{
	struct fixture *f = *state;
	static const char *const paths[] = {"/builds/1/info.json",
					    "/builds/1/log",
					    "/builds/1/Dockerfile",
					    "/builds/1/stages/build/steps/1/instruction",
					    "/builds/1/stages/build/steps/1/config.json",
					    "/builds/1/stages/build/steps/1/changes"};
	struct core_node node;
	char bytes[8192];

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		node = at(f->core, paths[i]);
		assert_int_equal(core_read(f->core, node.id, bytes, sizeof(bytes), 0, NULL),
				 node.st.st_size);
	}
}

TEST(numbers_pack_names_and_refuse_what_does_not_fit)
{
	struct inode_name name = {KIND_STEP_LOG, true, 67108863, 16383, 16383}, back;

	(void)state;
	inode_unpack(inode_pack(&name), &back);
	assert_int_equal(back.kind, KIND_STEP_LOG);
	assert_true(back.by_name);
	assert_int_equal(back.build, name.build);
	assert_int_equal(back.stage, name.stage);
	assert_int_equal(back.step, name.step);
	name.step = 16384;
	assert_int_equal(inode_pack(&name), 0);
}

TEST(images_are_named_as_users_write_them)
{
	static const char *const names[][2] = {
		{"docker.io/library/node:latest", "node:latest"},
		{"docker.io/foo/bar:1", "foo/bar:1"},
		{"quay.io/a/b:c", "quay.io/a/b:c"},
		{"localhost:5000/x:1", "localhost:5000/x:1"},
		/* Short, these would look like another registry's. */
		{"docker.io/foo.bar/x:1", "docker.io/foo.bar/x:1"},
		{"docker.io/library/a/b:1", "library/a/b:1"},
		{"docker.io/library/..", NULL},
		{"quay.io//x:1", NULL},
		{"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		autofree char *shown = shelf_shown_name(names[i][0]);

		if (names[i][1])
			assert_string_equal(shown, names[i][1]);
		else
			assert_null(shown);
	}
}

TEST(names_that_no_image_can_have_are_never_asked_for)
{
	static const struct {
		const char *path;
		enum autopull_kind kind;
	} cases[] = {
		{"docker.io", AUTOPULL_DIRECTORY},  {"docker.io/library", AUTOPULL_DIRECTORY},
		{"library", AUTOPULL_DIRECTORY},    {"127.0.0.1:5000", AUTOPULL_DIRECTORY},
		{"node", AUTOPULL_EITHER},          {"docker.io/library/node", AUTOPULL_EITHER},
		{"quay.io/org", AUTOPULL_EITHER},   {"quay.io/org/app:1.2", AUTOPULL_IMAGE},
		{"node:20", AUTOPULL_IMAGE},        {".git", AUTOPULL_NOTHING},
		{"quay.io/.git", AUTOPULL_NOTHING}, {"Makefile", AUTOPULL_NOTHING},
		{"node:.hidden", AUTOPULL_NOTHING},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(autopull_kind_of(cases[i].path), cases[i].kind);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_STORE(a_node_is_found_by_its_number_alone),
		WITH_STORE(reading_ends_with_the_file),
		WITH_STORE(the_names_of_a_hard_link_are_one_node),
		WITH_STORE(a_tree_shows_the_same_inode_numbers_everywhere),
		WITH_STORE(a_listing_goes_on_where_it_stopped_and_agrees_with_lookups),
		WITH_STORE(what_is_missing_in_a_tree_is_missing_for_good),
		WITH_STORE(a_number_of_nothing_is_stale_and_harms_nobody),
		WITH_STORE(a_link_tells_its_target_and_a_device_its_numbers),
		WITH_STORE(extended_attributes_are_told_but_the_digest_is_not_listed),
		WITH_STORE(threads_share_a_cache_that_holds_nothing),
		WITH_STORE(a_damaged_directory_is_an_error_and_the_log_names_it),
		WITH_STORE(a_new_tree_in_a_place_leaves_the_old_one_usable),
		WITH_STORE(a_generated_file_is_as_long_as_it_says),
		cmocka_unit_test(numbers_pack_names_and_refuse_what_does_not_fit),
		cmocka_unit_test(images_are_named_as_users_write_them),
		cmocka_unit_test(names_that_no_image_can_have_are_never_asked_for),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

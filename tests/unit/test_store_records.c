/* Records: what was written is read, in order, and every change is noticed. */
#include "store_fixture.h"
#include "store_remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msb/records.h>

static char *text(const char *constant)
{
	char *copy = strdup(constant);

	assert_non_null(copy);
	return copy;
}

static struct msb_build example_build(void)
{
	return (struct msb_build){
		.state = MSB_RUNNING,
		.started_ns = 123456789012345678,
		.dockerfile_name = text("Dockerfile"),
		.dockerfile = fixture_digest(1),
		.target = text("build"),
		.tags = text("a:latest b:1"),
		.stage_count = 3,
	};
}

static void free_strings(struct msb_build *build)
{
	free(build->dockerfile_name);
	free(build->target);
	free(build->tags);
	free(build->error);
}

static int64_t add_build(struct fixture *f, const struct msb_build *build)
{
	int64_t id;

	assert_ok(f, store_begin(f->writer, &f->err));
	assert_ok(f, store_add_build(f->writer, build, &id, &f->err));
	assert_ok(f, store_commit(f->writer, &f->err));
	return id;
}

static void a_build_is_read_as_it_was_written(void **state)
{
	struct fixture *f = *state;
	struct msb_build build = example_build(), *found;

	assert_int_equal(msb_records_build(f->store, 0, &found, &f->err), -ENOENT);
	build.id = add_build(f, &build);
	assert_int_equal(build.id, 1);
	assert_ok(f, msb_records_build(f->store, 1, &found, &f->err));
	assert_int_equal(found->state, MSB_RUNNING);
	assert_int_equal(found->started_ns, build.started_ns);
	assert_int_equal(found->finished_ns, 0);
	assert_string_equal(found->dockerfile_name, "Dockerfile");
	assert_memory_equal(&found->dockerfile, &build.dockerfile, sizeof(build.dockerfile));
	assert_string_equal(found->target, "build");
	assert_string_equal(found->tags, "a:latest b:1");
	assert_null(found->error);
	assert_int_equal(found->stage_count, 3);
	msb_builds_free(found, 1);

	build.state = MSB_FAILED;
	build.error = text("Dockerfile:3: it failed");
	build.finished_ns = 5;
	assert_ok(f, store_begin(f->writer, &f->err));
	assert_ok(f, store_set_build(f->writer, &build, &f->err));
	assert_ok(f, store_commit(f->writer, &f->err));
	assert_ok(f, msb_records_build(f->store, 0, &found, &f->err));
	assert_int_equal(found->state, MSB_FAILED);
	assert_string_equal(found->error, "Dockerfile:3: it failed");
	assert_int_equal(found->finished_ns, 5);
	msb_builds_free(found, 1);
	free_strings(&build);
}

static void builds_come_newest_first_up_to_the_limit(void **state)
{
	struct fixture *f = *state;
	struct msb_build build = example_build(), *found;
	size_t count;

	for (int i = 0; i < 20; i++)
		add_build(f, &build);
	free_strings(&build);
	assert_ok(f, msb_records_builds(f->store, 3, &found, &count, &f->err));
	assert_int_equal(count, 3);
	assert_int_equal(found[0].id, 20);
	assert_int_equal(found[2].id, 18);
	msb_builds_free(found, count);
	assert_ok(f, msb_records_builds(f->store, 0, &found, &count, &f->err));
	assert_int_equal(count, 20);
	msb_builds_free(found, count);
}

static void a_build_that_is_not_there_is_named(void **state)
{
	struct fixture *f = *state;
	struct msb_build build = {.id = 77}, *found;

	assert_int_equal(msb_records_build(f->store, 77, &found, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.text, "77"));
	assert_ok(f, store_begin(f->writer, &f->err));
	assert_int_equal(store_set_build(f->writer, &build, &f->err), -ENOENT);
	store_rollback(f->writer);
}

static void stages_are_read_as_they_were_written(void **state)
{
	struct fixture *f = *state;
	char name[] = "build";
	struct msb_stage stage = {.build = 4, .index = 2, .name = name, .step_count = 5};
	struct msb_stage *stages;
	size_t count;

	assert_ok(f, store_begin(f->writer, &f->err));
	assert_ok(f, store_set_stage(f->writer, &stage, &f->err));
	stage.index = 0;
	stage.name = NULL;
	stage.has_tree = true;
	stage.tree = fixture_digest(2);
	stage.state = MSB_DONE;
	assert_ok(f, store_set_stage(f->writer, &stage, &f->err));
	assert_ok(f, store_commit(f->writer, &f->err));

	assert_ok(f, msb_records_stages(f->store, 4, &stages, &count, &f->err));
	assert_int_equal(count, 2);
	assert_int_equal(stages[0].index, 0);
	assert_null(stages[0].name);
	assert_true(stages[0].has_tree);
	assert_int_equal(stages[0].state, MSB_DONE);
	assert_memory_equal(&stages[0].tree, &stage.tree, sizeof(stage.tree));
	assert_int_equal(stages[1].index, 2);
	assert_string_equal(stages[1].name, "build");
	assert_false(stages[1].has_tree);
	assert_int_equal(stages[1].step_count, 5);
	msb_stages_free(stages, count);
}

static void assert_same_step(const struct msb_step *step, const struct msb_step *expected)
{
	assert_int_equal(step->state, expected->state);
	assert_int_equal(step->line, expected->line);
	assert_int_equal(step->end_line, expected->end_line);
	assert_string_equal(step->text, expected->text);
	assert_string_equal(step->expanded, expected->expanded);
	assert_string_equal(step->definition, expected->definition);
	assert_memory_equal(&step->tree, &expected->tree, 32);
	assert_memory_equal(&step->log, &expected->log, 32);
	assert_memory_equal(&step->config, &expected->config, 32);
	assert_memory_equal(&step->key, &expected->key, 32);
	assert_int_equal(step->started_ns, expected->started_ns);
	assert_int_equal(step->duration_ns, expected->duration_ns);
	assert_int_equal(step->exit_status, expected->exit_status);
}

static void steps_are_read_as_they_were_written(void **state)
{
	struct fixture *f = *state;
	char run[] = "RUN $x", value[] = "RUN make", parts[] = "RUN\nmake";
	struct msb_step step = {
		.build = 4,
		.stage = 2,
		.number = 2,
		.state = MSB_FAILED,
		.line = 7,
		.end_line = 9,
		.text = run,
		.expanded = value,
		.definition = parts,
		.has_tree = true,
		.tree = fixture_digest(3),
		.has_log = true,
		.log = fixture_digest(4),
		.config = fixture_digest(5),
		.key = fixture_digest(6),
		.started_ns = 11,
		.duration_ns = 12,
		.exit_status = 127,
	};
	struct msb_step bare = step, *steps;
	size_t count;

	bare.number = 1;
	bare.has_tree = bare.has_log = false;
	assert_ok(f, store_begin(f->writer, &f->err));
	assert_ok(f, store_set_step(f->writer, &step, &f->err));
	assert_ok(f, store_set_step(f->writer, &bare, &f->err));
	assert_ok(f, store_commit(f->writer, &f->err));

	assert_ok(f, msb_records_steps(f->store, 4, 2, &steps, &count, &f->err));
	assert_int_equal(count, 2);
	assert_int_equal(steps[0].number, 1);
	assert_false(steps[0].has_tree);
	assert_false(steps[0].has_log);
	assert_int_equal(steps[1].number, 2);
	assert_same_step(&steps[1], &step);
	msb_steps_free(steps, count);
	assert_ok(f, msb_records_steps(f->store, 4, 1, &steps, &count, &f->err));
	assert_int_equal(count, 0);
	msb_steps_free(steps, count);
}

static void set_image(struct fixture *f, const char *name, uint8_t id, int64_t created)
{
	autofree char *copy = name ? text(name) : NULL;
	struct msb_image image = {
		.name = copy,
		.id = fixture_digest(id),
		.manifest = fixture_digest(100),
		.tree = fixture_digest((uint8_t)(id + 100)),
		.created_ns = created,
		.size = 1000,
	};

	assert_ok(f, store_begin(f->writer, &f->err));
	assert_ok(f, store_set_image(f->writer, &image, &f->err));
	assert_ok(f, store_commit(f->writer, &f->err));
}

/* "name=id …" of all images in their order. */
static void expect_images(struct fixture *f, const char *expected)
{
	char found[256] = "";
	struct msb_image *images;
	size_t count;

	assert_ok(f, msb_records_images(f->store, &images, &count, &f->err));
	for (size_t i = 0; i < count; i++) {
		size_t used = strlen(found);

		snprintf(found + used, sizeof(found) - used, "%s%s=%d", i ? " " : "",
			 images[i].name ? images[i].name : "", images[i].id.bytes[0]);
	}
	msb_images_free(images, count);
	assert_string_equal(found, expected);
}

static int remove_image(struct fixture *f, const char *name)
{
	int r;

	assert_ok(f, store_begin(f->writer, &f->err));
	r = store_remove_image(f->writer, name, &f->err);
	assert_ok(f, store_commit(f->writer, &f->err));
	return r;
}

static void a_name_belongs_to_one_image_at_a_time(void **state)
{
	struct fixture *f = *state;
	struct msb_image *image;

	set_image(f, "a:latest", 1, 10);
	set_image(f, "b:latest", 1, 10);
	set_image(f, "c:latest", 2, 20);
	expect_images(f, "c:latest=2 a:latest=1 b:latest=1");
	set_image(f, "c:latest", 1, 10);
	expect_images(f, "=2 a:latest=1 b:latest=1 c:latest=1");
	set_image(f, NULL, 1, 10);
	expect_images(f, "=2 a:latest=1 b:latest=1 c:latest=1");
	set_image(f, NULL, 3, 30);
	expect_images(f, "=3 =2 a:latest=1 b:latest=1 c:latest=1");
	assert_ok(f, msb_records_image(f->store, "b:latest", &image, &f->err));
	assert_string_equal(image->name, "b:latest");
	assert_int_equal(image->tree.bytes[5], 101);
	assert_int_equal(image->manifest.bytes[5], 100);
	assert_int_equal(image->created_ns, 10);
	assert_int_equal(image->size, 1000);
	msb_images_free(image, 1);
	assert_int_equal(msb_records_image(f->store, "d:latest", &image, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.text, "d:latest"));
}

static void an_image_goes_with_its_last_name(void **state)
{
	struct fixture *f = *state;
	struct msb_digest tagged = fixture_digest(2), untagged = fixture_digest(3);

	set_image(f, "a:latest", 1, 10);
	set_image(f, "b:latest", 1, 10);
	set_image(f, "c:latest", 2, 20);
	set_image(f, NULL, 3, 30);
	assert_int_equal(remove_image(f, "a:latest"), 0);
	expect_images(f, "=3 c:latest=2 b:latest=1");
	assert_int_equal(remove_image(f, "b:latest"), 0);
	expect_images(f, "=3 c:latest=2");
	assert_int_equal(remove_image(f, "b:latest"), -ENOENT);
	assert_ok(f, store_begin(f->writer, &f->err));
	assert_int_equal(store_remove_untagged_image(f->writer, &tagged, &f->err), -ENOENT);
	assert_ok(f, store_remove_untagged_image(f->writer, &untagged, &f->err));
	assert_ok(f, store_commit(f->writer, &f->err));
	expect_images(f, "c:latest=2");
}

static void every_change_is_noticed_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	struct msb_build build = {0};
	int64_t last = 0, now;

	for (int i = 0; i < 100; i++) {
		add_build(f, &build);
		assert_ok(f, msb_records_changed(f->store, &now, &f->err));
		assert_true(now > last);
		last = now;
	}
	fixture_put_seed(f, 1, 100);
	fixture_commit(f);
	assert_ok(f, msb_records_changed(f->store, &now, &f->err));
	assert_int_equal(now, last);
	assert_ok(f, store_begin(f->writer, &f->err));
	assert_ok(f, store_add_build(f->writer, &build, &now, &f->err));
	store_rollback(f->writer);
	assert_ok(f, msb_records_changed(f->store, &now, &f->err));
	assert_int_equal(now, last);
}

static void trees_are_numbered_from_one_without_gaps(void **state)
{
	struct fixture *f = *state;
	struct msb_digest tree;
	uint32_t number;

	tree = fixture_digest(101);
	assert_int_equal(msb_records_tree_number(f->store, &tree, &number, &f->err), -ENOENT);
	for (int i = 0; i < 3; i++) {
		set_image(f, "a:latest", 1, 10);
		set_image(f, "b:latest", 2, 10);
	}
	set_image(f, "c:latest", 3, 10);
	for (uint8_t i = 1; i <= 3; i++) {
		tree = fixture_digest((uint8_t)(100 + i));
		assert_ok(f, msb_records_tree_number(f->store, &tree, &number, &f->err));
		assert_int_equal(number, i);
	}
}

static void the_step_cache_remembers(void **state)
{
	struct fixture *f = *state;
	struct cached_step step = {.tree = fixture_digest(1),
				   .log = fixture_digest(2),
				   .has_log = true,
				   .created_ns = 3,
				   .duration_ns = 4},
			   found;
	struct msb_digest key = fixture_digest(9);

	assert_int_equal(store_cache_find(f->writer, &key, &found, &f->err), -ENOENT);
	assert_ok(f, store_begin(f->writer, &f->err));
	assert_ok(f, store_cache_set(f->writer, &key, &step, &f->err));
	assert_ok(f, store_cache_find(f->writer, &key, &found, &f->err));
	assert_ok(f, store_commit(f->writer, &f->err));
	assert_ok(f, store_cache_find(f->writer, &key, &found, &f->err));
	assert_memory_equal(&found.tree, &step.tree, 32);
	assert_memory_equal(&found.log, &step.log, 32);
	assert_true(found.has_log);
	assert_int_equal(found.created_ns, 3);
	assert_int_equal(found.duration_ns, 4);
	step.has_log = false;
	assert_ok(f, store_begin(f->writer, &f->err));
	assert_ok(f, store_cache_set(f->writer, &key, &step, &f->err));
	assert_ok(f, store_commit(f->writer, &f->err));
	assert_ok(f, store_cache_find(f->writer, &key, &found, &f->err));
	assert_false(found.has_log);
}

static void layers_are_found_by_their_trees_and_by_diff_id(void **state)
{
	struct fixture *f = *state;
	struct layer_record layer = {.tree = fixture_digest(2),
				     .diff_id = fixture_digest(3),
				     .size = 99,
				     .has_blob = true,
				     .blob = fixture_digest(4),
				     .media_type = "application/vnd.oci.image.layer.v1.tar+gzip"};
	struct layer_record found;

	assert_ok(f, store_begin(f->writer, &f->err));
	assert_ok(f, store_layer_set(f->writer, &layer, &f->err));
	assert_ok(f, store_commit(f->writer, &f->err));
	assert_ok(f, store_layer_find(f->writer, &layer.parent, &layer.tree, &found, &f->err));
	assert_memory_equal(&found, &layer, sizeof(layer));
	assert_ok(f, store_layer_find_diff(f->writer, &layer.parent, &layer.diff_id, NULL, &found,
					   &f->err));
	assert_memory_equal(&found, &layer, sizeof(layer));
	assert_int_equal(
		store_layer_find_diff(f->writer, &layer.parent, &layer.tree, NULL, &found, &f->err),
		-ENOENT);
	layer.diff_id = fixture_digest(7);
	layer.has_blob = false;
	assert_ok(f, store_begin(f->writer, &f->err));
	assert_ok(f, store_layer_set(f->writer, &layer, &f->err));
	assert_ok(f, store_commit(f->writer, &f->err));
	assert_ok(f, store_layer_find(f->writer, &layer.parent, &layer.tree, &found, &f->err));
	assert_int_equal(found.diff_id.bytes[0], 7);
	assert_false(found.has_blob);
	layer.diff_id = fixture_digest(3);
	assert_ok(f, store_layer_find_diff(f->writer, &layer.parent, &layer.diff_id, NULL, &found,
					   &f->err));
	assert_true(found.has_blob);
}

static int bring(void *context, const struct msb_digest *digest, uint64_t offset,
		 struct msb_error *err)
{
	struct fixture *f = context;
	struct msb_digest put;

	(void)digest;
	assert_true(offset == MSB_WHOLE);
	return store_put(f->writer, "far", 3, &put, err);
}

static void what_is_elsewhere_is_known_and_comes_when_it_is_wanted(void **state)
{
	struct fixture *f = *state;
	struct store_part parts[] = {{10, 20, 1, 2, fixture_digest(8)},
				     {20, 30, 0, 1, fixture_digest(9)}};
	struct store_remote far = {
		.layer = fixture_digest(5), .size = 3, .parts = parts, .part_count = 2};
	struct store_remote *found;
	struct msb_location location;
	uint64_t size = 0;
	size_t count;

	msb_digest_of("far", 3, &far.digest);
	assert_int_equal(msb_store_has(f->store, &far.digest, NULL, &f->err), MSB_ABSENT);
	assert_ok(f, store_begin(f->writer, &f->err));
	assert_ok(f, store_remote_set(f->writer, &far, &f->err));
	assert_ok(f, store_commit(f->writer, &f->err));
	assert_int_equal(msb_store_has(f->store, &far.digest, &size, &f->err), MSB_REMOTE);
	assert_int_equal(size, 3);
	assert_int_equal(msb_store_locate(f->store, &far.digest, &location, &f->err), -EREMOTE);
	assert_ok(f, store_remote_find(f->store, &far.digest, &found, &count, &f->err));
	assert_int_equal(count, 1);
	assert_int_equal(found[0].part_count, 2);
	assert_memory_equal(found[0].parts, parts, sizeof(parts));
	store_remotes_free(found, count);
	assert_ok(f, store_remote_behind(f->store, &far.layer, 10, 5, &found, &count, &f->err));
	assert_int_equal(count, 1);
	store_remotes_free(found, count);
	msb_store_set_fetcher(f->store, bring, NULL, f);
	assert_ok(f, msb_store_locate(f->store, &far.digest, &location, &f->err));
	assert_int_equal(msb_store_has(f->store, &far.digest, NULL, &f->err), MSB_HERE);
}

static void a_layer_out_of_a_table_is_for_that_table_alone(void **state)
{
	struct fixture *f = *state;
	struct layer_record found, layer = {.tree = fixture_digest(2),
					    .diff_id = fixture_digest(3),
					    .has_toc = true,
					    .toc = fixture_digest(4)};
	const struct msb_digest other = fixture_digest(6);

	assert_ok(f, store_begin(f->writer, &f->err));
	assert_ok(f, store_layer_set(f->writer, &layer, &f->err));
	assert_ok(f, store_commit(f->writer, &f->err));
	assert_int_equal(store_layer_find(f->writer, &layer.parent, &layer.tree, &found, &f->err),
			 -ENOENT);
	assert_int_equal(store_layer_find_diff(f->writer, &layer.parent, &layer.diff_id, NULL,
					       &found, &f->err),
			 -ENOENT);
	assert_int_equal(store_layer_find_diff(f->writer, &layer.parent, &layer.diff_id, &other,
					       &found, &f->err),
			 -ENOENT);
	assert_ok(f, store_layer_find_diff(f->writer, &layer.parent, &layer.diff_id, &layer.toc,
					   &found, &f->err));
}

static void a_file_that_looks_different_is_not_in_the_stat_cache(void **state)
{
	struct fixture *f = *state;
	struct stat_key key = {UINT64_MAX, 2, 3, 4, 5}, other = key;
	struct msb_digest content = fixture_digest(1), found;

	assert_ok(f, store_begin(f->writer, &f->err));
	assert_ok(f, store_stat_set(f->writer, &key, &content, &f->err));
	assert_ok(f, store_commit(f->writer, &f->err));
	assert_ok(f, store_stat_find(f->writer, &key, &found, &f->err));
	assert_memory_equal(&found, &content, 32);
	other.ctime_ns++;
	assert_int_equal(store_stat_find(f->writer, &other, &found, &f->err), -ENOENT);
	assert_ok(f, store_begin(f->writer, &f->err));
	assert_ok(f, store_stat_set(f->writer, &other, &content, &f->err));
	assert_ok(f, store_commit(f->writer, &f->err));
	assert_ok(f, store_stat_find(f->writer, &other, &found, &f->err));
	assert_int_equal(store_stat_find(f->writer, &key, &found, &f->err), -ENOENT);
}

static void a_record_outside_of_a_transaction_is_refused(void **state)
{
	struct fixture *f = *state;
	struct msb_build build = {0};
	int64_t id;

	assert_int_equal(store_add_build(f->writer, &build, &id, &f->err), -EINVAL);
	assert_int_equal(store_commit(f->writer, &f->err), -EINVAL);
	assert_ok(f, store_begin(f->writer, &f->err));
	assert_int_equal(store_begin(f->writer, &f->err), -EDEADLK);
	store_rollback(f->writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_IN_STORE(a_build_is_read_as_it_was_written),
		TEST_IN_STORE(builds_come_newest_first_up_to_the_limit),
		TEST_IN_STORE(a_build_that_is_not_there_is_named),
		TEST_IN_STORE(stages_are_read_as_they_were_written),
		TEST_IN_STORE(steps_are_read_as_they_were_written),
		TEST_IN_STORE(a_name_belongs_to_one_image_at_a_time),
		TEST_IN_STORE(an_image_goes_with_its_last_name),
		TEST_IN_STORE(every_change_is_noticed_and_nothing_else),
		TEST_IN_STORE(trees_are_numbered_from_one_without_gaps),
		TEST_IN_STORE(the_step_cache_remembers),
		TEST_IN_STORE(layers_are_found_by_their_trees_and_by_diff_id),
		TEST_IN_STORE(what_is_elsewhere_is_known_and_comes_when_it_is_wanted),
		TEST_IN_STORE(a_layer_out_of_a_table_is_for_that_table_alone),
		TEST_IN_STORE(a_file_that_looks_different_is_not_in_the_stat_cache),
		TEST_IN_STORE(a_record_outside_of_a_transaction_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("store_records", tests, NULL, NULL);
}

/*
 * Makes and changes stores for the tests of the mount: make_store STORE and
 *
 *   build DIR DIR2     a finished build; stage 0 is called build, stage 1 has no name
 *   fail DIR           a build whose second step failed
 *   begin DIR          a build that is still running, one step done
 *   tag NAME DIR       an image
 *   untag NAME
 *   id DIR             an image without a name; prints its ID
 *   many NAME COUNT    an image with so many files
 *
 * Each prints the digests of the trees it scanned, a line each.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <msb/cleanup.h>
#include <msb/records.h>
#include <msb/store.h>

#include "io.h"
#include "scan.h"
#include "store_writer.h"
#include "tree_edit.h"

struct maker {
	struct msb_store *store;
	struct store_writer *writer;
	struct msb_error *err;
};

static char DOCKERFILE[] = "FROM scratch AS build\nCOPY . /\nFROM build\nRUN true\n";

static int scan_and_tell(struct maker *maker, const char *path, struct msb_digest *ret)
{
	char text[MSB_DIGEST_TEXT];
	int r = scan_directory(maker->store, maker->writer, path, ret, maker->err);

	if (r == 0)
		puts(msb_digest_format(ret, text));
	return r;
}

static int put_text(struct maker *maker, const char *text, struct msb_digest *ret)
{
	return store_put(maker->writer, text, strlen(text), ret, maker->err);
}

static int set_step(struct maker *maker, int64_t build, size_t stage, size_t number,
		    enum msb_state state, const char *text, const struct msb_digest *tree)
{
	autofree char *log_text = NULL, *copy = strdup(text);
	struct msb_step step = {
		.build = build,
		.stage = stage,
		.number = number,
		.state = state,
		.line = (int)number,
		.end_line = (int)number,
		.text = copy,
		.expanded = copy,
		.has_log = number > 1,
		.started_ns = io_now(),
		.duration_ns = 1000,
		.exit_status = state == MSB_FAILED ? 3 : 0,
	};
	int r;

	if (!copy || asprintf(&log_text, "said by %zu/%zu\n", stage, number) < 0)
		return -ENOMEM;
	if (tree) {
		step.has_tree = true;
		step.tree = *tree;
	}
	r = put_text(maker, log_text, &step.log);
	if (r == 0)
		r = put_text(maker, "{\"Env\":[\"A=b\"]}\n", &step.config);
	return r < 0 ? r : store_set_step(maker->writer, &step, maker->err);
}

static int set_stage(struct maker *maker, int64_t build, size_t index, const char *name,
		     enum msb_state state, const struct msb_digest *tree)
{
	autofree char *copy = name ? strdup(name) : NULL;
	struct msb_stage stage = {build, index, copy, state, 2, true, *tree};

	return store_set_stage(maker->writer, &stage, maker->err);
}

static int add_build(struct maker *maker, enum msb_state state, int64_t *ret)
{
	static char name[] = "Dockerfile", target[] = "1", tags[] = "app:1 app:2",
		    error[] = "Dockerfile:2: 'RUN false' failed with exit status 3";
	struct msb_build build = {
		.state = state,
		.started_ns = io_now(),
		.finished_ns = state == MSB_RUNNING ? 0 : io_now(),
		.dockerfile_name = name,
		.target = target,
		.tags = tags,
		.error = state == MSB_FAILED ? error : NULL,
		.stage_count = 2,
	};
	int r = put_text(maker, DOCKERFILE, &build.dockerfile);

	return r < 0 ? r : store_add_build(maker->writer, &build, ret, maker->err);
}

static int make_build(struct maker *maker, char **arguments)
{
	struct msb_digest first, second;
	int64_t build;
	int r;

	if ((r = scan_and_tell(maker, arguments[0], &first)) < 0 ||
	    (r = scan_and_tell(maker, arguments[1], &second)) < 0 ||
	    (r = store_begin(maker->writer, maker->err)) < 0 ||
	    (r = add_build(maker, MSB_DONE, &build)) < 0 ||
	    (r = set_stage(maker, build, 0, "build", MSB_DONE, &first)) < 0 ||
	    (r = set_step(maker, build, 0, 1, MSB_DONE, "FROM scratch AS build", &second)) < 0 ||
	    (r = set_step(maker, build, 0, 2, MSB_DONE, "COPY . /", &first)) < 0 ||
	    (r = set_stage(maker, build, 1, NULL, MSB_DONE, &second)) < 0 ||
	    (r = set_step(maker, build, 1, 1, MSB_CACHED, "FROM build", &first)) < 0 ||
	    (r = set_step(maker, build, 1, 2, MSB_DONE, "RUN true", &second)) < 0)
		return r;
	return store_commit(maker->writer, maker->err);
}

static int make_unfinished(struct maker *maker, char **arguments, enum msb_state state)
{
	struct msb_digest tree;
	int64_t build;
	int r;

	if ((r = scan_and_tell(maker, arguments[0], &tree)) < 0 ||
	    (r = store_begin(maker->writer, maker->err)) < 0 ||
	    (r = add_build(maker, state, &build)) < 0 ||
	    (r = set_stage(maker, build, 0, "build", state, &tree)) < 0 ||
	    (r = set_step(maker, build, 0, 1, MSB_DONE, "FROM scratch AS build", &tree)) < 0 ||
	    (state == MSB_FAILED &&
	     (r = set_step(maker, build, 0, 2, state, "RUN false", &tree)) < 0))
		return r;
	return store_commit(maker->writer, maker->err);
}

static int make_failed(struct maker *maker, char **arguments)
{
	return make_unfinished(maker, arguments, MSB_FAILED);
}

static int make_running(struct maker *maker, char **arguments)
{
	return make_unfinished(maker, arguments, MSB_RUNNING);
}

static int put_image(struct maker *maker, char *name, const struct msb_digest *tree)
{
	char text[MSB_DIGEST_TEXT], config[256];
	struct msb_image image = {.name = name, .tree = *tree, .created_ns = io_now()};
	int r;

	snprintf(config, sizeof(config), "{\"tree\":\"%s\"}", msb_digest_format(&image.tree, text));
	if ((r = put_text(maker, config, &image.id)) < 0 ||
	    (r = put_text(maker, "{}", &image.manifest)) < 0 ||
	    (r = store_begin(maker->writer, maker->err)) < 0 ||
	    (r = store_set_image(maker->writer, &image, maker->err)) < 0)
		return r;
	if (!name)
		puts(msb_digest_format(&image.id, text));
	return store_commit(maker->writer, maker->err);
}

static int set_image(struct maker *maker, char *name, const char *path)
{
	struct msb_digest tree;
	int r = scan_and_tell(maker, path, &tree);

	return r < 0 ? r : put_image(maker, name, &tree);
}

static int make_tag(struct maker *maker, char **arguments)
{
	return set_image(maker, arguments[0], arguments[1]);
}

static int make_id(struct maker *maker, char **arguments)
{
	return set_image(maker, NULL, arguments[0]);
}

/* So many files of the same 6 bytes, PER_DIRECTORY in each directory. */
#define PER_DIRECTORY 1000

static int fill(struct maker *maker, struct tree_edit *edit, unsigned long count)
{
	struct msb_entry entry = {.type = MSB_DIRECTORY, .mode = 0755, .nlink = 1};
	char path[64];
	int r = edit_put(edit, "/", &entry, maker->err);

	for (unsigned long i = 0; i < count && r == 0; i++) {
		if (i % PER_DIRECTORY == 0) {
			snprintf(path, sizeof(path), "/directory-%06lu", i / PER_DIRECTORY);
			entry = (struct msb_entry){.type = MSB_DIRECTORY, .mode = 0755, .nlink = 1};
			r = edit_put(edit, path, &entry, maker->err);
			entry = (struct msb_entry){.type = MSB_FILE,
						   .mode = 0644,
						   .nlink = 1,
						   .size = 6,
						   .allocated = 6};
			if (r == 0)
				r = put_text(maker, "hello\n", &entry.digest);
		}
		snprintf(path, sizeof(path), "/directory-%06lu/file-%lu", i / PER_DIRECTORY, i);
		if (r == 0)
			r = edit_put(edit, path, &entry, maker->err);
	}
	return r;
}

static int make_many(struct maker *maker, char **arguments)
{
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	struct msb_digest tree;
	int r = tree_edit_new(maker->store, NULL, &edit, maker->err);

	if (r == 0)
		r = fill(maker, edit, strtoul(arguments[1], NULL, 10));
	if (r == 0)
		r = edit_commit(edit, maker->writer, &tree, maker->err);
	return r < 0 ? r : put_image(maker, arguments[0], &tree);
}

static int remove_tag(struct maker *maker, char **arguments)
{
	int r = store_begin(maker->writer, maker->err);

	if (r == 0)
		r = store_remove_image(maker->writer, arguments[0], maker->err);
	return r < 0 ? r : store_commit(maker->writer, maker->err);
}

static const struct command {
	const char *name;
	int arguments;
	int (*run)(struct maker *maker, char **arguments);
} commands[] = {
	{"build", 2, make_build}, {"fail", 1, make_failed}, {"begin", 1, make_running},
	{"tag", 2, make_tag},     {"untag", 1, remove_tag}, {"id", 1, make_id},
	{"many", 2, make_many},
};

static int run(int argc, char **argv, struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	AUTO(store_writer_closep) struct store_writer *writer = NULL;
	struct maker maker = {.err = err};
	int r;

	if ((r = store_create(argv[1], err)) < 0 ||
	    (r = msb_store_open(argv[1], &store, err)) < 0 ||
	    (r = store_writer_open(store, &writer, err)) < 0)
		return r;
	maker.store = store;
	maker.writer = writer;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (argc == commands[i].arguments + 3 && strcmp(argv[2], commands[i].name) == 0)
			return commands[i].run(&maker, argv + 3);
	return msb_error_say(err, EINVAL, "usage: make_store STORE COMMAND ARGUMENTS");
}

int main(int argc, char **argv)
{
	struct msb_error err = {0};

	if (argc < 3 || run(argc, argv, &err) < 0) {
		fprintf(stderr, "make_store: %s\n", err.text);
		return 1;
	}
	return 0;
}

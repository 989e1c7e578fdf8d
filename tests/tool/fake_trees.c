/* Looking into trees and builds. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msb/build_graph.h>
#include <msb/builder.h>

#include "fake.h"

int msb_diff(const char *root, const char *before, const char *after, msb_diff_fn each,
	     void *context, struct msb_error *err)
{
	struct msb_entry small = {.type = MSB_FILE, .mode = 0644, .size = 12};
	struct msb_entry large = {
		.type = MSB_FILE, .mode = 0755, .uid = 5, .size = 4500, .digest = digest(1)};
	struct msb_entry link = {.type = MSB_SYMLINK, .mode = 0777};
	const struct msb_difference all[] = {
		{MSB_CHANGED, "/a b", &small, &large},       {MSB_CHANGED, "/mode", &small, &small},
		{MSB_ADDED, "/new\n\033[31m", NULL, &large}, {MSB_ADDED, "/\xff", NULL, &link},
		{MSB_REMOVED, "/old", &small, NULL},
	};

	(void)root;
	if (strcmp(before, "absent") == 0 || strcmp(after, "absent") == 0)
		return msb_error_say(err, ENOENT, "there is no tree 'absent'");
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		int r = each(context, &all[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

int msb_list(const char *root, const char *ref, const char *path, msb_diff_fn each, void *context,
	     struct msb_error *err)
{
	const struct msb_entry entries[] = {
		{.type = MSB_DIRECTORY, .mode = 01777, .bytes = 123456},
		{.type = MSB_FILE, .mode = 04750, .uid = 1000, .gid = 5, .size = 42},
		{.type = MSB_SYMLINK, .mode = 0777, .target = "else/where", .size = 10},
		{.type = MSB_CHARACTER, .mode = 0600},
	};
	static const char *const names[] = {"/x/tmp", "/x/tool", "/x/to\x1b[31m", "/x/null"};
	int r = 0;

	if (strcmp(ref, "absent") == 0)
		return msb_copy_out(root, ref, path, "", err);
	for (size_t i = 0; r >= 0 && i < 4; i++) {
		const struct msb_difference difference = {MSB_ADDED, names[i], NULL, &entries[i]};

		r = each(context, &difference, err);
	}
	return r;
}

int msb_read_file(const char *root, const char *ref, const char *path, int fd,
		  struct msb_error *err)
{
	if (strcmp(ref, "absent") == 0)
		return msb_copy_out(root, ref, path, "", err);
	dprintf(fd, "%s of %s\n", path, ref);
	return 0;
}

int msb_copy_out(const char *root, const char *ref, const char *path, const char *destination,
		 struct msb_error *err)
{
	(void)root;
	if (strcmp(ref, "absent") == 0)
		return msb_error_say(err, ENOENT, "there is no tree 'absent'");
	printf("ref %s, path %s, to %s\n", ref, path, destination);
	return 0;
}

int msb_copy_into(const char *root, const char *ref, const char *path, const char *directory,
		  struct msb_error *err)
{
	return msb_copy_out(root, ref, path, directory, err);
}

int msb_debug(const char *root, const struct msb_debug_options *options, int *ret_status,
	      struct msb_error *err)
{
	(void)root;
	if (options->ref && strcmp(options->ref, "absent") == 0)
		return msb_error_say(err, ENOENT, "there is no tree 'absent'");
	printf("ref %s, user %s, network %s%s%s%s\n", options->ref ? options->ref : "-",
	       options->user ? options->user : "-", options->network ? options->network : "-",
	       options->before ? ", before" : "", options->busybox ? ", with busybox" : "",
	       options->terminal ? ", terminal" : "");
	for (const char *const *word = options->argv; word && *word; word++)
		printf("word %s\n", *word);
	fflush(stdout);
	*ret_status = 7;
	return 0;
}

int msb_explain(const char *root, const char *ref, msb_explain_fn each, void *context,
		struct msb_error *err)
{
	const struct msb_reason reasons[] = {
		{"env", "1", "2\033[31m", "argument VERSION changed from '1' to '2\033[31m'"},
		{"content", NULL, NULL, "/a\nb differs"},
	};
	struct msb_explained step = {7, "build", 1, 4, "FROM node", MSB_DONE, true, 6};
	int r;

	(void)root;
	if (ref && strcmp(ref, "absent") == 0)
		return msb_error_say(err, ENOENT, "there is no step 'absent'");
	r = each(context, &step, err);
	step = (struct msb_explained){7, "build", 2, 4, "ARG VERSION", MSB_CACHED, false, 0};
	if (r >= 0)
		r = each(context, &step, err);
	step = (struct msb_explained){7, "build", 3, 4, "RUN a", MSB_DONE, false, 6, reasons, 2};
	if (r >= 0)
		r = each(context, &step, err);
	step = (struct msb_explained){7, "build", 4, 4, "RUN b", MSB_FAILED, false, 6, reasons, 1};
	return r < 0 ? r : each(context, &step, err);
}

/* Two stages: the second copies from the first, then fails at a command that says odd things. */
int msb_build_graph(const char *root, int64_t build, const struct msb_graph_limits *limits,
		    struct msb_graph **ret, struct msb_error *err)
{
	static char base[] = "base", copy[] = "copy", stage[] = "stage", image[] = "image";
	static char path[] = "/a <b> & \"c\"", node[] = "node", log[] = "one\033[31m\n<two>";
	static struct msb_graph_source sources[] = {{base, image, SIZE_MAX, node, NULL},
						    {copy, stage, 0, NULL, path}};
	static char from[] = "FROM node", run[] = "RUN a && b <c>\033[31m", name[] = "deps";
	static char copied[] = "COPY --from=deps /a", second[] = "1";
	static struct msb_graph_change change = {MSB_CHANGED, path, true, 5, 70};
	static struct msb_graph_step steps[] = {
		{1, MSB_DONE, 1, 1, from, 100000000, .bytes = 1000000, .sources = &sources[0],
		 .source_count = 1},
		{2, MSB_DONE, 2, 2, run, 1900000000, .bytes = 1000065, .changed = 1,
		 .bytes_added = 70, .bytes_removed = 5, .changes = &change, .change_count = 1},
		{1, MSB_DONE, 3, 3, from, 0, .bytes = 1000000, .sources = &sources[0],
		 .source_count = 1},
		{2, MSB_CACHED, 4, 4, copied, 0, .bytes = 1000070, .added = 3, .bytes_added = 70,
		 .sources = &sources[1], .source_count = 1},
		{3, MSB_FAILED, 5, 5, run, 500000000, .exit_status = 3, .bytes = 1000020,
		 .removed = 1, .bytes_removed = 50, .log = log, .log_size = sizeof(log) - 1},
	};
	static struct msb_graph_stage stages[] = {{0, name, MSB_DONE, 2, steps, 2},
						  {1, second, MSB_FAILED, 5, steps + 2, 3}};
	struct msb_graph *graph;

	(void)limits;
	if (strcmp(root, "/empty") == 0 || build > 7)
		return msb_error_say(err, ENOENT, "there is no such build");
	graph = calloc(1, sizeof(*graph));
	if (!graph || !(graph->build = calloc(1, sizeof(*graph->build)))) {
		free(graph);
		return msb_error_memory(err);
	}
	fake_make_build(graph->build, 7);
	graph->stages = stages;
	graph->stage_count = 2;
	*ret = graph;
	return 0;
}

void msb_graph_free(struct msb_graph *graph)
{
	if (graph)
		msb_builds_free(graph->build, 1);
	free(graph);
}

int msb_export(const char *root, const char *ref, const char *since, int fd, struct msb_error *err)
{
	if (since)
		dprintf(fd, "since %s\n", since);
	return msb_image_save(root, &ref, 1, fd, err);
}

int msb_log(const char *root, const char *ref, bool times, int fd, struct msb_error *err)
{
	if (times)
		dprintf(fd, "with times\n");
	if (!ref)
		ref = "newest";
	return msb_image_save(root, &ref, 1, fd, err);
}

int msb_log_follow(const char *root, const char *ref, bool times, int fd, struct msb_error *err)
{
	dprintf(fd, "following\n");
	return msb_log(root, ref, times, fd, err);
}

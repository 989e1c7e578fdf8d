/*
 * The builder as the command line sees it, with nothing behind it: two images, three builds, and a
 * build that tells the same story every time. For the tests of what is printed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <msb/build_graph.h>
#include <msb/builder.h>
#include <msb/records.h>

#define SECOND 1000000000LL
#define HOUR   (3600 * SECOND)

static int64_t ago(int64_t ns)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * SECOND + now.tv_nsec - ns;
}

static struct msb_digest digest(uint8_t byte)
{
	struct msb_digest d;

	memset(d.bytes, byte, sizeof(d.bytes));
	return d;
}

/* --- store.h and records.h ---------------------------------------------------------------- */

struct msb_store {
	int unused;
};

char *msb_store_default_root(void)
{
	const char *root = getenv("MSB_ROOT");

	return strdup(root ? root : "/fake");
}

int msb_store_open(const char *root, struct msb_store **ret, struct msb_error *err)
{
	if (strcmp(root, "/empty") == 0)
		return msb_error_say(err, ENOENT, "there is no store at %s", root);
	if (strcmp(root, "/broken") == 0)
		return msb_error_say(err, EPROTO, "the store at %s has format 9", root);
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : msb_error_memory(err);
}

/* A content that follows from the digest's first byte. */
int msb_store_load(struct msb_store *store, const struct msb_digest *of, size_t max, uint8_t **ret,
		   size_t *ret_size, struct msb_error *err)
{
	static const char *const texts[] = {"one\ntwo\n", "one\nTWO\n", "a\0b"};
	size_t which = of->bytes[0] % 3;

	(void)store;
	*ret_size = which == 2 ? 3 : strlen(texts[which]);
	if (*ret_size > max)
		return msb_error_say(err, EFBIG, "too large");
	*ret = malloc(*ret_size);
	if (!*ret)
		return msb_error_memory(err);
	memcpy(*ret, texts[which], *ret_size);
	return 0;
}

void msb_store_close(struct msb_store *store)
{
	free(store);
}

static void make_build(struct msb_build *build, int64_t id)
{
	*build = (struct msb_build){
		.id = id,
		.state = id == 7   ? MSB_FAILED
			 : id == 6 ? MSB_RUNNING
				   : MSB_DONE,
		.started_ns = ago((8 - id) * 49 * HOUR),
		.dockerfile_name = strdup("Dockerfile"),
		.target = strdup(id == 6 ? "1" : "build"),
		.tags = strdup(id == 5 ? "docker.io/library/nodeapp:a docker.io/library/nodeapp:b"
				       : ""),
		.error = id == 7 ? strdup("Dockerfile:7: RUN false: exit code: 1") : NULL,
		.stage_count = 2,
	};
	build->finished_ns = id == 6 ? 0 : build->started_ns + 75 * SECOND + 300000000;
}

int msb_records_changed(struct msb_store *store, int64_t *ret_ns, struct msb_error *err)
{
	(void)store;
	*ret_ns = 1;
	(void)err;
	return 0;
}

int msb_records_builds(struct msb_store *store, size_t limit, struct msb_build **ret,
		       size_t *ret_count, struct msb_error *err)
{
	(void)store, (void)limit;
	*ret = calloc(3, sizeof(**ret));
	if (!*ret)
		return msb_error_memory(err);
	for (size_t i = 0; i < 3; i++)
		make_build(&(*ret)[i], 7 - (int64_t)i);
	*ret_count = 3;
	return 0;
}

int msb_records_build(struct msb_store *store, int64_t id, struct msb_build **ret,
		      struct msb_error *err)
{
	(void)store;
	if (id && (id < 5 || id > 7))
		return msb_error_say(err, ENOENT, "no such build");
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return msb_error_memory(err);
	make_build(*ret, id ? id : 7);
	return 0;
}

void msb_builds_free(struct msb_build *builds, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(builds[i].dockerfile_name);
		free(builds[i].target);
		free(builds[i].tags);
		free(builds[i].error);
	}
	free(builds);
}

int msb_records_stages(struct msb_store *store, int64_t build, struct msb_stage **ret,
		       size_t *ret_count, struct msb_error *err)
{
	(void)store;
	*ret = calloc(2, sizeof(**ret));
	if (!*ret)
		return msb_error_memory(err);
	(*ret)[0] = (struct msb_stage){build, 0, strdup("build"), MSB_DONE, 3, true, digest(0xaa)};
	(*ret)[1] = (struct msb_stage){build, 1, NULL, MSB_FAILED, 5, true, digest(0xbb)};
	*ret_count = 2;
	return 0;
}

void msb_stages_free(struct msb_stage *stages, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(stages[i].name);
	free(stages);
}

int msb_records_steps(struct msb_store *store, int64_t build, size_t stage, struct msb_step **ret,
		      size_t *ret_count, struct msb_error *err)
{
	(void)store;
	*ret = calloc(3, sizeof(**ret));
	if (!*ret)
		return msb_error_memory(err);
	for (size_t i = 0; i < 3; i++)
		(*ret)[i] = (struct msb_step){build, stage, i + 1, MSB_DONE};
	if (stage == 1)
		(*ret)[2].state = MSB_FAILED;
	*ret_count = 3;
	return 0;
}

void msb_steps_free(struct msb_step *steps, size_t count)
{
	(void)count;
	free(steps);
}

int msb_records_images(struct msb_store *store, struct msb_image **ret, size_t *ret_count,
		       struct msb_error *err)
{
	(void)store;
	*ret = calloc(3, sizeof(**ret));
	if (!*ret)
		return msb_error_memory(err);
	(*ret)[0] = (struct msb_image){strdup("docker.io/library/nodeapp:multi-stage"),
				       digest(0x01),
				       digest(0x11),
				       digest(0x21),
				       ago(50 * HOUR),
				       133400000};
	(*ret)[1] = (struct msb_image){NULL,         digest(0x02),    digest(0x12),
				       digest(0x22), ago(500 * HOUR), 4500000};
	(*ret)[2] = (struct msb_image){
		strdup("quay.io/a/b:1"), digest(0x03), digest(0x13), digest(0x23),
		ago(5000 * HOUR),        1234567890};
	*ret_count = 3;
	return 0;
}

int msb_records_origins(struct msb_store *store, struct msb_origin **ret, size_t *ret_count,
			struct msb_error *err)
{
	(void)store;
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return msb_error_memory(err);
	(*ret)[0] = (struct msb_origin){strdup("docker.io/library/nodeapp"), digest(0x11),
					digest(0x01)};
	*ret_count = 1;
	return 0;
}

void msb_origins_free(struct msb_origin *origins, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(origins[i].repository);
	free(origins);
}

void msb_images_free(struct msb_image *images, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(images[i].name);
	free(images);
}

/* --- builder.h: building ------------------------------------------------------------------ */

struct teller {
	msb_event_fn event;
	void *context;
};

static void tell_step(const struct teller *teller, size_t vertex, size_t step, const char *text,
		      const char *output, enum msb_state state)
{
	struct msb_event event = {
		.kind = MSB_EVENT_BEGIN,
		.vertex = vertex,
		.stage = "build",
		.step = step,
		.steps = 4,
		.text = text,
	};

	teller->event(teller->context, &event);
	event.kind = MSB_EVENT_OUTPUT;
	event.output_fd = 1;
	/* Byte by byte, as a slow command prints. */
	for (; *output; output++) {
		event.output = output;
		event.output_size = 1;
		teller->event(teller->context, &event);
	}
	event.kind = MSB_EVENT_END;
	event.state = state;
	event.duration_ns = 1234567890;
	event.error = state == MSB_FAILED ? "exit code: 3" : NULL;
	teller->event(teller->context, &event);
}

static void name_targets(const char *const *targets, struct msb_build_result *result)
{
	static const char *const one[] = {"build", NULL};

	if (!targets)
		targets = one;
	result->targets = calloc(8, sizeof(*result->targets));
	for (; *targets && result->target_count < 8; targets++) {
		struct msb_build_target *target = &result->targets[result->target_count++];

		target->label = strdup(*targets);
		target->image = digest((uint8_t)(0xcc + result->target_count));
		target->manifest = digest(0xef);
	}
}

int msb_build(const char *root, const struct msb_build_options *options, msb_event_fn event,
	      void *context, struct msb_build_result *result, struct msb_error *err)
{
	struct teller teller = {event, context};
	struct msb_event note = {.kind = MSB_EVENT_NOTE, .stage = "", .text = "a warning"};

	(void)root;
	if (options->dockerfile && strcmp(options->dockerfile, "malformed") == 0)
		return msb_error_say(err, EINVAL,
				     "malformed:2: unknown instruction 'FRM' (did "
				     "you mean FROM?)");
	tell_step(&teller, 1, 1, "FROM node AS build", "", MSB_CACHED);
	tell_step(&teller, 2, 2, "RUN echo\n  two lines",
		  "one\r\n10%\r20%\r100%\n\033[31mred\033[0m\ttab\033]0;title\007!\nno newline",
		  MSB_DONE);
	event(context, &note);
	result->build = 7;
	if (!options->targets || strcmp(options->targets[0], "broken") != 0) {
		name_targets(options->targets, result);
		tell_step(&teller, 3, 3, "COPY app.js .", "", MSB_DONE);
		return 0;
	}
	tell_step(&teller, 3, 3, "RUN false", "bad\033[2J things\n", MSB_FAILED);
	result->failed_in_step = true;
	result->failed_stage = strdup("build");
	result->failed_step = 3;
	result->failed_steps = 4;
	result->exit_status = 3;
	result->failed_log = strdup("bad\033[2J things\n");
	result->excerpt = strdup("Dockerfile:7\n   6 |     RUN true\n   7 | >>> RUN false\n");
	return msb_error_say(err, EIO, "Dockerfile:7: RUN false: exit code: 3");
}

int msb_build_call(const char *root, const struct msb_build_options *options, enum msb_call call,
		   bool json, char **ret, size_t *ret_warnings, struct msb_error *err)
{
	static const char *const names[] = {"check", "outline", "targets"};
	bool is_clean = options->targets && strcmp(options->targets[0], "clean") == 0;

	(void)root;
	if (options->dockerfile)
		return msb_error_say(err, EINVAL, "%s:2: unknown instruction 'FRM'",
				     options->dockerfile);
	*ret_warnings = is_clean ? 0 : 2;
	if (asprintf(ret, "%s of %s\n\nwith \033[31mred\033[0m\n", names[call],
		     json ? "json" : "text") < 0)
		return msb_error_memory(err);
	return 0;
}

void msb_build_result_done(struct msb_build_result *result)
{
	for (size_t i = 0; i < result->target_count; i++)
		free(result->targets[i].label);
	free(result->targets);
	free(result->failed_stage);
	free(result->excerpt);
	free(result->failed_log);
}

/* --- builder.h: images -------------------------------------------------------------------- */

int msb_image_load(const char *root, const char *path,
		   int (*each)(void *context, const struct msb_image *image), void *context,
		   struct msb_error *err)
{
	char name[] = "docker.io/library/node:latest";
	struct msb_image image = {.name = name, .id = digest(0x05)};

	(void)root;
	if (strcmp(path, "absent") == 0)
		return msb_error_set(err, ENOENT, "open %s", path);
	each(context, &image);
	image.name = NULL;
	each(context, &image);
	return 0;
}

int msb_image_import(const char *root, const char *path, const char *name,
		     const char *const *changes, const char *message, struct msb_digest *ret_id,
		     struct msb_error *err)
{
	(void)root, (void)path, (void)err;
	printf("name %s, message %s\n", name ? name : "-", message ? message : "-");
	for (; changes && *changes; changes++)
		printf("change %s\n", *changes);
	*ret_id = digest(0x06);
	return 0;
}

int msb_image_save(const char *root, const char *const *names, size_t count, int fd,
		   struct msb_error *err)
{
	(void)root;
	for (size_t i = 0; i < count; i++) {
		dprintf(fd, "%s\n", names[i]);
		if (strcmp(names[i], "absent") == 0)
			return msb_error_say(err, ENOENT, "there is no image 'absent'");
	}
	return 0;
}

int msb_image_tag(const char *root, const char *source, const char *name, struct msb_error *err)
{
	(void)root;
	return strcmp(source, "absent") == 0
		       ? msb_error_say(err, ENOENT, "there is no image 'absent'")
		       : (name ? 0 : -EINVAL);
}

int msb_image_remove(const char *root, const char *name, char **ret_said, struct msb_error *err)
{
	(void)root;
	if (strcmp(name, "absent") == 0)
		return msb_error_say(err, ENOENT, "there is no image 'absent'");
	if (asprintf(ret_said, "Untagged: %s\n", name) < 0)
		return msb_error_memory(err);
	return 0;
}

int msb_image_inspect(const char *root, const char *name, char **ret, struct msb_error *err)
{
	(void)root;
	if (strcmp(name, "absent") == 0)
		return msb_error_say(err, ENOENT, "there is no image 'absent'");
	*ret = strdup("{\"Id\": \"sha256:0123456789abcdef0123456789abcdef\", \"Size\": 12, "
		      "\"Config\": {\"Env\": [\"A=1\", \"B=2\"], \"Labels\": {\"k\": \"v\"}, "
		      "\"Tty\": false, \"Volumes\": null}}");
	return *ret ? 0 : msb_error_memory(err);
}

int msb_image_history(const char *root, const char *name, struct msb_history_line **ret,
		      size_t *ret_count, struct msb_error *err)
{
	(void)root, (void)name;
	*ret = calloc(2, sizeof(**ret));
	if (!*ret)
		return msb_error_memory(err);
	(*ret)[0] = (struct msb_history_line){
		ago(50 * HOUR),
		strdup("RUN /bin/sh -c apt-get update && apt-get install -y things # buildkit"),
		strdup("msb"),
		1500000,
		false,
		true,
		digest(7)};
	(*ret)[1] = (struct msb_history_line){
		ago(500 * HOUR), strdup("CMD [\"\033[31mnode\"]"), NULL, 0, true, false, {{0}}};
	*ret_count = 2;
	return 0;
}

void msb_history_free(struct msb_history_line *lines, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(lines[i].created_by);
		free(lines[i].comment);
	}
	free(lines);
}

int msb_image_tags(const char *name, char ***ret, struct msb_error *err)
{
	if (strcmp(name, "absent") == 0)
		return msb_error_say(err, ENOENT, "absent: no such thing");
	*ret = calloc(3, sizeof(**ret));
	if (!*ret)
		return msb_error_memory(err);
	(*ret)[0] = strdup("1");
	(*ret)[1] = strdup("latest");
	return 0;
}

static void tell_transfer(msb_transfer_fn tell, void *context, const char *image, bool push)
{
	const struct msb_digest one = digest(0x31), two = digest(0x32), three = digest(0x33);
	const struct msb_transfer story[] = {
		{.state = MSB_TRANSFER_BEGIN},
		{.state = MSB_TRANSFER_PRESENT, .layer = &one},
		{.state = MSB_TRANSFER_WAITING, .layer = &two},
		{.state = MSB_TRANSFER_WAITING, .layer = &three},
		{.state = push ? MSB_TRANSFER_PREPARING : MSB_TRANSFER_MOVING, .layer = &two},
		{.state = push ? MSB_TRANSFER_MOVING : MSB_TRANSFER_FETCHED, .layer = &two},
		{.state = MSB_TRANSFER_DONE, .layer = &two},
		{.state = push ? MSB_TRANSFER_MOUNTED : MSB_TRANSFER_DONE,
		 .layer = &three,
		 .from = "library/node"},
	};

	for (size_t i = 0; i < sizeof(story) / sizeof(story[0]); i++) {
		struct msb_transfer transfer = story[i];

		transfer.image = image;
		tell(context, &transfer);
	}
}

int msb_image_pull(const char *root, const struct msb_pull_options *options, msb_transfer_fn tell,
		   void *context, struct msb_pull_result *ret, struct msb_error *err)
{
	autofree char *name = NULL;

	(void)root;
	if (strcmp(options->name, "absent") == 0)
		return msb_error_say(err, ENOENT, "pull absent: no such thing");
	if (msb_reference_normalize(options->name, &name, err) < 0)
		return -ENOMEM;
	tell_transfer(tell, context, name, false);
	*ret = (struct msb_pull_result){digest(0x41), digest(0x42), options->platform != NULL};
	return 0;
}

int msb_image_push(const char *root, const struct msb_push_options *options, msb_transfer_fn tell,
		   void *context, struct msb_push_result *ret, struct msb_error *err)
{
	autofree char *name = NULL;

	(void)root;
	if (strcmp(options->name, "absent") == 0)
		return msb_error_say(err, ENOENT, "push absent: no such thing");
	if (msb_reference_normalize(options->name, &name, err) < 0)
		return -ENOMEM;
	printf("compression %s, level %d\n", options->compression ? options->compression : "-",
	       options->level);
	tell_transfer(tell, context, name, true);
	*ret = (struct msb_push_result){digest(0x43), 528};
	return 0;
}

int msb_login(const char *server, const char *user, const char *password, struct msb_error *err)
{
	if (strcmp(password, "wrong") == 0)
		return msb_error_say(err, EACCES, "log in: not accepted");
	printf("server %s, user %s, password of %zu bytes\n", server ? server : "-", user,
	       strlen(password));
	return 0;
}

int msb_logout(const char *server, bool *ret_known, struct msb_error *err)
{
	(void)err;
	*ret_known = server == NULL;
	return 0;
}

int msb_reference_normalize(const char *text, char **ret, struct msb_error *err)
{
	if (asprintf(ret, "%s%s%s", strchr(text, '/') ? "" : "docker.io/library/", text,
		     strchr(text, ':') ? "" : ":latest") < 0)
		return msb_error_memory(err);
	return 0;
}

int msb_reference_split(const char *normalized, char **ret_repository, char **ret_tag,
			struct msb_error *err)
{
	static const char library[] = "docker.io/library/";
	const char *colon = strrchr(normalized, ':');

	(void)err;
	if (strncmp(normalized, library, strlen(library)) == 0)
		normalized += strlen(library);
	*ret_repository = strndup(normalized, (size_t)(colon - normalized));
	*ret_tag = strdup(colon + 1);
	return 0;
}

/* --- builder.h: trees and the host -------------------------------------------------------- */

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
	make_build(graph->build, 7);
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

int msb_caches(const char *root, struct msb_cache **ret, size_t *ret_count, struct msb_error *err)
{
	if (strcmp(root, "/empty") == 0)
		return msb_error_say(err, ENOENT, "there is no store");
	*ret = calloc(2, sizeof(**ret));
	if (!*ret)
		return msb_error_memory(err);
	(*ret)[0] = (struct msb_cache){strdup("/root/.npm"), 1, 123456, ago(3 * HOUR), false};
	(*ret)[1] = (struct msb_cache){strdup("a\033[31m b"), 2, 0, ago(HOUR), true};
	*ret_count = 2;
	return 0;
}

void msb_caches_free(struct msb_cache *caches, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(caches[i].id);
	free(caches);
}

int msb_cache_remove(const char *root, const char *id, struct msb_error *err)
{
	(void)root;
	return strcmp(id, "absent") == 0 ? msb_error_say(err, ENOENT, "there is no cache 'absent'")
					 : 0;
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

int msb_log_follow(const char *root, const char *ref, int fd, struct msb_error *err)
{
	dprintf(fd, "following\n");
	return msb_log(root, ref, false, fd, err);
}

int msb_store_sweep(const char *root, struct msb_error *err)
{
	(void)root, (void)err;
	return 0;
}

int msb_store_make(const char *root, struct msb_error *err)
{
	return strcmp(root, "/broken") == 0
		       ? msb_error_say(err, EPROTO, "the store at %s has format 9", root)
		       : 0;
}

int msb_prune(const char *root, const struct msb_prune_options *options,
	      struct msb_prune_result *result, struct msb_error *err)
{
	*result = (struct msb_prune_result){0};
	if (strcmp(root, "/busy") == 0)
		return msb_error_say(err, EBUSY, "store '%s': a build is running", root);
	if (strcmp(root, "/empty") == 0)
		return 0;
	result->builds = options->keep_builds < 3 ? 3 - options->keep_builds : 0;
	result->images = options->all_images ? 2 : 1;
	result->cached_steps = options->until_ns ? 0 : 5;
	result->blobs = 1200;
	result->caches = options->caches ? 1 : 0;
	result->bytes = 1234567890;
	return 0;
}

int msb_keep_builds(size_t *ret, struct msb_error *err)
{
	(void)err;
	*ret = 20;
	return 0;
}

int msb_usage(const char *root, struct msb_usage ret[MSB_USAGE_KINDS], struct msb_error *err)
{
	static const struct msb_usage usage[MSB_USAGE_KINDS] = {
		{2, 1200000000, 300000000}, {3, 45678, 0}, {5, 4096, 4096}, {7, 999, 0},
		{1, 20000000, 20000000},    {0, 0, 0},
	};

	if (strcmp(root, "/empty") == 0)
		return msb_error_say(err, ENOENT, "there is no store at '%s' yet", root);
	memcpy(ret, usage, sizeof(usage));
	return 0;
}

int msb_image_usages(const char *root, struct msb_image_usage **ret, size_t *ret_count,
		     struct msb_error *err)
{
	struct msb_image *images;
	size_t count;
	int r = msb_records_images(NULL, &images, &count, err);

	(void)root;
	if (r < 0)
		return r;
	*ret = calloc(count, sizeof(**ret));
	for (size_t i = 0; *ret && i < count; i++)
		(*ret)[i] = (struct msb_image_usage){images[i].id, 1000000 * (i + 1), 70000 * i};
	msb_images_free(images, count);
	*ret_count = count;
	return *ret ? 0 : msb_error_memory(err);
}

int msb_fsck(const char *root, const struct msb_fsck_options *options, msb_problem_fn each,
	     void *context, struct msb_fsck_result *result, struct msb_error *err)
{
	*result = (struct msb_fsck_result){0};
	if (strcmp(root, "/empty") == 0)
		return msb_error_say(err, ENOENT, "there is no store at '%s' yet", root);
	if (strcmp(root, "/damaged") != 0)
		return 0;
	each(context, "sha256:0101: its file has changed: image node:latest: /bin/\033[31mls: "
		      "load the image anew");
	if (!options->quick)
		each(context, options->repair ? "sha256:0202: it is missing: forgotten"
					      : "sha256:0202: it is missing");
	result->problems = options->quick ? 1 : 2;
	return 0;
}

int msb_host_facts(const char *root, struct msb_host_fact **ret, size_t *ret_count,
		   struct msb_error *err)
{
	*ret = calloc(2, sizeof(**ret));
	if (!*ret)
		return msb_error_memory(err);
	(*ret)[0] = (struct msb_host_fact){"fuse", true, "/dev/fuse"};
	(*ret)[1] = (struct msb_host_fact){"runtime", strcmp(root, "/broken") != 0, "crun 1.8"};
	*ret_count = 2;
	return 0;
}

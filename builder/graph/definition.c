/*
 * The part of a step's cache key that its definition alone decides. What must not count is left
 * out: the place in the Dockerfile, times, proxies, the names of stages and images, and of a
 * source all but its base name. Values are quoted, so that a line break in one forges no line.
 */
#include <stdlib.h>
#include <string.h>

#include <msb/digest.h>

#include "internal.h"
#include "path.h"

static const char *const sources[] = {
	[SOURCE_CONTEXT] = "context", [SOURCE_SCRATCH] = "scratch", [SOURCE_STAGE] = "stage",
	[SOURCE_IMAGE] = "image",     [SOURCE_NAMED] = "context",
};

static void put_line(struct buffer *out, const char *component, const char *value)
{
	if (!value)
		return;
	buffer_printf(out, "%s ", component);
	put_quoted(out, value);
	buffer_char(out, '\n');
}

static void put_lines(struct buffer *out, const char *component, const struct strlist *values)
{
	for (size_t i = 0; i < values->count; i++)
		put_line(out, component, values->items[i]);
}

static void put_flag(struct buffer *out, const char *component, bool set)
{
	if (set)
		buffer_printf(out, "%s true\n", component);
}

static void put_file(struct buffer *out, const char *component, const struct inline_file *file)
{
	struct msb_digest digest;
	char text[MSB_DIGEST_TEXT];

	msb_digest_of(file->content, file->size, &digest);
	buffer_printf(out, "%s %s ", component, msb_digest_format(&digest, text));
	put_quoted(out, file->name);
	buffer_char(out, '\n');
}

/* A wildcard's matches decide, not the wildcard. */
static void put_source_name(struct buffer *out, const struct copy_step *copy, const char *source)
{
	autofree char *clean = path_join("/", source);

	if (!clean) {
		out->failed = true;
		return;
	}
	if (copy->parents)
		put_line(out, "path", source);
	else if (!strpbrk(clean, "*?[\\"))
		put_line(out, "name", path_base(clean));
}

static void put_copy(struct buffer *out, const struct copy_step *copy)
{
	buffer_printf(out, "from %s\n", sources[copy->from.kind]);
	for (size_t i = 0; i < copy->sources.count; i++)
		put_source_name(out, copy, copy->sources.items[i]);
	for (size_t i = 0; i < copy->file_count; i++)
		put_file(out, "file", &copy->files[i]);
	put_line(out, "dest", copy->dest);
	put_line(out, "chown", copy->chown);
	put_line(out, "chmod", copy->chmod);
	put_line(out, "checksum", copy->checksum);
	put_lines(out, "exclude", &copy->exclude);
	put_flag(out, "link", copy->link);
	put_flag(out, "parents", copy->parents);
	put_flag(out, "keep-git-dir", copy->keep_git_dir);
	if (copy->unpack != 0)
		buffer_printf(out, "unpack %s\n", copy->unpack > 0 ? "always" : "content");
}

static void put_text(struct buffer *out, const char *key, const char *value)
{
	if (!value)
		return;
	buffer_printf(out, " %s=", key);
	put_quoted(out, value);
}

static void put_mount(struct buffer *out, const struct run_mount *mount)
{
	static const char *const kinds[] = {"bind", "cache", "tmpfs", "secret", "ssh"};

	buffer_printf(out, "mount %s from=%s", kinds[mount->kind], sources[mount->from.kind]);
	put_text(out, "id", mount->id);
	put_text(out, "source", mount->source);
	put_text(out, "target", mount->target);
	put_text(out, "env", mount->env);
	buffer_printf(out, " ro=%d required=%d sharing=%d uid=%u gid=%u mode=%o size=%llu\n",
		      mount->read_only, mount->required, (int)mount->sharing, mount->uid,
		      mount->gid, mount->mode, (unsigned long long)mount->size);
}

static void put_run(struct buffer *out, const struct step *step)
{
	static const char *const networks[] = {"default", "none", "host"};
	const struct run_step *run = &step->run;

	put_lines(out, "arg", &run->argv);
	put_lines(out, "env", &run->env);
	put_line(out, "user", step->user);
	put_line(out, "directory", step->directory);
	if (run->script)
		put_file(out, "script", run->script);
	for (size_t i = 0; i < run->mount_count; i++)
		put_mount(out, &run->mounts[i]);
	buffer_printf(out, "network %s\n", networks[run->network]);
	put_flag(out, "insecure", run->insecure);
}

char *plan_step_definition(const struct step *step)
{
	static const char *const kinds[] = {
		[STEP_FROM] = "from", [STEP_RUN] = "run",         [STEP_COPY] = "copy",
		[STEP_ADD] = "add",   [STEP_WORKDIR] = "workdir", [STEP_CONFIG] = "config",
	};
	autobuffer out = {0};

	buffer_printf(&out, "step %s\n", kinds[step->kind]);
	switch (step->kind) {
	case STEP_RUN:
		put_run(&out, step);
		break;
	case STEP_COPY:
	case STEP_ADD:
		put_copy(&out, &step->copy);
		break;
	case STEP_WORKDIR:
		put_line(&out, "user", step->user);
		put_line(&out, "directory", step->directory);
		break;
	case STEP_FROM:
	case STEP_CONFIG:
		break; /* the tree that comes out is the one that went in */
	}
	return buffer_text(&out);
}

char *plan_step_arguments(const struct step *step)
{
	autobuffer out = {0};

	put_lines(&out, "argument", &step->args);
	return buffer_text(&out);
}

static void put_reading(struct buffer *out, const char *use, const struct source *source,
			const char *path)
{
	autobuffer line = {0};
	autofree char *text = NULL;

	buffer_printf(&line, "%s %s", use, sources[source->kind]);
	if (source->kind == SOURCE_STAGE)
		buffer_printf(&line, " %zu", source->stage);
	else if (source->kind == SOURCE_IMAGE)
		buffer_printf(&line, " %s", source->image);
	if (path)
		buffer_printf(&line, " %s", path);
	text = buffer_text(&line);
	if (text)
		put_line(out, "reads", text);
	else
		out->failed = true;
}

char *plan_step_sources(const struct plan_stage *stage, const struct step *step)
{
	autobuffer out = {0};

	if (step->kind == STEP_FROM)
		put_reading(&out, "base", &stage->base, NULL);
	for (size_t i = 0; i < step->copy.sources.count; i++)
		put_reading(&out, "copy", &step->copy.from, step->copy.sources.items[i]);
	for (size_t i = 0; i < step->run.mount_count; i++) {
		const struct run_mount *mount = &step->run.mounts[i];

		if (mount->kind == MOUNT_BIND ||
		    (mount->kind == MOUNT_CACHE && mount->from.kind != SOURCE_SCRATCH))
			put_reading(&out, "mount", &mount->from, mount->source);
	}
	if (step->run.script)
		put_line(&out, "body", step->run.script->content);
	return buffer_text(&out);
}

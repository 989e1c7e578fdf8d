#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "text.h"

static int write_file(const char *path, const char *text, struct msb_error *err)
{
	struct output output;
	int r = output_open(path, &output, err);

	if (r < 0)
		return r;
	if (dprintf(output.fd, "%s", text) < 0)
		r = msb_error_set(err, errno, "write %s", path);
	return output_close(&output, r, err);
}

/* "a,b": the names in full. Owned. */
static int all_names(const struct words *tags, char **ret, struct msb_error *err)
{
	autofree char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int r = 0;

	if (!out)
		return msb_error_memory(err);
	for (size_t i = 0; i < tags->count && r >= 0; i++) {
		autofree char *name = NULL;

		r = msb_reference_normalize(tags->items[i], &name, err);
		if (r >= 0)
			fprintf(out, "%s%s", i ? "," : "", name);
	}
	if (fclose(out) != 0 && r >= 0)
		r = msb_error_memory(err);
	if (r >= 0)
		*ret = steal(&text);
	return r;
}

static int write_metadata(const struct report *report, const struct msb_build_target *target,
			  const char *id, const char *manifest, struct msb_error *err)
{
	autofree char *names = NULL;
	autofree char *text = NULL;
	json_auto_t *json = NULL;
	int r = all_names(report->tags, &names, err);

	if (r < 0)
		return r;
	json = json_pack("{s:s, s:s, s:{s:s, s:s, s:I}}", "containerimage.config.digest", id,
			 "containerimage.digest", manifest, "containerimage.descriptor",
			 "mediaType", "application/vnd.oci.image.manifest.v1+json", "digest",
			 manifest, "size", (json_int_t)target->manifest_size);
	if (report->tags->count)
		json_object_set_new(json, "image.name", text_json(names));
	text = json_dumps(json, JSON_INDENT(2));
	return text ? write_file(report->metadata_file, text, err) : msb_error_memory(err);
}

/* The last target has the names; of several each is called by its stage. */
static int say_target(const struct report *report, const struct msb_build_result *result,
		      size_t index, struct msb_error *err)
{
	const struct msb_build_target *target = &result->targets[index];
	autofree char *label = text_harmless(target->label, strlen(target->label));
	char id[MSB_DIGEST_TEXT];

	msb_digest_format(&target->image, id);
	if (result->target_count > 1)
		fprintf(stderr, "#%zu %s: image %s\n", report->vertex, label ? label : "?", id);
	else
		fprintf(stderr, "#%zu image %s\n", report->vertex, id);
	if (index + 1 < result->target_count)
		return 0;
	for (size_t i = 0; i < report->tags->count; i++) {
		autofree char *name = NULL;
		int r = msb_reference_normalize(report->tags->items[i], &name, err);

		if (r < 0)
			return r;
		fprintf(stderr, "#%zu naming to %s\n", report->vertex, name);
	}
	if (label)
		fprintf(stderr, "\nlook: msb ls %s, or: msb mount DIR; ls DIR/stages/%s\n", label,
			label);
	fflush(stderr);
	return 0;
}

static int say_success(const struct report *report, const struct msb_build_result *result,
		       struct msb_error *err)
{
	int r = 0;

	if (!report->quiet && report->silent)
		return 0;
	if (!report->quiet) {
		for (size_t i = 0; r >= 0 && i < result->target_count; i++)
			r = say_target(report, result, i, err);
		return r;
	}
	/* An archive there is not to be followed by words. */
	for (size_t i = 0; i < result->target_count && !result->used_stdout; i++) {
		char id[MSB_DIGEST_TEXT];

		puts(msb_digest_format(&result->targets[i].image, id));
	}
	return 0;
}

int report_success(const struct report *report, const struct msb_build_result *result)
{
	const struct msb_build_target *last = &result->targets[result->target_count - 1];
	char id[MSB_DIGEST_TEXT], manifest[MSB_DIGEST_TEXT];
	struct msb_error err = {0};
	int r = 0;

	msb_digest_format(&last->image, id);
	msb_digest_format(&last->manifest, manifest);
	if (report->iidfile)
		r = write_file(report->iidfile, id, &err);
	if (r >= 0 && report->metadata_file)
		r = write_metadata(report, last, id, manifest, &err);
	if (r >= 0)
		r = say_success(report, result, &err);
	return r < 0 ? fail(&err) : finish();
}

/* Line by line, without what a terminal would obey. */
static void put_text(const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n");
		autofree char *line = text_printable(text, length);

		fprintf(stderr, "%s\n", line ? line : "");
		text += length + (text[length] == '\n');
	}
}

/* Only a command that ran has left anything; any other step that failed has no tree of its own. */
static void say_where(const struct msb_build_result *result, const char *stage)
{
	bool ran = result->exit_status != 0;
	size_t step = ran ? result->failed_step : result->failed_step - 1;
	long long build = (long long)result->build;

	if (step > 0)
		fprintf(stderr,
			"the files are as the %s left them: stages/%s of a mount (msb mount DIR), "
			"or: ",
			ran ? "command" : "step before", stage);
	if (ran && step > 1)
		fprintf(stderr, "msb diff %lld/%s@%zu %lld/%s@%zu, ", build, stage, step - 1, build,
			stage, step);
	if (step > 0)
		fprintf(stderr,
			"msb cp %lld/%s@%zu:PATH .\n"
			"look inside with: msb debug\n",
			build, stage, step);
}

/* The stage as the failed command left it, or as the last step did that had a tree. */
static void write_files(const struct session *session, const struct report *report,
			const struct msb_build_result *result)
{
	for (size_t i = 0; i < report->failure_outputs->count; i++) {
		const char *wish = report->failure_outputs->items[i];
		const char *colon = strstr(wish, ":/");
		autofree char *directory = strndup(wish, colon ? (size_t)(colon - wish) : SIZE_MAX);
		autofree char *ref = NULL;
		struct msb_error err = {0};

		if (!directory ||
		    asprintf(&ref, "%lld/%s", (long long)result->build, result->failed_stage) < 0) {
			ref = NULL;
			fail_say("out of memory");
		} else if (msb_copy_into(session->root, ref, colon ? colon + 1 : "/", directory,
					 &err) < 0) {
			msb_error_prefix(&err, err.code, "--output-on-failure");
			fail(&err);
		}
	}
}

int report_failure(const struct session *session, const struct report *report,
		   const struct msb_build_result *result, const struct msb_error *err)
{
	const char *raw = result->failed_stage ? result->failed_stage : "";
	autofree char *stage = text_harmless(raw, strlen(raw));
	int status;

	if (result->build && result->failed_in_step && result->failed_stage)
		write_files(session, report, result);
	if (report->silent)
		return fail(err);
	if (result->failed_log && *result->failed_log) {
		fprintf(stderr, "------\n > [%s %zu/%zu]:\n", stage ? stage : "",
			result->failed_step, result->failed_steps);
		put_text(result->failed_log);
		fputs("------\n", stderr);
	}
	if (result->excerpt && *result->excerpt)
		put_text(result->excerpt);
	status = fail(err);
	if (result->build && result->failed_in_step && stage)
		say_where(result, stage);
	fflush(stderr);
	return status;
}

/* msb du: what takes how much room. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <msb/builder.h>
#include <msb/records.h>

#include "formatted.h"
#include "human.h"
#include "text.h"

enum { KEY_FORMAT = 0x100 };

struct du {
	const char *format;
	bool verbose;
};

static error_t parse_du(int key, char *arg, struct argp_state *state)
{
	struct du *du = state->input;

	switch (key) {
	case 'v':
		du->verbose = true;
		return 0;
	case KEY_FORMAT:
		du->format = arg;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "no operand is expected: '%s'", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static json_t *usage_row(const char *type, const struct msb_usage *usage)
{
	char size[HUMAN_TEXT], part[HUMAN_TEXT], reclaimable[HUMAN_TEXT + 16], count[32];

	human_size(usage->reclaimable, part);
	if (usage->bytes)
		snprintf(reclaimable, sizeof(reclaimable), "%s (%.0f%%)", part,
			 100.0 * (double)usage->reclaimable / (double)usage->bytes);
	else
		snprintf(reclaimable, sizeof(reclaimable), "%s", part);
	snprintf(count, sizeof(count), "%" PRIu64, usage->count);
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "Type", type, "TotalCount", count,
			 "Size", human_size(usage->bytes, size), "Reclaimable", reclaimable,
			 "Bytes", (json_int_t)usage->bytes, "ReclaimableBytes",
			 (json_int_t)usage->reclaimable);
}

static int usage_rows(const struct session *session, json_t *rows, struct msb_error *err)
{
	static const char *const types[MSB_USAGE_KINDS] = {
		[MSB_USAGE_IMAGES] = "Images",       [MSB_USAGE_BUILDS] = "Builds",
		[MSB_USAGE_CACHE] = "Build Cache",   [MSB_USAGE_LOGS] = "Logs",
		[MSB_USAGE_CACHES] = "Cache Mounts", [MSB_USAGE_GARBAGE] = "Garbage",
	};
	struct msb_usage usage[MSB_USAGE_KINDS];
	int r = msb_usage(session->root, usage, err);

	for (size_t i = 0; r >= 0 && i < MSB_USAGE_KINDS; i++)
		if (json_array_append_new(rows, usage_row(types[i], &usage[i])) < 0)
			r = msb_error_memory(err);
	return r;
}

static int add_image(json_t *rows, const struct msb_image *image,
		     const struct msb_image_usage *usage, int64_t now, struct msb_error *err)
{
	autofree char *repository = NULL, *tag = NULL;
	char id[MSB_DIGEST_TEXT], since[HUMAN_TEXT];
	char size[HUMAN_TEXT], shared[HUMAN_TEXT], unique[HUMAN_TEXT];
	json_t *row;
	int r = image->name ? msb_reference_split(image->name, &repository, &tag, err) : 0;

	if (r < 0)
		return r;
	msb_digest_format(&image->id, id)[strlen("sha256:") + 12] = '\0';
	row = json_pack("{s:o, s:o, s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "Repository",
			text_json(repository ? repository : "<none>"), "Tag",
			text_json(tag ? tag : "<none>"), "ID", id + strlen("sha256:"),
			"CreatedSince", human_since(image->created_ns, now, since), "Size",
			human_size(usage->bytes, size), "SharedSize",
			human_size(usage->bytes - usage->unique, shared), "UniqueSize",
			human_size(usage->unique, unique), "Bytes", (json_int_t)usage->bytes,
			"UniqueBytes", (json_int_t)usage->unique);
	return json_array_append_new(rows, row) < 0 ? msb_error_memory(err) : 0;
}

/* An image that came since it was measured is not shown. */
static int add_images(json_t *rows, const struct msb_image *images, size_t count,
		      const struct msb_image_usage *usages, size_t usage_count,
		      struct msb_error *err)
{
	int64_t now = human_now();
	int r = 0;

	for (size_t i = 0; r >= 0 && i < count; i++) {
		size_t at = 0;

		while (at < usage_count && !msb_digest_equal(&usages[at].id, &images[i].id))
			at++;
		if (at < usage_count)
			r = add_image(rows, &images[i], &usages[at], now, err);
	}
	return r;
}

static int image_rows(const struct session *session, json_t *rows, struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	autofree struct msb_image_usage *usages = NULL;
	struct msb_image *images = NULL;
	size_t count = 0, usage_count = 0;
	int r = msb_image_usages(session->root, &usages, &usage_count, err);

	if (r >= 0)
		r = msb_store_open(session->root, &store, err);
	if (r >= 0)
		r = msb_records_images(store, &images, &count, err);
	if (r >= 0)
		r = add_images(rows, images, count, usages, usage_count, err);
	msb_images_free(images, count);
	return r;
}

int run_du(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"verbose", 'v', NULL, 0, "A line for each image: what it shares, what is its own"},
		{"format", KEY_FORMAT, "FORMAT", 0,
		 "table, json (an object a line), or a template like {{.Type}}: {{.Size}}"},
		{0},
	};
	static const struct argp argp = {options, parse_du, NULL,
					 "Show what takes how much room in the store, and how much "
					 "of it 'msb prune' would give back."};
	static const struct list_column kinds[] = {
		{"TYPE", "Type"}, {"TOTAL", "TotalCount"},
		{"SIZE", "Size"}, {"RECLAIMABLE", "Reclaimable"},
		{NULL, NULL},
	};
	static const struct list_column images[] = {
		{"REPOSITORY", "Repository"},  {"TAG", "Tag"},   {"IMAGE ID", "ID"},
		{"CREATED", "CreatedSince"},   {"SIZE", "Size"}, {"SHARED SIZE", "SharedSize"},
		{"UNIQUE SIZE", "UniqueSize"}, {NULL, NULL},
	};
	struct du du = {0};
	struct msb_error err = {0};
	json_t *rows;
	int r;

	if (command_parse(session, &argp, argc, argv, &du))
		return STATUS_FAILED;
	rows = json_array();
	r = du.verbose ? image_rows(session, rows, &err) : usage_rows(session, rows, &err);
	return formatted_print(du.verbose ? images : kinds, rows, du.format, r, &err);
}

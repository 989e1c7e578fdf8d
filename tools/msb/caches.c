/* msb cache: the directories of RUN --mount=type=cache. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include <msb/builder.h>

#include "formatted.h"
#include "human.h"
#include "text.h"

static json_t *cache_row(const struct msb_cache *cache, int64_t now)
{
	char size[HUMAN_TEXT], used[HUMAN_TEXT], iso[HUMAN_TEXT], count[32];

	human_size(cache->bytes, size);
	human_since(cache->used_ns, now, used);
	human_time_iso(cache->used_ns, iso);
	snprintf(count, sizeof(count), "%zu", cache->directories);
	return json_pack("{s:o, s:s, s:s, s:s, s:s, s:I, s:b}", "ID", text_json(cache->id),
			 "Directories", count, "Size", size, "LastUsed", cache->busy ? "now" : used,
			 "LastUsedAt", iso, "Bytes", (json_int_t)cache->bytes, "InUse",
			 (int)cache->busy);
}

static int cache_rows(const struct session *session, json_t *rows, struct msb_error *err)
{
	struct msb_cache *caches = NULL;
	size_t count = 0;
	int64_t now = human_now();
	int r = msb_caches(session->root, &caches, &count, err);

	if (r == -ENOENT) /* no store yet */
		return 0;
	for (size_t i = 0; r >= 0 && i < count; i++)
		if (json_array_append_new(rows, cache_row(&caches[i], now)) < 0)
			r = msb_error_memory(err);
	msb_caches_free(caches, count);
	return r;
}

int run_cache_ls(struct session *session, int argc, char **argv)
{
	static const struct list_column columns[] = {
		{"ID", "ID"},     {"DIRECTORIES", "Directories"},
		{"SIZE", "Size"}, {"LAST USED", "LastUsed"},
		{NULL, NULL},
	};
	autoformatted formatted = {0};
	struct msb_error err = {0};
	json_t *rows;

	if (formatted_parse(session, NULL,
			    "List the directories that RUN --mount=type=cache lends, by their IDs: "
			    "the target where id= does not say.",
			    argc, argv, &formatted))
		return STATUS_FAILED;
	rows = json_array();
	return formatted_print(columns, rows, formatted.format, cache_rows(session, rows, &err),
			       &err);
}

int run_cache_rm(struct session *session, int argc, char **argv)
{
	static const struct plain_command command = {
		NULL,
		"ID...",
		"Remove the directories of RUN --mount=type=cache with these IDs. The steps that "
		"used them stay in the step cache.",
		1,
		0,
		"the ID of a cache"};
	autowords operands = {0};
	int status;

	if (plain_parse(session, &command, argc, argv, &operands))
		return STATUS_FAILED;
	status = STATUS_DONE;
	for (size_t i = 0; i < operands.count; i++) {
		struct msb_error err = {0};

		if (msb_cache_remove(session->root, operands.items[i], &err) < 0)
			status = fail(&err);
	}
	return status;
}

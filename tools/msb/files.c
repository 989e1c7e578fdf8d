/* msb ls, msb cat: into trees without a mount. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <msb/builder.h>

#include "formatted.h"
#include "human.h"
#include "text.h"
#include "tree_path.h"

#define WITHOUT_ZONE 19 /* "2026-01-31 12:00:00" */

/* "-rwsr-xr-t" */
static char *mode_text(const struct msb_entry *entry, char text[11])
{
	static const char types[] = {
		[MSB_FILE] = '-',      [MSB_DIRECTORY] = 'd', [MSB_SYMLINK] = 'l',
		[MSB_CHARACTER] = 'c', [MSB_BLOCK] = 'b',     [MSB_FIFO] = 'p',
		[MSB_SOCKET] = 's',
	};
	static const struct {
		unsigned special, execute;
		char with, without;
	} specials[] = {{S_ISUID, S_IXUSR, 's', 'S'},
			{S_ISGID, S_IXGRP, 's', 'S'},
			{S_ISVTX, S_IXOTH, 't', 'T'}};

	strcpy(text, "?rwxrwxrwx");
	text[0] = types[entry->type];
	for (size_t i = 0; i < 9; i++)
		if (!(entry->mode & (0400u >> i)))
			text[1 + i] = '-';
	for (size_t i = 0; i < 3; i++)
		if (entry->mode & specials[i].special)
			text[3 + 3 * i] = entry->mode & specials[i].execute ? specials[i].with
									    : specials[i].without;
	return text;
}

static json_t *entry_row(const char *path, const struct msb_entry *entry)
{
	char mode[11], owner[32], size[HUMAN_TEXT], time[HUMAN_TEXT], digest[MSB_DIGEST_TEXT] = "";
	const char *name = strrchr(path, '/') + 1;
	bool file = entry->type == MSB_FILE, directory = entry->type == MSB_DIRECTORY;
	autofree char *target =
		entry->type == MSB_SYMLINK ? strndup(entry->target, entry->size) : strdup("");
	autofree char *shown = NULL;

	if (!target || asprintf(&shown, "%s%s%s", name, *target ? " -> " : "", target) < 0) {
		shown = NULL;
		return NULL;
	}
	snprintf(owner, sizeof(owner), "%u:%u", entry->uid, entry->gid);
	if (file || directory)
		msb_digest_format(&entry->digest, digest);
	human_time(entry->mtime_sec * 1000000000LL + entry->mtime_nsec, time);
	if (strlen(time) > WITHOUT_ZONE)
		time[WITHOUT_ZONE] = '\0';
	return json_pack("{s:s, s:s, s:s, s:I, s:s, s:o, s:o, s:o, s:s}", "Mode",
			 mode_text(entry, mode), "Owner", owner, "Size",
			 file || directory ? human_size(file ? entry->size : entry->bytes, size)
					   : "",
			 "Bytes",
			 (json_int_t)(file        ? entry->size
				      : directory ? entry->bytes
						  : 0),
			 "Modified", time, "Name", text_json(name), "Shown", text_json(shown),
			 "Target", text_json(target), "Digest", digest);
}

static int add_row(void *context, const struct msb_difference *difference, struct msb_error *err)
{
	json_t *rows = context;

	return json_array_append_new(rows, entry_row(difference->path, difference->after)) < 0
		       ? msb_error_memory(err)
		       : 0;
}

int run_ls(struct session *session, int argc, char **argv)
{
	static const struct list_column columns[] = {
		{"MODE", "Mode"},         {"OWNER", "Owner"}, {"SIZE", "Size"},
		{"MODIFIED", "Modified"}, {"NAME", "Shown"},  {NULL, NULL},
	};
	autoformatted formatted = {0};
	autofree char *ref = NULL, *path = NULL;
	struct msb_error err = {0};
	json_t *rows;
	int r;

	if (formatted_parse(
		    session, "REF[:/PATH]",
		    "List a directory of a tree, or one file: of a directory the size is that "
		    "of all files below it.",
		    argc, argv, &formatted))
		return STATUS_FAILED;
	if (!formatted.operands.count)
		return fail_say("name a tree, as in: msb ls build:/etc"), STATUS_USAGE;
	r = tree_path_split(formatted.operands.items[0], true, &ref, &path, &err);
	rows = json_array();
	if (r >= 0)
		r = msb_list(session->root, ref, path, add_row, rows, &err);
	return formatted_print(columns, rows, formatted.format, r, &err);
}

int run_cat(struct session *session, int argc, char **argv)
{
	static const struct plain_command command = {
		NULL,
		"REF:PATH...",
		"Write files of trees to standard output. Links are followed inside the tree.",
		1,
		0,
		"REF:PATH"};
	autowords operands = {0};
	int status = STATUS_DONE;

	if (plain_parse(session, &command, argc, argv, &operands))
		return STATUS_FAILED;
	for (size_t i = 0; i < operands.count; i++) {
		autofree char *ref = NULL, *path = NULL;
		struct msb_error err = {0};
		int r = tree_path_split(operands.items[i], false, &ref, &path, &err);

		if (r == -EINVAL)
			return fail(&err), STATUS_USAGE;
		if (r >= 0)
			r = msb_read_file(session->root, ref, path, STDOUT_FILENO, &err);
		if (r < 0)
			status = fail(&err);
	}
	return status;
}

/* msb diff: what differs between two trees. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <msb/builder.h>
#include <msb/store.h>

#include "command.h"
#include "human.h"
#include "text.h"
#include "text_diff.h"

#define MAX_TEXT (1u << 20) /* bytes of a file that is shown line by line */

enum { KEY_NAME_ONLY = 0x100, KEY_FORMAT, KEY_STAT, KEY_JSON };

struct diff {
	struct words operands;
	msb_diff_fn put; /* one difference, in the form asked for */
	const struct session *session;
	struct msb_store *store; /* opened when a content is wanted first */
	bool terminal;
	uint64_t added, changed, removed, bytes_added, bytes_removed; /* --stat */
};

static char letter_of(const struct msb_difference *difference)
{
	static const char letters[] = {[MSB_ADDED] = 'A', [MSB_REMOVED] = 'D', [MSB_CHANGED] = 'C'};

	return letters[difference->change];
}

static bool is_file(const struct msb_entry *entry)
{
	return entry && entry->type == MSB_FILE;
}

/* --- json ------------------------------------------------------------------------------- */

static const char *type_name(const struct msb_entry *entry)
{
	static const char *const names[] = {
		[MSB_FILE] = "file",          [MSB_DIRECTORY] = "directory",
		[MSB_SYMLINK] = "symlink",    [MSB_CHARACTER] = "character device",
		[MSB_BLOCK] = "block device", [MSB_FIFO] = "fifo",
		[MSB_SOCKET] = "socket",
	};

	return names[entry->type];
}

static json_t *entry_json(const struct msb_entry *entry)
{
	char mode[16];
	json_t *json;

	if (!entry)
		return json_null();
	snprintf(mode, sizeof(mode), "%04o", (unsigned)entry->mode);
	json = json_pack("{s:s, s:s, s:I, s:I}", "Type", type_name(entry), "Mode", mode, "Uid",
			 (json_int_t)entry->uid, "Gid", (json_int_t)entry->gid);
	if (entry->type == MSB_FILE)
		json_object_set_new(json, "Size", json_integer((json_int_t)entry->size));
	return json;
}

static int put_json(void *context, const struct msb_difference *difference, struct msb_error *err)
{
	char text[2] = {letter_of(difference), '\0'};
	json_auto_t *json = json_pack(
		"{s:s, s:o, s:o, s:o}", "Change", text, "Path", text_json(difference->path),
		"Before", entry_json(difference->before), "After", entry_json(difference->after));

	(void)context;
	if (!json || json_dumpf(json, stdout, JSON_COMPACT) < 0)
		return msb_error_memory(err);
	putchar('\n');
	return 0;
}

/* --- lines ------------------------------------------------------------------------------ */

static int put_line(void *context, const struct msb_difference *difference, struct msb_error *err)
{
	const struct msb_entry *before = difference->before, *after = difference->after;
	autofree char *path = text_path(difference->path);
	char sizes[2][HUMAN_TEXT];

	(void)context;
	if (!path)
		return msb_error_memory(err);
	printf("%c %s", letter_of(difference), path);
	if (is_file(before) && is_file(after) && before->size != after->size)
		printf("\t%s -> %s", human_size(before->size, sizes[0]),
		       human_size(after->size, sizes[1]));
	else if (is_file(before) || is_file(after))
		printf("\t%s", human_size((is_file(after) ? after : before)->size, sizes[0]));
	putchar('\n');
	return 0;
}

static int put_name(void *context, const struct msb_difference *difference, struct msb_error *err)
{
	autofree char *path = text_path(difference->path);

	(void)context;
	if (!path)
		return msb_error_memory(err);
	puts(path);
	return 0;
}

/* --- stat ------------------------------------------------------------------------------- */

static uint64_t bytes_of(const struct msb_entry *entry)
{
	return !entry                         ? 0
	       : entry->type == MSB_FILE      ? entry->size
	       : entry->type == MSB_DIRECTORY ? entry->bytes
					      : 0;
}

static int put_stat(void *context, const struct msb_difference *difference, struct msb_error *err)
{
	struct diff *diff = context;
	const struct msb_entry *before = difference->before, *after = difference->after;
	autofree char *path = text_path(difference->path);
	char sizes[2][HUMAN_TEXT];
	uint64_t gone = 0, come = 0;

	if (!path)
		return msb_error_memory(err);
	diff->added += difference->change == MSB_ADDED;
	diff->changed += difference->change == MSB_CHANGED;
	diff->removed += difference->change == MSB_REMOVED;
	/* What is in an added directory follows by itself; of one that went, nothing does. */
	if (is_file(after) && !(is_file(before) && before->size == after->size &&
				msb_digest_equal(&before->digest, &after->digest)))
		come = after->size;
	if (difference->change == MSB_REMOVED || (is_file(before) && (come || !is_file(after))) ||
	    (is_file(before) && is_file(after) && after->size != before->size))
		gone = bytes_of(before);
	diff->bytes_added += come;
	diff->bytes_removed += gone;
	printf("%c %s\t+%s -%s\n", letter_of(difference), path, human_size(come, sizes[0]),
	       human_size(gone, sizes[1]));
	return 0;
}

static void put_sums(const struct diff *diff)
{
	char sizes[2][HUMAN_TEXT];

	printf("%llu added, %llu changed, %llu deleted: +%s -%s\n", (unsigned long long)diff->added,
	       (unsigned long long)diff->changed, (unsigned long long)diff->removed,
	       human_size(diff->bytes_added, sizes[0]), human_size(diff->bytes_removed, sizes[1]));
}

/* --- unified ---------------------------------------------------------------------------- */

struct content {
	char *bytes; /* owned */
	size_t size;
};

static void content_done(struct content *content)
{
	free(content->bytes);
}

#define autocontent __attribute__((cleanup(content_done))) struct content

static int read_disk(const char *directory, const char *path, struct content *ret,
		     struct msb_error *err)
{
	autofree char *whole = NULL;
	autoclose int fd = -1;
	ssize_t n = 1;

	if (asprintf(&whole, "%s%s", directory[0] ? directory : ".", path) < 0) {
		whole = NULL;
		return msb_error_memory(err);
	}
	fd = open(whole, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ret->bytes = malloc(MAX_TEXT);
	if (!ret->bytes)
		return msb_error_memory(err);
	while (fd >= 0 && n > 0 && ret->size < MAX_TEXT) {
		n = read(fd, ret->bytes + ret->size, MAX_TEXT - ret->size);
		ret->size += n > 0 ? (size_t)n : 0;
	}
	return fd < 0 || n < 0 ? msb_error_set(err, errno, "read '%s'", whole) : 0;
}

/* Of a file, or of none. */
static int read_content(struct diff *diff, size_t operand, const char *path,
			const struct msb_entry *entry, struct content *ret, struct msb_error *err)
{
	const char *ref = diff->operands.items[operand];
	uint8_t *bytes;
	int r = 0;

	if (!entry)
		return 0;
	if (strncmp(ref, "dir:", 4) == 0)
		return read_disk(ref + 4, path, ret, err);
	if (!diff->store)
		r = msb_store_open(diff->session->root, &diff->store, err);
	if (r >= 0)
		r = msb_store_load(diff->store, &entry->digest, MAX_TEXT, &bytes, &ret->size, err);
	if (r >= 0)
		ret->bytes = (char *)bytes;
	return r;
}

/* A path with blanks ends with a tab, as diff and patch have it. */
static void put_label(const char *sign, char side, const char *path, const struct msb_entry *entry)
{
	if (!entry)
		printf("%s /dev/null\n", sign);
	else
		printf("%s %c%s%s\n", sign, side, path, strchr(path, ' ') ? "\t" : "");
}

static int put_texts(struct diff *diff, const struct msb_difference *difference,
		     struct msb_error *err)
{
	const struct msb_entry *before = difference->before, *after = difference->after;
	autofree char *path = text_path(difference->path);
	autocontent a = {0};
	autocontent b = {0};
	int r = path ? 0 : msb_error_memory(err);

	if (r >= 0)
		r = read_content(diff, 0, difference->path, before, &a, err);
	if (r >= 0)
		r = read_content(diff, 1, difference->path, after, &b, err);
	if (r < 0)
		return r;
	if (a.size == b.size && (a.size == 0 || memcmp(a.bytes, b.bytes, a.size) == 0))
		return put_line(NULL, difference, err);
	if (!text_diff_is_text(a.bytes, a.size) || !text_diff_is_text(b.bytes, b.size)) {
		printf("Binary files a%s and b%s differ\n", path, path);
		return 0;
	}
	put_label("---", 'a', path, before);
	put_label("+++", 'b', path, after);
	r = text_diff_hunks(stdout, a.bytes, a.size, b.bytes, b.size, diff->terminal);
	return r < 0 ? msb_error_memory(err) : 0;
}

/* What has no lines, or too many, is a line itself. */
static int put_unified(void *context, const struct msb_difference *difference,
		       struct msb_error *err)
{
	const struct msb_entry *before = difference->before, *after = difference->after;

	if ((before && (before->type != MSB_FILE || before->size > MAX_TEXT)) ||
	    (after && (after->type != MSB_FILE || after->size > MAX_TEXT)))
		return put_line(context, difference, err);
	return put_texts(context, difference, err);
}

/* ---------------------------------------------------------------------------------------- */

static error_t parse_diff(int key, char *arg, struct argp_state *state)
{
	struct diff *diff = state->input;

	switch (key) {
	case KEY_NAME_ONLY:
		diff->put = put_name;
		return 0;
	case KEY_STAT:
		diff->put = put_stat;
		return 0;
	case 'u':
		diff->put = put_unified;
		return 0;
	case KEY_JSON:
		diff->put = put_json;
		return 0;
	case KEY_FORMAT:
		if (strcmp(arg, "json") != 0 && strcmp(arg, "table") != 0)
			argp_error(state, "--format is table or json, not '%s'", arg);
		diff->put = strcmp(arg, "json") == 0 ? put_json : put_line;
		return 0;
	case ARGP_KEY_ARGS:
		operands_take(state, &diff->operands);
		return 0;
	case ARGP_KEY_END:
		operands_check(state, &diff->operands, 2, 2, "one of the two REFs");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int run_diff(struct session *session, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"unified", 'u', NULL, 0, "Show small text files line by line, as diff -u does"},
		{"stat", KEY_STAT, NULL, 0, "Show how many bytes came and went, and sums"},
		{"name-only", KEY_NAME_ONLY, NULL, 0, "Paths alone"},
		{"json", KEY_JSON, NULL, 0, "The same as --format json"},
		{"format", KEY_FORMAT, "FORMAT", 0, "table, or json (an object a line)"},
		{0},
	};
	static const struct argp argp = {
		options, parse_diff, "REF REF",
		"Show what the second tree has added (A), changed (C) and deleted (D), with the "
		"sizes of files. A REF may be dir:PATH, a directory on disk."};
	struct diff diff = {.put = put_line, .session = session};
	struct msb_error err = {0};
	int status = command_parse(session, &argp, argc, argv, &diff);

	diff.terminal = text_stdout_is_terminal();
	if (!status)
		status = msb_diff(session->root, diff.operands.items[0], diff.operands.items[1],
				  diff.put, &diff, &err) < 0
				 ? fail(&err)
				 : STATUS_DONE;
	if (!status && diff.put == put_stat)
		put_sums(&diff);
	if (!status)
		status = finish();
	words_done(&diff.operands);
	msb_store_close(diff.store);
	return status;
}

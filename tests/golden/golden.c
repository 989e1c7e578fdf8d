/*
 * Cases as files. "golden parse DIR", and likewise plan, lint and outline, turn every NAME.in of
 * DIR to text and compare that with NAME.expect; "golden refused DIR" is plan, and each case an
 * error with a place and a remedy. "golden words|ignore|glob FILE" checks a table row by row. The
 * first line of every file says what it shows and is not part of the case. Speaks TAP. "golden show
 * parse FILE.in" prints the text instead, to be read and kept.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msb/cleanup.h>

#include "golden.h"
#include "io.h"

enum case_kind { CASE_PARSE, CASE_PLAN, CASE_REFUSED, CASE_LINT, CASE_OUTLINE, CASE_KINDS };

static const char *const kinds[] = {
	[CASE_PARSE] = "parse", [CASE_PLAN] = "plan",       [CASE_REFUSED] = "refused",
	[CASE_LINT] = "lint",   [CASE_OUTLINE] = "outline",
};

/* The kind of that name; CASE_KINDS: none. */
static enum case_kind find_kind(const char *name)
{
	enum case_kind kind = CASE_PARSE;

	while (kind < CASE_KINDS && strcmp(kinds[kind], name) != 0)
		kind++;
	return kind;
}

static void read_targets(const struct setting *setting, struct strlist *ret)
{
	for (const char *word = strlist_get_env(&setting->rest, "target"); word;) {
		size_t length = strcspn(word, " ");

		if (strlist_add_bytes(ret, word, length) < 0)
			abort();
		word = word[length] ? word + length + 1 : NULL;
	}
}

static int lint_case(const struct plan_inputs *plan_inputs, struct setting *setting,
		     struct buffer *out, struct msb_error *err)
{
	AUTO(plan_freep) struct plan *plan = NULL;
	AUTO(ignore_freep) struct ignore *ignore = NULL;
	AUTO(lint_freep) struct lint *lint = NULL;
	struct lint_inputs inputs = {
		.dockerfile = plan_inputs->dockerfile,
		.build_args = &setting->build_args,
		.platform = plan_inputs->platform,
		.base = setting_lint_base,
		.context = setting,
	};
	autofree char *patterns = setting_ignore(setting);
	int r = 0;

	if (*patterns)
		r = ignore_parse(".dockerignore", patterns, strlen(patterns), &ignore, err);
	inputs.ignore = ignore;
	if (r == 0 && plan_inputs->targets)
		r = plan_make(plan_inputs, &plan, err);
	inputs.plan = plan;
	if (r == 0)
		r = lint_run(&inputs, &lint, err);
	if (r == 0)
		dump_lint(out, lint);
	return r;
}

static int outline_case(const struct plan_inputs *inputs, struct buffer *out, struct msb_error *err)
{
	AUTO(plan_freep) struct plan *plan = NULL;
	AUTO(outline_freep) struct outline *outline = NULL;
	int r = plan_make(inputs, &plan, err);

	if (r == 0)
		r = outline_make(inputs, plan, &outline, err);
	if (r == 0)
		dump_outline(out, outline);
	return r;
}

static int plan_case(const struct plan_inputs *inputs, struct buffer *out, struct msb_error *err)
{
	AUTO(plan_freep) struct plan *plan = NULL;
	int r = plan_make(inputs, &plan, err);

	if (r == 0)
		dump_plan(out, plan);
	return r;
}

static int dump_case(enum case_kind kind, const struct dockerfile *dockerfile, const char *args,
		     struct buffer *out, struct msb_error *err)
{
	struct setting setting = {0};
	struct plan_inputs inputs = {.dockerfile = dockerfile};
	autostrlist targets = {0};
	int r = 0;

	setting_read(&setting, args);
	read_targets(&setting, &targets);
	inputs.build_args = &setting.build_args;
	inputs.labels = &setting.labels;
	inputs.targets = (const char *const *)targets.items;
	inputs.platform = strlist_get_env(&setting.rest, "platform");
	inputs.image_config = setting_image_config;
	inputs.named = setting_named;
	inputs.context = &setting;
	if (kind == CASE_PARSE)
		dump_dockerfile(out, dockerfile);
	else if (kind == CASE_PLAN || kind == CASE_REFUSED)
		r = plan_case(&inputs, out, err);
	else if (kind == CASE_LINT)
		r = lint_case(&inputs, &setting, out, err);
	else
		r = outline_case(&inputs, out, err);
	setting_done(&setting);
	return r;
}

/* What a case comes to. */
static char *run_case(enum case_kind kind, const char *text, size_t size, const char *args)
{
	AUTO(dockerfile_freep) struct dockerfile *dockerfile = NULL;
	struct msb_error err = {0};
	autobuffer out = {0};
	int r = dockerfile_parse("Dockerfile", text, size, &dockerfile, &err);

	if (r == 0)
		r = dump_case(kind, dockerfile, args, &out, &err);
	if (r < 0)
		buffer_printf(&out, "error: %s\n", err.text);
	return buffer_text(&out);
}

/* A file's text; NULL where it is not there. */
static char *read_text(int dir, const char *name)
{
	autobuffer text = {0};

	if (io_read_file(dir, name, 16 << 20, &text, NULL) < 0)
		return NULL;
	return buffer_text(&text);
}

static char *case_result(int dir, const char *name, enum case_kind kind)
{
	autofree char *args_name = NULL, *args = NULL;
	autobuffer text = {0};
	const uint8_t *start;

	if (asprintf(&args_name, "%.*s.args", (int)(strlen(name) - 3), name) < 0 ||
	    io_read_file(dir, name, 16 << 20, &text, NULL) < 0)
		abort();
	args = read_text(dir, args_name);
	start = text.size ? memchr(text.bytes, '\n', text.size) : NULL;
	if (!start)
		return strdup("a case begins with a line that says what it shows\n");
	start++;
	return run_case(kind, (const char *)start, text.size - (size_t)(start - text.bytes),
			args ? args : "");
}

static void print_commented(const char *title, const char *text)
{
	printf("# %s:\n", title);
	while (*text) {
		size_t length = strcspn(text, "\n");

		printf("#   %.*s\n", (int)length, text);
		text += length + (text[length] == '\n');
	}
}

/* A refusal says what is wrong and what to write instead. */
static bool has_remedy(const char *text)
{
	return strncmp(text, "error: Dockerfile:", 18) == 0 &&
	       (strstr(text, "; ") || strstr(text, " (did you mean "));
}

static bool check_case(int dir, const char *name, enum case_kind kind, size_t number)
{
	autofree char *expect_name = NULL, *expected = NULL, *result = NULL;
	bool same;

	if (asprintf(&expect_name, "%.*s.expect", (int)(strlen(name) - 3), name) < 0)
		abort();
	expected = read_text(dir, expect_name);
	result = case_result(dir, name, kind);
	same = expected && result && strcmp(expected, result) == 0 &&
	       (kind != CASE_REFUSED || has_remedy(result));
	printf("%sok %zu - %.*s\n", same ? "" : "not ", number, (int)(strlen(name) - 3), name);
	if (!same) {
		print_commented("expected", expected ? expected : "(no file)");
		print_commented("got", result ? result : "(nothing)");
	}
	return same;
}

static int is_case(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return length > 3 && strcmp(entry->d_name + length - 3, ".in") == 0;
}

static int check_directory(const char *path, enum case_kind kind)
{
	struct dirent **entries;
	int count = scandir(path, &entries, is_case, alphasort);
	autoclose int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool all = count > 0 && dir >= 0;

	printf("1..%d\n", count < 1 ? 1 : count);
	if (!all)
		printf("not ok 1 - %s holds no cases\n", path);
	for (int i = 0; i < count; i++) {
		if (dir >= 0 && !check_case(dir, entries[i]->d_name, kind, (size_t)i + 1))
			all = false;
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return all ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int check_table(enum table_kind kind, const char *path)
{
	autofree char *text = read_text(AT_FDCWD, path);
	autofree char *differences = NULL;
	autobuffer out = {0};
	size_t rows = text ? table_check(kind, text, &out) : 0;

	differences = buffer_text(&out);
	printf("1..1\n%sok 1 - %zu rows\n", rows > 0 && !*differences ? "" : "not ", rows);
	print_commented("differences", differences);
	return rows > 0 && !*differences ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	if (argc == 4 && strcmp(what, "show") == 0 && find_kind(argv[2]) < CASE_KINDS) {
		autofree char *text = case_result(AT_FDCWD, argv[3], find_kind(argv[2]));

		fputs(text, stdout);
		return EXIT_SUCCESS;
	}
	if (argc == 3 && find_kind(what) < CASE_KINDS)
		return check_directory(argv[2], find_kind(what));
	if (argc == 3 && strcmp(what, "words") == 0)
		return check_table(TABLE_WORDS, argv[2]);
	if (argc == 3 && strcmp(what, "ignore") == 0)
		return check_table(TABLE_IGNORE, argv[2]);
	if (argc == 3 && strcmp(what, "glob") == 0)
		return check_table(TABLE_GLOB, argv[2]);
	fprintf(stderr, "usage: golden parse|plan|refused|lint|outline DIR, "
			"golden words|ignore|glob FILE, "
			"golden show parse|plan|refused|lint|outline FILE\n");
	return 2;
}

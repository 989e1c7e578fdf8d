/*
 * Random edits against a model that is a plain list of paths: after each commit the tree, its
 * totals, its hard links and its difference from the commit before must be what the list says.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "buffer.h"
#include "tree_fixture.h"

enum { MAX_ITEMS = 2000, MAX_LEVELS = 7, PATH_SIZE = 32 };

struct item {
	char path[PATH_SIZE]; /* the root is "" */
	struct msb_entry entry;
	unsigned group; /* 0: no hard link; of one file alone it means nothing either */
};

struct model {
	struct item items[MAX_ITEMS];
	size_t count;
	unsigned next_group;
};

struct run {
	struct fixture *fixture;
	struct tree_edit *edit;
	struct model model;
	struct model committed;
	struct msb_digest tree; /* of committed */
	uint64_t seed;
};

/* Directory by directory: '/' comes before all that a name may hold. */
static int compare_paths(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (*a == '/' ? 1 : (unsigned char)*a) - (*b == '/' ? 1 : (unsigned char)*b);
}

static int compare_items(const void *a, const void *b)
{
	return compare_paths(((const struct item *)a)->path, ((const struct item *)b)->path);
}

static bool is_below(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	return strncmp(path, directory, length) == 0 && path[length] == '/';
}

static struct item *find(struct model *model, const char *path)
{
	for (size_t i = 0; i < model->count; i++)
		if (strcmp(model->items[i].path, path) == 0)
			return &model->items[i];
	return NULL;
}

static bool is_directory(struct model *model, const char *path)
{
	const struct item *item = find(model, path);

	return item && item->entry.type == MSB_DIRECTORY;
}

/* 0, or why nothing can be at path. */
static int reach(struct model *model, const char *path, bool last_too)
{
	char part[PATH_SIZE];

	for (size_t i = 1; path[0]; i++) {
		struct item *item;

		if (path[i] != '/' && (path[i] || !last_too))
			goto next;
		snprintf(part, sizeof(part), "%.*s", (int)i, path);
		item = find(model, part);
		if (!item)
			return -ENOENT;
		if (path[i] == '/' && item->entry.type != MSB_DIRECTORY)
			return -ENOTDIR;
	next:
		if (!path[i])
			break;
	}
	return 0;
}

static void drop(struct model *model, const char *path, bool itself)
{
	size_t kept = 0;

	for (size_t i = 0; i < model->count; i++) {
		const struct item *item = &model->items[i];

		if (!is_below(item->path, path) && !(itself && strcmp(item->path, path) == 0))
			model->items[kept++] = *item;
	}
	model->count = kept;
}

static void add(struct model *model, const char *path, const struct msb_entry *entry,
		unsigned group)
{
	struct item *item = &model->items[model->count++];

	assert_in_range(model->count, 1, MAX_ITEMS);
	assert_in_range(strlen(path), 0, PATH_SIZE - 1);
	*item = (struct item){.entry = *entry, .group = group};
	strcpy(item->path, path);
}

static size_t levels(const char *path)
{
	size_t count = 0;

	for (; *path; path++)
		count += *path == '/';
	return count;
}

static uint32_t draw(struct run *run, uint32_t below)
{
	return next_random(&run->seed) % below;
}

/* One to four levels of names from a small set; deeper ones from what is there. */
static void draw_path(struct run *run, char path[PATH_SIZE])
{
	static const char *const names[] = {"a", "b", "a-", "a.b", "\xe4", "z"};
	uint32_t depth = 1 + draw(run, 4);

	path[0] = '\0';
	if (draw(run, 3) == 0 && run->model.count > 1) {
		strcpy(path, run->model.items[1 + draw(run, (uint32_t)run->model.count - 1)].path);
		return;
	}
	for (uint32_t i = 0; i < depth; i++) {
		strcat(path, "/");
		strcat(path, names[draw(run, 6)]);
	}
}

static struct msb_entry draw_entry(struct run *run)
{
	static const uint8_t attributes[] = {6, 'u', 's', 'e', 'r', '.', 'a', 0, 1, 0, 0, 0, 'v'};
	static const char *const targets[] = {"a", "/a/b", "../z"};
	struct msb_entry entry = a_file((uint8_t)draw(run, 4));
	uint32_t kind = draw(run, 8);

	if (kind < 3) {
		entry = a_directory();
	} else if (kind == 3) {
		entry = a_symlink(targets[draw(run, 3)]);
	} else if (kind == 4) {
		entry = (struct msb_entry){.type = MSB_BLOCK, .device_minor = draw(run, 3)};
	}
	entry.mode = draw(run, 2) ? 0755 : 0700;
	entry.uid = draw(run, 2);
	if (draw(run, 6) == 0) {
		entry.xattrs = attributes;
		entry.xattrs_size = sizeof(attributes);
	}
	return entry;
}

static void model_put(struct model *model, const char *path, const struct msb_entry *entry,
		      unsigned group)
{
	struct item *there = find(model, path);

	if (there && there->entry.type == MSB_DIRECTORY && entry->type == MSB_DIRECTORY) {
		there->entry = *entry;
		return;
	}
	drop(model, path, true);
	add(model, path, entry, group);
}

static void do_put(struct run *run)
{
	struct msb_entry entry = draw_entry(run);
	char path[PATH_SIZE];
	int expected;

	draw_path(run, path);
	expected = reach(&run->model, path, false);
	assert_int_equal(edit_put(run->edit, path, &entry, NULL), expected);
	if (expected == 0)
		model_put(&run->model, path, &entry, 0);
}

static void do_put_root(struct run *run)
{
	struct msb_entry entry = draw_entry(run);
	int expected = entry.type == MSB_DIRECTORY ? 0 : -ENOTDIR;

	assert_int_equal(edit_put(run->edit, "/", &entry, NULL), expected);
	if (expected == 0)
		model_put(&run->model, "", &entry, 0);
}

static void do_remove(struct run *run)
{
	char path[PATH_SIZE];

	draw_path(run, path);
	assert_int_equal(edit_remove(run->edit, path, NULL), 0);
	if (reach(&run->model, path, true) == 0)
		drop(&run->model, path, true);
}

static void do_clear(struct run *run)
{
	char path[PATH_SIZE];
	int expected;

	draw_path(run, path);
	expected = reach(&run->model, path, true);
	if (expected == 0 && !is_directory(&run->model, path))
		expected = -ENOTDIR;
	assert_int_equal(edit_clear(run->edit, path, NULL), expected);
	if (expected == 0)
		drop(&run->model, path, false);
}

static void do_make_dirs(struct run *run)
{
	struct msb_entry pattern = a_directory();
	char path[PATH_SIZE], part[PATH_SIZE];

	draw_path(run, path);
	for (size_t i = 1; i <= strlen(path); i++) {
		struct item *item;

		if (path[i] && path[i] != '/')
			continue;
		snprintf(part, sizeof(part), "%.*s", (int)i, path);
		item = find(&run->model, part);
		if (item && item->entry.type != MSB_DIRECTORY) {
			assert_int_equal(edit_make_dirs(run->edit, path, &pattern, NULL), -ENOTDIR);
			return;
		}
		if (!item)
			add(&run->model, part, &pattern, 0);
	}
	assert_int_equal(edit_make_dirs(run->edit, path, &pattern, NULL), 0);
}

static void do_link(struct run *run)
{
	char path[PATH_SIZE], link_path[PATH_SIZE];
	struct item *source, copy;
	int expected;

	draw_path(run, path);
	draw_path(run, link_path);
	expected = reach(&run->model, path, true);
	source = find(&run->model, path);
	if (expected == 0 && source->entry.type == MSB_DIRECTORY)
		expected = -EPERM;
	if (expected == 0)
		expected = reach(&run->model, link_path, false);
	assert_int_equal(edit_link(run->edit, path, link_path, NULL), expected);
	if (expected < 0 || strcmp(path, link_path) == 0)
		return;
	if (source->group == 0)
		source->group = ++run->model.next_group;
	copy = *source;
	model_put(&run->model, link_path, &copy.entry, copy.group);
}

/* Of something in the last commit, to anywhere. */
static void do_graft(struct run *run)
{
	const struct item *source =
		&run->committed.items[draw(run, (uint32_t)run->committed.count)];
	unsigned group = run->model.next_group;
	size_t below = strlen(source->path), deepest = 0;
	char path[PATH_SIZE], whole[2 * PATH_SIZE];
	struct msb_found found;
	int expected;

	draw_path(run, path);
	for (size_t i = 0; i < run->committed.count; i++)
		if (is_below(run->committed.items[i].path, source->path) &&
		    levels(run->committed.items[i].path) > deepest)
			deepest = levels(run->committed.items[i].path);
	if (levels(path) + deepest > MAX_LEVELS || run->model.count > MAX_ITEMS / 4)
		return;
	assert_ok(run->fixture, msb_tree_find(run->fixture->store, &run->tree, source->path,
					      MSB_NOFOLLOW, &found, &run->fixture->err));
	expected = reach(&run->model, path, false);
	assert_int_equal(edit_graft(run->edit, path, &found.entry, 0, NULL), expected);
	msb_found_done(&found);
	if (expected < 0)
		return;
	drop(&run->model, path, true);
	for (size_t i = 0; i < run->committed.count; i++) {
		const struct item *item = &run->committed.items[i];

		if (item != source && !is_below(item->path, source->path))
			continue;
		snprintf(whole, sizeof(whole), "%s%s", path, item->path + below);
		add(&run->model, whole, &item->entry, item->group ? group + item->group : 0);
	}
	run->model.next_group = group + run->committed.next_group;
}

/* Fills in what commit computes, by counting. */
static void settle(struct model *model)
{
	qsort(model->items, model->count, sizeof(*model->items), compare_items);
	for (size_t i = 0; i < model->count; i++) {
		struct item *item = &model->items[i];

		item->entry.nlink = 1;
		for (size_t j = 0; item->group && j < model->count; j++)
			item->entry.nlink += i != j && model->items[j].group == item->group;
	}
	for (size_t i = 0; i < model->count; i++) {
		struct msb_entry *entry = &model->items[i].entry;

		if (entry->type != MSB_DIRECTORY)
			continue;
		entry->entries = entry->bytes = entry->subdirectories = 0;
		entry->below = entry->xattrs_size > 0 ? MSB_BELOW_XATTRS : 0;
		for (size_t j = i + 1; j < model->count; j++) {
			const struct item *other = &model->items[j];

			if (!is_below(other->path, model->items[i].path))
				continue;
			entry->entries++;
			entry->below |= other->entry.xattrs_size > 0 ? MSB_BELOW_XATTRS : 0;
			entry->below |= other->entry.nlink > 1 ? MSB_BELOW_LINKS : 0;
			if (other->entry.type == MSB_FILE)
				entry->bytes += other->entry.size / other->entry.nlink;
			if (other->entry.type == MSB_DIRECTORY)
				entry->subdirectories +=
					levels(other->path) == levels(model->items[i].path) + 1;
		}
	}
}

struct walk {
	struct model *model;
	size_t at;
	uint32_t numbers[MAX_ITEMS * 16]; /* by group */
};

static int check_entry(void *context, const struct msb_difference *difference,
		       struct msb_error *err)
{
	struct walk *walk = context;
	const struct item *item = &walk->model->items[walk->at++];
	const struct msb_entry *expected = &item->entry, *entry = difference->after;

	(void)err;
	assert_in_range(walk->at, 1, walk->model->count);
	assert_string_equal(difference->path, item->path[0] ? item->path : "/");
	assert_int_equal(entry->type, expected->type);
	assert_int_equal(entry->mode, expected->mode);
	assert_int_equal(entry->uid, expected->uid);
	assert_int_equal(entry->size, expected->size);
	assert_int_equal(entry->nlink, expected->nlink);
	assert_int_equal(entry->entries, expected->entries);
	assert_int_equal(entry->bytes, expected->bytes);
	assert_int_equal(entry->subdirectories, expected->subdirectories);
	assert_int_equal(entry->below, expected->below);
	assert_int_equal(entry->xattrs_size, expected->xattrs_size);
	assert_int_equal(entry->link != 0, expected->nlink > 1);
	if (entry->type == MSB_FILE)
		expect_digest(&entry->digest, &expected->digest);
	if (entry->link == 0)
		return 0;
	assert_in_range(item->group, 1, MAX_ITEMS * 16 - 1);
	if (walk->numbers[item->group] == 0) {
		for (size_t i = 0; i <= walk->model->next_group; i++)
			assert_int_not_equal(walk->numbers[i], entry->link);
		walk->numbers[item->group] = entry->link;
	}
	assert_int_equal(walk->numbers[item->group], entry->link);
	return 0;
}

static bool differs(const struct msb_entry *a, const struct msb_entry *b)
{
	return a->type != b->type || a->mode != b->mode || a->uid != b->uid ||
	       a->mtime_sec != b->mtime_sec || a->xattrs_size != b->xattrs_size ||
	       a->device_minor != b->device_minor || a->size != b->size ||
	       (a->type == MSB_SYMLINK && strcmp(a->target, b->target) != 0) ||
	       (a->type != MSB_DIRECTORY && b->nlink > a->nlink) ||
	       (a->type == MSB_FILE && !msb_digest_equal(&a->digest, &b->digest));
}

static void expect_change(struct buffer *text, char change, const char *path)
{
	buffer_printf(text, "%c %s\n", change, path[0] ? path : "/");
}

/* The differences of two settled models, item by item. */
static char *naive_diff(struct model *before, struct model *after)
{
	autobuffer text = {0};
	size_t i = 0, j = 0;

	while (i < before->count || j < after->count) {
		const struct item *old = i < before->count ? &before->items[i] : NULL;
		const struct item *new = j < after->count ? &after->items[j] : NULL;
		int order = !old ? 1 : !new ? -1 : compare_paths(old->path, new->path);
		char parent[PATH_SIZE];

		i += order <= 0;
		j += order >= 0;
		if (order > 0) {
			expect_change(&text, 'A', new->path);
		} else if (order < 0) {
			strcpy(parent, old->path);
			*strrchr(parent, '/') = '\0';
			if (is_directory(after, parent))
				expect_change(&text, 'R', old->path);
		} else if (old->entry.type != new->entry.type &&
			   (old->entry.type == MSB_DIRECTORY || new->entry.type == MSB_DIRECTORY)) {
			expect_change(&text, 'R', old->path);
			expect_change(&text, 'A', new->path);
		} else if (differs(&old->entry, &new->entry)) {
			expect_change(&text, 'C', new->path);
		}
	}
	return buffer_text(&text);
}

static int note_change(void *context, const struct msb_difference *difference,
		       struct msb_error *err)
{
	static const char letters[] = {[MSB_ADDED] = 'A', [MSB_REMOVED] = 'R', [MSB_CHANGED] = 'C'};

	(void)err;
	assert_int_equal(difference->before == NULL, difference->change == MSB_ADDED);
	assert_int_equal(difference->after == NULL, difference->change == MSB_REMOVED);
	expect_change(context, letters[difference->change], difference->path);
	return 0;
}

static void check_diff(struct run *run, const struct msb_digest *tree)
{
	autofree char *expected = naive_diff(&run->committed, &run->model);
	autofree char *text = NULL;
	autobuffer found = {0};

	assert_ok(run->fixture, msb_tree_diff(run->fixture->store, &run->tree, tree, note_change,
					      &found, &run->fixture->err));
	text = buffer_text(&found);
	assert_string_equal(text, expected);
}

/* The same tree made at once from nothing has the same digest. */
static void check_made_anew(struct run *run, const struct msb_digest *tree)
{
	AUTO(tree_edit_freep) struct tree_edit *edit = edit_of(run->fixture, NULL);
	struct msb_digest anew;

	for (size_t i = run->model.count; i-- > 0;) {
		struct msb_entry parents = a_directory();
		const struct item *item = &run->model.items[i];
		struct msb_entry entry = item->entry;
		char parent[PATH_SIZE];

		strcpy(parent, item->path);
		if (parent[0])
			*strrchr(parent, '/') = '\0';
		assert_int_equal(edit_make_dirs(edit, parent, &parents, NULL), 0);
		entry.link = item->group;
		put(run->fixture, edit, item->path, entry);
	}
	assert_ok(run->fixture, edit_commit(edit, run->fixture->writer, &anew, &run->fixture->err));
	expect_digest(&anew, tree);
}

static void commit_and_check(struct run *run)
{
	autofree struct walk *walk = calloc(1, sizeof(*walk));
	struct msb_digest tree;

	assert_non_null(walk);
	tree = commit(run->fixture, run->edit);
	settle(&run->model);
	walk->model = &run->model;
	assert_ok(run->fixture,
		  msb_tree_walk(run->fixture->store, &tree, check_entry, walk, &run->fixture->err));
	assert_int_equal(walk->at, run->model.count);
	if (run->committed.count > 0)
		check_diff(run, &tree);
	check_made_anew(run, &tree);
	run->committed = run->model;
	run->tree = tree;
	if (draw(run, 3) == 0) {
		tree_edit_free(run->edit);
		run->edit = edit_of(run->fixture, &tree);
	}
}

/* Groups anew from 1, so that their numbers stay small. */
static void renumber_groups(struct model *model)
{
	unsigned next = 0;

	for (size_t i = 0; i < model->count; i++) {
		unsigned group = model->items[i].group;

		if (group == 0 || group & 1u << 31)
			continue;
		next++;
		for (size_t j = i; j < model->count; j++)
			if (model->items[j].group == group)
				model->items[j].group = next | 1u << 31;
	}
	for (size_t i = 0; i < model->count; i++)
		model->items[i].group &= ~(1u << 31);
	model->next_group = next;
}

static void random_edits_make_what_a_list_of_paths_makes(void **state)
{
	static void (*const operations[])(struct run *) = {
		do_put,    do_put,   do_put,  do_put,   do_put,      do_make_dirs, do_make_dirs,
		do_remove, do_clear, do_link, do_graft, do_put_root, do_link,
	};
	autofree struct run *run = calloc(1, sizeof(*run));
	struct msb_entry root = {.type = MSB_DIRECTORY, .mode = 0755};

	assert_non_null(run);
	run->fixture = *state;
	run->seed = 42;
	run->edit = edit_of(run->fixture, NULL);
	add(&run->model, "", &root, 0);
	commit_and_check(run);
	for (int round = 0; round < 400; round++) {
		for (uint32_t i = 1 + draw(run, 25); i > 0; i--)
			operations[draw(run, 13)](run);
		commit_and_check(run);
		renumber_groups(&run->model);
		run->committed = run->model;
	}
	tree_edit_free(run->edit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_IN_STORE(random_edits_make_what_a_list_of_paths_makes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

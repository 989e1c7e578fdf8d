#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "io.h"
#include "path.h"
#include "selection.h"

struct selection {
	struct msb_store *store;
	struct tree_edit *tree;
	struct strlist names;
	uint32_t *origins; /* of as many items */
	uint32_t origin;   /* the last source's */
};

int selection_new(struct msb_store *store, struct selection **ret, struct msb_error *err)
{
	AUTO(selection_freep) struct selection *selection = calloc(1, sizeof(*selection));
	int r;

	if (!selection)
		return msb_error_memory(err);
	selection->store = store;
	r = tree_edit_new(store, NULL, &selection->tree, err);
	if (r < 0)
		return r;
	*ret = steal(&selection);
	return 0;
}

void selection_free(struct selection *selection)
{
	if (!selection)
		return;
	tree_edit_free(selection->tree);
	strlist_done(&selection->names);
	free(selection->origins);
	free(selection);
}

static int add_item(struct selection *selection, const char *name, struct msb_error *err)
{
	size_t count = selection->names.count;
	uint32_t *origins = reallocarray(selection->origins, count + 1, sizeof(*origins));

	if (!origins)
		return msb_error_memory(err);
	selection->origins = origins;
	origins[count] = selection->origin;
	return strlist_add(&selection->names, name) < 0 ? msb_error_memory(err) : 0;
}

uint32_t selection_origin(const struct selection *selection, size_t item)
{
	return selection->origins[item];
}

const struct strlist *selection_names(const struct selection *selection)
{
	return &selection->names;
}

/* One lookup under way: the source opened as an edit that nobody commits. */
struct lookup {
	struct selection *selection;
	const struct selection_source *source;
	struct tree_edit *tree;
};

/* Lists the directories on the way to a literal path, the deepest that is known first; 1 when any
 * was new. */
static int scan_way(struct context *context, const char *path, struct msb_error *err)
{
	autofree char *prefix = strdup(path);
	struct msb_entry entry;
	bool any = false;
	char *slash;

	if (!prefix)
		return msb_error_memory(err);
	while ((slash = strrchr(prefix, '/'))) {
		const char *directory = slash == prefix ? "/" : prefix;
		int r;

		*slash = '\0';
		if (edit_get(context_tree(context), directory, &entry, NULL) < 0 ||
		    entry.type != MSB_DIRECTORY)
			continue;
		r = context_scan(context, directory, err);
		if (r < 0)
			return r;
		any |= r > 0;
	}
	return any;
}

/* The literal path behind all symlinks; in a context, after listing what the way needs. */
static int resolve(struct lookup *lookup, const char *path, char **ret, struct msb_error *err)
{
	for (;;) {
		autofree char *resolved = NULL;
		int r = edit_resolve(lookup->tree, path, 0, &resolved, err);

		if (r < 0)
			return r;
		r = lookup->source->context ? scan_way(lookup->source->context, resolved, err) : 0;
		if (r < 0)
			return r;
		if (r == 0) {
			*ret = steal(&resolved);
			return 0;
		}
	}
}

static int list_directory(struct lookup *lookup, const char *path, struct strlist *ret,
			  struct msb_error *err);

/* Where a walk stands. */
struct spot {
	char *from;   /* in the source */
	char *to;     /* in the selection */
	char *inside; /* below what was asked for; "" for that itself */
};

static void spot_done(struct spot *spot)
{
	free(spot->from);
	free(spot->to);
	free(spot->inside);
}

#define autospot AUTO(spot_done) struct spot

/* One name deeper; ret owns what it points to, also after a failure. */
static int step_down(const struct spot *spot, const char *name, struct spot *ret,
		     struct msb_error *err)
{
	ret->from = path_join(spot->from, name);
	ret->to = path_join(spot->to, name);
	ret->inside = *spot->inside ? path_join(spot->inside, name) : strdup(name);
	return ret->from && ret->to && ret->inside ? 0 : msb_error_memory(err);
}

static bool is_excluded(const struct lookup *lookup, const struct spot *spot,
			const struct msb_entry *entry)
{
	const struct ignore *exclude = lookup->source->exclude;

	return exclude && *spot->inside && ignore_match(exclude, spot->inside) &&
	       !(entry->type == MSB_DIRECTORY && ignore_may_reinclude(exclude, spot->inside));
}

static int take(struct lookup *lookup, const struct spot *spot, struct msb_entry entry,
		struct msb_error *err);

static int take_directory(struct lookup *lookup, const struct spot *spot,
			  const struct msb_entry *entry, struct msb_error *err)
{
	autostrlist names = {0};
	struct msb_entry bare = *entry, child;
	int r;

	bare.digest = (struct msb_digest){0};
	r = edit_put(lookup->selection->tree, spot->to, &bare, err);
	if (r >= 0)
		r = list_directory(lookup, spot->from, &names, err);
	for (size_t i = 0; r >= 0 && i < names.count; i++) {
		autospot below = {0};

		r = step_down(spot, names.items[i], &below, err);
		if (r >= 0)
			r = edit_get(lookup->tree, below.from, &child, err);
		if (r >= 0)
			r = take(lookup, &below, child, err);
	}
	return r;
}

static int take(struct lookup *lookup, const struct spot *spot, struct msb_entry entry,
		struct msb_error *err)
{
	const struct ignore *exclude = lookup->source->exclude;
	struct tree_edit *tree = lookup->selection->tree;
	int r = 0;

	if (is_excluded(lookup, spot, &entry))
		return 0;
	if (!lookup->source->context && !(exclude && entry.type == MSB_DIRECTORY))
		return edit_graft(tree, spot->to, &entry, 1, err);
	if (entry.type == MSB_DIRECTORY)
		return take_directory(lookup, spot, &entry, err);
	if (entry.type == MSB_FILE && lookup->source->context)
		r = context_read(lookup->source->context, spot->from, &entry, err);
	return r < 0 ? r : edit_put(tree, spot->to, &entry, err);
}

static int not_found(const struct lookup *lookup, const char *path, struct msb_error *err)
{
	return msb_error_say(err, ENOENT, "'%s' not found%s", path,
			     lookup->source->context
				     ? " in the build context, or left out by .dockerignore"
				     : "");
}

/* Adds one path that was found, under the name it was asked by. */
static int add_path(struct lookup *lookup, const char *path, struct msb_error *err)
{
	autofree char *resolved = NULL;
	char to[32], inside[] = "";
	struct msb_entry entry;
	int r = resolve(lookup, path, &resolved, err);

	if (r < 0)
		return r;
	r = edit_get(lookup->tree, resolved, &entry, err);
	if (r == -ENOENT || r == -ENOTDIR)
		return not_found(lookup, path, err);
	if (r < 0)
		return r;
	snprintf(to, sizeof(to), "/%zu", lookup->selection->names.count);
	r = take(lookup, &(struct spot){resolved, to, inside}, entry, err);
	return r < 0 ? r : add_item(lookup->selection, path_base(path), err);
}

static int add_name(void *context, const struct msb_entry *entry)
{
	return strlist_add_bytes(context, entry->name, entry->name_length);
}

static int list_directory(struct lookup *lookup, const char *path, struct strlist *ret,
			  struct msb_error *err)
{
	int r = 0;

	if (lookup->source->context)
		r = context_scan(lookup->source->context, path, err);
	if (r >= 0)
		r = edit_list(lookup->tree, path, add_name, ret, err);
	return r;
}

/* An escape by itself makes no pattern: the name is then taken with it. */
static bool has_wildcard(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\\')
			i++;
		else if (strchr("*?[", text[i]))
			return true;
	}
	return false;
}

/* Matches pattern's first component in the directory `done`, then goes on below each match that is
 * a directory itself: no symlink is followed on the way. */
static int add_matches(struct lookup *lookup, const char *done, const char *pattern,
		       struct msb_error *err)
{
	size_t length = strcspn(pattern, "/");
	autofree char *part = strndup(pattern, length);
	autostrlist names = {0};
	struct msb_entry entry;
	int r;

	if (!part)
		return msb_error_memory(err);
	r = edit_get(lookup->tree, done, &entry, err);
	if (r < 0 || entry.type != MSB_DIRECTORY)
		return r;
	pattern += length + (pattern[length] == '/');
	r = list_directory(lookup, done, &names, err);
	for (size_t i = 0; r >= 0 && i < names.count; i++) {
		autofree char *next = NULL;
		int match = glob_match(part, names.items[i]);

		if (match < 0)
			return msb_error_say(err, EINVAL, "malformed pattern '%s'", part);
		if (match == 0)
			continue;
		next = path_join(done, names.items[i]);
		if (!next)
			return msb_error_memory(err);
		r = *pattern ? add_matches(lookup, next, pattern, err)
			     : add_path(lookup, next, err);
	}
	return r;
}

/* The directory that a pattern looks into must be there, though nothing in it need match. */
static int add_pattern(struct lookup *lookup, const char *pattern, struct msb_error *err)
{
	autofree char *base = NULL;
	autofree char *resolved = NULL;
	size_t end = 0, next = 1;
	struct msb_entry entry;
	int r;

	while (!has_wildcard(pattern + next, strcspn(pattern + next, "/"))) {
		end = next + strcspn(pattern + next, "/");
		next = end + 1;
	}
	base = end ? strndup(pattern, end) : strdup("/");
	if (!base)
		return msb_error_memory(err);
	r = resolve(lookup, base, &resolved, err);
	if (r < 0)
		return r;
	r = edit_get(lookup->tree, resolved, &entry, err);
	if (r == -ENOENT || r == -ENOTDIR ||
	    (r >= 0 && lookup->source->context && entry.type != MSB_DIRECTORY))
		return not_found(lookup, base, err);
	return r < 0 ? r : add_matches(lookup, resolved, pattern + next, err);
}

/* --- With the directories above what is taken --- */

/* What a pattern with its directories means: matches, and where any may lie. */
struct wanted {
	struct ignore *matches; /* of the pattern */
	struct ignore *below;   /* of its negation */
	size_t taken;
};

static void wanted_done(struct wanted *wanted)
{
	ignore_free(wanted->matches);
	ignore_free(wanted->below);
}

/* A leading slash means nothing to a pattern, but keeps "#" and "!" from meaning something. */
static int parse_wanted(const char *pattern, struct wanted *ret, struct msb_error *err)
{
	autofree char *clean = path_join("/", pattern);
	autofree char *matches = NULL;
	autofree char *below = NULL;
	int r;

	*ret = (struct wanted){0};
	if (!clean)
		return msb_error_memory(err);
	matches = buffer_format("%s", clean[1] ? clean : "/**");
	below = buffer_format("!%s", matches ? matches : "");
	if (!matches || !below)
		return msb_error_memory(err);
	if (strchr(matches, '\n'))
		return msb_error_say(err, EINVAL, "'%s' has a line break", pattern);
	r = ignore_parse("--parents", matches, strlen(matches), &ret->matches, err);
	return r < 0 ? r : ignore_parse("--parents", below, strlen(below), &ret->below, err);
}

static int take_below(struct lookup *lookup, struct wanted *wanted, const struct spot *spot,
		      struct msb_error *err);

static int take_wanted(struct lookup *lookup, struct wanted *wanted, const struct spot *spot,
		       struct msb_error *err)
{
	struct msb_entry entry;
	int r = edit_get(lookup->tree, spot->from, &entry, err);

	if (r < 0)
		return r;
	if (is_excluded(lookup, spot, &entry))
		return 0;
	if (ignore_match(wanted->matches, spot->inside)) {
		wanted->taken++;
		return take(lookup, spot, entry, err);
	}
	if (entry.type != MSB_DIRECTORY || !ignore_may_reinclude(wanted->below, spot->inside))
		return 0;
	return take_below(lookup, wanted, spot, err);
}

/* A directory in which nothing is taken is not there. */
static int take_below(struct lookup *lookup, struct wanted *wanted, const struct spot *spot,
		      struct msb_error *err)
{
	autostrlist names = {0};
	struct msb_entry bare;
	size_t before = wanted->taken;
	int r = edit_get(lookup->tree, spot->from, &bare, err);

	bare.digest = (struct msb_digest){0};
	if (r >= 0)
		r = edit_put(lookup->selection->tree, spot->to, &bare, err);
	if (r >= 0)
		r = list_directory(lookup, spot->from, &names, err);
	for (size_t i = 0; r >= 0 && i < names.count; i++) {
		autospot below = {0};

		r = step_down(spot, names.items[i], &below, err);
		if (r >= 0)
			r = take_wanted(lookup, wanted, &below, err);
	}
	if (r >= 0 && wanted->taken == before)
		r = edit_remove(lookup->selection->tree, spot->to, err);
	return r;
}

/* Nothing was taken: fine for a pattern, and for what is there but --exclude leaves out. */
static int check_nothing(struct lookup *lookup, const char *base, const char *pattern,
			 struct msb_error *err)
{
	autofree char *path = path_join(base, pattern);
	struct msb_entry entry;
	int r;

	if (!path)
		return msb_error_memory(err);
	if (has_wildcard(pattern, strlen(pattern)))
		return 0;
	r = edit_get(lookup->tree, path, &entry, err);
	if (r == -ENOENT || r == -ENOTDIR)
		return msb_error_say(err, ENOENT, "'%s' not found", pattern);
	return r;
}

/* base: where the pattern counts from. */
static int add_parents(struct lookup *lookup, const char *base, const char *pattern,
		       struct msb_error *err)
{
	AUTO(wanted_done) struct wanted wanted;
	autofree char *resolved = NULL;
	char to[32], inside[] = "";
	struct msb_entry entry;
	int r = parse_wanted(pattern, &wanted, err);

	if (r >= 0)
		r = resolve(lookup, base, &resolved, err);
	if (r < 0)
		return r;
	r = edit_get(lookup->tree, resolved, &entry, err);
	if (r < 0 && r != -ENOENT && r != -ENOTDIR)
		return r;
	if (r < 0 || entry.type != MSB_DIRECTORY)
		return msb_error_say(err, ENOENT, "directory '%s' not found", base);
	snprintf(to, sizeof(to), "/%zu", lookup->selection->names.count);
	r = take_below(lookup, &wanted, &(struct spot){resolved, to, inside}, err);
	if (r < 0)
		return r;
	if (wanted.taken == 0)
		return check_nothing(lookup, resolved, pattern, err);
	/* What holds the names that are kept is no source itself, and lends nothing of its own. */
	return add_item(lookup->selection, "/", err);
}

/* Makes the source readable as lookup->tree, which *ret_opened owns unless it is a context's. */
static int begin_lookup(struct lookup *lookup, struct tree_edit **ret_opened, struct msb_error *err)
{
	const struct selection_source *source = lookup->source;
	int r;

	lookup->selection->origin++;
	if (source->context) {
		context_lock(source->context);
		lookup->tree = context_tree(source->context);
		return 0;
	}
	r = tree_edit_new(lookup->selection->store, source->tree, ret_opened, err);
	lookup->tree = *ret_opened;
	return r;
}

int selection_add(struct selection *selection, const struct selection_source *source,
		  const char *pattern, struct msb_error *err)
{
	struct lookup lookup = {.selection = selection, .source = source};
	AUTO(tree_edit_freep) struct tree_edit *opened = NULL;
	autofree char *clean = path_join("/", pattern);
	int r;

	if (!clean)
		return msb_error_memory(err);
	r = begin_lookup(&lookup, &opened, err);
	if (r >= 0 && has_wildcard(clean, strlen(clean)))
		r = add_pattern(&lookup, clean, err);
	else if (r >= 0)
		r = add_path(&lookup, clean, err);
	if (source->context)
		context_unlock(source->context);
	return r;
}

int selection_add_parents(struct selection *selection, const struct selection_source *source,
			  const char *pattern, struct msb_error *err)
{
	struct lookup lookup = {.selection = selection, .source = source};
	AUTO(tree_edit_freep) struct tree_edit *opened = NULL;
	const char *pivot = strstr(pattern, "/./");
	autofree char *base = pivot ? strndup(pattern, (size_t)(pivot - pattern)) : strdup("");
	autofree char *absolute = base ? path_join("/", base) : NULL;
	int r;

	if (!absolute)
		return msb_error_memory(err);
	r = begin_lookup(&lookup, &opened, err);
	if (r >= 0)
		r = add_parents(&lookup, absolute, pivot ? pivot + 3 : pattern, err);
	if (source->context)
		context_unlock(source->context);
	return r;
}

int selection_add_entry(struct selection *selection, const char *name,
			const struct msb_entry *entry, struct msb_error *err)
{
	char to[32];
	int r;

	selection->origin++;
	snprintf(to, sizeof(to), "/%zu", selection->names.count);
	r = edit_put(selection->tree, to, entry, err);
	return r < 0 ? r : add_item(selection, name, err);
}

int selection_add_file(struct selection *selection, struct store_writer *writer, const char *name,
		       const void *bytes, size_t size, struct msb_error *err)
{
	struct msb_entry entry = {.type = MSB_FILE, .mode = 0644, .nlink = 1, .size = size};
	int64_t now = io_now();
	int r = store_put(writer, bytes, size, &entry.digest, err);

	entry.mtime_sec = now / 1000000000;
	entry.mtime_nsec = (uint32_t)(now % 1000000000);
	return r < 0 ? r : selection_add_entry(selection, name, &entry, err);
}

int selection_commit(struct selection *selection, struct store_writer *writer,
		     struct msb_digest *ret_tree, struct msb_error *err)
{
	return edit_commit(selection->tree, writer, ret_tree, err);
}

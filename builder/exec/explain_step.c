#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msb/tree.h>
#include <msb/tree_diff.h>

#include "definition.h"
#include "earlier_step.h"
#include "explain_step.h"
#include "internal.h"
#include "plan.h"

enum {
	FILES_MAX = 10,          /* named one by one */
	DIFFERENCES_MAX = 20000, /* looked at */
};

#define MOUNTED_PATH "/0" /* in the tree of a mount: what it shows */

/* --- What differs in trees --- */

static const struct msb_step *numbered(const struct candidate *stage, size_t number)
{
	for (size_t i = 0; i < stage->count; i++)
		if (stage->steps[i].number == number && stage->steps[i].has_tree)
			return &stage->steps[i];
	return NULL;
}

static int has_same_key(struct msb_store *store, const struct msb_digest *a,
			const struct msb_digest *b, bool *ret, struct msb_error *err)
{
	struct msb_digest keys[2];
	int r = tree_key(store, a, &keys[0], err);

	if (r >= 0)
		r = tree_key(store, b, &keys[1], err);
	if (r >= 0)
		*ret = msb_digest_equal(&keys[0], &keys[1]);
	return r;
}

/* The first step of both stages whose tree differs: from there on the trees before do. */
static int explain_tree(struct msb_store *store, const struct candidate *now,
			const struct candidate *then, struct explanation *item,
			struct msb_error *err)
{
	for (size_t number = 1; number < now->step->number; number++) {
		const struct msb_step *a = numbered(then, number), *b = numbered(now, number);
		bool same;
		char *text;
		int r;

		if (!a || !b)
			return 0;
		r = has_same_key(store, &a->tree, &b->tree, &same, err);
		if (r < 0)
			return r;
		if (same)
			continue;
		text = number == 1 ? buffer_format("what the stage begins with differs (%s)",
						   b->expanded)
				   : buffer_format("the tree before differs since step %zu (%s)",
						   number, b->expanded);
		if (!text)
			return msb_error_memory(err);
		free(item->text);
		item->text = text;
		return 0;
	}
	return 0;
}

/* In all that a key knows; a directory by itself. */
static bool is_same_entry(const struct msb_entry *a, const struct msb_entry *b)
{
	if (a->type != b->type || a->mode != b->mode || a->uid != b->uid || a->gid != b->gid ||
	    a->xattrs_size != b->xattrs_size ||
	    (a->xattrs_size > 0 && memcmp(a->xattrs, b->xattrs, a->xattrs_size) != 0))
		return false;
	switch (a->type) {
	case MSB_FILE:
		return msb_digest_equal(&a->digest, &b->digest);
	case MSB_SYMLINK:
		return a->size == b->size && memcmp(a->target, b->target, a->size) == 0;
	default:
		return a->device_major == b->device_major && a->device_minor == b->device_minor;
	}
}

struct content {
	struct msb_store *store;
	const char *mounted;             /* where what is compared was mounted; NULL: it was made */
	const struct msb_step *steps[2]; /* then, now: with their trees, and those before */
	const struct msb_digest *before[2];
	struct explanations *ret;
	size_t seen, told, more;
};

/* Whether a step made anything of the entry. */
static bool is_made_by(struct msb_store *store, const struct msb_digest *before,
		       const struct msb_digest *after, const char *path)
{
	struct msb_found a, b;
	bool has_a = msb_tree_find(store, before, path, MSB_NOFOLLOW, &a, NULL) >= 0;
	bool has_b = msb_tree_find(store, after, path, MSB_NOFOLLOW, &b, NULL) >= 0;
	bool made = has_a != has_b || (has_a && !is_same_entry(&a.entry, &b.entry));

	if (has_a)
		msb_found_done(&a);
	if (has_b)
		msb_found_done(&b);
	return made;
}

/* "content", "mode 0644 -> 0600, owner 0:0 -> 1:2": in what two entries differ. */
static void put_changes(struct buffer *out, const struct msb_entry *a, const struct msb_entry *b)
{
	size_t begin = out->size;
	bool file = a->type == MSB_FILE && b->type == MSB_FILE;

	if (a->type != b->type) {
		buffer_string(out, "another kind of file");
		return;
	}
	if (file && !msb_digest_equal(&a->digest, &b->digest))
		buffer_string(out, "content, ");
	if (a->type == MSB_SYMLINK &&
	    (a->size != b->size || memcmp(a->target, b->target, a->size) != 0))
		buffer_printf(out, "target %.*s -> %.*s, ", (int)a->size, a->target, (int)b->size,
			      b->target);
	if (a->mode != b->mode)
		buffer_printf(out, "mode %04o -> %04o, ", a->mode, b->mode);
	if (a->uid != b->uid || a->gid != b->gid)
		buffer_printf(out, "owner %u:%u -> %u:%u, ", a->uid, a->gid, b->uid, b->gid);
	if (a->xattrs_size != b->xattrs_size ||
	    (a->xattrs_size > 0 && memcmp(a->xattrs, b->xattrs, a->xattrs_size) != 0))
		buffer_string(out, "extended attributes, ");
	if (out->size == begin)
		buffer_string(out, "device, ");
	if (buffer_ok(out))
		out->size -= 2;
}

/* "/w/a differs: content", with the digests beside it; "mounted /w/b is new". */
static int add_entry(const struct content *content, const struct msb_difference *difference)
{
	const struct msb_entry *a = difference->before, *b = difference->after;
	bool file = a && b && a->type == MSB_FILE && b->type == MSB_FILE &&
		    !msb_digest_equal(&a->digest, &b->digest);
	char before[MSB_DIGEST_TEXT], after[MSB_DIGEST_TEXT];
	autobuffer out = {0};
	autofree char *text = NULL;

	if (content->mounted)
		buffer_printf(&out, "mounted %s%s", content->mounted,
			      difference->path + strlen(MOUNTED_PATH));
	else
		buffer_string(&out, difference->path);
	if (difference->change == MSB_CHANGED) {
		buffer_string(&out, " differs: ");
		put_changes(&out, a, b);
	} else {
		buffer_string(&out, difference->change == MSB_ADDED ? " is new" : " is gone");
	}
	text = buffer_text(&out);
	if (!text)
		return -ENOMEM;
	return explain_add(content->ret, content->mounted ? "mount" : "content",
			   file ? msb_digest_format(&a->digest, before) : NULL,
			   file ? msb_digest_format(&b->digest, after) : NULL, "%s", text);
}

static int explain_entry(void *context, const struct msb_difference *difference,
			 struct msb_error *err)
{
	struct content *content = context;
	bool made = content->mounted;

	if (content->seen++ == DIFFERENCES_MAX)
		return -ECANCELED;
	if (difference->change == MSB_CHANGED &&
	    is_same_entry(difference->before, difference->after))
		return 0;
	for (size_t i = 0; !made && i < 2; i++)
		made = is_made_by(content->store, content->before[i], &content->steps[i]->tree,
				  difference->path);
	if (!made)
		return 0;
	if (content->told == FILES_MAX) {
		content->more++;
		return 0;
	}
	content->told++;
	return add_entry(content, difference) < 0 ? msb_error_memory(err) : 0;
}

/* Which files the two steps made differently; nothing is told where that cannot be seen. */
static int explain_content(struct msb_store *store, const struct candidate *now,
			   const struct candidate *then, struct explanations *ret,
			   struct msb_error *err)
{
	struct content content = {.store = store, .steps = {then->step, now->step}, .ret = ret};
	const struct msb_step *before[] = {numbered(then, then->step->number - 1),
					   numbered(now, now->step->number - 1)};
	int r;

	if (!then->step->has_tree || !now->step->has_tree || !before[0] || !before[1])
		return 0;
	content.before[0] = &before[0]->tree;
	content.before[1] = &before[1]->tree;
	r = msb_tree_diff(store, &then->step->tree, &now->step->tree, explain_entry, &content, err);
	if (r == -ECANCELED)
		r = 0;
	if (r >= 0 && content.more > 0 &&
	    explain_add(ret, "content", NULL, NULL, "and %zu more", content.more) < 0)
		r = msb_error_memory(err);
	return r;
}

/* The tree that a step's mount at that place showed. */
static bool find_mounted(const struct msb_step *step, const char *target, struct msb_digest *ret)
{
	autodefinition definition = {0};
	struct run_mount *mounts;
	size_t count;
	bool found = false;

	if (definition_read(step->definition, &definition) < 0 ||
	    definition_mounts(&definition, &mounts, &count) < 0)
		return false;
	for (size_t i = 0; !found && i < count; i++)
		found = mounts[i].target && strcmp(mounts[i].target, target) == 0 &&
			definition_mounted(&definition, i, ret);
	run_mounts_free(mounts, count);
	return found;
}

/* Which files below a mount differ; nothing is told of trees that a prune has taken. */
static int explain_mount(struct msb_store *store, const struct candidate *now,
			 const struct candidate *then, const char *words, struct explanations *ret)
{
	const char *blank = strrchr(words, ' ');
	autofree char *target = blank ? strndup(words, (size_t)(blank - words)) : NULL;
	struct content content = {.store = store, .mounted = target, .ret = ret};
	struct msb_digest before, after;
	int r;

	if (!target || !find_mounted(then->step, target, &before) ||
	    !find_mounted(now->step, target, &after))
		return 0;
	r = msb_tree_diff(store, &before, &after, explain_entry, &content, NULL);
	if (r != -ENOMEM && content.more > 0)
		r = explain_add(ret, "mount", NULL, NULL, "and %zu more", content.more);
	return r == -ENOMEM ? r : 0;
}

/* --- All of it --- */

/* Says of digests what lies behind them. */
static int look_behind(struct msb_store *store, const struct candidate *now,
		       const struct candidate *then, const struct explanations *found,
		       struct explanations *ret, struct msb_error *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < found->count; i++) {
		struct explanation *item = &found->items[i];
		size_t told = ret->count;

		if (strcmp(item->component, "tree") == 0)
			r = explain_tree(store, now, then, item, err);
		if (strcmp(item->component, "content") == 0)
			r = explain_content(store, now, then, ret, err);
		if (strcmp(item->component, "mount") == 0 && item->before && item->after &&
		    explain_mount(store, now, then, item->after, ret) < 0)
			r = msb_error_memory(err);
		if (r >= 0 && ret->count == told &&
		    explain_add(ret, item->component, item->before, item->after, "%s", item->text) <
			    0)
			r = msb_error_memory(err);
	}
	return r;
}

static int explain_base(struct msb_store *store, const struct candidate *now,
			const struct candidate *then, struct explanations *ret,
			struct msb_error *err)
{
	bool same = true;
	int r = 0;

	if (now->step->has_tree && then->step->has_tree)
		r = has_same_key(store, &then->step->tree, &now->step->tree, &same, err);
	if (r >= 0 && !same &&
	    explain_add(ret, "base", NULL, NULL, "it is another tree than in build %lld",
			(long long)then->step->build) < 0)
		r = msb_error_memory(err);
	return r;
}

/* The same key, and yet the cache did not answer. */
static int explain_same(const struct msb_step *then, struct explanations *ret,
			struct msb_error *err)
{
	long long build = then->build;
	int r = then->state == MSB_FAILED
			? explain_add(ret, "cache", NULL, NULL,
				      "it failed in build %lld, and failures are not kept", build)
			: explain_add(ret, "cache", NULL, NULL,
				      "nothing differs from build %lld: the cache was not asked "
				      "(--no-cache), or has it no more",
				      build);

	return r < 0 ? msb_error_memory(err) : 0;
}

static int explain_pair(struct msb_store *store, const struct candidate *now,
			const struct candidate *then, struct explanations *ret,
			struct msb_error *err)
{
	autoexplanations found = {0};

	if (now->step->number == 1)
		return explain_base(store, now, then, ret, err);
	if (then->score & SAME_KEY)
		return explain_same(then->step, ret, err);
	if (explain_definitions(then->step->definition, now->step->definition, &found) < 0)
		return msb_error_memory(err);
	return look_behind(store, now, then, &found, ret, err);
}

int explain_step(struct msb_store *store, const struct msb_step *step, const char *stage,
		 int64_t *ret_build, struct explanations *ret, struct msb_error *err)
{
	autocandidate then = {0};
	autocandidate now = {0};
	const struct msb_digest none = {0};
	int r;

	*ret_build = 0;
	if (msb_digest_equal(&step->key, &none))
		return 0;
	r = candidate_find(store, step, stage, &then, err);
	*ret_build = then.step ? then.step->build : 0;
	if (r < 0)
		return r;
	if (!then.step || !step->definition)
		return explain_add(ret, "step", NULL, NULL, "no earlier build had this step") < 0
			       ? msb_error_memory(err)
			       : 0;
	r = msb_records_steps(store, step->build, step->stage, &now.steps, &now.count, err);
	if (r < 0) {
		now = (struct candidate){0};
		return r;
	}
	now.step = step;
	return explain_pair(store, &now, &then, ret, err);
}

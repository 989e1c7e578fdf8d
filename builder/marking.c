#include <errno.h>
#include <string.h>

#include <msb/tree.h>

#include "image.h"
#include "marking.h"

static int mark(struct marking *marking, const struct msb_digest *digest, bool tree,
		struct msb_error *err)
{
	return store_mark(marking->care, digest, tree, marking->grade, err);
}

/* 1: there is nothing at this digest, or nothing sound; noted. 0: as far as is known it is. */
static int find_bad(struct marking *marking, const struct msb_digest *digest, bool fresh,
		    struct msb_error *err)
{
	struct msb_error why = {0};
	int r = store_is_bad(marking->care, digest, err);

	if (r != 0 || !fresh)
		return r;
	r = msb_store_has(marking->store, digest, NULL, &why);
	/* What is in a registry is not missing. */
	marking->remote += r == MSB_REMOTE;
	if (r > 0)
		return 0;
	r = store_note_bad(marking->care, digest, r == 0 ? "it is missing" : why.text, err);
	return r < 0 ? r : 1;
}

/* A file or directory below `parent`. */
static int mark_entry(struct marking *marking, const struct msb_digest *parent,
		      const struct msb_entry *entry, struct msb_error *err)
{
	bool directory = entry->type == MSB_DIRECTORY;
	int r, bad = 0;

	if (!directory && entry->type != MSB_FILE)
		return 0;
	r = mark(marking, &entry->digest, directory, err);
	if (r < 0 || !marking->trace)
		return r < 0 ? r : 0;
	bad = find_bad(marking, &entry->digest, r == 1, err);
	if (bad <= 0 && !directory)
		return bad;
	return bad < 0 ? bad
		       : store_note_edge(marking->care, &entry->digest, parent, entry->name,
					 entry->name_length, err);
}

/* A directory that cannot be read. */
static int skip_object(struct marking *marking, const struct msb_digest *object, int r,
		       const struct msb_error *why, struct msb_error *err)
{
	if (r == -ENOMEM)
		return msb_error_memory(err);
	if (marking->trace)
		return store_note_bad(marking->care, object,
				      r == -ENOENT ? "it is missing" : why->text, err);
	/* Whoever took it away knew that nothing below was worth keeping. */
	if (marking->tolerant || r == -ENOENT)
		return 0;
	return msb_error_say(err, r, "%s; see 'msb fsck', and 'msb fsck --repair'", why->text);
}

static int follow_object(struct marking *marking, const struct msb_digest *object,
			 struct msb_error *err)
{
	AUTO(msb_dir_unrefp) struct msb_dir *dir = NULL;
	struct msb_error why = {0};
	int r = msb_tree_load(marking->store, object, &dir, &why);

	if (r < 0)
		return skip_object(marking, object, r, &why, err);
	for (size_t i = 0; r >= 0 && i < msb_dir_count(dir); i++) {
		struct msb_entry entry;

		msb_dir_get(dir, i, &entry);
		r = mark_entry(marking, object, &entry, err);
	}
	return r;
}

static int follow_all(struct marking *marking, struct msb_error *err)
{
	struct msb_digest object;
	int r;

	while ((r = store_mark_next(marking->care, &object, err)) == 1) {
		r = follow_object(marking, &object, err);
		if (r < 0)
			return r;
	}
	return r;
}

static int mark_root(struct marking *marking, const struct msb_digest *digest, bool tree,
		     const char *who, struct msb_error *err)
{
	int r = mark(marking, digest, tree, err);

	if (r < 0 || !marking->trace)
		return r < 0 ? r : 0;
	r = find_bad(marking, digest, r == 1, err);
	return r < 0 ? r : store_note_root(marking->care, digest, who, err);
}

/* The layers lead from the empty tree to the image's own, by trees that nothing else may name.
 * Where one is not on record, the image cannot be saved, only shown. */
static int mark_layers(struct marking *marking, const struct image *image,
		       const struct msb_digest *tree, const char *who, struct msb_error *err)
{
	autofree struct layer_record *layers = NULL;
	size_t known = 0;
	int r = image_layers(store_care_writer(marking->care), image, tree, &layers, &known, err);

	for (size_t i = 0; r >= 0 && i < known; i++) {
		r = mark_root(marking, &layers[i].tree, true, who, err);
		if (r >= 0 && layers[i].has_blob)
			r = mark_root(marking, &layers[i].blob, false, who, err);
	}
	return r;
}

static int mark_config(struct marking *marking, const struct msb_digest *id, const char *who,
		       struct msb_error *err)
{
	struct msb_image record = {.id = *id};
	struct msb_error why = {0};
	autoimage image = {0};
	int r = mark_root(marking, id, false, who, err);

	if (r >= 0)
		r = store_care_image_tree(marking->care, id, &record.tree, err);
	if (r < 0)
		return r;
	r = image_get(marking->store, &record, &image, &why);
	return r < 0 ? skip_object(marking, id, r, &why, err)
		     : mark_layers(marking, &image, &record.tree, who, err);
}

static int take_root(void *context, const struct msb_digest *digest, enum store_root_kind kind,
		     const char *who, struct msb_error *err)
{
	if (kind == STORE_ROOT_IMAGE)
		return mark_config(context, digest, who, err);
	return mark_root(context, digest, kind == STORE_ROOT_TREE, who, err);
}

int marking_roots(struct marking *marking, enum store_roots which, int64_t since,
		  struct msb_error *err)
{
	int r = store_care_roots(marking->care, which, since, take_root, marking, err);

	return r < 0 ? r : follow_all(marking, err);
}

int marking_tree(struct marking *marking, const struct msb_digest *tree, struct msb_error *err)
{
	int known = mark(marking, tree, true, err);
	int r = known < 0 ? known : follow_all(marking, err);

	return r < 0 ? r : known;
}

int marking_image(struct marking *marking, const struct msb_image *image, struct msb_error *err)
{
	int r = mark_config(marking, &image->id, "", err);

	if (r >= 0)
		r = mark_root(marking, &image->manifest, false, "", err);
	if (r >= 0)
		r = mark_root(marking, &image->tree, true, "", err);
	return r < 0 ? r : follow_all(marking, err);
}

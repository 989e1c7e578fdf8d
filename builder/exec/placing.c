#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "directories.h"
#include "path.h"
#include "placing.h"

#define DOCKER_UMASK 022

static bool ends_as_directory(const char *path)
{
	size_t length = strlen(path);

	return length == 0 || path[length - 1] == '/' ||
	       (length >= 2 && strcmp(path + length - 2, "/.") == 0);
}

int place_destination(const struct placing *placing, char **ret_path, bool *ret_directory,
		      struct msb_error *err)
{
	autofree char *path = NULL;
	struct msb_entry entry;
	int r = edit_resolve(placing->edit, placing->dest, 0, &path, err);

	if (r < 0)
		return r;
	r = edit_get(placing->edit, path, &entry, err);
	if (r < 0 && r != -ENOENT && r != -ENOTDIR)
		return r;
	*ret_directory =
		ends_as_directory(placing->dest) || (r >= 0 && entry.type == MSB_DIRECTORY);
	*ret_path = steal(&path);
	return 0;
}

static void dress(const struct placing *placing, struct msb_entry *entry)
{
	if (placing->set_owner) {
		entry->uid = placing->uid;
		entry->gid = placing->gid;
	}
	if (placing->mode && entry->type != MSB_SYMLINK)
		entry->mode =
			mode_change_apply(placing->mode, entry->mode, entry->type == MSB_DIRECTORY);
}

/* A directory that COPY makes on its way: not the source's owner and mode. --chmod counts where it
 * is a number, and then under docker's umask. */
static struct msb_entry made_directory(const struct placing *placing)
{
	struct msb_entry made = directory_new(placing->uid, placing->gid, placing->now);

	if (placing->mode && placing->mode->numeric)
		made.mode = placing->mode->mode & 0777 & ~DOCKER_UMASK;
	return made;
}

int place_directory(const struct placing *placing, const char *path, struct msb_error *err)
{
	struct msb_entry made = made_directory(placing);
	int r = directory_make(placing->edit, path, &made, err);

	if (r == -ENOTDIR)
		return msb_error_say(err, ENOTDIR, "cannot copy to '%s': not a directory", path);
	return r;
}

int place_touch(const struct placing *placing, const char *path, struct msb_error *err)
{
	struct msb_entry now = made_directory(placing);

	return edit_touch(placing->edit, path, &now, err);
}

/* Makes the directory that path will be put into, if need be: it has changed now. */
static int place_parent(const struct placing *placing, const char *path, struct msb_error *err)
{
	autofree char *parent = strdup(path);
	int r;

	if (!parent)
		return msb_error_memory(err);
	*strrchr(parent, '/') = '\0';
	r = place_directory(placing, parent, err);
	return r < 0 ? r : place_touch(placing, parent, err);
}

static int place_entry(const struct placing *placing, const char *from_path,
		       const struct msb_entry *entry, const char *path, struct msb_error *err);

static int collect(void *context, const struct msb_entry *entry)
{
	return strlist_add_bytes(context, entry->name, entry->name_length);
}

/* 1 when there is a new or another entry in the directory at path, 0 when only below that. */
static int place_children(const struct placing *placing, const char *from_path, const char *path,
			  struct msb_error *err)
{
	autostrlist names = {0};
	int r = edit_list(placing->from, from_path, collect, &names, err);
	bool changed = false;

	for (size_t i = 0; r >= 0 && i < names.count; i++) {
		autofree char *child_from = path_join(from_path, names.items[i]);
		autofree char *child_path = path_join(path, names.items[i]);
		struct msb_entry entry;

		if (!child_from || !child_path)
			return msb_error_memory(err);
		r = edit_get(placing->from, child_from, &entry, err);
		if (r >= 0)
			r = place_entry(placing, child_from, &entry, child_path, err);
		changed |= r > 0;
	}
	return r < 0 ? r : changed;
}

/* Below what was named: a directory merges into a directory, gives it its own metadata, and returns
 * 0; all else is new there or replaces what is there, but never a directory, and returns 1. */
static int place_entry(const struct placing *placing, const char *from_path,
		       const struct msb_entry *entry, const char *path, struct msb_error *err)
{
	bool plain = !placing->set_owner && !placing->mode;
	struct msb_entry dressed = *entry, there;
	bool merges;
	int r = edit_get(placing->edit, path, &there, err);

	if (r < 0 && r != -ENOENT)
		return r;
	if (r >= 0 && entry->type != MSB_DIRECTORY && there.type == MSB_DIRECTORY)
		return msb_error_say(err, EISDIR, "cannot replace the directory '%s' with a file",
				     path);
	if (r >= 0 && entry->type == MSB_DIRECTORY && there.type != MSB_DIRECTORY)
		return msb_error_say(err, ENOTDIR, "cannot copy to '%s': not a directory", path);
	dress(placing, &dressed);
	merges = r >= 0 && entry->type == MSB_DIRECTORY;
	if (entry->type != MSB_DIRECTORY || (plain && !merges)) {
		r = edit_graft(placing->edit, path, &dressed, placing->origin, err);
	} else {
		dressed.digest = (struct msb_digest){0};
		r = edit_put(placing->edit, path, &dressed, err);
		if (r >= 0)
			r = place_children(placing, from_path, path, err);
	}
	return r < 0 ? r : !merges;
}

/* A directory that received a source's content has the source's time, whether it was there before
 * or not; but nobody knows the one of a root. */
static bool take_time(const struct placing *placing, size_t index, const struct msb_entry *entry,
		      struct msb_entry *made)
{
	if (strcmp(placing->names->items[index], "/") == 0)
		return false;
	made->mtime_sec = entry->mtime_sec;
	made->mtime_nsec = entry->mtime_nsec;
	return true;
}

/* The content of a named directory goes into the destination, which keeps or gets its own owner and
 * mode, and takes the source's time. */
static int place_content(const struct placing *placing, size_t index, const char *from_path,
			 const struct msb_entry *entry, const char *path, struct msb_error *err)
{
	bool plain = !placing->set_owner && !placing->mode;
	struct msb_entry there, made = made_directory(placing);
	int r = edit_get(placing->edit, path, &there, err);
	bool is_new = r == -ENOENT, timed = take_time(placing, index, entry, &made);

	if (r < 0 && r != -ENOENT && r != -ENOTDIR)
		return r;
	if (is_new && plain) {
		r = place_parent(placing, path, err);
		if (r < 0)
			return r;
		made.digest = entry->digest;
		made.key = entry->key;
		made.entries = entry->entries;
		made.bytes = entry->bytes;
		made.subdirectories = entry->subdirectories;
		made.below = entry->below;
		return edit_graft(placing->edit, path, &made, placing->origin, err);
	}
	r = place_directory(placing, path, err);
	if (r >= 0)
		r = place_children(placing, from_path, path, err);
	if (r < 0 || (r == 0 && !is_new && !timed))
		return r;
	return edit_touch(placing->edit, path, &made, err);
}

static int place_file(const struct placing *placing, const char *name,
		      const struct msb_entry *entry, const char *dest, bool directory,
		      struct msb_error *err)
{
	autofree char *path = directory ? path_join(dest, name) : strdup(dest);
	struct msb_entry dressed = *entry, there;
	int r;

	if (!path)
		return msb_error_memory(err);
	r = place_parent(placing, path, err);
	if (r < 0)
		return r;
	r = edit_get(placing->edit, path, &there, err);
	if (r >= 0 && there.type == MSB_DIRECTORY)
		return msb_error_say(err, EISDIR, "cannot replace the directory '%s' with a file",
				     path);
	if (r < 0 && r != -ENOENT)
		return r;
	dress(placing, &dressed);
	return edit_graft(placing->edit, path, &dressed, placing->origin, err);
}

int place_item(const struct placing *placing, size_t index, struct msb_error *err)
{
	autofree char *dest = NULL;
	struct msb_entry entry;
	bool directory;
	char item[32];
	int r = place_destination(placing, &dest, &directory, err);

	if (r < 0)
		return r;
	snprintf(item, sizeof(item), "/%zu", index);
	r = edit_get(placing->from, item, &entry, err);
	if (r < 0)
		return r;
	if (placing->several && entry.type != MSB_DIRECTORY && !directory)
		return msb_error_say(err, EINVAL,
				     "several sources, but '%s' is no directory; write '%s/'",
				     placing->dest, placing->dest);
	if (entry.type == MSB_DIRECTORY)
		return place_content(placing, index, item, &entry, dest, err);
	return place_file(placing, placing->names->items[index], &entry, dest, directory, err);
}

static int put_over(struct tree_edit *edit, struct tree_edit *from, const char *path,
		    struct msb_error *err)
{
	autostrlist names = {0};
	int r = edit_list(from, path, collect, &names, err);

	for (size_t i = 0; r >= 0 && i < names.count; i++) {
		autofree char *child = path_join(path, names.items[i]);
		struct msb_entry entry, there;
		bool joins;

		if (!child)
			return msb_error_memory(err);
		r = edit_get(edit, child, &there, err);
		if (r < 0 && r != -ENOENT)
			return r;
		joins = r >= 0 && there.type == MSB_DIRECTORY;
		r = edit_get(from, child, &entry, err);
		if (r < 0)
			return r;
		if (!joins || entry.type != MSB_DIRECTORY) {
			r = edit_graft(edit, child, &entry, 1, err);
			continue;
		}
		entry.digest = (struct msb_digest){0};
		r = edit_put(edit, child, &entry, err);
		if (r >= 0)
			r = put_over(edit, from, child, err);
	}
	return r;
}

int place_over(struct tree_edit *edit, struct tree_edit *from, struct msb_error *err)
{
	return put_over(edit, from, "/", err);
}

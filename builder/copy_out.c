/* Files out of a tree onto disk, as `cp -a` would have copied them from a mount. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"
#include "io.h"
#include "layer.h"
#include "path.h"
#include "tree_checkout.h"
#include "tree_edit.h"

/* An existing directory receives the copy under its own name; anything else must not be there. */
static int destination_of(const struct msb_found *found, const char *destination, char **ret,
			  struct msb_error *err)
{
	const char *name = path_base(found->path);
	bool root = strcmp(found->path, "/") == 0;
	struct stat st;

	if (stat(destination, &st) < 0 || !S_ISDIR(st.st_mode)) {
		if (found->entry.type != MSB_DIRECTORY && unlink(destination) < 0 &&
		    errno != ENOENT)
			return msb_error_set(err, errno, "replace '%s'", destination);
		*ret = strdup(destination);
		return *ret ? 0 : msb_error_memory(err);
	}
	if (root)
		return msb_error_say(err, EEXIST,
				     "'%s' exists: give the name of a directory that does not",
				     destination);
	*ret = path_join(destination, name);
	return *ret ? 0 : msb_error_memory(err);
}

/* The entry alone as a tree of its own, to be exported as a tar. */
static int export_entry(const char *root, const struct msb_found *found, struct msb_error *err)
{
	static const int out = STDOUT_FILENO;
	const struct layer_sink sink = layer_sink_fd(&out);
	AUTO(workshop_done) struct workshop workshop;
	AUTO(tree_edit_freep) struct tree_edit *edit = NULL;
	struct msb_digest tree;
	bool whole = strcmp(found->path, "/") == 0;
	int r = workshop_open(root, &workshop, err);

	if (r >= 0)
		r = tree_edit_new(workshop.store, NULL, &edit, err);
	if (r >= 0)
		r = edit_graft(edit, whole ? "/" : path_base(found->path), &found->entry, 0, err);
	if (r >= 0)
		r = edit_commit(edit, workshop.writer, &tree, err);
	return r < 0 ? r : layer_export(workshop.store, &tree, &sink, err);
}

int msb_copy_out(const char *root, const char *ref, const char *path, const char *destination,
		 struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	autofree char *target = NULL;
	struct msb_found found;
	int r = find_file(root, ref, path, MSB_NOFOLLOW, &store, &found, err);

	if (r < 0)
		return r;
	if (strcmp(destination, "-") == 0)
		r = export_entry(root, &found, err);
	else
		r = destination_of(&found, destination, &target, err);
	if (r >= 0 && target)
		r = tree_checkout(store, &found.entry, target, geteuid() == 0, err);
	msb_found_done(&found);
	return r;
}

static int write_into(struct msb_store *store, const struct msb_found *found, const char *directory,
		      struct msb_error *err)
{
	autofree char *target = NULL;

	if (found->entry.type == MSB_DIRECTORY)
		return tree_checkout_into(store, &found->entry, directory, false, err);
	if (mkdir(directory, 0777) < 0 && errno != EEXIST)
		return msb_error_set(err, errno, "create '%s'", directory);
	target = path_join(directory, path_base(found->path));
	if (!target)
		return msb_error_memory(err);
	if (unlink(target) < 0 && errno != ENOENT)
		return msb_error_set(err, errno, "replace '%s'", target);
	return tree_checkout(store, &found->entry, target, false, err);
}

int msb_copy_into(const char *root, const char *ref, const char *path, const char *directory,
		  struct msb_error *err)
{
	AUTO(msb_store_closep) struct msb_store *store = NULL;
	struct msb_found found;
	int r = find_file(root, ref, path, 0, &store, &found, err);

	if (r < 0)
		return r;
	r = write_into(store, &found, directory, err);
	msb_found_done(&found);
	return r;
}

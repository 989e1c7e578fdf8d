/*
 * Where the entries of a layer land in an edit of a tree, wherever they come from.
 *
 * Names land as in a chroot at the directory (place.c); parents that are missing are made 0755,
 * 0:0 and without a time. An entry replaces what is at its name; a directory over a directory
 * changes its metadata alone, and over a symlink to one replaces the link.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

#define WHITEOUT        ".wh."
#define WHITEOUT_META   ".wh..wh." /* what aufs kept for itself; no names of files */
#define WHITEOUT_OPAQUE ".wh..wh..opq"

static int remove_marked(struct landing *landing, const char *path, const char *mark,
			 struct msb_error *err)
{
	autofree char *parent = strndup(path, (size_t)(mark - path));
	autobuffer victim = {0};
	struct msb_entry entry;
	int r;

	if (!parent)
		return msb_error_memory(err);
	if (strcmp(mark, WHITEOUT_OPAQUE) == 0) {
		r = edit_get(landing->edit, parent, &entry, err);
		if (r == -ENOENT || r == -ENOTDIR)
			return 0;
		if (r < 0 || entry.type != MSB_DIRECTORY)
			return r;
		if (parent[1] != '\0')
			parent[strlen(parent) - 1] = '\0'; /* the slash */
		return whiteouts_clear(&landing->whiteouts, parent, err);
	}
	if (strchr(mark, '/'))
		return msb_error_say(err, EBADMSG, "something below a whiteout");
	mark += strlen(WHITEOUT);
	if (*mark == '\0' || strcmp(mark, ".") == 0 || strcmp(mark, "..") == 0)
		return msb_error_say(err, EBADMSG, "whiteout of no name");
	buffer_printf(&victim, "%s%s", parent, mark);
	buffer_u8(&victim, '\0');
	if (!buffer_ok(&victim))
		return msb_error_memory(err);
	return whiteouts_remove(&landing->whiteouts, (const char *)victim.bytes, err);
}

/* A directory that something is put into changes, as on a disk, unless the archive said its time.
 */
static int touch_parent(struct landing *landing, const char *path, struct msb_error *err)
{
	size_t length = (size_t)(strrchr(path, '/') - path);
	autofree char *parent = NULL;
	int r;

	if (!landing->touches || length == 0)
		return 0;
	r = names_add(&landing->timed, path, length, NULL);
	if (r == 1)
		parent = strndup(path, length);
	if (r < 0 || (r == 1 && !parent))
		return msb_error_memory(err);
	return parent ? edit_touch(landing->edit, parent, &landing->parents, err) : 0;
}

/* On the way to path something is missing: where the first of it will be made changes. */
static int touch_receiver(struct landing *landing, const char *path, struct msb_error *err)
{
	autofree char *missing = strdup(path);
	struct msb_entry there;
	char *slash;
	int r;

	if (!missing)
		return msb_error_memory(err);
	do {
		slash = strrchr(missing, '/');
		*slash = '\0';
		r = edit_get(landing->edit, *missing ? missing : "/", &there, err);
	} while (r == -ENOENT);
	*slash = '/';
	return r < 0 ? r : touch_parent(landing, missing, err);
}

/* Makes the directories above path when they are missing. */
static int make_parents(struct landing *landing, const char *path, struct msb_error *err)
{
	autofree char *parent = strndup(path, (size_t)(strrchr(path, '/') - path));
	int r = landing->touches ? touch_receiver(landing, path, err) : 0;

	if (!parent)
		return msb_error_memory(err);
	return r < 0 ? r : edit_make_dirs(landing->edit, parent, &landing->parents, err);
}

static int link_entry(struct landing *landing, const char *target, const char *name,
		      const char **ret_path, struct msb_error *err)
{
	autofree char *from = NULL;
	struct msb_entry entry;
	const char *path;
	int r = place_find(&landing->place, target, &path, err);

	if (r < 0)
		return r;
	from = strdup(path);
	if (!from)
		return msb_error_memory(err);
	r = edit_get(landing->edit, from, &entry, err);
	if (r == -ENOENT || r == -ENOTDIR)
		return msb_error_say(err, ENOENT, "hard link to '%s', which is not there", target);
	if (r >= 0 && entry.type == MSB_DIRECTORY)
		return msb_error_say(err, EBADMSG, "hard link to '%s', which is a directory",
				     target);
	if (r >= 0)
		r = place_find(&landing->place, name, &path, err);
	if (r < 0)
		return r;
	*ret_path = path;
	r = edit_link(landing->edit, from, path, err);
	if (r != -ENOENT)
		return r;
	r = make_parents(landing, path, err);
	return r < 0 ? r : edit_link(landing->edit, from, path, err);
}

/* Where in path the name of a whiteout begins; NULL: it has none. */
static const char *find_mark(const char *path)
{
	const char *slash = strstr(path, "/" WHITEOUT);

	return slash ? slash + 1 : NULL;
}

/* To be told of every path that the layer puts. */
static int keep(struct landing *landing, const char *path, struct msb_error *err)
{
	if (landing->has_whiteouts && whiteouts_keep(&landing->whiteouts, path) < 0)
		return msb_error_memory(err);
	return touch_parent(landing, path, err);
}

/* "../x", "a/../../x" */
static bool leads_out(const char *name)
{
	size_t depth = 0;

	while (*name) {
		size_t length = strcspn(name, "/");

		if (length == 2 && memcmp(name, "..", 2) == 0) {
			if (depth-- == 0)
				return true;
		} else if (length > 0 && !(length == 1 && *name == '.')) {
			depth++;
		}
		name += length + (name[length] == '/');
	}
	return false;
}

static int check_inside(const struct landing *landing, const char *name, const char *hardlink,
			struct msb_error *err)
{
	if (!landing->inside)
		return 0;
	if (leads_out(name))
		return msb_error_say(err, EBADMSG, "its name leads out of the layer");
	if (hardlink && leads_out(hardlink))
		return msb_error_say(err, EBADMSG, "hard link to '%.200s', out of the layer",
				     hardlink);
	return 0;
}

int landing_find(struct landing *landing, const char *name, const char *hardlink,
		 const char **ret_path, struct msb_error *err)
{
	const char *path, *mark = NULL;
	int r = check_inside(landing, name, hardlink, err);

	if (r >= 0)
		r = place_find(&landing->place, name, &path, err);
	if (r < 0)
		return r;
	if (landing->has_whiteouts)
		mark = find_mark(path);
	if (mark && strcmp(mark, WHITEOUT_OPAQUE) != 0 &&
	    strncmp(mark, WHITEOUT_META, strlen(WHITEOUT_META)) == 0)
		return 0;
	if (mark)
		return remove_marked(landing, path, mark, err);
	if (!hardlink) {
		*ret_path = path;
		return 1;
	}
	r = link_entry(landing, hardlink, name, &path, err);
	return r < 0 ? r : keep(landing, path, err);
}

int landing_put(struct landing *landing, const char *path, const struct msb_entry *entry,
		struct msb_error *err)
{
	int r = edit_put(landing->edit, path, entry, err);

	if (r == -ENOENT) {
		r = make_parents(landing, path, err);
		if (r >= 0)
			r = edit_put(landing->edit, path, entry, err);
	}
	if (r >= 0 && landing->touches && entry->type == MSB_DIRECTORY &&
	    names_add(&landing->timed, path, strlen(path), NULL) < 0)
		return msb_error_memory(err);
	return r < 0 ? r : keep(landing, path, err);
}

int landing_init(struct landing *landing, struct tree_edit *edit,
		 const struct layer_unpack_options *options, struct msb_error *err)
{
	*landing = (struct landing){
		.edit = edit,
		.has_whiteouts = options->whiteouts,
		.inside = options->inside,
		.parents = {.type = MSB_DIRECTORY,
			    .mode = 0755,
			    .nlink = 1,
			    .mtime_sec = options->now / 1000000000,
			    .mtime_nsec = (uint32_t)(options->now % 1000000000)},
		.touches = options->now != 0,
		.whiteouts = {.edit = edit},
	};
	return place_init(&landing->place, edit, options->directory, err);
}

void landing_done(struct landing *landing)
{
	place_done(&landing->place);
	names_done(&landing->timed);
	whiteouts_done(&landing->whiteouts);
}

/* --- Entries that come one by one --- */

struct layer_applier {
	struct landing landing;
};

int layer_applier_new(struct tree_edit *edit, struct layer_applier **ret, struct msb_error *err)
{
	static const struct layer_unpack_options options = {.whiteouts = true, .inside = true};
	AUTO(layer_applier_freep) struct layer_applier *applier = calloc(1, sizeof(*applier));
	int r;

	if (!applier)
		return msb_error_memory(err);
	r = landing_init(&applier->landing, edit, &options, err);
	if (r >= 0)
		*ret = steal(&applier);
	return r;
}

int layer_apply(struct layer_applier *applier, const char *name, const char *hardlink,
		const struct msb_entry *entry, struct msb_error *err)
{
	const char *path;
	int r = landing_find(&applier->landing, name, hardlink, &path, err);

	return r <= 0 ? r : landing_put(&applier->landing, path, entry, err);
}

void layer_applier_free(struct layer_applier *applier)
{
	if (applier)
		landing_done(&applier->landing);
	free(applier);
}

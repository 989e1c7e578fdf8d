#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture.h"
#include "command_root.h"
#include "io.h"
#include "path.h"
#include "sandbox.h"
#include "tree_edit.h"

int command_root_init(struct command_root *root, const struct command_ground *ground,
		      const struct msb_digest *tree, const char *name, struct msb_error *err)
{
	static const char *const parts[] = {"upper", "work", "root", "stubs", "bundle"};
	int scratch = store_writer_scratch(ground->writer);
	int r;

	*root = (struct command_root){.ground = *ground, .tree = *tree, .fd = -1};
	root->path = path_join(store_writer_scratch_path(ground->writer), name);
	root->root = root->path ? path_join(root->path, "root") : NULL;
	root->bundle = root->path ? path_join(root->path, "bundle") : NULL;
	if (!root->root || !root->bundle)
		return msb_error_memory(err);
	if (mkdirat(scratch, name, 0700) < 0)
		return msb_error_set(err, errno, "create directory '%s'", root->path);
	root->fd = openat(scratch, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root->fd < 0)
		return msb_error_set(err, errno, "open directory '%s'", root->path);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (mkdirat(root->fd, parts[i], 0755) < 0)
			return msb_error_set(err, errno, "create directory '%s/%s'", root->path,
					     parts[i]);
	r = tree_edit_new(ground->store, tree, &root->base, err);
	for (const char *const *point = sandbox_mount_points(); r >= 0 && *point; point++)
		r = command_root_stub(root, *point, true, NULL, err);
	return r;
}

void command_root_done(struct command_root *root)
{
	struct msb_error ignored;

	if (root->mounted)
		sandbox_overlay_unmount(root->root, &ignored);
	tree_edit_free(root->base);
	if (root->fd >= 0)
		close(root->fd);
	/* What cannot be removed now goes with the writer's scratch directory. */
	if (root->path)
		io_remove_tree(AT_FDCWD, root->path, &ignored);
	free(root->bundle);
	free(root->root);
	free(root->path);
}

static int make_stub(struct command_root *root, const char *path, bool directory,
		     struct msb_error *err)
{
	autofree char *stub = path_join("stubs", path + 1);
	autofree char *parent = stub ? strdup(stub) : NULL;
	int r;

	if (!parent)
		return msb_error_memory(err);
	if (directory)
		return io_make_dirs(root->fd, stub, 0755, err);
	*strrchr(parent, '/') = '\0';
	r = io_make_dirs(root->fd, parent, 0755, err);
	return r < 0 ? r : io_write_file(root->fd, stub, "", 0, 0644, err);
}

int command_root_stub(struct command_root *root, const char *path, bool directory, char **ret,
		      struct msb_error *err)
{
	autofree char *resolved = NULL;
	int r = edit_resolve(root->base, path, 0, &resolved, err);

	if (r >= 0 && resolved[1])
		r = make_stub(root, resolved, directory, err);
	if (r >= 0 && ret)
		*ret = steal(&resolved);
	return r;
}

/* The merged root directory takes its metadata from the upper one. */
static int dress_upper(struct command_root *root, struct msb_error *err)
{
	struct msb_entry entry;
	struct timespec times[2];
	int r = edit_get(root->base, "/", &entry, err);

	if (r < 0)
		return r;
	times[0].tv_sec = times[1].tv_sec = entry.mtime_sec;
	times[0].tv_nsec = times[1].tv_nsec = entry.mtime_nsec;
	if (fchownat(root->fd, "upper", entry.uid, entry.gid, 0) < 0 ||
	    fchmodat(root->fd, "upper", entry.mode, 0) < 0 ||
	    utimensat(root->fd, "upper", times, 0) < 0)
		return msb_error_set(err, errno, "prepare the upper directory");
	return 0;
}

int command_root_mount(struct command_root *root, struct msb_error *err)
{
	autofree char *base = NULL;
	autofree char *stubs = path_join(root->path, "stubs");
	autofree char *upper = path_join(root->path, "upper");
	autofree char *work = path_join(root->path, "work");
	int r = dress_upper(root, err);

	if (r >= 0)
		r = base_mount_path(root->ground.mount, &root->tree, &base, err);
	if (r < 0)
		return r;
	if (!stubs || !upper || !work)
		return msb_error_memory(err);
	{
		const char *const lower[] = {base, stubs, NULL};
		const struct sandbox_overlay overlay = {lower, upper, work, root->root};

		r = sandbox_overlay_mount(&overlay, err);
	}
	root->mounted = r >= 0;
	return r;
}

int command_root_capture(struct command_root *root, struct msb_digest *ret_tree,
			 struct msb_error *err)
{
	const struct command_ground *ground = &root->ground;
	autoclose int upper = -1;
	int r = sandbox_overlay_unmount(root->root, err);

	if (r < 0)
		return r;
	root->mounted = false;
	upper = openat(root->fd, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (upper < 0)
		return msb_error_set(err, errno, "open the upper directory");
	r = capture_upper(ground->store, ground->writer, upper, &root->tree, ret_tree, err);
	return r < 0 ? msb_error_prefix(err, r, "keep what the command changed") : 0;
}

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent_relay.h"
#include "cache_directory.h"
#include "command_mounts.h"
#include "internal.h"
#include "io.h"
#include "path.h"
#include "secrets.h"
#include "selection.h"

/* --- Before the key is known --- */

static int select_mount(struct step_run *run, const struct run_mount *mount, struct msb_digest *ret,
			struct msb_error *err)
{
	AUTO(selection_freep) struct selection *selection = NULL;
	struct selection_source source = {0};
	char text[MSB_DIGEST_TEXT];
	struct msb_digest key;
	int r = source_find(run, &mount->from, &source, err);

	if (r >= 0)
		r = selection_new(run->build->store, &selection, err);
	if (r >= 0 && mount->from.kind != SOURCE_SCRATCH)
		r = selection_add(selection, &source, mount->source ? mount->source : "/", err);
	if (r >= 0)
		r = selection_commit(selection, run->build->writer, ret, err);
	if (r >= 0)
		r = tree_key(run->build->store, ret, &key, err);
	if (r >= 0)
		buffer_printf(&run->definition, "mount %s %s\n", mount->target,
			      msb_digest_format(&key, text));
	return r;
}

static bool selects(const struct run_mount *mount)
{
	return mount->kind == MOUNT_BIND ||
	       (mount->kind == MOUNT_CACHE && mount->from.kind != SOURCE_SCRATCH);
}

int command_mounts_select(struct step_run *run, struct msb_digest **ret_trees,
			  struct msb_error *err)
{
	const struct run_step *step = &run->step->run;
	autofree struct msb_digest *trees = calloc(step->mount_count + 1, sizeof(*trees));
	char text[MSB_DIGEST_TEXT];
	int r = 0;

	if (!trees)
		return msb_error_memory(err);
	for (size_t i = 0; r >= 0 && i < step->mount_count; i++) {
		if (!selects(&step->mounts[i]))
			continue;
		r = select_mount(run, &step->mounts[i], &trees[i], err);
		if (r >= 0)
			buffer_printf(&run->notes, "mounted %zu %s\n", i,
				      msb_digest_format(&trees[i], text));
	}
	if (r >= 0)
		*ret_trees = steal(&trees);
	return r;
}

/* --- Before the command runs --- */

/* Takes the mount's source and target. */
static int add_mount(struct command_mounts *mounts, struct sandbox_mount mount,
		     struct msb_error *err)
{
	struct sandbox_mount *grown = reallocarray(mounts->list, mounts->count + 1, sizeof(*grown));

	if (grown)
		mounts->list = grown;
	if (!grown) {
		free((void *)(uintptr_t)mount.source);
		free((void *)(uintptr_t)mount.target);
		return msb_error_memory(err);
	}
	grown[mounts->count++] = mount;
	return 0;
}

/* Takes source and target, both owned; NULL in either is out of memory. */
static int add_bind(struct command_mounts *mounts, char *source, char *target, bool read_only,
		    struct msb_error *err)
{
	if (source && target)
		return add_mount(mounts,
				 (struct sandbox_mount){.source = source,
							.target = target,
							.read_only = read_only},
				 err);
	free(source);
	free(target);
	return msb_error_memory(err);
}

int command_mounts_add_file(struct command_mounts *mounts, struct command_root *root,
			    const char *name, const void *bytes, size_t size, mode_t mode,
			    const char *target, bool needs_stub, struct msb_error *err)
{
	autofree char *place = NULL;
	int r = io_write_file(root->fd, name, bytes, size, 0600, err);

	if (r >= 0 && fchmodat(root->fd, name, mode, 0) < 0)
		r = msb_error_set(err, errno, "prepare '%s'", target);
	if (r >= 0 && needs_stub)
		r = command_root_stub(root, target, false, &place, err);
	if (r < 0)
		return r;
	return add_bind(mounts, path_join(root->path, name),
			needs_stub ? steal(&place) : strdup(target), true, err);
}

int command_mounts_bind(struct command_mounts *mounts, struct command_root *root,
			const char *source, const char *target, bool directory,
			struct msb_error *err)
{
	autofree char *place = NULL;
	int r = command_root_stub(root, target, directory, &place, err);

	return r < 0 ? r : add_bind(mounts, strdup(source), steal(&place), !directory, err);
}

/* A writable bind: what is written lands in an upper side that nobody captures. */
static int overlay_on(struct command_mounts *mounts, struct command_root *root, size_t index,
		      const char *lower, char **ret, struct msb_error *err)
{
	autofree char *target = NULL;
	autofree char *upper = NULL;
	autofree char *work = NULL;
	int r;

	target = buffer_format("%s/rw%zu", root->path, index);
	upper = buffer_format("%s/rw%zu.upper", root->path, index);
	work = buffer_format("%s/rw%zu.work", root->path, index);
	if (!target || !upper || !work)
		return msb_error_memory(err);
	if (mkdir(target, 0755) < 0 || mkdir(upper, 0755) < 0 || mkdir(work, 0755) < 0)
		return msb_error_set(err, errno, "create directory '%s'", target);
	{
		const char *const lowers[] = {lower, NULL};
		const struct sandbox_overlay overlay = {lowers, upper, work, target};

		r = sandbox_overlay_mount(&overlay, err);
	}
	if (r >= 0 && strlist_add(&mounts->own, target) < 0)
		r = msb_error_memory(err);
	if (r >= 0)
		*ret = steal(&target);
	return r;
}

static int attach_bind(struct command_mounts *mounts, struct command_root *root, size_t index,
		       const struct run_mount *mount, const struct msb_digest *tree,
		       struct msb_error *err)
{
	autofree char *place = NULL;
	autofree char *shown = NULL;
	autofree char *source = NULL;
	autofree char *writable = NULL;
	struct msb_found found;
	bool directory;
	int r = base_mount_path(root->ground.mount, tree, &shown, err);

	if (r >= 0)
		r = msb_tree_find(root->ground.store, tree, "/0", 0, &found, err);
	if (r < 0)
		return r;
	directory = found.entry.type == MSB_DIRECTORY;
	msb_found_done(&found);
	source = path_join(shown, "0");
	if (!source)
		return msb_error_memory(err);
	if (!mount->read_only && directory)
		r = overlay_on(mounts, root, index, source, &writable, err);
	if (r >= 0)
		r = command_root_stub(root, mount->target, directory, &place, err);
	if (r < 0)
		return r;
	return add_bind(mounts, writable ? steal(&writable) : steal(&source), steal(&place),
			mount->read_only || !directory, err);
}

/* A cache that begins with something is another one where that is something else: its id has a bit
 * of the content's key behind it. Owned. */
static int seeded_id(const struct command_root *root, const struct run_mount *mount,
		     const struct msb_digest *tree, char **ret, struct msb_error *err)
{
	char key[MSB_DIGEST_TEXT];
	struct msb_found found;
	int r = msb_tree_find(root->ground.store, tree, "/0", 0, &found, err);

	if (r < 0)
		return r;
	msb_digest_format(&found.entry.key, key);
	msb_found_done(&found);
	*ret = buffer_format("%s@%.12s", mount->id, strchr(key, ':') + 1);
	return *ret ? 0 : msb_error_memory(err);
}

static int attach_cache(struct command_mounts *mounts, struct command_root *root,
			const struct run_mount *mount, const struct msb_digest *tree, int stop_fd,
			struct msb_error *err)
{
	autofree char *place = NULL;
	autofree char *path = NULL;
	autofree char *initial = NULL;
	autofree char *shown = NULL;
	autofree char *id = NULL;
	struct run_mount wanted = *mount;
	int lock = -1, *grown, r = 0;

	if (mount->from.kind != SOURCE_SCRATCH) {
		r = base_mount_path(root->ground.mount, tree, &shown, err);
		initial = shown ? path_join(shown, "0") : NULL;
		if (r >= 0)
			r = seeded_id(root, mount, tree, &id, err);
		wanted.id = id;
	}
	if (r >= 0)
		r = cache_directory_take(root->ground.writer, &wanted, initial, stop_fd, &path,
					 &lock, err);
	if (r < 0)
		return r;
	grown = reallocarray(mounts->locks, mounts->lock_count + 1, sizeof(*grown));
	if (!grown) {
		close(lock);
		return msb_error_memory(err);
	}
	mounts->locks = grown;
	grown[mounts->lock_count++] = lock;
	r = command_root_stub(root, mount->target, true, &place, err);
	if (r < 0)
		return r;
	return add_bind(mounts, steal(&path), steal(&place), mount->read_only, err);
}

static int attach_tmpfs(struct command_mounts *mounts, struct command_root *root,
			const struct run_mount *mount, struct msb_error *err)
{
	char *place;
	int r = command_root_stub(root, mount->target, true, &place, err);

	if (r < 0)
		return r;
	return add_mount(mounts, (struct sandbox_mount){.target = place, .size = mount->size}, err);
}

/* Secrets lie in memory alone: a tmpfs of this process's own mount namespace. */
static int secret_directory(struct command_mounts *mounts, struct command_root *root, char **ret,
			    struct msb_error *err)
{
	autofree char *path = path_join(root->path, "secrets");

	if (!path)
		return msb_error_memory(err);
	if (mkdir(path, 0700) == 0) {
		if (mount("secrets", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700") < 0)
			return msb_error_set(err, errno, "mount a tmpfs for secrets");
		if (strlist_add(&mounts->own, path) < 0)
			return msb_error_memory(err);
	} else if (errno != EEXIST) {
		return msb_error_set(err, errno, "create directory '%s'", path);
	}
	*ret = steal(&path);
	return 0;
}

static int attach_secret_file(struct command_mounts *mounts, struct command_root *root,
			      size_t index, const struct run_mount *mount,
			      const struct buffer *secret, struct msb_error *err)
{
	autofree char *directory = NULL;
	autofree char *file = NULL;
	autofree char *place = NULL;
	int r = secret_directory(mounts, root, &directory, err);

	if (r < 0)
		return r;
	file = buffer_format("%s/%zu", directory, index);
	if (!file)
		return msb_error_memory(err);
	r = io_write_file(AT_FDCWD, file, secret->bytes ? secret->bytes : (const void *)"",
			  secret->size, 0600, err);
	if (r >= 0 && (chown(file, mount->uid, mount->gid) < 0 ||
		       chmod(file, mount->has_mode ? mount->mode : 0400) < 0))
		r = msb_error_set(err, errno, "prepare the secret '%s'", mount->id);
	if (r >= 0)
		r = command_root_stub(root, mount->target, false, &place, err);
	return r < 0 ? r : add_bind(mounts, steal(&file), steal(&place), true, err);
}

static int attach_secret(struct command_mounts *mounts, struct command_root *root,
			 const char *const *secrets, size_t index, const struct run_mount *mount,
			 struct msb_error *err)
{
	autosecret secret = {0};
	int r = secret_find(secrets, mount->id, &secret, err);

	if (r == -ENOENT && !mount->required)
		return 0;
	if (r < 0)
		return r;
	if (mount->env) {
		autosecret text = {0};

		buffer_append(&text, secret.bytes, secret.size);
		buffer_u8(&text, '\0');
		if (!buffer_ok(&text) ||
		    strlist_set_env(&mounts->env, mount->env, (const char *)text.bytes) < 0)
			return msb_error_memory(err);
	}
	return mount->target ? attach_secret_file(mounts, root, index, mount, &secret, err) : 0;
}

static int relay_agent(struct command_mounts *mounts, const char *socket, const char *directory,
		       const char *name, const struct run_mount *mount, struct msb_error *err)
{
	size_t count = mounts->agent_count;
	struct agent_relay **grown = reallocarray(mounts->agents, count + 1, sizeof(*grown));
	int r;

	if (!grown)
		return msb_error_memory(err);
	mounts->agents = grown;
	r = agent_relay_new(socket, directory, name, mount->uid, mount->gid, mount->mode,
			    &grown[count], err);
	mounts->agent_count += r >= 0;
	return r;
}

static int attach_agent(struct command_mounts *mounts, struct command_root *root,
			const struct agents *agents, size_t index, const struct run_mount *mount,
			struct msb_error *err)
{
	autofree char *place = NULL, *directory = NULL, *file = NULL;
	const char *socket;
	char name[32];
	int r = agents_find(agents, mount->id, &socket, err);

	if (r == -ENOENT && !mount->required)
		return 0;
	if (r >= 0)
		r = secret_directory(mounts, root, &directory, err);
	snprintf(name, sizeof(name), "%zu", index);
	if (r >= 0)
		r = relay_agent(mounts, socket, directory, name, mount, err);
	if (r >= 0)
		r = command_root_stub(root, mount->target, false, &place, err);
	if (r < 0)
		return r;
	file = path_join(directory, name);
	/* Of several it is the first one's. */
	if (!file || (!strlist_get_env(&mounts->env, "SSH_AUTH_SOCK") &&
		      strlist_set_env(&mounts->env, "SSH_AUTH_SOCK", mount->target) < 0))
		return msb_error_memory(err);
	return add_bind(mounts, steal(&file), steal(&place), false, err);
}

int command_mounts_publish(const struct step_run *run, struct msb_error *err)
{
	int r = 0;

	for (size_t i = 0; i < run->step->run.mount_count; i++) {
		if (!selects(&run->step->run.mounts[i]))
			continue;
		r = store_begin(run->build->writer, err);
		return r < 0 ? r : store_commit(run->build->writer, err);
	}
	return r;
}

static size_t depth(const struct sandbox_mount *mount)
{
	size_t slashes = 0;

	for (const char *c = mount->target; *c; c++)
		slashes += *c == '/' && c[1];
	return slashes;
}

/* Outer mounts first, or they would cover the inner ones; otherwise as they were given. */
static void sort_by_depth(struct sandbox_mount *mounts, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct sandbox_mount mount = mounts[i];
		size_t at = i;

		for (; at > 0 && depth(&mounts[at - 1]) > depth(&mount); at--)
			mounts[at] = mounts[at - 1];
		mounts[at] = mount;
	}
}

int command_mounts_attach(struct command_mounts *mounts, struct command_root *root,
			  const struct mount_request *request, struct msb_error *err)
{
	size_t before = mounts->count;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < request->count; i++) {
		const struct run_mount *mount = &request->mounts[i];

		switch (mount->kind) {
		case MOUNT_BIND:
			r = attach_bind(mounts, root, i, mount, &request->trees[i], err);
			break;
		case MOUNT_CACHE:
			r = attach_cache(mounts, root, mount, &request->trees[i], request->stop_fd,
					 err);
			break;
		case MOUNT_TMPFS:
			r = attach_tmpfs(mounts, root, mount, err);
			break;
		case MOUNT_SECRET:
			r = attach_secret(mounts, root, request->secrets, i, mount, err);
			break;
		case MOUNT_SSH:
			r = attach_agent(mounts, root, request->agents, i, mount, err);
			break;
		}
	}
	if (mounts->count > before)
		sort_by_depth(mounts->list + before, mounts->count - before);
	return r;
}

void command_mounts_done(struct command_mounts *mounts)
{
	for (size_t i = 0; i < mounts->own.count; i++)
		umount2(mounts->own.items[i], MNT_DETACH);
	for (size_t i = 0; i < mounts->count; i++) {
		free((void *)(uintptr_t)mounts->list[i].source);
		free((void *)(uintptr_t)mounts->list[i].target);
	}
	for (size_t i = 0; i < mounts->agent_count; i++)
		agent_relay_free(mounts->agents[i]);
	free(mounts->agents);
	for (size_t i = 0; i < mounts->lock_count; i++)
		close(mounts->locks[i]);
	free(mounts->list);
	free(mounts->locks);
	strlist_done(&mounts->env);
	strlist_done(&mounts->own);
	*mounts = (struct command_mounts){0};
}

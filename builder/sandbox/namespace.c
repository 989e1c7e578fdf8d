/* The mount namespace (and user namespace) in which everything of a build happens. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "internal.h"

#define CGROUPS "/sys/fs/cgroup"

/* crun refuses hosts whose cgroups are a v1/v2 hybrid, although it is told to manage none. */
static int settle_cgroups(struct msb_error *err)
{
	struct statfs fs;

	if (statfs(CGROUPS, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
		return 0;
	if (mount("cgroup2", CGROUPS, "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return msb_error_set(err, errno, "mount cgroup2 on '" CGROUPS "'");
	return 0;
}

/*
 * In a plain chroot the root directory is no mount point, and then nobody can say what becomes of
 * its mounts, nor can a runtime leave it. Takes a copy of all that is mounted there as its root.
 * The copy lies on /proc, because its parent must be a mount of ours, or the host would see it too.
 */
static int stand_on_mount(struct msb_error *err)
{
	autoclose int copy =
		open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	autofree char *here = getcwd(NULL, 0);

	if (copy < 0 || mount(NULL, "/proc", NULL, MS_PRIVATE, NULL) < 0 ||
	    move_mount(copy, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH) < 0 ||
	    fchdir(copy) < 0 || chroot(".") < 0)
		return msb_error_set(err, errno,
				     "the root directory is no mount point (a chroot?), and to "
				     "make it one (is /proc mounted?)");
	if (!here || chdir(here) < 0)
		return msb_error_set(err, errno, "return to the working directory");
	return 0;
}

/* Mounts of the host still come in and go (and are not kept alive by us), nothing goes out; what
 * is mounted here reaches the namespaces that commands start in, and so does its end. */
static int settle_propagation(struct msb_error *err)
{
	int r = mount(NULL, "/", NULL, MS_SLAVE, NULL) < 0 ? -errno : 0;

	if (r == -EINVAL) {
		r = stand_on_mount(err);
		if (r < 0)
			return r;
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) < 0)
		return msb_error_set(err, errno, "make the mounts of this process its own");
	return 0;
}

static int enter_user_namespace(struct msb_error *err)
{
	struct idmap idmap;
	int last_word = 0; /* the signal that comes when the parent dies */
	int r = idmap_prepare(&idmap, err);

	if (r < 0)
		return r;
	prctl(PR_GET_PDEATHSIG, &last_word);
	/* The cgroup namespace is there because cgroup2 may be mounted by its owner only. */
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWCGROUP) < 0)
		r = msb_error_set(err, errno,
				  "create a user namespace (does sysctl "
				  "user.max_user_namespaces or kernel.unprivileged_userns_clone "
				  "forbid it? in a chroot only root can do without)");
	else
		r = idmap_finish(&idmap, err);
	idmap_done(&idmap);
	if (r < 0)
		return r;
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return msb_error_set(err, errno, "become root of the user namespace");
	/* The kernel forgets it with every change of user. */
	prctl(PR_SET_PDEATHSIG, last_word);
	return 0;
}

/* Written while there is one thread. */
static int confined; /* 0: commands are not */

int namespace_cgroup(void)
{
	return confined;
}

int sandbox_enter(struct msb_error *err)
{
	/* Written while there is one thread. */
	static bool entered;
	int r;

	if (entered)
		return 0;
	if (unshare(CLONE_NEWNS) < 0) {
		if (errno != EPERM)
			return msb_error_set(err, errno, "create a mount namespace");
		r = enter_user_namespace(err);
		if (r < 0)
			return r;
	}
	entered = true;
	r = settle_propagation(err);
	r = r < 0 ? r : settle_cgroups(err);
	if (r >= 0)
		confined = devices_confine();
	return r;
}

/* A writable view of a read-only tree. */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "buffer.h"
#include "sandbox.h"

/* mount(2) takes one page of options. */
#define MAX_OPTIONS 4096

/* Best first; each is for kernels or namespaces that refuse the one before. Without trusted
 * xattrs (a user namespace) the kernel allows neither redirect_dir nor metacopy. */
static const char *const feature_sets[] = {
	"volatile,redirect_dir=on,metacopy=on,xino=auto",
	"volatile,userxattr,xino=auto",
	"volatile,redirect_dir=on,xino=auto",
	"volatile",
	"userxattr",
};

static void append_escaped(struct buffer *options, const char *path)
{
	for (; *path; path++) {
		if (strchr(",:\\", *path))
			buffer_char(options, '\\');
		buffer_char(options, *path);
	}
}

static void append_directories(struct buffer *options, const struct sandbox_overlay *overlay)
{
	buffer_string(options, ",lowerdir=");
	for (const char *const *lower = overlay->lower; *lower; lower++) {
		if (lower != overlay->lower)
			buffer_char(options, ':');
		append_escaped(options, *lower);
	}
	buffer_string(options, ",upperdir=");
	append_escaped(options, overlay->upper);
	buffer_string(options, ",workdir=");
	append_escaped(options, overlay->work);
}

static int try_features(const struct sandbox_overlay *overlay, const char *features,
			struct msb_error *err)
{
	autobuffer options = {0};

	buffer_string(&options, features);
	append_directories(&options, overlay);
	buffer_char(&options, '\0');
	if (!buffer_ok(&options))
		return msb_error_memory(err);
	if (options.size > MAX_OPTIONS)
		return msb_error_say(err, ENAMETOOLONG,
				     "overlay on '%s': the names of its directories are longer "
				     "than the kernel's %d bytes",
				     overlay->target, MAX_OPTIONS);
	if (mount("overlay", overlay->target, "overlay", 0, options.bytes) < 0)
		return msb_error_set(err, errno, "mount an overlay on '%s'", overlay->target);
	return 0;
}

int sandbox_overlay_mount(const struct sandbox_overlay *overlay, struct msb_error *err)
{
	int r = -EINVAL;

	for (size_t i = 0; i < sizeof(feature_sets) / sizeof(feature_sets[0]); i++) {
		r = try_features(overlay, feature_sets[i], err);
		if (r != -EINVAL && r != -EPERM)
			return r;
	}
	return r;
}

int sandbox_overlay_unmount(const char *target, struct msb_error *err)
{
	/* A command that starts at this moment may hold it for as long as that takes; what the
	 * upper directory holds is complete in any case. */
	if (umount2(target, UMOUNT_NOFOLLOW) == 0 ||
	    (errno == EBUSY && umount2(target, UMOUNT_NOFOLLOW | MNT_DETACH) == 0))
		return 0;
	return msb_error_set(err, errno, "unmount '%s'", target);
}

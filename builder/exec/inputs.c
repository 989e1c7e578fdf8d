/* What is read before anything runs: the Dockerfile, the context, and what it leaves out. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"
#include "io.h"
#include "path.h"

#define MAX_DOCKERFILE (16u * 1024 * 1024)

/* NAME=VALUE among the build arguments says yes. */
static bool is_asked_for(const struct msb_build_options *options, const char *name)
{
	size_t length = strlen(name);

	for (const char *const *arg = options->build_args; arg && *arg; arg++)
		if (strncmp(*arg, name, length) == 0 && (*arg)[length] == '=')
			return strcmp(*arg + length + 1, "1") == 0 ||
			       strcasecmp(*arg + length + 1, "true") == 0;
	return false;
}

/* The words are the user's: -f as it is for a directory of theirs, else a path in the context. */
static int read_named(struct build *build, const char *name, struct buffer *ret,
		      struct msb_error *err)
{
	const struct msb_build_options *options = build->options;

	if (!build->origin.local)
		return origin_read(&build->origin, build->store, name, MAX_DOCKERFILE, ret, err);
	if (options->dockerfile)
		build->dockerfile_path = strdup(name);
	else
		build->dockerfile_path = path_join(options->context, name);
	if (!build->dockerfile_path)
		return msb_error_memory(err);
	if (access(build->dockerfile_path, F_OK) < 0 && errno == ENOENT)
		return -ENOENT;
	return io_read_file(AT_FDCWD, build->dockerfile_path, MAX_DOCKERFILE, ret, err);
}

/* Without -f: either spelling. */
static int read_default(struct build *build, const char **ret_name, struct buffer *ret,
			struct msb_error *err)
{
	static const char *const names[] = {"Dockerfile", "dockerfile"};
	int r = -ENOENT;

	for (size_t i = 0; r == -ENOENT && i < sizeof(names) / sizeof(*names); i++) {
		free(steal(&build->dockerfile_path));
		*ret_name = names[i];
		r = read_named(build, names[i], ret, err);
	}
	if (r == -ENOENT) {
		*ret_name = names[0];
		free(build->dockerfile_path);
		build->dockerfile_path = build->origin.local
						 ? path_join(build->options->context, names[0])
						 : strdup(names[0]);
		if (!build->dockerfile_path)
			return msb_error_memory(err);
	}
	return r;
}

static int read_text(struct build *build, const char **ret_name, struct buffer *ret,
		     struct msb_error *err)
{
	const char *name = build->options->dockerfile;
	bool from_stdin = name && strcmp(name, "-") == 0;
	int r;

	if (name && strcmp(build->options->context, "-") == 0 &&
	    (from_stdin || build->origin.is_dockerfile))
		return msb_error_say(err, EINVAL,
				     "standard input cannot be both the context and the "
				     "Dockerfile: leave -f out, or give a directory");
	if (name && build->origin.is_dockerfile)
		return msb_error_say(err, EINVAL,
				     "'%s' is no tar and taken for the Dockerfile: leave -f out",
				     build->options->context);
	*ret_name = name && !from_stdin ? name : "Dockerfile";
	if (build->origin.is_dockerfile) {
		*ret = build->origin.dockerfile;
		build->origin.dockerfile = (struct buffer){0};
		return 0;
	}
	if (from_stdin)
		return io_read_file(AT_FDCWD, "/dev/stdin", MAX_DOCKERFILE, ret, err);
	r = name ? read_named(build, name, ret, err) : read_default(build, ret_name, ret, err);
	if (r == -ENOENT)
		return msb_error_say(err, ENOENT,
				     "Dockerfile '%s' not found (name another one with -f)",
				     build->dockerfile_path ? build->dockerfile_path : *ret_name);
	return r;
}

int build_read_inputs(struct build *build, struct msb_error *err)
{
	const struct msb_build_options *options = build->options;
	bool keep_git_dir = is_asked_for(options, "BUILDKIT_CONTEXT_KEEP_GIT_DIR");
	const char *name = "Dockerfile";
	autobuffer text = {0};
	int r = origin_open(options->context, keep_git_dir, &build->lent, build->store,
			    build->writer, &build->origin, err);

	if (r >= 0)
		r = read_text(build, &name, &text, err);
	if (r >= 0)
		r = dockerfile_parse(path_base(name), text.bytes ? (const char *)text.bytes : "",
				     text.size, &build->dockerfile, err);
	if (r < 0)
		return r;
	build->dockerfile_text = buffer_text(&text);
	return build->dockerfile_text ? 0 : msb_error_memory(err);
}

/* "<Dockerfile>.dockerignore" replaces the context's own. */
int build_read_ignore(const struct build *build, struct ignore **ret, struct msb_error *err)
{
	autofree char *own = NULL;
	autofree char *common = NULL;

	*ret = NULL;
	if (!build->origin.local)
		return 0;
	own = build->dockerfile_path ? buffer_format("%s.dockerignore", build->dockerfile_path)
				     : NULL;
	common = path_join(build->origin.directory, ".dockerignore");
	if (!common || (build->dockerfile_path && !own))
		return msb_error_memory(err);
	return context_read_ignore(own && access(own, F_OK) == 0 ? own : common, ret, err);
}

int build_scan_context(struct build *build, struct msb_error *err)
{
	struct ignore *ignore = NULL;
	int r = build_read_ignore(build, &ignore, err);

	return r < 0 ? r : origin_scan(&build->origin, ignore, build->store, build->writer, err);
}

/* COPY and ADD: sources, destination and flags with finished values. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <msb/digest.h>

#include "git_reference.h"
#include "ignore.h"
#include "internal.h"
#include "path.h"

static bool is_add(const struct site *site)
{
	return site->instruction->kind == INSTRUCTION_ADD;
}

/* A flag's expanded value; empty is as good as not given. */
static int expand_flag(const struct site *site, const char *name, char **ret, struct msb_error *err)
{
	const char *text = instruction_flag(site->instruction, name);
	autofree char *value = NULL;
	int r;

	if (!text)
		return 0;
	r = expand(site, text, &value, err);
	if (r == 0 && *value)
		*ret = steal(&value);
	return r;
}

static bool flag_is(const struct site *site, const char *name, const char *value)
{
	const char *text = instruction_flag(site->instruction, name);

	return text && strcmp(text, value) == 0;
}

/* "u=rwX,go=rX" (chmod(1)) or up to four octal digits. */
static bool is_mode(const char *mode)
{
	size_t digits = strspn(mode, "01234567"), length;

	if (digits > 0 && !mode[digits])
		return strtoul(mode, NULL, 8) <= 07777;
	for (;;) {
		mode += strspn(mode, "ugoa");
		if (!*mode || !strchr("+-=", *mode))
			return false;
		while (*mode && strchr("+-=", *mode)) {
			mode++;
			length = strspn(mode, "rwxXst");
			if (length == 0)
				length = strspn(mode, "ugo") > 0;
			mode += length;
		}
		if (!*mode)
			return true;
		if (*mode++ != ',')
			return false;
	}
}

static int check_mode(const char *mode, struct msb_error *err)
{
	if (!mode || is_mode(mode))
		return 0;
	return msb_error_say(
		err, EINVAL,
		"invalid --chmod=%s; write an octal mode up to 07777, or a symbolic one such "
		"as u=rwX,go=rX",
		mode);
}

static int check_checksum(const struct copy_step *copy, struct msb_error *err)
{
	struct msb_digest ignored;
	const char *source;

	if (!copy->checksum)
		return 0;
	if (copy->sources.count + copy->file_count != 1)
		return msb_error_say(
			err, EINVAL,
			"--checksum is of one source, not of %zu; write an ADD for each",
			copy->sources.count + copy->file_count);
	source = copy->sources.count ? copy->sources.items[0] : "";
	if (remote_is_git(source))
		return 0;
	if (!remote_is_url(source))
		return msb_error_say(
			err, EINVAL,
			"--checksum is for URLs and git repositories, not for '%s'; leave "
			"it out",
			source);
	if (strncmp(copy->checksum, "sha256:", 7) != 0 ||
	    msb_digest_parse(copy->checksum, &ignored) < 0)
		return msb_error_say(
			err, EINVAL,
			"invalid checksum '%s'; write sha256: and 64 hexadecimal digits",
			copy->checksum);
	return 0;
}

static int read_flags(const struct site *site, struct copy_step *copy, struct msb_error *err)
{
	const struct instruction *instruction = site->instruction;
	int r;

	if ((r = expand_flag(site, "chown", &copy->chown, err)) < 0 ||
	    (r = expand_flag(site, "chmod", &copy->chmod, err)) < 0 ||
	    (r = expand_flag(site, "checksum", &copy->checksum, err)) < 0)
		return r;
	/* What a variable without a value leaves of it is no owner. */
	if (copy->chown && !*copy->chown)
		free(steal(&copy->chown));
	for (size_t i = 0; i < instruction->flag_count; i++)
		if (strcmp(instruction->flags[i].name, "exclude") == 0 &&
		    strlist_add(&copy->exclude, instruction->flags[i].value) < 0)
			return msb_error_memory(err);
	copy->link = flag_is(site, "link", "true");
	copy->parents = flag_is(site, "parents", "true");
	copy->keep_git_dir = flag_is(site, "keep-git-dir", "true");
	copy->unpack = !is_add(site) || flag_is(site, "unpack", "false") ? 0
		       : flag_is(site, "unpack", "true")                 ? 1
									 : -1;
	return check_mode(copy->chmod, err);
}

static int add_source(const struct site *site, struct copy_step *copy, const char *text,
		      struct msb_error *err)
{
	autofree char *source = NULL;
	int r = expand(site, text, &source, err);

	if (r < 0)
		return r;
	if (!is_add(site) && (remote_is_git(source) || remote_is_url(source)))
		return msb_error_say(err, EINVAL, "COPY cannot fetch '%s'; write ADD for %s",
				     source, remote_is_git(source) ? "a git repository" : "a URL");
	if (is_add(site) && remote_is_git(source)) {
		struct git_reference reference;

		r = git_reference_parse(source, &reference, err);
		if (r < 0)
			return r;
		git_reference_done(&reference);
	}
	if (!remote_is_url(source) && glob_match(source, "") < 0)
		return msb_error_say(err, EINVAL,
				     "malformed pattern '%s'; close its [, and write [[] for the "
				     "character",
				     source);
	return strlist_add(&copy->sources, source) < 0 ? msb_error_memory(err) : 0;
}

/* A heredoc's body is expanded with its quotes left alone, and with '\\' whatever the file's
 * escape character is. */
static int add_file(const struct site *site, struct inline_file *file,
		    const struct heredoc *heredoc, struct msb_error *err)
{
	struct words words = {
		.escape = '\\', .env = &site->scope->env, .max = 16 << 20, .plain_quotes = true};
	int r = 0;

	if (!path_is_name(heredoc->name, strlen(heredoc->name)))
		return msb_error_say(err, EINVAL,
				     "heredoc '%s' is no file name; write <<NAME without slashes",
				     heredoc->name);
	file->name = strdup(heredoc->name);
	if (heredoc->expand)
		r = words_expand(&words, heredoc->body, &file->content, err);
	else
		file->content = strdup(heredoc->body);
	if (r < 0)
		return r;
	if (!file->name || !file->content)
		return msb_error_memory(err);
	file->size = strlen(file->content);
	return 0;
}

static int add_files(const struct site *site, struct copy_step *copy, struct msb_error *err)
{
	const struct instruction *instruction = site->instruction;

	if (instruction->heredoc_count == 0)
		return 0;
	copy->files = calloc(instruction->heredoc_count, sizeof(*copy->files));
	if (!copy->files)
		return msb_error_memory(err);
	for (size_t i = 0; i < instruction->heredoc_count; i++) {
		int r = add_file(site, &copy->files[copy->file_count++], &instruction->heredocs[i],
				 err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Does the destination, as it is written, name a directory whatever is there? */
static bool names_directory(const char *dest)
{
	const char *base = strrchr(dest, '/');

	base = base ? base + 1 : dest;
	return !*base || strcmp(base, ".") == 0 || strcmp(base, "..") == 0;
}

static int set_dest(const struct site *site, struct copy_step *copy, const char *dest,
		    struct msb_error *err)
{
	bool directory = names_directory(dest);
	autofree char *path = path_join(site->step->directory, dest);

	if (!path || asprintf(&copy->dest, "%s%s", path, directory && path[1] ? "/" : "") < 0) {
		copy->dest = NULL;
		return msb_error_memory(err);
	}
	return 0;
}

static int set_copy_history(struct site *site, const char *dest, struct msb_error *err)
{
	const struct copy_step *copy = &site->step->copy;
	autobuffer history = {0};

	buffer_string(&history, instruction_name(site->instruction->kind));
	if (copy->parents)
		buffer_string(&history, " --parents");
	if (copy->chown)
		buffer_printf(&history, " --chown=%s", copy->chown);
	if (copy->chmod)
		buffer_printf(&history, " --chmod=%s", copy->chmod);
	for (size_t i = 0; i < copy->sources.count; i++)
		buffer_printf(&history, " %s", copy->sources.items[i]);
	for (size_t i = 0; i < copy->file_count; i++)
		buffer_printf(&history, " <<%s", copy->files[i].name);
	buffer_printf(&history, " %s # buildkit", dest);
	return set_history(site, &history, err);
}

int copy_apply(struct site *site, struct msb_error *err)
{
	const struct instruction *instruction = site->instruction;
	const struct strlist *args = &instruction->args;
	const char *from = instruction_flag(instruction, "from");
	struct copy_step *copy = &site->step->copy;
	autofree char *dest = NULL;
	int r = read_flags(site, copy, err);

	if (r == 0 && from && *from)
		r = stage_reference(site->planner, site->stage, from, &copy->from, err);
	for (size_t i = 0; r == 0 && i + 1 < args->count; i++)
		r = add_source(site, copy, args->items[i], err);
	if (r == 0)
		r = add_files(site, copy, err);
	if (r == 0)
		r = check_checksum(copy, err);
	if (r == 0)
		r = expand(site, args->items[args->count - 1], &dest, err);
	if (r == 0)
		r = set_dest(site, copy, dest, err);
	return r < 0 ? r : set_copy_history(site, dest, err);
}

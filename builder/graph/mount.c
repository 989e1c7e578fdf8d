/*
 * --mount=type=…,key=value,…: each key is a row of a table. The fields are read in order: which
 * keys are legal depends on the type given so far, as it does in BuildKit.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mount.h"
#include "path.h"
#include "size.h"
#include "suggest.h"

static const char *const kinds[] = {
	[MOUNT_BIND] = "bind",     [MOUNT_CACHE] = "cache", [MOUNT_TMPFS] = "tmpfs",
	[MOUNT_SECRET] = "secret", [MOUNT_SSH] = "ssh",
};
static const char *const sharings[] = {
	[SHARING_SHARED] = "shared", [SHARING_PRIVATE] = "private", [SHARING_LOCKED] = "locked"};

enum { KINDS = 5, SHARINGS = 3 };

/* A mount under way: what was given, before defaults. */
struct draft {
	struct site *site;
	struct run_mount *mount;
	char *from; /* owned */
	bool has_access, has_uid, has_gid, has_sharing, has_env;
	bool only_looks; /* nobody will run it: no variable has a value, so where one stands
			    anything may */
	bool is_open;    /* only_looks: its kind is not known */
};

static void draft_done(struct draft *draft)
{
	free(draft->from);
}

typedef int key_fn(struct draft *draft, const char *key, const char *value, struct msb_error *err);

static int invalid(const char *key, const char *value, const char *instead, struct msb_error *err)
{
	return msb_error_say(err, EINVAL, "invalid value '%s' for %s; write %s=%s", value, key, key,
			     instead);
}

static int unexpected(const struct draft *draft, const char *key, const char *types,
		      struct msb_error *err)
{
	return msb_error_say(err, EINVAL, "'%s' is not for mount type '%s'; write %s before it",
			     key, kinds[draft->mount->kind], types);
}

static int find_word(const char *const *words, size_t count, const char *value)
{
	for (size_t i = 0; i < count; i++)
		if (strcasecmp(words[i], value) == 0)
			return (int)i;
	return -1;
}

static int key_type(struct draft *draft, const char *key, const char *value, struct msb_error *err)
{
	int kind = find_word(kinds, KINDS, value);

	(void)key;
	if (kind < 0)
		return suggest_instead("unknown mount type", "", value, kinds, KINDS, err);
	draft->mount->kind = kind;
	return 0;
}

static int key_sharing(struct draft *draft, const char *key, const char *value,
		       struct msb_error *err)
{
	int sharing = find_word(sharings, SHARINGS, value);

	(void)key;
	if (sharing < 0)
		return suggest_instead("unknown sharing mode", "", value, sharings, SHARINGS, err);
	draft->mount->sharing = sharing;
	draft->has_sharing = true;
	return 0;
}

static int set_text(char **owned, const char *value, struct msb_error *err)
{
	return replace_text(owned, value) < 0 ? msb_error_memory(err) : 0;
}

static int key_from(struct draft *draft, const char *key, const char *value, struct msb_error *err)
{
	(void)key;
	return set_text(&draft->from, value, err);
}

static int key_source(struct draft *draft, const char *key, const char *value,
		      struct msb_error *err)
{
	(void)key;
	return set_text(&draft->mount->source, value, err);
}

static int key_target(struct draft *draft, const char *key, const char *value,
		      struct msb_error *err)
{
	(void)key;
	return set_text(&draft->mount->target, value, err);
}

static int key_id(struct draft *draft, const char *key, const char *value, struct msb_error *err)
{
	(void)key;
	return set_text(&draft->mount->id, value, err);
}

static int key_env(struct draft *draft, const char *key, const char *value, struct msb_error *err)
{
	if (draft->mount->kind != MOUNT_SECRET)
		return unexpected(draft, key, "type=secret", err);
	draft->has_env = true;
	return set_text(&draft->mount->env, value, err);
}

/* A bare key means true. */
static int read_bool(const char *key, const char *value, bool *ret, struct msb_error *err)
{
	static const char *const words[] = {"1", "t", "true", "0", "f", "false"};
	int word = value ? find_word(words, 6, value) : 0;

	if (word < 0)
		return invalid(key, value, "true", err);
	*ret = word < 3;
	return 0;
}

static int key_read_only(struct draft *draft, const char *key, const char *value,
			 struct msb_error *err)
{
	draft->has_access = true;
	return read_bool(key, value, &draft->mount->read_only, err);
}

static int key_read_write(struct draft *draft, const char *key, const char *value,
			  struct msb_error *err)
{
	bool writable;
	int r = read_bool(key, value, &writable, err);

	if (r < 0)
		return r;
	draft->has_access = true;
	draft->mount->read_only = !writable;
	return 0;
}

static int key_required(struct draft *draft, const char *key, const char *value,
			struct msb_error *err)
{
	if (draft->mount->kind != MOUNT_SECRET && draft->mount->kind != MOUNT_SSH)
		return unexpected(draft, key, "type=secret or type=ssh", err);
	return read_bool(key, value, &draft->mount->required, err);
}

static bool read_number(const char *value, int base, uint32_t *ret)
{
	char *end;
	unsigned long long number;

	if (!isdigit((unsigned char)*value) || strlen(value) > 12)
		return false;
	number = strtoull(value, &end, base);
	if (*end || number > UINT32_MAX)
		return false;
	*ret = (uint32_t)number;
	return true;
}

static int key_mode(struct draft *draft, const char *key, const char *value, struct msb_error *err)
{
	if (!read_number(value, 8, &draft->mount->mode))
		return invalid(key, value, "0755", err);
	draft->mount->has_mode = true;
	return 0;
}

static int key_uid(struct draft *draft, const char *key, const char *value, struct msb_error *err)
{
	draft->has_uid = true;
	return read_number(value, 10, &draft->mount->uid) ? 0 : invalid(key, value, "1000", err);
}

static int key_gid(struct draft *draft, const char *key, const char *value, struct msb_error *err)
{
	draft->has_gid = true;
	return read_number(value, 10, &draft->mount->gid) ? 0 : invalid(key, value, "1000", err);
}

static int key_size(struct draft *draft, const char *key, const char *value, struct msb_error *err)
{
	if (draft->mount->kind != MOUNT_TMPFS)
		return unexpected(draft, key, "type=tmpfs", err);
	return size_parse(value, &draft->mount->size) ? 0 : invalid(key, value, "64m", err);
}

static const struct {
	const char *name;
	key_fn *read;
	bool bare; /* may stand without a value */
} keys[] = {
	{"type", key_type},
	{"from", key_from},
	{"source", key_source},
	{"src", key_source},
	{"target", key_target},
	{"dst", key_target},
	{"destination", key_target},
	{"readonly", key_read_only, true},
	{"ro", key_read_only, true},
	{"readwrite", key_read_write, true},
	{"rw", key_read_write, true},
	{"required", key_required, true},
	{"id", key_id},
	{"sharing", key_sharing},
	{"mode", key_mode},
	{"uid", key_uid},
	{"gid", key_gid},
	{"size", key_size},
	{"env", key_env},
};

enum { KEYS = sizeof(keys) / sizeof(*keys) };

static int unknown_key(const char *key, struct msb_error *err)
{
	const char *names[KEYS];

	for (size_t i = 0; i < KEYS; i++)
		names[i] = keys[i].name;
	return suggest_instead("unknown key of a mount", "", key, names, KEYS, err);
}

static int read_field(struct draft *draft, const char *field, struct msb_error *err)
{
	const char *equals = strchr(field, '=');
	autofree char *key = strndup(field, equals ? (size_t)(equals - field) : strlen(field));
	autofree char *value = NULL;
	size_t i = 0;
	int r;

	if (!key)
		return msb_error_memory(err);
	while (i < KEYS && strcasecmp(keys[i].name, key) != 0)
		i++;
	if (i == KEYS && equals)
		return unknown_key(key, err);
	if (!equals && (i == KEYS || !keys[i].bare))
		return msb_error_say(err, EINVAL, "'%s' of a mount has no value; write %s=VALUE",
				     field, field);
	if (!equals)
		return draft->is_open ? 0 : keys[i].read(draft, keys[i].name, NULL, err);
	if (keys[i].read == key_from && strchr(equals, '$') && strchr(equals, '$')[1])
		return msb_error_say(
			err, EINVAL,
			"variables are not expanded in '%s'; write a stage FROM %s AS NAME "
			"with a global ARG, and from=NAME",
			field, equals + 1);
	if (draft->only_looks && strpbrk(equals, "$\\`'\"")) {
		draft->is_open |= keys[i].read == key_type;
		return 0;
	}
	if (draft->only_looks)
		return draft->is_open ? 0 : keys[i].read(draft, keys[i].name, equals + 1, err);
	r = expand(draft->site, equals + 1, &value, err);
	return r < 0 ? r : keys[i].read(draft, keys[i].name, value, err);
}

/* The field at text, unquoted; *ret_next is behind its comma, or NULL behind the last. */
static int take_field(const char *text, struct buffer *field, const char **ret_next,
		      struct msb_error *err)
{
	if (*text == '"') {
		for (text++; *text != '"' || text[1] == '"'; text++) {
			if (!*text)
				return msb_error_say(err, EINVAL,
						     "a quote in --mount is not closed; end the "
						     "field with \"");
			text += *text == '"';
			buffer_char(field, *text);
		}
		text++;
		if (*text && *text != ',')
			return msb_error_say(err, EINVAL,
					     "text behind a quoted field of --mount; put the whole "
					     "field in quotes");
	} else {
		size_t length = strcspn(text, ",");

		if (memchr(text, '"', length))
			return msb_error_say(
				err, EINVAL,
				"a quote within a field of --mount; put the whole field in "
				"quotes, and write \"\" for the character");
		buffer_append(field, text, length);
		text += length;
	}
	*ret_next = *text ? text + 1 : NULL;
	return 0;
}

static int read_fields(struct draft *draft, const char *text, struct msb_error *err)
{
	int r = 0;

	if (!*text)
		return msb_error_say(err, EINVAL,
				     "--mount is empty; write --mount=type=cache,target=/PATH");
	while (r == 0 && text) {
		autobuffer field = {0};
		autofree char *content = NULL;

		r = take_field(text, &field, &text, err);
		if (r < 0)
			return r;
		content = buffer_text(&field);
		r = content ? read_field(draft, content, err) : msb_error_memory(err);
	}
	return r;
}

static int not_allowed(const char *what, const struct run_mount *mount, struct msb_error *err)
{
	return msb_error_say(err, EINVAL, "%s is not for '%s' mounts; leave it out", what,
			     kinds[mount->kind]);
}

static int nameless_secret(struct msb_error *err)
{
	return msb_error_say(err, EINVAL, "a secret mount without a name; write id=NAME");
}

static int check(const struct draft *draft, struct msb_error *err)
{
	const struct run_mount *mount = draft->mount;

	if (mount->kind == MOUNT_BIND || mount->kind == MOUNT_TMPFS) {
		if (mount->has_mode || draft->has_uid || draft->has_gid)
			return not_allowed(mount->has_mode  ? "mode"
					   : draft->has_uid ? "uid"
							    : "gid",
					   mount, err);
	}
	if (mount->kind == MOUNT_SECRET) {
		if (draft->from && *draft->from)
			return not_allowed("from", mount, err);
		if (!mount->source && !mount->target && !mount->id)
			return nameless_secret(err);
		if (mount->source && mount->id)
			return msb_error_say(err, EINVAL,
					     "both id and source name the secret; leave one out");
	}
	if (draft->has_sharing && mount->kind != MOUNT_CACHE)
		return not_allowed("sharing", mount, err);
	if (mount->kind == MOUNT_SSH && mount->source)
		return not_allowed("source", mount, err);
	return 0;
}

/* The target, absolute; the working directory where none is given. */
static int settle_target(struct draft *draft, struct msb_error *err)
{
	struct run_mount *mount = draft->mount;
	char *target = path_join(draft->site->step->directory, mount->target ? mount->target : "");

	if (!target)
		return msb_error_memory(err);
	free(mount->target);
	mount->target = target;
	if (strcmp(target, "/") == 0)
		return msb_error_say(err, EINVAL,
				     "the mount's target is /; name a directory below it");
	return 0;
}

/* A secret's name is its id, its source or its target's last part. */
static int settle_secret(struct draft *draft, struct msb_error *err)
{
	struct run_mount *mount = draft->mount;
	const char *name = mount->source   ? mount->source
			   : mount->target ? path_base(mount->target)
					   : NULL;

	if ((!mount->id || !*mount->id) && set_text(&mount->id, name, err) < 0)
		return -ENOMEM;
	if (!mount->id || !*mount->id)
		return nameless_secret(err);
	free(steal(&mount->source));
	if (draft->has_env && !*mount->env && set_text(&mount->env, mount->id, err) < 0)
		return -ENOMEM;
	if (draft->has_env && !mount->target)
		return 0;
	if (!mount->target &&
	    asprintf(&mount->target, "/run/secrets/%s", path_base(mount->id)) < 0) {
		mount->target = NULL;
		return msb_error_memory(err);
	}
	return settle_target(draft, err);
}

static int settle_ssh(struct draft *draft, struct msb_error *err)
{
	struct run_mount *mount = draft->mount;
	size_t number = 0;

	for (const struct run_mount *m = draft->site->step->run.mounts; m < mount; m++)
		number += m->kind == MOUNT_SSH;
	if ((!mount->id || !*mount->id) && set_text(&mount->id, "default", err) < 0)
		return -ENOMEM;
	if (!mount->target && asprintf(&mount->target, "/run/buildkit/ssh_agent.%zu", number) < 0) {
		mount->target = NULL;
		return msb_error_memory(err);
	}
	return settle_target(draft, err);
}

/* Its id, else its target, in the build's own name space where BUILDKIT_CACHE_MOUNT_NS names one.
 */
static int settle_cache_name(struct draft *draft, struct msb_error *err)
{
	const struct strlist *given = draft->site->planner->inputs->build_args;
	const char *space = given ? strlist_get_env(given, "BUILDKIT_CACHE_MOUNT_NS") : NULL;
	struct run_mount *mount = draft->mount;
	const char *name = mount->id && *mount->id ? mount->id : mount->target;
	autofree char *whole = NULL;

	if (!space || !*space)
		return set_text(&mount->id, name, err);
	if (asprintf(&whole, "%s/%s", space, name) < 0) {
		whole = NULL;
		return msb_error_memory(err);
	}
	return set_text(&mount->id, whole, err);
}

/* bind, cache and tmpfs: where from, and what of it. */
static int settle_tree(struct draft *draft, struct msb_error *err)
{
	struct run_mount *mount = draft->mount;
	char *source;
	int r = settle_target(draft, err);

	if (r < 0)
		return r;
	if (mount->kind == MOUNT_TMPFS)
		return 0;
	if (draft->from && *draft->from) {
		r = stage_reference(draft->site->planner, draft->site->stage, draft->from,
				    &mount->from, err);
		if (r < 0)
			return r;
	}
	source = path_join("/", mount->source ? mount->source : "");
	if (!source)
		return msb_error_memory(err);
	free(mount->source);
	mount->source = source;
	return mount->kind == MOUNT_CACHE ? settle_cache_name(draft, err) : 0;
}

int mount_read(struct site *site, const char *text, struct run_mount *ret, struct msb_error *err)
{
	__attribute__((cleanup(draft_done))) struct draft draft = {.site = site, .mount = ret};
	int r = read_fields(&draft, text, err);

	if (r == 0)
		r = check(&draft, err);
	if (r < 0)
		return r;
	ret->from.kind = ret->kind == MOUNT_BIND ? SOURCE_CONTEXT : SOURCE_SCRATCH;
	if (!draft.has_access)
		ret->read_only = ret->kind != MOUNT_CACHE && ret->kind != MOUNT_TMPFS;
	if (!ret->has_mode)
		ret->mode = ret->kind == MOUNT_SECRET ? 0400 : ret->kind == MOUNT_SSH ? 0600 : 0755;
	if (ret->kind == MOUNT_SECRET)
		return settle_secret(&draft, err);
	return ret->kind == MOUNT_SSH ? settle_ssh(&draft, err) : settle_tree(&draft, err);
}

int mount_look(const char *text, char **ret_from, struct msb_error *err)
{
	struct run_mount mount = {0};
	__attribute__((cleanup(draft_done))) struct draft draft = {.mount = &mount,
								   .only_looks = true};
	int r = read_fields(&draft, text, err);

	*ret_from = draft.from && *draft.from ? steal(&draft.from) : NULL;
	free(mount.id);
	free(mount.source);
	free(mount.target);
	free(mount.env);
	return r;
}

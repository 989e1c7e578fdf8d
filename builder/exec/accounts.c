#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msb/tree.h>

#include "accounts.h"

#define MAX_FILE (16u * 1024 * 1024)

/* The text of a file of the tree, "" where there is none. Owned; NULL after an error. */
static char *read_text(struct msb_store *store, const struct msb_digest *tree, const char *path,
		       struct msb_error *err)
{
	struct msb_found found;
	uint8_t *bytes;
	char *text;
	size_t size;
	int r = msb_tree_find(store, tree, path, 0, &found, err);

	if (r == -ENOENT || r == -ENOTDIR || r == -ELOOP)
		return calloc(1, 1);
	if (r < 0)
		return NULL;
	if (found.entry.type != MSB_FILE) {
		msb_found_done(&found);
		return calloc(1, 1);
	}
	r = msb_store_load(store, &found.entry.digest, MAX_FILE, &bytes, &size, err);
	msb_found_done(&found);
	if (r < 0)
		return NULL;
	text = realloc(bytes, size + 1);
	if (!text) {
		free(bytes);
		msb_error_memory(err);
		return NULL;
	}
	text[size] = '\0';
	return text;
}

/* Splits a line at colons in place; the number of fields. */
static size_t split(char *line, char **fields, size_t max)
{
	size_t count = 0;
	char *field;

	while (count < max && (field = strsep(&line, ":")))
		fields[count++] = field;
	return count;
}

static bool parse_id(const char *text, uint32_t *ret)
{
	char *end;
	unsigned long value;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (*end || errno || value >= UINT32_MAX)
		return false;
	*ret = (uint32_t)value;
	return true;
}

struct words {
	char user[256];
	char group[256]; /* "" for none */
	bool has_group;  /* a colon, though perhaps nothing behind it */
};

static int split_words(const char *text, struct words *ret, struct msb_error *err)
{
	const char *colon = strchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : strlen(text);

	if (length >= sizeof(ret->user) || (colon && strlen(colon + 1) >= sizeof(ret->group)))
		return msb_error_say(err, EINVAL, "user '%s' is too long", text);
	memcpy(ret->user, text, length);
	ret->user[length] = '\0';
	/* ":group" is root with that group. */
	if (colon && length == 0)
		strcpy(ret->user, "0");
	ret->has_group = colon;
	strcpy(ret->group, colon ? colon + 1 : "");
	return 0;
}

/* The passwd line of a name or, for a number, of that uid; ret_name is the name there. False when
 * there is none. */
static bool find_user(char *passwd, const char *user, struct account *ret, const char **ret_name)
{
	uint32_t wanted, uid, gid;
	bool by_number = parse_id(user, &wanted);
	char *line, *fields[7];

	while ((line = strsep(&passwd, "\n"))) {
		size_t count = split(line, fields, 7);

		if (count < 4 || !parse_id(fields[2], &uid) || !parse_id(fields[3], &gid))
			continue;
		if (strcmp(fields[0], user) != 0 && !(by_number && uid == wanted))
			continue;
		*ret_name = fields[0];
		ret->uid = uid;
		ret->gid = gid;
		if (count > 5 && fields[5][0] == '/')
			snprintf(ret->home, sizeof(ret->home), "%s", fields[5]);
		return true;
	}
	return false;
}

static bool is_member(char *members, const char *user)
{
	char *member;

	while ((member = strsep(&members, ",")))
		if (strcmp(member, user) == 0)
			return true;
	return false;
}

static void find_groups(char *groups, const char *user, struct account *ret)
{
	char *line, *fields[4];
	uint32_t gid;

	while ((line = strsep(&groups, "\n"))) {
		if (split(line, fields, 4) == 4 && parse_id(fields[2], &gid) &&
		    is_member(fields[3], user) && ret->group_count < ACCOUNT_MAX_GROUPS)
			ret->groups[ret->group_count++] = gid;
	}
}

static bool find_group(char *groups, const char *group, gid_t *ret)
{
	char *line, *fields[4];
	uint32_t gid;

	if (parse_id(group, ret))
		return true;
	while ((line = strsep(&groups, "\n"))) {
		if (split(line, fields, 4) < 3 || strcmp(fields[0], group) != 0)
			continue;
		if (parse_id(fields[2], &gid)) {
			*ret = gid;
			return true;
		}
	}
	return false;
}

static int unknown(const char *what, const char *name, const char *file, struct msb_error *err)
{
	return msb_error_say(err, ENOENT, "unable to find %s %s: no matching entries in %s", what,
			     name, file);
}

static int find_words(struct msb_store *store, const struct msb_digest *tree,
		      const struct words *words, struct account *ret, bool *ret_known,
		      struct msb_error *err)
{
	autofree char *passwd = read_text(store, tree, "/etc/passwd", err);
	autofree char *group = passwd ? read_text(store, tree, "/etc/group", err) : NULL;
	const char *name = words->user;

	*ret = (struct account){.home = "/"};
	if (!group)
		return err && err->code ? err->code : -ENOMEM;
	*ret_known = find_user(passwd, words->user, ret, &name);
	if (!*ret_known && !parse_id(words->user, &ret->uid))
		return unknown("user", words->user, "/etc/passwd", err);
	if (words->group[0]) {
		if (!find_group(group, words->group, &ret->gid))
			return unknown("group", words->group, "/etc/group", err);
	} else if (*ret_known) {
		find_groups(group, name, ret);
	}
	return 0;
}

int account_find(struct msb_store *store, const struct msb_digest *tree, const char *user,
		 struct account *ret, struct msb_error *err)
{
	struct words words;
	bool known = false;
	int r = split_words(user && *user ? user : "0", &words, err);

	if (r < 0)
		return r;
	r = find_words(store, tree, &words, ret, &known, err);
	if (r >= 0 && (!user || !*user) && !known)
		snprintf(ret->home, sizeof(ret->home), "/root");
	return r;
}

/* strict: a name that nobody has is an error; otherwise it leaves what it stands for alone. */
static int find_owner(struct msb_store *store, const struct msb_digest *tree, const char *owner,
		      bool strict, struct account *ret, struct msb_error *err)
{
	autofree char *passwd = read_text(store, tree, "/etc/passwd", err);
	autofree char *group = passwd ? read_text(store, tree, "/etc/group", err) : NULL;
	const char *name;
	struct words words;
	int r;

	*ret = (struct account){0};
	if (!group)
		return err && err->code ? err->code : -ENOMEM;
	r = split_words(owner, &words, err);
	if (r < 0)
		return r;
	/* Nothing on a side of the colon is root there. */
	if (parse_id(words.user, &ret->uid))
		ret->gid = ret->uid;
	else if (words.user[0] && !find_user(passwd, words.user, ret, &name) && strict)
		return unknown("user", words.user, "/etc/passwd", err);
	if (words.has_group && !words.group[0])
		ret->gid = 0;
	if (words.group[0] && !find_group(group, words.group, &ret->gid) && strict)
		return unknown("group", words.group, "/etc/group", err);
	return 0;
}

int account_owner(struct msb_store *store, const struct msb_digest *tree, const char *owner,
		  uid_t *ret_uid, gid_t *ret_gid, struct msb_error *err)
{
	struct account account;
	int r = find_owner(store, tree, owner, true, &account, err);

	if (r < 0)
		return r;
	*ret_uid = account.uid;
	*ret_gid = account.gid;
	return 0;
}

int account_maker(struct msb_store *store, const struct msb_digest *tree, const char *user,
		  uid_t *ret_uid, gid_t *ret_gid, struct msb_error *err)
{
	struct account account;
	int r = find_owner(store, tree, user && *user ? user : "0", false, &account, err);

	if (r < 0)
		return r;
	*ret_uid = account.uid;
	*ret_gid = account.gid;
	return 0;
}

#include "git_reference.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <msb/cleanup.h>

#include "path.h"
#include "suggest.h"

bool remote_is_url(const char *source)
{
	return strncmp(source, "http://", 7) == 0 || strncmp(source, "https://", 8) == 0;
}

/* "user@host:path", as ssh has it. */
static bool is_scp(const char *source)
{
	size_t user = 0, host = 0;

	while (isalnum((unsigned char)source[user]) || (source[user] && strchr("-_", source[user])))
		user++;
	if (user == 0 || source[user] != '@')
		return false;
	source += user + 1;
	while (isalnum((unsigned char)source[host]) || (source[host] && strchr("-.", source[host])))
		host++;
	return host > 0 && source[host] == ':';
}

bool remote_is_git(const char *source)
{
	size_t end = strcspn(source, "#?");

	if (strncmp(source, "git://", 6) == 0 || strncmp(source, "ssh://", 6) == 0)
		return true;
	if (remote_is_url(source))
		return end > 4 && strncmp(source + end - 4, ".git", 4) == 0;
	return is_scp(source);
}

/* Takes text (NULL: no memory) in place of what was there, which must be nothing. */
static int set_once(char **place, char *text, const char *what, struct msb_error *err)
{
	if (*place) {
		free(text);
		return msb_error_say(err, EINVAL, "%s is given twice; keep one of them", what);
	}
	*place = text;
	return text ? 0 : msb_error_memory(err);
}

static int set_directory(struct git_reference *reference, const char *text, struct msb_error *err)
{
	autofree char *clean = path_join("/", text);

	if (!clean)
		return msb_error_memory(err);
	if (!clean[1])
		return 0;
	return set_once(&reference->directory, strdup(clean + 1), "the directory", err);
}

static int set_ref(struct git_reference *reference, const char *prefix, const char *name,
		   struct msb_error *err)
{
	char *text = malloc(strlen(prefix) + strlen(name) + 1);

	if (!text)
		return msb_error_memory(err);
	strcpy(text, prefix);
	strcat(text, name);
	return set_once(&reference->ref, text, "the ref", err);
}

/* "ref:directory", either of which may be empty. */
static int take_fragment(struct git_reference *reference, char *fragment, struct msb_error *err)
{
	char *directory = strchr(fragment, ':');
	int r = 0;

	if (directory)
		*directory++ = '\0';
	if (*fragment)
		r = set_ref(reference, "", fragment, err);
	if (r >= 0 && directory && *directory)
		r = set_directory(reference, directory, err);
	return r;
}

/* Percent signs as URLs have them, in place; in a query, "+" is a blank. */
static void decode(char *text, bool query)
{
	char *to = text;

	for (; *text; text++, to++) {
		char digits[3] = {0};

		*to = *text == '+' && query ? ' ' : *text;
		if (*text != '%' || !isxdigit((unsigned char)text[1]) ||
		    !isxdigit((unsigned char)text[2]))
			continue;
		memcpy(digits, text + 1, 2);
		*to = (char)strtoul(digits, NULL, 16);
		text += 2;
	}
	*to = '\0';
}

char *remote_file_name(const char *url)
{
	const char *host = strstr(url, "://");
	const char *path = host ? host + 3 + strcspn(host + 3, "/?#") : url;
	autofree char *text = strndup(path, strcspn(path, "?#"));
	autofree char *clean = NULL;
	const char *name;

	/* A NUL would end the name before its end. */
	if (!text || strstr(text, "%00"))
		return NULL;
	decode(text, false);
	clean = path_clean(text);
	if (!clean)
		return NULL;
	name = path_base(clean);
	if (strcmp(name, "/") == 0 || strcmp(name, ".") == 0)
		return strdup("__unnamed__");
	return path_is_name(name, strlen(name)) ? strdup(name) : NULL;
}

static int truth(const char *value, bool *ret, struct msb_error *err)
{
	if (!*value || strcmp(value, "true") == 0 || strcmp(value, "1") == 0)
		*ret = true;
	else if (strcmp(value, "false") == 0 || strcmp(value, "0") == 0)
		*ret = false;
	else
		return msb_error_say(err, EINVAL,
				     "'%s' is neither true nor false; write one of these", value);
	return 0;
}

static int take_pair(struct git_reference *reference, const char *key, const char *value,
		     struct msb_error *err)
{
	static const char *const known[] = {"ref",    "tag",      "branch",       "subdir",
					    "commit", "checksum", "keep-git-dir", "submodules"};
	bool yes;
	int r;

	if (strcmp(key, "ref") == 0)
		return set_ref(reference, "", value, err);
	if (strcmp(key, "tag") == 0)
		return set_ref(reference, "refs/tags/", value, err);
	if (strcmp(key, "branch") == 0)
		return set_ref(reference, "refs/heads/", value, err);
	if (strcmp(key, "subdir") == 0)
		return set_directory(reference, value, err);
	if (strcmp(key, "commit") == 0 || strcmp(key, "checksum") == 0)
		return set_once(&reference->checksum, strdup(value), "the commit", err);
	if (strcmp(key, "keep-git-dir") == 0) {
		r = truth(value, &yes, err);
		reference->keep_git_dir = r < 0 ? -1 : yes;
		return r;
	}
	if (strcmp(key, "submodules") == 0) {
		r = truth(value, &yes, err);
		reference->no_submodules = r >= 0 && !yes;
		return r;
	}
	return suggest_instead("the query has an unknown key", "", key, known,
			       sizeof(known) / sizeof(*known), err);
}

static int take_query(struct git_reference *reference, char *query, struct msb_error *err)
{
	char *pair;
	int r = 0;

	while (r >= 0 && (pair = strsep(&query, "&"))) {
		char *value = strchr(pair, '=');

		if (!*pair)
			continue;
		if (value)
			*value++ = '\0';
		else
			value = pair + strlen(pair);
		decode(pair, true);
		if (*value)
			decode(value, true);
		r = take_pair(reference, pair, value, err);
	}
	return r;
}

static int parse(char *source, struct git_reference *reference, struct msb_error *err)
{
	char *fragment = strchr(source, '#');
	char *query;
	int r = 0;

	if (fragment)
		*fragment++ = '\0';
	query = strstr(source, "://") ? strchr(source, '?') : NULL;
	if (query)
		*query++ = '\0';
	reference->url = strdup(source);
	if (!reference->url)
		return msb_error_memory(err);
	if (fragment)
		r = take_fragment(reference, fragment, err);
	if (r >= 0 && query)
		r = take_query(reference, query, err);
	/* A commit alone says what to fetch, too. */
	if (r >= 0 && !reference->ref && reference->checksum)
		r = set_ref(reference, "", reference->checksum, err);
	/* It becomes a word of a command line. */
	if (r >= 0 && reference->ref && (*reference->ref == '-' || strchr(reference->ref, ':')))
		r = msb_error_say(err, EINVAL, "'%s' is no ref; name a branch, a tag or a commit",
				  reference->ref);
	return r;
}

int git_reference_parse(const char *source, struct git_reference *ret, struct msb_error *err)
{
	autofree char *copy = strdup(source);
	struct git_reference reference = {.keep_git_dir = -1};
	int r = copy ? parse(copy, &reference, err) : msb_error_memory(err);

	if (r < 0) {
		git_reference_done(&reference);
		return msb_error_prefix(err, r, "'%s'", source);
	}
	*ret = reference;
	return 0;
}

void git_reference_done(struct git_reference *reference)
{
	free(reference->url);
	free(reference->ref);
	free(reference->directory);
	free(reference->checksum);
	*reference = (struct git_reference){0};
}

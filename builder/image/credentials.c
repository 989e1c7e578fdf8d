#include "credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base64.h"
#include "credential_helper.h"
#include "internal.h"
#include "io.h"

#define FILE_MAX ((size_t)4 * 1024 * 1024)
#define HUB      "docker.io"
#define HUB_KEY  "https://index.docker.io/v1/"

static void wipe(char **text)
{
	if (*text)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

void credentials_done(struct credentials *credentials)
{
	wipe(&credentials->user);
	wipe(&credentials->password);
	wipe(&credentials->identity);
}

/* --- The files --- */

static int add_path(struct strlist *list, const char *folder, const char *home,
		    const char *below_home, const char *name, struct msb_error *err)
{
	int r = 0;

	if (folder && *folder)
		r = strlist_addf(list, "%s/%s", folder, name);
	else if (home && *home && below_home)
		r = strlist_addf(list, "%s/%s/%s", home, below_home, name);
	return r < 0 ? msb_error_memory(err) : 0;
}

/* Those that may exist, in the order to ask; the first is written to. */
static int list_files(struct strlist *ret, struct msb_error *err)
{
	const char *only = getenv("REGISTRY_AUTH_FILE"), *home = getenv("HOME");
	int r;

	if (only && *only)
		return strlist_add(ret, only) < 0 ? msb_error_memory(err) : 0;
	r = add_path(ret, getenv("DOCKER_CONFIG"), home, ".docker", "config.json", err);
	if (r >= 0)
		r = add_path(ret, getenv("XDG_RUNTIME_DIR"), NULL, NULL, "containers/auth.json",
			     err);
	if (r >= 0)
		r = add_path(ret, getenv("XDG_CONFIG_HOME"), home, ".config",
			     "containers/auth.json", err);
	return r;
}

/* NULL in *ret: there is no such file, or it is empty. */
static int read_file(const char *path, json_t **ret, struct msb_error *err)
{
	autosecret text = {0};
	json_t *json = NULL;
	int r = io_read_file(AT_FDCWD, path, FILE_MAX, &text, err);

	*ret = NULL;
	if (r == -ENOENT || r == -ENOTDIR || (r >= 0 && text.size == 0))
		return 0;
	if (r < 0)
		return r;
	json = json_loadb((const char *)text.bytes, text.size, 0, NULL);
	if (!json_is_object(json)) {
		json_decref(json);
		return msb_error_say(err, EBADMSG, "'%s' is no JSON object", path);
	}
	*ret = json;
	return 0;
}

/* --- Which entry is meant --- */

/* "https://quay.io/v1/" and "quay.io" are the same. */
static bool is_same_place(const char *key, const char *place)
{
	static const char *const schemes[] = {"https://", "http://"};
	static const char *const versions[] = {"/v1", "/v2"};
	size_t length;

	for (size_t i = 0; i < 2; i++)
		if (strncmp(key, schemes[i], strlen(schemes[i])) == 0)
			key += strlen(schemes[i]);
	length = strlen(key);
	while (length > 0 && key[length - 1] == '/')
		length--;
	for (size_t i = 0; i < 2; i++)
		if (length > 3 && memcmp(key + length - 3, versions[i], 3) == 0)
			length -= 3;
	return length == strlen(place) && memcmp(key, place, length) == 0;
}

static json_t *find_key(json_t *object, const char *place)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		if (is_same_place(key, place))
			return value;
	}
	return NULL;
}

static json_t *find_place(json_t *object, const char *domain, const char *repository)
{
	autofree char *place = buffer_format("%s%s%s", domain, repository ? "/" : "",
					     repository ? repository : "");
	json_t *found = NULL;

	while (place && !found) {
		char *slash = strrchr(place, '/');

		found = find_key(object, place);
		if (!slash)
			break;
		*slash = '\0';
	}
	if (!found && strcmp(domain, HUB) == 0)
		found = find_key(object, "index.docker.io");
	return found;
}

static const char *server_of(const char *domain)
{
	return strcmp(domain, HUB) == 0 ? HUB_KEY : domain;
}

/* The helper of this registry; borrowed, NULL: none. */
static const char *helper_of(json_t *json, const char *domain)
{
	const char *helper =
		json_string_value(find_place(json_object_get(json, "credHelpers"), domain, NULL));

	if (!helper)
		helper = json_string_value(json_object_get(json, "credsStore"));
	return helper && *helper ? helper : NULL;
}

/* --- Reading --- */

static int take_pair(const char *encoded, struct credentials *ret, struct msb_error *err)
{
	char *pair = base64_decode(encoded), *colon = pair ? strchr(pair, ':') : NULL;

	if (!colon) {
		wipe(&pair);
		return msb_error_say(err, EBADMSG, "an 'auth' is not a user and a password");
	}
	*colon = '\0';
	ret->user = strdup(pair);
	ret->password = strdup(colon + 1);
	*colon = ':';
	wipe(&pair);
	return ret->user && ret->password ? 0 : msb_error_memory(err);
}

static int take_entry(json_t *entry, struct credentials *ret, struct msb_error *err)
{
	const char *identity = json_string_value(json_object_get(entry, "identitytoken"));
	const char *pair = json_string_value(json_object_get(entry, "auth"));
	const char *user = json_string_value(json_object_get(entry, "username"));
	const char *password = json_string_value(json_object_get(entry, "password"));

	if (identity && *identity) {
		ret->identity = strdup(identity);
		return ret->identity ? 0 : msb_error_memory(err);
	}
	if (pair && *pair)
		return take_pair(pair, ret, err);
	if (!user || !password)
		return 0;
	ret->user = strdup(user);
	ret->password = strdup(password);
	return ret->user && ret->password ? 0 : msb_error_memory(err);
}

static bool is_somebody(const struct credentials *credentials)
{
	return credentials->user || credentials->identity;
}

static int find_in(json_t *json, const char *domain, const char *repository,
		   struct credentials *ret, struct msb_error *err)
{
	json_t *helpers = json_object_get(json, "credHelpers");
	const char *helper = json_string_value(find_place(helpers, domain, NULL));
	int r = 0;

	if (helper && *helper)
		r = helper_get(helper, server_of(domain), ret, err);
	if (r >= 0 && !is_somebody(ret))
		r = take_entry(find_place(json_object_get(json, "auths"), domain, repository), ret,
			       err);
	helper = json_string_value(json_object_get(json, "credsStore"));
	if (r >= 0 && !is_somebody(ret) && helper && *helper)
		r = helper_get(helper, server_of(domain), ret, err);
	return r;
}

int credentials_find(const char *domain, const char *repository, struct credentials *ret,
		     struct msb_error *err)
{
	autocredentials found = {0};
	autostrlist files = {0};
	int r = list_files(&files, err);

	for (size_t i = 0; r >= 0 && i < files.count && !is_somebody(&found); i++) {
		json_auto_t *json = NULL;

		r = read_file(files.items[i], &json, err);
		if (r >= 0 && json)
			r = find_in(json, domain, repository, &found, err);
		if (r < 0)
			r = msb_error_prefix(err, r, "%s", files.items[i]);
	}
	if (r < 0)
		return r;
	*ret = found;
	found = (struct credentials){0};
	return 0;
}

/* --- Writing --- */

/* Where the file really is, so that a symlink to it stays one. Owned. */
static char *real_path(const char *path)
{
	char *real = realpath(path, NULL);

	return real ? real : strdup(path);
}

static int replace_file(const char *path, const char *text, struct msb_error *err)
{
	autofree char *temporary = buffer_format("%s.msb-XXXXXX", path);
	autoclose int fd = -1;
	int r;

	if (!temporary)
		return msb_error_memory(err);
	fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
	if (fd < 0)
		return msb_error_set(err, errno, "write '%s'", path);
	r = io_write(fd, text, strlen(text));
	if (r >= 0 && (fsync(fd) < 0 || rename(temporary, path) < 0))
		r = -errno;
	if (r < 0) {
		unlink(temporary);
		return msb_error_set(err, r, "write '%s'", path);
	}
	return 0;
}

static int write_file(const char *path, const json_t *json, struct msb_error *err)
{
	autofree char *real = real_path(path);
	autofree char *folder = real ? strdup(real) : NULL;
	char *slash = folder ? strrchr(folder, '/') : NULL;
	char *text = NULL;
	int r = 0;

	if (!folder)
		return msb_error_memory(err);
	if (slash && slash != folder) {
		*slash = '\0';
		r = io_make_dirs(AT_FDCWD, folder, 0700, err);
	}
	if (r < 0)
		return r;
	text = json_dumps(json, JSON_INDENT(8));
	if (!text)
		return msb_error_say(err, EINVAL, "the user name or the password is not UTF-8");
	r = replace_file(real, text, err);
	explicit_bzero(text, strlen(text));
	free(text);
	return r;
}

/* The first of the files and what is in it, an empty object where it is missing. */
static int open_first(struct strlist *files, json_t **ret, struct msb_error *err)
{
	int r = list_files(files, err);

	if (r >= 0 && files->count == 0)
		r = msb_error_say(err, ENOENT,
				  "no place for credentials: set DOCKER_CONFIG or HOME");
	if (r >= 0)
		r = read_file(files->items[0], ret, err);
	if (r >= 0 && !*ret)
		*ret = json_object();
	return r < 0 ? r : *ret ? 0 : msb_error_memory(err);
}

static json_t *entry_of(const struct credentials *credentials)
{
	char *pair = NULL, *encoded = NULL;
	json_t *entry;

	if (credentials->identity)
		return json_pack("{s:s}", "identitytoken", credentials->identity);
	pair = buffer_format("%s:%s", credentials->user, credentials->password);
	encoded = pair ? base64_encode(pair, strlen(pair)) : NULL;
	entry = encoded ? json_pack("{s:s}", "auth", encoded) : NULL;
	wipe(&pair);
	wipe(&encoded);
	return entry;
}

int credentials_keep(const char *domain, const struct credentials *credentials,
		     struct msb_error *err)
{
	autostrlist files = {0};
	json_auto_t *json = NULL;
	const char *helper;
	json_t *auths;
	int r = open_first(&files, &json, err);

	if (r < 0)
		return r;
	helper = helper_of(json, domain);
	if (helper)
		return helper_store(helper, server_of(domain), credentials, err);
	if (!json_is_object(json_object_get(json, "auths")) &&
	    !json_put(json, "auths", json_object()))
		return msb_error_memory(err);
	auths = json_object_get(json, "auths");
	if (!json_put(auths, server_of(domain), entry_of(credentials)))
		return msb_error_memory(err);
	return write_file(files.items[0], json, err);
}

/* Takes all keys away that mean this registry. */
static bool remove_keys(json_t *auths, const char *domain)
{
	bool hub = strcmp(domain, HUB) == 0, removed = false;
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe(auths, next, key, value)
	{
		if (is_same_place(key, domain) || (hub && is_same_place(key, "index.docker.io"))) {
			json_object_del(auths, key);
			removed = true;
		}
	}
	return removed;
}

int credentials_forget(const char *domain, bool *ret_known, struct msb_error *err)
{
	autostrlist files = {0};
	json_auto_t *json = NULL;
	const char *helper;
	bool known;
	int r = open_first(&files, &json, err);

	if (r < 0)
		return r;
	helper = helper_of(json, domain);
	if (helper)
		r = helper_erase(helper, server_of(domain), err);
	known = remove_keys(json_object_get(json, "auths"), domain);
	if (r >= 0 && known)
		r = write_file(files.items[0], json, err);
	if (r >= 0)
		*ret_known = known || helper;
	return r;
}

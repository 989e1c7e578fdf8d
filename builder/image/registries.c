#include "registries.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"
#include "io.h"

#define SYSTEM_FILE  "/etc/msb/registries.json"
#define FILE_MAX     ((size_t)1024 * 1024)
#define UNPACK_LIMIT ((uint64_t)1 << 40)
#define CHUNK        ((uint64_t)256 * 1024 * 1024)
#define CHUNK_LEAST  ((uint64_t)1024 * 1024)
/* Trying again is for short interruptions, and for connections that have died unnoticed. */
#define HURRIED_RETRIES 1

void registries_init(struct registries *registries)
{
	*registries = (struct registries){
		.timeout = 60,
		.retries = 4,
		.lazy_timeout = 10,
		.unpack_limit = UNPACK_LIMIT,
		.chunk = CHUNK,
	};
}

void registries_hurry(struct registries *registries)
{
	if (registries->timeout > registries->lazy_timeout)
		registries->timeout = registries->lazy_timeout;
	if (registries->retries > HURRIED_RETRIES)
		registries->retries = HURRIED_RETRIES;
	registries->hurried = true;
}

void registries_done(struct registries *registries)
{
	strlist_done(&registries->mirrors);
	strlist_done(&registries->insecure);
	strlist_done(&registries->ca);
}

static int add_pair(struct strlist *list, const char *name, json_t *value, const char *key,
		    struct msb_error *err)
{
	if (!json_is_string(value))
		return msb_error_say(err, EINVAL, "'%s': the value of '%s' is not a string", key,
				     name);
	/* A password in an address would be printed some day. */
	if (strchr(json_string_value(value), '@'))
		return msb_error_say(
			err, EINVAL,
			"'%s': the value of '%s' holds an '@' (credentials belong into "
			"'msb login')",
			key, name);
	return strlist_addf(list, "%s=%s", name, json_string_value(value)) < 0
		       ? msb_error_memory(err)
		       : 0;
}

static int take_mirrors(json_t *json, struct registries *registries, struct msb_error *err)
{
	json_t *mirrors = NULL, *list, *item;
	const char *name;
	size_t i;
	int r = json_take_object(json, "mirrors", &mirrors, err);

	json_object_foreach(mirrors, name, list)
	{
		if (r >= 0 && !json_is_array(list))
			r = msb_error_say(err, EINVAL, "'mirrors': the value of '%s' is no list",
					  name);
		json_array_foreach(list, i, item)
		{
			if (r >= 0)
				r = add_pair(&registries->mirrors, name, item, "mirrors", err);
		}
	}
	return r;
}

static int take_authorities(json_t *json, struct registries *registries, struct msb_error *err)
{
	json_t *authorities = NULL, *file;
	const char *name;
	int r = json_take_object(json, "ca", &authorities, err);

	json_object_foreach(authorities, name, file)
	{
		if (r >= 0)
			r = add_pair(&registries->ca, name, file, "ca", err);
	}
	return r;
}

static int take_number(json_t *json, const char *key, uint64_t least, uint64_t most, uint64_t *ret,
		       struct msb_error *err)
{
	int64_t number = (int64_t)*ret;
	int r = json_take_integer(json, key, &number, err);

	if (r < 0)
		return r;
	if ((uint64_t)number < least || (uint64_t)number > most)
		return msb_error_say(err, EINVAL, "'%s' is not between %llu and %llu", key,
				     (unsigned long long)least, (unsigned long long)most);
	*ret = (uint64_t)number;
	return 0;
}

int registries_add(struct registries *registries, const char *text, size_t size,
		   struct msb_error *err)
{
	uint64_t timeout = registries->timeout, retries = registries->retries;
	uint64_t lazy_timeout = registries->lazy_timeout;
	json_auto_t *json = NULL;
	int r = json_parse(text, size, "registries", &json, err);

	if (r >= 0)
		r = take_mirrors(json, registries, err);
	if (r >= 0)
		r = take_authorities(json, registries, err);
	if (r >= 0)
		r = json_take_strings(json, "insecure", &registries->insecure, NULL, err);
	if (r >= 0)
		r = take_number(json, "timeout", 1, 3600, &timeout, err);
	if (r >= 0)
		r = take_number(json, "lazyTimeout", 1, 3600, &lazy_timeout, err);
	if (r >= 0)
		r = take_number(json, "retries", 0, 20, &retries, err);
	if (r >= 0)
		r = take_number(json, "unpackLimit", 1, INT64_MAX, &registries->unpack_limit, err);
	if (r >= 0)
		r = take_number(json, "chunk", CHUNK_LEAST, INT64_MAX, &registries->chunk, err);
	if (r >= 0)
		r = json_take_bool(json, "lazy", &registries->lazy, err);
	registries->timeout = (unsigned)timeout;
	registries->retries = (unsigned)retries;
	registries->lazy_timeout = (unsigned)lazy_timeout;
	return r;
}

static int add_file(struct registries *registries, const char *path, struct msb_error *err)
{
	autobuffer text = {0};
	int r = io_read_file(AT_FDCWD, path, FILE_MAX, &text, err);

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r >= 0)
		r = registries_add(registries, (const char *)text.bytes, text.size, err);
	return r < 0 ? msb_error_prefix(err, r, "%s", path) : 0;
}

/* Owned; NULL: no home. */
static char *user_file(void)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (config && *config == '/')
		return buffer_format("%s/msb/registries.json", config);
	return home && *home ? buffer_format("%s/.config/msb/registries.json", home) : NULL;
}

/* Lists are searched from their front; single values are taken from who spoke last. */
int registries_read(struct registries *ret, struct msb_error *err)
{
	struct registries user, registries;
	autofree char *path = user_file();
	int r;

	registries_init(&registries);
	r = add_file(&registries, SYSTEM_FILE, err);
	user = registries;
	user.mirrors = user.insecure = user.ca = (struct strlist){0};
	if (r >= 0 && path)
		r = add_file(&user, path, err);
	if (r >= 0 && (strlist_copy(&user.mirrors, &registries.mirrors) < 0 ||
		       strlist_copy(&user.insecure, &registries.insecure) < 0 ||
		       strlist_copy(&user.ca, &registries.ca) < 0))
		r = msb_error_memory(err);
	registries_done(&registries);
	if (r < 0) {
		registries_done(&user);
		return r;
	}
	*ret = user;
	return 0;
}

bool host_is_loopback(const char *host)
{
	size_t length = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");

	if (length == 5 && memcmp(host, "[::1]", 5) == 0)
		return true;
	if (length == 9 && memcmp(host, "localhost", 9) == 0)
		return true;
	/* An address, not a name that begins like one. */
	return strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == length;
}

bool registries_is_insecure(const struct registries *registries, const char *host)
{
	return strlist_has(&registries->insecure, host);
}

char *registries_ca(const struct registries *registries, const char *host)
{
	static const char *const folders[] = {"/etc/docker/certs.d", "/etc/containers/certs.d"};
	const char *configured = strlist_get_env(&registries->ca, host);

	if (configured)
		return strdup(configured);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		autofree char *path = buffer_format("%s/%s/ca.crt", folders[i], host);

		if (path && access(path, R_OK) == 0)
			return steal(&path);
	}
	return NULL;
}

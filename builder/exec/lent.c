#include "lent.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <msb/cleanup.h>

#include "base64.h"
#include "secrets.h"

enum scheme { AS_IT_IS, BEARER, GIT_TOKEN };

/* The host at url, with its port; owned. NULL: no memory. */
static char *host_of(const char *url)
{
	const char *scheme = strstr(url, "://");
	const char *host = scheme ? scheme + 3 : url, *end = host + strcspn(host, "/?#");

	for (const char *at = end; at > host; at--)
		if (at[-1] == '@')
			return strndup(at, (size_t)(end - at));
	return strndup(host, (size_t)(end - host));
}

/* What stands in the header, without the newline that a file ends with. */
static int write_header(const char *name, enum scheme scheme, const char *text, size_t size,
			char **ret, struct msb_error *err)
{
	autofree char *pair = NULL;
	autofree char *code = NULL;
	int length;

	while (size > 0 && isspace((unsigned char)text[size - 1]))
		size--;
	for (size_t i = 0; i < size; i++)
		if (iscntrl((unsigned char)text[i]))
			return msb_error_say(err, EINVAL,
					     "secret '%s' is no header's value; give one line",
					     name);
	length = (int)size;
	if (scheme == GIT_TOKEN) {
		pair = buffer_format("x-access-token:%.*s", length, text);
		code = pair ? base64_encode(pair, strlen(pair)) : NULL;
		*ret = code ? buffer_format("Authorization: Basic %s", code) : NULL;
	} else {
		*ret = buffer_format("Authorization: %s%.*s", scheme == BEARER ? "Bearer " : "",
				     length, text);
	}
	if (pair)
		explicit_bzero(pair, strlen(pair));
	return *ret ? 0 : msb_error_memory(err);
}

/* 1 and the header where the secret of that name was given. */
static int try_secret(const struct lent *lent, const char *name, enum scheme scheme, char **ret,
		      struct msb_error *err)
{
	autosecret secret = {0};
	int r = name ? secret_find(lent->secrets, name, &secret, err) : msb_error_memory(err);

	if (r == -ENOENT || (r >= 0 && secret.size == 0))
		return 0;
	if (r >= 0)
		r = write_header(name, scheme, (const char *)secret.bytes, secret.size, ret, err);
	return r < 0 ? r : 1;
}

static int find_header(const struct lent *lent, const char *url, const char *separator,
		       const char *const names[2], const enum scheme schemes[2], bool also_plain,
		       char **ret, struct msb_error *err)
{
	autofree char *host = host_of(url);
	autofree char *bare = host ? strndup(host, strcspn(host, ":")) : NULL;
	const char *const hosts[] = {host, bare};
	int r = 0;

	*ret = NULL;
	if (!lent->secrets)
		return 0;
	if (!bare)
		return msb_error_memory(err);
	for (size_t i = 0; r == 0 && i < 2; i++) {
		for (size_t j = 0; r == 0 && j < 2; j++) {
			autofree char *name =
				buffer_format("%s%s%s", names[i], separator, hosts[j]);

			r = try_secret(lent, name, schemes[i], ret, err);
		}
		if (r == 0 && also_plain)
			r = try_secret(lent, names[i], schemes[i], ret, err);
	}
	return r < 0 ? r : 0;
}

int lent_http_header(const struct lent *lent, const char *url, char **ret, struct msb_error *err)
{
	static const char *const names[] = {"HTTP_AUTH_HEADER", "HTTP_AUTH_TOKEN"};
	static const enum scheme schemes[] = {AS_IT_IS, BEARER};

	return find_header(lent, url, "_", names, schemes, false, ret, err);
}

int lent_git_header(const struct lent *lent, const char *url, char **ret, struct msb_error *err)
{
	static const char *const names[] = {"GIT_AUTH_HEADER", "GIT_AUTH_TOKEN"};
	static const enum scheme schemes[] = {AS_IT_IS, GIT_TOKEN};

	return find_header(lent, url, ".", names, schemes, true, ret, err);
}

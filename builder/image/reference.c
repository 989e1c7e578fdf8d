/* Docker's reference grammar: [domain/]path[:tag][@digest]. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <msb/cleanup.h>
#include <msb/digest.h>

#include "buffer.h"
#include "reference.h"

#define DEFAULT_DOMAIN "docker.io"
#define OLD_DOMAIN     "index.docker.io"
#define OFFICIAL       "library/"
#define DEFAULT_TAG    "latest"
#define LONGEST_NAME   255
#define LONGEST_TAG    128

/* The parts of a reference, each a piece of its text. */
struct parts {
	const char *domain, *path, *tag, *digest;
	size_t domain_length, path_length, tag_length; /* tag 0: none */
};

static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
	return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

/* What may stand between letters and digits of a path component: one of "._", "__", or dashes. */
static size_t separator_length(const char *text, size_t length)
{
	size_t n = 0;

	while (n < length && text[n] == '-')
		n++;
	if (n > 0)
		return n;
	if (length >= 2 && text[0] == '_' && text[1] == '_')
		return 2;
	return length >= 1 && (text[0] == '.' || text[0] == '_');
}

static bool is_component(const char *text, size_t length)
{
	size_t at = 0;

	for (;;) {
		size_t start = at;

		while (at < length && is_lower_alnum(text[at]))
			at++;
		if (at == start)
			return false;
		if (at == length)
			return true;
		start = at;
		at += separator_length(text + at, length - at);
		if (at == start)
			return false;
	}
}

static bool is_path(const char *text, size_t length)
{
	size_t start = 0;

	for (size_t at = 0; at <= length; at++) {
		if (at < length && text[at] != '/')
			continue;
		if (!is_component(text + start, at - start))
			return false;
		start = at + 1;
	}
	return true;
}

static bool is_host(const char *text, size_t length)
{
	if (length > 2 && text[0] == '[' && text[length - 1] == ']')
		return strspn(text + 1, "0123456789abcdefABCDEF:") == length - 2;
	for (size_t i = 0; i < length; i++) {
		bool inside = i > 0 && i + 1 < length && text[i - 1] != '.' && text[i + 1] != '.';
		bool joins =
			text[i] == '-' ? inside : text[i] == '.' && inside && text[i - 1] != '-';

		if (!is_alnum(text[i]) && !joins)
			return false;
	}
	return length > 0;
}

static bool is_domain(const char *text, size_t length)
{
	size_t digits = 0;

	while (digits < length && text[length - 1 - digits] >= '0' &&
	       text[length - 1 - digits] <= '9')
		digits++;
	if (digits > 0 && digits + 1 < length && text[length - 1 - digits] == ':')
		length -= digits + 1;
	return is_host(text, length);
}

static bool is_tag(const char *text, size_t length)
{
	if (length == 0 || length > LONGEST_TAG || !(is_alnum(text[0]) || text[0] == '_'))
		return false;
	for (size_t i = 1; i < length; i++)
		if (!is_alnum(text[i]) && !strchr("_.-", text[i]))
			return false;
	return true;
}

static bool is_id(const char *text, size_t length)
{
	return length == MSB_DIGEST_HEX && strspn(text, "0123456789abcdef") >= length;
}

/* Only what cannot be a component of a path on Docker Hub is a domain. */
static bool names_domain(const char *text, size_t length)
{
	if (length == 9 && memcmp(text, "localhost", 9) == 0)
		return true;
	for (size_t i = 0; i < length; i++)
		if (text[i] == '.' || text[i] == ':' || (text[i] >= 'A' && text[i] <= 'Z'))
			return true;
	return false;
}

static void split(const char *text, struct parts *ret)
{
	const char *at = strchr(text, '@');
	size_t length = at ? (size_t)(at - text) : strlen(text), end = length;
	const char *slash = memchr(text, '/', length);

	*ret = (struct parts){.digest = at ? at + 1 : NULL};
	for (size_t i = length; i > 0 && text[i - 1] != '/'; i--)
		if (text[i - 1] == ':')
			end = i - 1;
	if (end < length) {
		ret->tag = text + end + 1;
		ret->tag_length = length - end - 1;
	}
	ret->domain = DEFAULT_DOMAIN;
	ret->domain_length = strlen(DEFAULT_DOMAIN);
	ret->path = text;
	if (slash && names_domain(text, (size_t)(slash - text))) {
		ret->domain = text;
		ret->domain_length = (size_t)(slash - text);
		ret->path = slash + 1;
	}
	ret->path_length = (size_t)(text + end - ret->path);
	if (ret->domain_length == strlen(OLD_DOMAIN) &&
	    memcmp(ret->domain, OLD_DOMAIN, strlen(OLD_DOMAIN)) == 0) {
		ret->domain = DEFAULT_DOMAIN;
		ret->domain_length = strlen(DEFAULT_DOMAIN);
	}
}

static bool is_default_domain(const struct parts *parts)
{
	return parts->domain_length == strlen(DEFAULT_DOMAIN) &&
	       memcmp(parts->domain, DEFAULT_DOMAIN, strlen(DEFAULT_DOMAIN)) == 0;
}

static bool has_upper(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] >= 'A' && text[i] <= 'Z')
			return true;
	return false;
}

static int check(const char *text, const struct parts *parts, struct msb_error *err)
{
	struct msb_digest digest;

	if (parts->path_length == 0)
		return msb_error_say(err, EINVAL, "'%s' is no image name", text);
	if (has_upper(parts->path, parts->path_length))
		return msb_error_say(err, EINVAL,
				     "'%s' is no image name: a repository must be lower case",
				     text);
	if (!is_path(parts->path, parts->path_length) ||
	    !is_domain(parts->domain, parts->domain_length))
		return msb_error_say(err, EINVAL, "'%s' is no image name", text);
	if (parts->tag && !is_tag(parts->tag, parts->tag_length))
		return msb_error_say(err, EINVAL, "'%s' is no image name: its tag is not valid",
				     text);
	if (parts->digest && (strncmp(parts->digest, "sha256:", 7) != 0 ||
			      msb_digest_parse(parts->digest, &digest) < 0))
		return msb_error_say(err, EINVAL,
				     "'%s' is no image name: its digest is not a SHA-256", text);
	if (is_id(parts->path, parts->path_length))
		return msb_error_say(err, EINVAL, "'%s' is an image ID, not a name", text);
	if (parts->domain_length + 1 + parts->path_length > LONGEST_NAME)
		return msb_error_say(err, EINVAL, "the image name '%.40s…' is too long", text);
	return 0;
}

int reference_normalize(const char *text, char **ret, struct msb_error *err)
{
	autobuffer name = {0};
	struct parts parts;
	char *result;
	int r;

	split(text, &parts);
	r = check(text, &parts, err);
	if (r < 0)
		return r;
	buffer_append(&name, parts.domain, parts.domain_length);
	buffer_char(&name, '/');
	if (is_default_domain(&parts) && !memchr(parts.path, '/', parts.path_length))
		buffer_string(&name, OFFICIAL);
	buffer_append(&name, parts.path, parts.path_length);
	if (parts.digest) {
		/* It says which image; a tag beside it adds nothing. */
		buffer_printf(&name, "@%s", parts.digest);
	} else {
		buffer_char(&name, ':');
		if (parts.tag)
			buffer_append(&name, parts.tag, parts.tag_length);
		else
			buffer_string(&name, DEFAULT_TAG);
	}
	result = buffer_text(&name);
	if (!result)
		return msb_error_memory(err);
	*ret = result;
	return 0;
}

/* True where the short name would be taken for something else. */
static bool misleads(const char *familiar)
{
	const char *slash = strchr(familiar, '/');

	return slash ? names_domain(familiar, (size_t)(slash - familiar))
		     : is_id(familiar, strcspn(familiar, ":@"));
}

char *reference_familiar(const char *normalized)
{
	static const char domain[] = DEFAULT_DOMAIN "/", official[] = OFFICIAL;
	const char *familiar = normalized;

	if (strncmp(normalized, domain, strlen(domain)) == 0) {
		familiar += strlen(domain);
		if (strncmp(familiar, official, strlen(official)) == 0 &&
		    !strchr(familiar + strlen(official), '/'))
			familiar += strlen(official);
	}
	return strdup(misleads(familiar) ? normalized : familiar);
}

int reference_split(const char *normalized, char **ret_repository, char **ret_tag,
		    struct msb_error *err)
{
	autofree char *repository = reference_familiar(normalized);
	autofree char *tag = NULL;
	char *mark;

	if (!repository)
		return msb_error_memory(err);
	mark = strchr(repository, '@');
	if (!mark)
		mark = strrchr(repository, ':');
	if (!mark || strchr(mark, '/'))
		return msb_error_say(err, EINVAL, "'%s' has neither tag nor digest", normalized);
	tag = strdup(mark + 1);
	if (!tag)
		return msb_error_memory(err);
	*mark = '\0';
	*ret_repository = steal(&repository);
	*ret_tag = steal(&tag);
	return 0;
}

void reference_place_done(struct reference_place *place)
{
	free(place->domain);
	free(place->repository);
	free(place->version);
	*place = (struct reference_place){0};
}

int reference_place(const char *normalized, struct reference_place *ret, struct msb_error *err)
{
	const char *path = strchr(normalized, '/'), *mark = strchr(normalized, '@');
	autoplace place = {.by_digest = mark != NULL};

	if (!mark)
		mark = strrchr(normalized, ':');
	if (!path || !mark || mark < path)
		return msb_error_say(err, EINVAL, "'%s' has neither tag nor digest", normalized);
	place.domain = strndup(normalized, (size_t)(path - normalized));
	place.repository = strndup(path + 1, (size_t)(mark - path - 1));
	place.version = strdup(mark + 1);
	if (!place.domain || !place.repository || !place.version)
		return msb_error_memory(err);
	*ret = place;
	place = (struct reference_place){0};
	return 0;
}

#include "named_contexts.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "git_reference.h"
#include "image.h"
#include "path.h"
#include "reference.h"

/* Names are compared as references: "alpine" is "docker.io/library/alpine". What is none names no
 * context: *ret is NULL. */
static int key_of(const char *name, char **ret, struct msb_error *err)
{
	autofree char *lower = strdup(name);

	*ret = NULL;
	if (!lower)
		return msb_error_memory(err);
	for (char *c = lower; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return reference_normalize(lower, ret, NULL) == -ENOMEM ? msb_error_memory(err) : 0;
}

static void context_done(struct named_context *context)
{
	free(context->name);
	free(context->key);
	free(context->image);
	origin_done(&context->origin);
}

static const char *behind(const char *text, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

static int set_image(struct named_context *context, const char *reference, struct msb_error *err)
{
	autofree char *normalized = NULL;
	int r = reference_normalize(reference, &normalized, err);

	if (r < 0)
		return r;
	context->image = strdup(reference);
	return context->image ? 0 : msb_error_memory(err);
}

/* "DIRECTORY[:TAG][@DIGEST]"; a digest says more than a tag. */
static int load_layout(struct named_context *context, const char *text, struct store_writer *writer,
		       struct msb_error *err)
{
	autofree char *path = strdup(text);
	char id[MSB_DIGEST_TEXT], *tag = NULL, *colon, *at;
	struct msb_digest digest;
	int r;

	if (!path)
		return msb_error_memory(err);
	at = strstr(path, "@sha256:");
	if (at) {
		*at = '\0';
		tag = at + 1;
	}
	colon = strrchr(path, ':');
	if (colon && !strchr(colon, '/')) {
		*colon = '\0';
		tag = tag ? tag : colon + 1;
	}
	r = image_load_one(writer, path, tag, &digest, err);
	if (r < 0)
		return r;
	context->image = strdup(msb_digest_format(&digest, id));
	return context->image ? 0 : msb_error_memory(err);
}

static int read_ignore(const struct origin *origin, struct ignore **ret, struct msb_error *err)
{
	autofree char *path = path_join(origin->directory, ".dockerignore");

	return path ? context_read_ignore(path, ret, err) : msb_error_memory(err);
}

static int open_directory(struct named_context *context, const char *text, const struct lent *lent,
			  struct msb_store *store, struct store_writer *writer,
			  struct msb_error *err)
{
	struct ignore *ignore = NULL;
	struct stat st;
	int r;

	if (!remote_is_git(text) && !remote_is_url(text)) {
		if (stat(text, &st) < 0)
			return msb_error_set(err, errno, "'%s'", text);
		if (!S_ISDIR(st.st_mode))
			return msb_error_say(err, ENOTDIR, "'%s' is no directory", text);
	}
	r = origin_open(text, false, lent, store, writer, &context->origin, err);
	if (r >= 0 && context->origin.is_dockerfile)
		return msb_error_say(err, EBADMSG, "'%s' is no tar", text);
	if (r >= 0 && context->origin.local)
		r = read_ignore(&context->origin, &ignore, err);
	return r < 0 ? r : origin_scan(&context->origin, ignore, store, writer, err);
}

static int open_context(const char *word, const struct lent *lent, struct msb_store *store,
			struct store_writer *writer, struct named_context *ret,
			struct msb_error *err)
{
	const char *value = strchr(word, '='), *rest;
	int r;

	if (!value || value == word || !value[1])
		return msb_error_say(err, EINVAL, "expected NAME=VALUE");
	ret->name = strndup(word, (size_t)(value++ - word));
	if (!ret->name)
		return msb_error_memory(err);
	r = key_of(ret->name, &ret->key, err);
	if (r < 0)
		return r;
	if (!ret->key)
		return msb_error_say(err, EINVAL,
				     "'%s' is no name that a FROM or --from could have; write it "
				     "as there, without a platform",
				     ret->name);
	if (strcmp(ret->name, "scratch") == 0 || strcmp(ret->name, "context") == 0)
		return msb_error_say(err, EINVAL, "the name '%s' is reserved", ret->name);
	if ((rest = behind(value, "docker-image://")) || (rest = behind(value, "image://")) ||
	    (rest = behind(value, "container-image://")) || (rest = behind(value, "image:")))
		return set_image(ret, rest, err);
	if ((rest = behind(value, "oci-layout://")))
		return load_layout(ret, rest, writer, err);
	return open_directory(ret, value, lent, store, writer, err);
}

int named_contexts_open(const char *const *words, const struct lent *lent, struct msb_store *store,
			struct store_writer *writer, struct named_contexts *ret,
			struct msb_error *err)
{
	size_t count = words_count(words);
	int r = 0;

	*ret = (struct named_contexts){.items = calloc(count + 1, sizeof(*ret->items))};
	if (!ret->items)
		return msb_error_memory(err);
	for (; r >= 0 && ret->count < count; ret->count++) {
		r = open_context(words[ret->count], lent, store, writer, &ret->items[ret->count],
				 err);
		if (r < 0)
			msb_error_prefix(err, r, "--build-context %s", words[ret->count]);
	}
	return r;
}

void named_contexts_done(struct named_contexts *contexts)
{
	for (size_t i = 0; i < contexts->count; i++)
		context_done(&contexts->items[i]);
	free(contexts->items);
	*contexts = (struct named_contexts){0};
}

int named_contexts_find(const struct named_contexts *contexts, const char *name, struct source *ret,
			struct msb_error *err)
{
	autofree char *key = NULL;
	int r = contexts->count > 0 ? key_of(name, &key, err) : 0;

	if (r < 0)
		return r;
	for (size_t i = contexts->count; key && i-- > 0;) {
		const struct named_context *context = &contexts->items[i];
		struct source source = {.kind = SOURCE_NAMED, .named = i};

		if (strcmp(context->key, key) != 0)
			continue;
		if (context->image) {
			source.kind = SOURCE_IMAGE;
			source.image = strdup(context->image);
			if (!source.image)
				return msb_error_memory(err);
		}
		*ret = source;
		return 1;
	}
	return 0;
}

#include "autopull.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "buffer.h"
#include "fetch.h"
#include "shelf.h"

/* Whatever failed is not asked for again so soon: a path is looked up many times. */
#define REST_SECONDS 20
#define FAILURES     64

struct failure {
	char *path; /* owned; NULL: none */
	int code;
	time_t at;
};

struct autopull {
	pthread_mutex_t lock;
	struct failure failures[FAILURES]; /* guarded by lock, as the next one */
	size_t next;
};

struct autopull *autopull_new(void)
{
	struct autopull *autopull = calloc(1, sizeof(*autopull));

	if (autopull)
		pthread_mutex_init(&autopull->lock, NULL);
	return autopull;
}

void autopull_free(struct autopull *autopull)
{
	if (!autopull)
		return;
	for (size_t i = 0; i < FAILURES; i++)
		free(autopull->failures[i].path);
	pthread_mutex_destroy(&autopull->lock);
	free(autopull);
}

/* --- Names --- */

static bool is_digits(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == '\0';
}

/* "quay.io", "registry.lan:5000", "localhost:5000" */
static bool is_host(const char *name)
{
	const char *colon = strchr(name, ':');
	size_t length = colon ? (size_t)(colon - name) : strlen(name);

	if (colon && !is_digits(colon + 1))
		return false;
	if (strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") <
		    length ||
	    name[0] == '.' || name[0] == '-')
		return false;
	return memchr(name, '.', length) || (length == 9 && memcmp(name, "localhost", 9) == 0);
}

/* Of a repository: small letters, digits, and between them some signs. */
static bool is_component(const char *name, size_t length)
{
	const char *signs = "abcdefghijklmnopqrstuvwxyz0123456789._-";

	return length > 0 && strspn(name, signs) >= length && !strchr("._-", name[0]) &&
	       !strchr("._-", name[length - 1]);
}

static bool is_version(const char *text)
{
	struct msb_digest digest;

	if (*text == '@')
		return strncmp(text + 1, "sha256:", 7) == 0 &&
		       msb_digest_parse(text + 1, &digest) == 0;
	text++;
	return *text && strlen(text) <= 128 && !strchr(".-", *text) &&
	       text[strspn(text,
			   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] ==
		       '\0';
}

enum autopull_kind autopull_kind_of(const char *path)
{
	const char *last = strrchr(path, '/'), *version, *from = path;

	if (!last && is_host(path))
		return AUTOPULL_DIRECTORY;
	last = last ? last + 1 : path;
	version = last + strcspn(last, ":@");
	if (*version && !is_version(version))
		return AUTOPULL_NOTHING;
	for (bool first = true; from <= last; first = false) {
		size_t length = from < last ? strcspn(from, "/") : (size_t)(version - from);
		autofree char *name = strndup(from, length);

		if (!name ||
		    (!is_component(name, length) && !(first && from < last && is_host(name))))
			return AUTOPULL_NOTHING;
		from += length + 1;
	}
	return *version ? AUTOPULL_IMAGE : AUTOPULL_EITHER;
}

char *autopull_shown(const char *path, enum autopull_kind kind)
{
	autofree char *whole =
		buffer_format("%s%s", path, kind == AUTOPULL_EITHER ? ":latest" : "");

	return whole ? shelf_shown_name(whole) : NULL;
}

/* --- Pulling --- */

/* 0: nothing is known against it. */
static int find_failure(struct autopull *autopull, const char *path)
{
	time_t now = time(NULL);
	int code = 0;

	pthread_mutex_lock(&autopull->lock);
	for (size_t i = 0; i < FAILURES; i++) {
		const struct failure *failure = &autopull->failures[i];

		if (failure->path && strcmp(failure->path, path) == 0 &&
		    now - failure->at < REST_SECONDS)
			code = failure->code;
	}
	pthread_mutex_unlock(&autopull->lock);
	return code;
}

static void note_failure(struct autopull *autopull, const char *path, int code)
{
	struct failure *failure;

	pthread_mutex_lock(&autopull->lock);
	failure = &autopull->failures[autopull->next++ % FAILURES];
	free(failure->path);
	*failure = (struct failure){strdup(path), code, time(NULL)};
	pthread_mutex_unlock(&autopull->lock);
}

int autopull_get(struct core *core, const char *path)
{
	int r = find_failure(core->autopull, path);
	struct msb_error err = {0};

	if (r < 0)
		return r;
	if (!fetch_may_wait())
		return -EREMOTE;
	r = fetch_image(core->fetch, path, &err);
	if (r >= 0)
		return 0;
	/* Registries do not tell what is not there from what nobody may see. */
	r = r == -ENOENT || r == -EACCES ? -ENOENT : core_damaged(core, &err, path);
	note_failure(core->autopull, path, r);
	return r;
}

#include "autopull.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "buffer.h"
#include "fetch.h"
#include "shelf.h"

/* A name that is not to be had is looked up many times; and a registry that does not answer lets
 * everybody wait as long as the one before. */
#define REST_SECONDS      20
#define REST_AWAY_SECONDS 5
#define FAILURES          64
/* Pulls from one registry at a time: whoever else wants something from it waits for his turn, so
 * that one that does not answer has not all of msb fetch's threads. */
#define TURNS 16

struct failure {
	char *name; /* a path, or a registry with a slash behind it; owned; NULL: none */
	int code;
	time_t until; /* of CLOCK_MONOTONIC */
};

/* A pull under way; on its thread's stack. */
struct flight {
	struct flight *next;
	const char *path, *registry;
};

struct autopull {
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t landed;
	struct flight *flights;
	struct failure failures[FAILURES];
	size_t next;
};

struct autopull *autopull_new(void)
{
	struct autopull *autopull = calloc(1, sizeof(*autopull));

	if (!autopull)
		return NULL;
	pthread_mutex_init(&autopull->lock, NULL);
	pthread_cond_init(&autopull->landed, NULL);
	return autopull;
}

void autopull_free(struct autopull *autopull)
{
	if (!autopull)
		return;
	for (size_t i = 0; i < FAILURES; i++)
		free(autopull->failures[i].name);
	pthread_cond_destroy(&autopull->landed);
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

/* Where Docker Hub keeps what has a name without a slash. */
static bool is_no_image(const char *path)
{
	return strcmp(path, "library") == 0 || strcmp(path, "docker.io/library") == 0;
}

enum autopull_kind autopull_kind_of(const char *path)
{
	const char *last = strrchr(path, '/'), *version, *from = path;

	if (is_no_image(path) || (!last && is_host(path)))
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

/* "quay.io/" */
static char *registry_of(const char *path)
{
	size_t length = strcspn(path, "/");
	autofree char *first = strndup(path, length);

	if (!first)
		return NULL;
	return path[length] && is_host(first) ? buffer_format("%s/", first) : strdup("docker.io/");
}

/* --- Pulling. With the lock held, unless it says otherwise. --- */

static time_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* 0: nothing is known against it. */
static int find_failure(const struct autopull *autopull, const char *name)
{
	time_t now = seconds();
	int code = 0;

	for (size_t i = 0; i < FAILURES; i++) {
		const struct failure *failure = &autopull->failures[i];

		if (failure->name && strcmp(failure->name, name) == 0 && now < failure->until)
			code = failure->code;
	}
	return code;
}

static void note_failure(struct autopull *autopull, const char *name, int code)
{
	struct failure *failure = &autopull->failures[autopull->next++ % FAILURES];

	free(failure->name);
	*failure =
		(struct failure){strdup(name), code,
				 seconds() + (code == -ENOENT ? REST_SECONDS : REST_AWAY_SECONDS)};
}

static int known_against(const struct autopull *autopull, const char *path, const char *registry)
{
	int r = find_failure(autopull, path);

	return r < 0 ? r : find_failure(autopull, registry);
}

static unsigned count_flights(const struct autopull *autopull, const char *registry)
{
	unsigned count = 0;

	for (const struct flight *flight = autopull->flights; flight; flight = flight->next)
		count += strcmp(flight->registry, registry) == 0;
	return count;
}

static bool is_flying(const struct autopull *autopull, const char *path)
{
	for (const struct flight *flight = autopull->flights; flight; flight = flight->next)
		if (strcmp(flight->path, path) == 0)
			return true;
	return false;
}

/* 1: this thread has to pull it, and what it does is noted. 0: another thread has done so. */
static int take_off(struct autopull *autopull, struct flight *flight)
{
	bool others = false;
	int r;

	while ((r = known_against(autopull, flight->path, flight->registry)) == 0) {
		bool flying = is_flying(autopull, flight->path);

		if (others && !flying)
			return 0;
		if (!flying && count_flights(autopull, flight->registry) < TURNS)
			break;
		others = flying;
		pthread_cond_wait(&autopull->landed, &autopull->lock);
	}
	if (r < 0)
		return r;
	flight->next = autopull->flights;
	autopull->flights = flight;
	return 1;
}

static void land(struct autopull *autopull, const struct flight *flight)
{
	struct flight **at = &autopull->flights;

	while (*at != flight)
		at = &(*at)->next;
	*at = flight->next;
	pthread_cond_broadcast(&autopull->landed);
}

static bool is_away(int code)
{
	return code == -ETIMEDOUT || code == -ECONNREFUSED || code == -ECONNRESET ||
	       code == -EHOSTUNREACH;
}

/* Without the lock. */
static int pull(struct core *core, const struct flight *flight)
{
	struct autopull *autopull = core->autopull;
	struct msb_error err = {0};
	int code, r = fetch_image(core->fetch, flight->path, &err);

	/* Registries do not tell what is not there from what nobody may see. */
	if (r >= 0)
		code = 0;
	else if (r == -ENOENT || r == -EACCES)
		code = -ENOENT;
	else
		code = core_damaged(core, &err, flight->path);
	pthread_mutex_lock(&autopull->lock);
	if (code < 0)
		note_failure(autopull, flight->path, code);
	if (is_away(r))
		note_failure(autopull, flight->registry, code);
	land(autopull, flight);
	pthread_mutex_unlock(&autopull->lock);
	return code;
}

int autopull_get(struct core *core, const char *path)
{
	struct autopull *autopull = core->autopull;
	autofree char *registry = registry_of(path);
	struct flight flight = {.path = path, .registry = registry};
	int r;

	if (!registry)
		return -ENOMEM;
	pthread_mutex_lock(&autopull->lock);
	r = known_against(autopull, path, registry);
	if (r == 0)
		r = fetch_may_wait() ? take_off(autopull, &flight) : -EREMOTE;
	pthread_mutex_unlock(&autopull->lock);
	return r == 1 ? pull(core, &flight) : r;
}

bool autopull_is_waited_for(struct autopull *autopull)
{
	bool waited;

	pthread_mutex_lock(&autopull->lock);
	waited = autopull->flights != NULL;
	pthread_mutex_unlock(&autopull->lock);
	return waited;
}
